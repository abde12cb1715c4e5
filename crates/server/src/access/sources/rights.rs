//! Rights that came with an answer.

use std::sync::Arc;

use ferrymq_access::{Action, Grants};
use ferrymq_broker::{Asker, Question, Rights, Verdict};
use ferrymq_codec::ReasonCode;

/// What an answer allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    /// Everything.
    Everything,
    /// What these rules allow.
    Rules(Grants),
}

impl Granted {
    /// The same for the broker.
    pub(super) fn shared(self) -> Arc<dyn Rights> {
        Arc::new(self)
    }
}

impl Rights for Granted {
    fn decide(&self, _asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        let (action, topic) = match *question {
            Question::Publish { topic, .. } => (Action::Publish, topic),
            Question::Receive { topic } => (Action::Receive, topic),
            Question::Subscribe { filter, .. } => (Action::Subscribe, filter),
            Question::Unsubscribe { filter } => (Action::Unsubscribe, filter),
            Question::Connect { .. } | Question::Authenticate { .. } => return None,
        };
        let is_allowed = match self {
            Self::Everything => true,
            Self::Rules(grants) => grants.allow(action, topic),
        };
        Some(if is_allowed { Verdict::YES } else { Verdict::Deny(ReasonCode::NotAuthorized) })
    }
}
