//! What the client machine tells its owner.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use ferrymq_codec::{EncodeError, PacketId, Properties, QoS, ReasonCode};
use thiserror::Error;

use crate::error::ProtocolError;

/// Something that the server has sent and that the user may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server has accepted the connection.
    Connected(Connected<'a>),
    /// The server has refused the connection, which has ended.
    Refused {
        /// Why.
        reason: ReasonCode,
        /// What else the server says.
        properties: Properties<'a>,
    },
    /// The server wants to know more before it believes who the client is: to be answered by
    /// [`Client::authenticate`](super::Client::authenticate).
    Authenticate {
        /// The Authentication Data.
        data: Option<&'a [u8]>,
    },
    /// The server believes anew who the client is.
    Authenticated {
        /// The Authentication Data.
        data: Option<&'a [u8]>,
    },
    /// A message for one of the subscriptions. It is acknowledged already.
    Message(ReceivedMessage<'a>),
    /// The session was new, and a subscription of the old one was refused.
    SubscriptionLost {
        /// Why.
        reason: ReasonCode,
    },
    /// The server has ended the connection.
    Disconnected {
        /// Why.
        reason: ReasonCode,
        /// What else the server says.
        properties: Properties<'a>,
    },
}

/// What a connection was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected<'a> {
    /// Whether the server goes on with a stored session.
    pub session_present: bool,
    /// How many QoS 1 and 2 messages may be on their way to the server at once.
    pub send_maximum: u16,
    /// The largest packet that the server accepts, in bytes.
    pub maximum_packet_size: u32,
    /// How many seconds may pass without a packet; `None`: any number.
    pub keep_alive: Option<NonZeroU16>,
    /// How many seconds the session outlives the connection; `u32::MAX` is for ever.
    pub session_expiry_interval: u32,
    /// What else the server says.
    pub properties: Properties<'a>,
}

/// A message that the server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage<'a> {
    /// What it is about.
    pub topic: Cow<'a, str>,
    /// What it says.
    pub payload: &'a [u8],
    /// The quality of service that it was sent with.
    pub qos: QoS,
    /// Whether it is the topic's retained message and not a new one.
    pub retain: bool,
    /// The packet identifier that it came with; none with QoS 0.
    pub packet_id: Option<PacketId>,
    /// Whether the server may have sent it before.
    pub dup: bool,
    /// Its properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// A request that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed<T> {
    /// The caller's name for the request.
    pub ticket: T,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has the message or has refused it; QoS 0: it was written.
    Published(ReasonCode),
    /// The answer to each filter, in order.
    Subscribed(Vec<ReasonCode>),
    /// The answer to each filter, in order.
    Unsubscribed(Vec<ReasonCode>),
    /// It was not sent.
    Failed(RequestError),
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too many requests wait already.
    #[error("too many requests wait for the server")]
    TooMany,
    /// The packet would be larger than the server accepts [MQTT-3.2.2-15].
    #[error("larger than the server accepts")]
    TooLarge,
    /// The server accepts only a lower quality of service [MQTT-3.2.2-11].
    #[error("the server does not accept this quality of service")]
    QoSNotSupported,
    /// The server retains nothing [MQTT-3.2.2-14].
    #[error("the server does not retain messages")]
    RetainNotSupported,
    /// A message names its own Topic Alias; aliases belong to a connection, and so to the client.
    #[error("topic aliases are given by the client itself")]
    TopicAlias,
    /// Something in the request has no place in a packet.
    #[error(transparent)]
    Unencodable(EncodeError),
}

/// Why CONNECT cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Without a client identifier the server could not keep the session [MQTT-3.1.3-8].
    #[error("this version of the protocol needs a client identifier to keep a session")]
    ClientIdMissing,
    /// Something has no place in CONNECT.
    #[error(transparent)]
    Unencodable(#[from] EncodeError),
}

/// Why AUTH cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// CONNECT named no Authentication Method.
    #[error("there is no authentication method in CONNECT; give the client one")]
    NoMethod,
    /// There is no connection.
    #[error("there is no connection to the server")]
    NotConnected,
    /// The server has not asked for it.
    #[error("the server does not wait for authentication data")]
    NotAsked,
    /// The client authenticates itself already.
    #[error("an authentication is under way already")]
    UnderWay,
    /// The packet would be larger than the server accepts [MQTT-3.2.2-15].
    #[error("the authentication data is larger than the server accepts")]
    TooLarge,
    /// The data has no place in a packet.
    #[error(transparent)]
    Unencodable(#[from] EncodeError),
}

/// A rule that the server has broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// A rule that both sides keep.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Something else came before CONNACK [MQTT-3.2.0-1].
    #[error("the first packet of the server is not CONNACK")]
    NotConnAck,
    /// CONNACK came twice [MQTT-3.2.0-2].
    #[error("a second CONNACK")]
    SecondConnAck,
    /// The server goes on with a session although a clean start was asked for [MQTT-3.2.2-2].
    #[error("the server goes on with a session although a clean start was asked for")]
    UnexpectedSession,
}

impl ReceiveError {
    /// The reason code for DISCONNECT.
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Protocol(error) => error.reason(),
            Self::NotConnAck | Self::SecondConnAck | Self::UnexpectedSession => {
                ReasonCode::ProtocolError
            }
        }
    }
}
