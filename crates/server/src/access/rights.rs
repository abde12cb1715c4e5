//! What users may do with topics: files and models that know it. A chain of them is asked in order.

use std::fmt;

use ferrymq_access::Action;
use ferrymq_broker::Asker;

/// Somebody who knows what users may do. It is asked on the threads of shards and must not block;
/// what it says is remembered there until everybody is told that the rights have changed.
pub trait RightsSource: fmt::Debug + Send + Sync + 'static {
    /// Whether somebody may do this with a Topic Name, or with a Topic Filter without its `$share`
    /// prefix. `None`: it says nothing about this, and the next one is asked. After the last one it
    /// is a no.
    fn decide(&self, asker: &Asker<'_>, action: Action, topic: &str) -> Option<Ruling>;
}

/// What somebody says of a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is given.
    Allowed,
    /// It is not given, because of this rule, if there is one: for the log.
    Denied(Option<String>),
}
