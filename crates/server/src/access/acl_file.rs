//! An ACL file as a source of rights.

use ferrymq_access::acl::Rules;
use ferrymq_access::{Action, Who};
use ferrymq_broker::Asker;

use super::rights::{RightsSource, Ruling};

/// The rights of an ACL file.
#[derive(Debug)]
pub(super) struct AclFileRights {
    rules: Rules,
    /// Whether they are asked when somebody subscribes. If not, he may, and what he may not read does
    /// not come.
    checks_subscribe: bool,
}

impl AclFileRights {
    pub(super) const fn new(rules: Rules, checks_subscribe: bool) -> Self {
        Self { rules, checks_subscribe }
    }
}

impl RightsSource for AclFileRights {
    fn decide(&self, asker: &Asker<'_>, action: Action, topic: &str) -> Option<Ruling> {
        if action == Action::Subscribe && !self.checks_subscribe {
            return Some(Ruling::Allowed);
        }
        let who = Who { username: asker.username, client_id: asker.client_id };
        let decision = self.rules.decide(who, action, topic);
        Some(match decision.allowed {
            true => Ruling::Allowed,
            false => Ruling::Denied(decision.rule.map(|rule| rule.to_string())),
        })
    }
}
