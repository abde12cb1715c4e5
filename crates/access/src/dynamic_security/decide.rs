//! Who may log in, and who may do what.
//!
//! A client's own roles are asked first, by priority, then those of its groups, by priority, and in
//! each role its rules, by priority. The first rule that fits decides. Where none fits, the default
//! access does; it never gives access to `$CONTROL`, which must be granted by a rule.

use super::acl::{Acl, AclType};
use super::model::{Model, Ranked, Role};
use super::pattern;
use crate::action::Action;
use crate::decision::{Decision, RuleRef};
use crate::password::Hash;
use crate::who::Who;

/// What is to be done about somebody who wants to log in.
#[derive(Clone, Copy, Debug)]
pub enum Login<'a> {
    /// Nobody of this name is known here: others may know.
    Unknown,
    /// Not allowed, whatever the password.
    Refused,
    /// Allowed if the password has this hash. The stamp is for [`Model::stands`].
    Verify(&'a Hash, u64),
}

impl Model {
    /// Whether somebody may log in who has given a password.
    pub fn login(&self, who: Who<'_>) -> Login<'_> {
        let Some(client) = who.username.and_then(|username| self.client(username)) else {
            return Login::Unknown;
        };
        let is_other =
            client.client_id.as_deref().is_some_and(|client_id| client_id != who.client_id);
        match &client.password {
            Some(hash) if !client.is_disabled && !is_other => Login::Verify(hash, client.stamp),
            Some(_) | None => Login::Refused,
        }
    }

    /// Some password, whose check costs what it costs for most.
    pub fn any_password(&self) -> Option<&Hash> {
        self.clients.values().find_map(|client| client.password.as_ref())
    }

    /// The stamp that those get who are let in without a name.
    pub const fn anonymous_stamp(&self) -> u64 {
        self.anonymous_stamp
    }

    /// Whether somebody who was let in with this stamp may stay.
    pub fn stands(&self, who: Who<'_>, stamp: u64) -> bool {
        match who.username {
            None => stamp == self.anonymous_stamp,
            Some(username) => self
                .client(username)
                .is_some_and(|client| !client.is_disabled && client.stamp == stamp),
        }
    }

    /// Whether somebody may do something. [`Decision::NO_RULE`] leaves it to others.
    pub fn decide(&self, who: Who<'_>, action: Action, topic: &str) -> Decision<'_> {
        let question = Asked::new(who, action, topic);
        let decided = if let Some(username) = who.username {
            let Some(client) = self.client(username) else {
                return Decision::NO_RULE;
            };
            self.of_roles(&client.roles, &question).or_else(|| {
                let mut groups = client.groups.iter();
                groups.find_map(|(group, _)| self.of_group(group, &question))
            })
        } else {
            let group = self.anonymous_group.as_deref();
            group.and_then(|group| self.of_group(group, &question))
        };
        decided.unwrap_or_else(|| self.by_default(action, question.shared.unwrap_or(topic)))
    }

    fn of_group(&self, group: &str, question: &Asked<'_>) -> Option<Decision<'_>> {
        self.of_roles(&self.groups.get(group)?.roles, question)
    }

    fn of_roles(&self, roles: &Ranked, question: &Asked<'_>) -> Option<Decision<'_>> {
        roles.iter().find_map(|(name, _)| {
            let (name, role) = self.roles.get_key_value(name)?;
            question.of_role(name, role)
        })
    }

    fn by_default(&self, action: Action, topic: &str) -> Decision<'_> {
        let access = &self.default_access;
        let (allowed, word) = match action {
            Action::Publish => (access.publish_client_send, "publishClientSend"),
            Action::Receive => (access.publish_client_receive, "publishClientReceive"),
            Action::Subscribe => (access.subscribe, "subscribe"),
            Action::Unsubscribe => (access.unsubscribe, "unsubscribe"),
        };
        if !allowed || topic.starts_with("$CONTROL") {
            return Decision::NO_RULE;
        }
        Decision { allowed, rule: Some(RuleRef::DefaultAccess { acl_type: word }) }
    }
}

/// What is asked, and of which rules.
struct Asked<'a> {
    who: Who<'a>,
    topic: &'a str,
    /// The filter of a shared subscription without `$share` and the name of its group.
    shared: Option<&'a str>,
    action: Action,
    has_wildcards: bool,
}

impl<'a> Asked<'a> {
    fn new(who: Who<'a>, action: Action, topic: &'a str) -> Self {
        let is_filter = matches!(action, Action::Subscribe | Action::Unsubscribe);
        let shared = topic
            .strip_prefix(SHARED)
            .filter(|_| is_filter)
            .and_then(|rest| Some(rest.split_once('/')?.1));
        let has_wildcards = action == Action::Subscribe && topic.contains(['+', '#']);
        Self { who, topic, shared, action, has_wildcards }
    }

    fn of_role<'m>(&self, name: &'m str, role: &'m Role) -> Option<Decision<'m>> {
        if self.has_wildcards && !role.allow_wildcard_subscriptions {
            let rule = Some(RuleRef::NoWildcardSubscriptions { role: name });
            return Some(Decision { allowed: false, rule });
        }
        let (acl_type, acl) = self.first(role)?;
        let rule =
            Some(RuleRef::Role { role: name, acl_type: acl_type.as_str(), topic: &acl.topic });
        Some(Decision { allowed: acl.allow && acl.is_filter(), rule })
    }

    fn first<'m>(&self, role: &'m Role) -> Option<(AclType, &'m Acl)> {
        let types: &[AclType] = match self.action {
            Action::Publish => &[AclType::PublishClientSend],
            Action::Receive => &[AclType::PublishClientReceive],
            Action::Subscribe => &[AclType::SubscribeLiteral, AclType::SubscribePattern],
            Action::Unsubscribe => &[AclType::UnsubscribeLiteral, AclType::UnsubscribePattern],
        };
        types.iter().find_map(|of| {
            let acl = role.acls.first(*of, |rule| self.fits(*of, rule))?;
            Some((*of, acl))
        })
    }

    fn fits(&self, of: AclType, rule: &str) -> bool {
        // A rule that names a share means it; every other one means what the share is of.
        let asked = match self.shared {
            Some(shared) if !rule.starts_with(SHARED) => shared,
            _ => self.topic,
        };
        match of {
            AclType::SubscribeLiteral | AclType::UnsubscribeLiteral => rule == asked,
            _ => pattern::covers(rule, asked, self.who),
        }
    }
}

const SHARED: &str = "$share/";
