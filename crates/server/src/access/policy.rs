//! Who is let in at which listener, and who may do what there: a snapshot that never changes. A
//! reload puts another one in its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_access::Action;
use ferrymq_broker::{Asker, IdentitySource, Question, Verdict};
use ferrymq_codec::{QoS, ReasonCode};

use super::rights::{RightsSource, Ruling};
use super::source::Source;

/// Who is let in at which listener, and who may do what there.
#[derive(Debug, Default)]
pub struct Policy {
    /// By the names of the listeners.
    pub(super) doors: HashMap<Box<str>, Door>,
    /// What all client identifiers begin with.
    pub(super) client_id_prefix: Option<Box<str>>,
    /// Whether a client is refused that may not publish its will. If not, the will is dropped when
    /// it is due.
    pub(super) checks_will: bool,
    /// How many passwords may wait to be checked.
    pub(super) logins_queued: usize,
    /// How long one of them may wait.
    pub(super) patience: Duration,
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
    /// What holds at the listener of this connection. A listener that is new may be there for a
    /// moment before its policy is, and one that was removed has connections still.
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

    /// The verdict on somebody who comes in, once it is known what he wants to leave as his will.
    pub(super) fn with_will(
        &self,
        asker: &Asker<'_>,
        will_topic: Option<&str>,
        verdict: Verdict,
    ) -> Verdict {
        let Some(topic) = will_topic.filter(|_| self.checks_will) else {
            return verdict;
        };
        let Verdict::Allow(admission) = &verdict else {
            return verdict;
        };
        let principal = admission.principal.as_deref();
        let username = principal.map_or(asker.username, |principal| principal.username.as_deref());
        let asker = Asker { principal, username, ..*asker };
        let will = Question::Publish { topic, qos: QoS::AtMostOnce, retain: false };
        match self.rule(&asker, &will) {
            (Verdict::Allow(_), _) => verdict,
            (denied, _) => denied,
        }
    }

    /// Whether a client that was let in would be let in again.
    pub(super) fn still_stands(&self, asker: &Asker<'_>) -> bool {
        let Some(door) = self.door(asker) else {
            return true;
        };
        if !self.fits(asker) {
            return false;
        }
        asker.profile.identity != IdentitySource::None
            || door.allow_anonymous && (name_of(asker).is_none() || door.sources.is_empty())
            || door.sources.iter().any(|source| source.still_stands(asker))
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
        let Some(door) = self.door(asker) else {
            return Ruling::Denied(None);
        };
        if door.rights.is_empty() {
            return Ruling::Allowed;
        }
        let asker = Asker { username: name_of(asker), ..*asker };
        let ruling = door.rights.iter().find_map(|rights| rights.decide(&asker, action, topic));
        ruling.unwrap_or(Ruling::Denied(None))
    }

    /// Lets what `before` has said hold on for listeners that are no longer there, whose connections
    /// keep the terms on which they came.
    pub(super) fn keep_doors_of(&mut self, before: &Self) {
        for (name, door) in &before.doors {
            self.doors.entry(name.clone()).or_insert_with(|| door.clone());
        }
    }
}

/// The user name; an empty one is none, as with Mosquitto.
pub(super) fn name_of<'a>(asker: &Asker<'a>) -> Option<&'a str> {
    asker.username.filter(|name| !name.is_empty())
}

/// What a question about messages is about: a filter without what is only for its subscribers.
pub(super) fn subject_of<'a>(question: &Question<'a>) -> Option<(Action, &'a str)> {
    match *question {
        Question::Publish { topic, .. } => Some((Action::Publish, topic)),
        Question::Receive { topic } => Some((Action::Receive, topic)),
        Question::Subscribe { filter, .. } => Some((Action::Subscribe, without_share(filter))),
        Question::Unsubscribe { filter } => Some((Action::Unsubscribe, without_share(filter))),
        Question::Connect { .. } | Question::Authenticate { .. } => None,
    }
}

/// `$share/group/filter` gets what `filter` gets.
fn without_share(filter: &str) -> &str {
    let shared = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    shared.map_or(filter, |(_, filter)| filter)
}
