//! What happens in a run, as a client sees it. Nothing else is known of the broker.

use std::fmt;

use ferrymq_codec::{QoS, ReasonCode};

/// A client of the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNumber(pub usize);

/// A message. Numbers grow, so they also tell the order of one publisher's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(pub u64);

/// A Topic Name of the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicNumber(pub usize);

/// A Topic Filter of the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterNumber(pub usize);

/// An event of the broker's process or of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A broker listens.
    Started,
    /// The broker has ended by SIGKILL, or of itself.
    Killed,
    /// The broker has ended in good order.
    Terminated,
    /// An event of this client.
    Client(ClientNumber, Act),
}

/// What a client does or sees. What ends in "ing" is written to the socket and may be lost on the
/// way; what ends in "ed" is the broker's answer, which has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// CONNECT.
    Connecting {
        /// Clean Start.
        clean_start: bool,
        /// The will that the CONNECT carries.
        will: Option<MessageNumber>,
    },
    /// CONNACK with Success.
    Connected {
        /// Session Present.
        session_present: bool,
    },
    /// DISCONNECT with Normal disconnection.
    Disconnecting {
        /// With a Session Expiry Interval of 0, which ends the session.
        ends_session: bool,
    },
    /// After DISCONNECT the broker has closed the network connection, so it has seen it.
    Disconnected,
    /// The network connection has ended in any other way.
    Lost,
    /// PUBLISH, for the first time or again.
    Publishing(MessageNumber),
    /// PUBACK or PUBREC without an error.
    Published {
        /// Which message.
        message: MessageNumber,
        /// Whether the broker says that there was a subscriber.
        matched: bool,
    },
    /// PUBACK or PUBREC with an error.
    Refused(MessageNumber, ReasonCode),
    /// The client gives a message up that is not acknowledged: its session has ended.
    Abandoned(MessageNumber),
    /// SUBSCRIBE with one filter.
    Subscribing(FilterNumber, QoS),
    /// SUBACK for it.
    Subscribed(FilterNumber),
    /// UNSUBSCRIBE with one filter.
    Unsubscribing(FilterNumber),
    /// UNSUBACK for it.
    Unsubscribed(FilterNumber),
    /// PUBLISH of the broker; of a QoS 2 message only what is no repetition by its packet
    /// identifier.
    Received(Delivery),
    /// PUBACK or PUBCOMP of the client for a message that it has received.
    Settling(MessageNumber),
    /// All retained messages for this filter of an earlier SUBSCRIBE have come.
    RetainedRead(FilterNumber),
}

/// A message as it comes from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which message.
    pub message: MessageNumber,
    /// The quality of service of the delivery.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// The DUP flag.
    pub dup: bool,
    /// The Message Expiry Interval that is left, in seconds.
    pub expiry: Option<u32>,
}

impl fmt::Display for ClientNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.0)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}", self.0)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client, act) => write!(f, "{client}: {act:?}"),
            broker => write!(f, "broker: {broker:?}"),
        }
    }
}

impl Act {
    /// The message that this is about.
    pub(crate) const fn message(&self) -> Option<MessageNumber> {
        match *self {
            Self::Connecting { will, .. } => will,
            Self::Publishing(message)
            | Self::Published { message, .. }
            | Self::Refused(message, _)
            | Self::Abandoned(message)
            | Self::Received(Delivery { message, .. })
            | Self::Settling(message) => Some(message),
            Self::Connected { .. }
            | Self::Disconnecting { .. }
            | Self::Disconnected
            | Self::Lost
            | Self::Subscribing(..)
            | Self::Subscribed(_)
            | Self::Unsubscribing(_)
            | Self::Unsubscribed(_)
            | Self::RetainedRead(_) => None,
        }
    }

    /// Whether this is about the session as a whole and not about one message.
    pub(crate) const fn concerns_session(&self) -> bool {
        matches!(self, Self::Connecting { .. }) || self.message().is_none()
    }
}
