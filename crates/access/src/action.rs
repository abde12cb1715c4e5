//! What somebody wants to do with a topic.

use std::fmt;

/// What somebody wants to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To publish to a Topic Name; a will too.
    Publish,
    /// To be sent a message with this Topic Name.
    Receive,
    /// To subscribe to a Topic Filter.
    Subscribe,
    /// To end the subscription to a Topic Filter.
    Unsubscribe,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Receive, Self::Subscribe, Self::Unsubscribe];

    /// The word for it, as commands take and print it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Receive => "receive",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
