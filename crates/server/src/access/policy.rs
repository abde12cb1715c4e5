//! Who is let in at which listener, and who may do what there: a snapshot that never changes. A
//! reload puts another one in its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_access::Action;
use ferrymq_broker::{Asker, IdentitySource, Question, Verdict};
use ferrymq_codec::ReasonCode;

use super::broker_control::BrokerControl;
use super::dynamic_security::DynamicSecurity;
use super::login_limits::LoginLimits;
use super::rights::{RightsSource, Ruling};
use super::source::Source;

/// Who is let in at which listener, and who may do what there.
#[derive(Debug, Default)]
pub struct Policy {
    /// By the names of the listeners.
    pub(super) doors: HashMap<Box<str>, Door>,
    /// What all client identifiers begin with.
    pub(super) client_id_prefix: Option<Box<str>>,
    /// What the broker tells of itself to those who may ask it; `None`: nothing.
    pub(super) broker_control: Option<Arc<BrokerControl>>,
    /// How many passwords may wait to be checked.
    pub(super) logins_queued: usize,
    /// How long one of them may wait.
    pub(super) patience: Duration,
    /// How many logins may fail.
    pub(super) login_limits: LoginLimits,
}

/// What holds at one listener.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Whether those are let in who prove nothing: without a user name, or with any where nobody
    /// knows users.
    pub(super) allow_anonymous: bool,
    /// Who knows users, in the order in which they are asked.
    pub(super) sources: Vec<Arc<dyn Source>>,
    /// Who knows rights, in the order in which they are asked; nobody: everything is allowed.
    pub(super) rights: Vec<Arc<dyn RightsSource>>,
    /// What administrators change through this listener. It is among the others too.
    pub(super) dynamic_security: Option<Arc<DynamicSecurity>>,
}

/// What is known at once of somebody who wants to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knock {
    /// He may, as whom he says he is.
    Welcome,
    /// He may not.
    Refused(ReasonCode),
    /// The sources must be asked.
    Unknown,
}

impl Policy {
    /// What holds at the listener of this connection. One that was removed has connections still, for
    /// which what is said of the others has to do.
    pub(super) fn door(&self, asker: &Asker<'_>) -> Option<&Door> {
        self.doors.get(&asker.profile.name)
    }

    /// What is known at once of somebody who wants to come in, with a password or without one.
    pub(super) fn knock(&self, asker: &Asker<'_>, has_password: bool) -> Knock {
        let Some(door) = self.door(asker) else {
            return Knock::Refused(ReasonCode::ServerUnavailable);
        };
        if !self.fits(asker) {
            return Knock::Refused(ReasonCode::NotAuthorized);
        }
        match () {
            // The certificate has proved it.
            () if asker.profile.identity != IdentitySource::None => Knock::Welcome,
            () if door.sources.is_empty() || (name_of(asker).is_none() && !has_password) => {
                match door.allow_anonymous {
                    true => Knock::Welcome,
                    false => Knock::Refused(ReasonCode::NotAuthorized),
                }
            }
            () => Knock::Unknown,
        }
    }

    /// Whether the client identifier begins as all must.
    fn fits(&self, asker: &Asker<'_>) -> bool {
        // Who leaves it to us gets one that begins like this.
        let begin = match asker.client_id {
            "" => &*asker.profile.auto_id_prefix,
            client_id => client_id,
        };
        self.client_id_prefix.as_deref().is_none_or(|prefix| begin.starts_with(prefix))
    }

    /// Whether a client that was let in would be let in again; one whose listener was removed, at any
    /// other.
    pub(super) fn still_stands(&self, asker: &Asker<'_>) -> bool {
        self.fits(asker)
            && match self.door(asker) {
                Some(door) => door.stands(asker),
                None => self.doors.values().any(|door| door.stands(asker)),
            }
    }

    /// Whether nobody needs to be asked about messages.
    pub(super) fn is_open(&self) -> bool {
        let is_open = |door: &Door| {
            door.rights.is_empty() && !door.sources.iter().any(|source| source.grants_rights())
        };
        self.doors.values().all(is_open)
    }

    /// The verdict on something that a client wants to do that was let in, and why it is a no.
    pub(super) fn rule(&self, asker: &Asker<'_>, question: &Question<'_>) -> (Verdict, Ruling) {
        let own = asker.principal.and_then(|principal| principal.rights.as_ref());
        if let Some(verdict) = own.and_then(|rights| rights.decide(asker, question)) {
            return match verdict {
                Verdict::Allow(_) => (verdict, Ruling::Allowed),
                Verdict::Deny(_) | Verdict::Continue(_) => (verdict, Ruling::Denied(None)),
            };
        }
        match subject_of(question)
            .map_or(Ruling::Denied(None), |(action, topic)| self.decide(asker, action, topic))
        {
            Ruling::Allowed => (Verdict::YES, Ruling::Allowed),
            denied @ Ruling::Denied(_) => (Verdict::Deny(ReasonCode::NotAuthorized), denied),
        }
    }

    /// Whether the files and models of a listener let a client do this.
    pub(super) fn decide(&self, asker: &Asker<'_>, action: Action, topic: &str) -> Ruling {
        let Some(known) =
            self.door(asker).map_or_else(|| self.rights_everywhere(), |door| Some(&door.rights))
        else {
            return Ruling::Denied(None);
        };
        if known.is_empty() {
            return Ruling::Allowed;
        }
        let asker = Asker { username: name_of(asker), ..*asker };
        let ruling = known.iter().find_map(|rights| rights.decide(&asker, action, topic));
        ruling.unwrap_or(Ruling::Denied(None))
    }

    /// Who knows rights, if it is the same at all listeners: of a client that went before the broker
    /// began nobody knows where it came in, but its will is still to be published; and a listener may
    /// be removed before its clients go.
    fn rights_everywhere(&self) -> Option<&Vec<Arc<dyn RightsSource>>> {
        let mut doors = self.doors.values();
        let first = &doors.next()?.rights;
        let is_first = |door: &Door| {
            door.rights.len() == first.len()
                && door.rights.iter().zip(first).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        doors.all(is_first).then_some(first)
    }

    /// What administrators change through this listener; if it was removed, through the others.
    pub(super) fn dynamic_security(&self, listener: &str) -> Option<Arc<DynamicSecurity>> {
        match (self.doors.get(listener), &*self.dynamic_securities()) {
            (Some(door), _) => door.dynamic_security.clone(),
            (None, [only]) => Some(Arc::clone(only)),
            (None, _) => None,
        }
    }

    /// What administrators change, each file once.
    pub(super) fn dynamic_securities(&self) -> Vec<&Arc<DynamicSecurity>> {
        let mut all: Vec<&Arc<DynamicSecurity>> = Vec::new();
        for security in self.doors.values().filter_map(|door| door.dynamic_security.as_ref()) {
            if !all.iter().any(|other| other.is_of(security)) {
                all.push(security);
            }
        }
        all
    }
}

impl Door {
    /// Whether a client that was let in would be let in again.
    fn stands(&self, asker: &Asker<'_>) -> bool {
        asker.profile.identity != IdentitySource::None
            || self.allow_anonymous && (name_of(asker).is_none() || self.sources.is_empty())
            || self.sources.iter().any(|source| source.still_stands(asker))
    }
}

/// The user name; an empty one is none, as with Mosquitto.
pub(super) fn name_of<'a>(asker: &Asker<'a>) -> Option<&'a str> {
    asker.username.filter(|name| !name.is_empty())
}

/// What a question about messages is about.
pub(super) fn subject_of<'a>(question: &Question<'a>) -> Option<(Action, &'a str)> {
    match *question {
        Question::Publish { topic, .. } => Some((Action::Publish, topic)),
        Question::Receive { topic } => Some((Action::Receive, topic)),
        Question::Subscribe { filter, .. } => Some((Action::Subscribe, filter)),
        Question::Unsubscribe { filter } => Some((Action::Unsubscribe, filter)),
        Question::Connect { .. } | Question::Authenticate { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_broker::{ListenerProfile, Peer};

    use super::*;

    /// Lets everybody do everything with one topic.
    #[derive(Debug)]
    struct Only(&'static str);

    impl RightsSource for Only {
        fn decide(&self, _asker: &Asker<'_>, _action: Action, topic: &str) -> Option<Ruling> {
            (topic == self.0).then_some(Ruling::Allowed)
        }
    }

    #[test]
    fn rights_that_hold_everywhere_hold_for_whom_no_listener_is_known() {
        let rights: Arc<dyn RightsSource> = Arc::new(Only("allowed"));
        let door = |rights: Vec<Arc<dyn RightsSource>>| Door {
            allow_anonymous: true,
            sources: Vec::new(),
            rights,
            dynamic_security: None,
        };
        let profile =
            Arc::new(ListenerProfile { name: "gone".into(), ..ListenerProfile::default() });
        let asker = Asker {
            peer: Peer::Local,
            client_id: "client",
            username: None,
            principal: None,
            profile: &profile,
        };
        let allows = |policy: &Policy, topic| {
            matches!(policy.decide(&asker, Action::Publish, topic), Ruling::Allowed)
        };
        let mut policy = Policy::default();
        assert!(!allows(&policy, "allowed"));
        policy.doors.insert("1883".into(), door(vec![Arc::clone(&rights)]));
        policy.doors.insert("8883".into(), door(vec![rights]));
        assert!(allows(&policy, "allowed"));
        assert!(!allows(&policy, "other"));
        policy.doors.insert("9001".into(), door(vec![Arc::new(Only("allowed"))]));
        assert!(!allows(&policy, "allowed"));
    }
}
