//! What a peer can do wrong although its packets are well-formed.

use ferrymq_codec::{DecodeError, ReasonCode};
use thiserror::Error;

/// A rule that the peer has broken. The connection is closed with [`ProtocolError::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are no packet.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// Something else came before CONNECT [MQTT-3.1.0-1].
    #[error("the first packet is not CONNECT")]
    NotConnect,
    /// CONNECT came twice [MQTT-3.1.0-2].
    #[error("a second CONNECT")]
    SecondConnect,
    /// A packet that this side of a connection never receives.
    #[error("a packet that only the other side may send")]
    WrongDirection,
    /// AUTH where no exchange is under way and none was agreed on.
    #[error("an AUTH packet without an authentication method in CONNECT")]
    UnexpectedAuth,
    /// Another Authentication Method than that of CONNECT [MQTT-4.12.1-1].
    #[error("the authentication method is not that of CONNECT")]
    AuthenticationMethodChanged,
    /// A packet other than AUTH or DISCONNECT during the authentication exchange.
    #[error("a packet other than AUTH or DISCONNECT before CONNACK")]
    AuthenticationInterrupted,
    /// More unacknowledged QoS 1 and 2 messages than allowed [MQTT-3.3.4-9].
    #[error("more unacknowledged messages than the Receive Maximum allows")]
    ReceiveMaximumExceeded,
    /// A topic alias above the announced maximum.
    #[error("a topic alias above the Topic Alias Maximum")]
    TopicAliasTooLarge,
    /// A topic alias that stands for nothing yet.
    #[error("a topic alias that no topic was given to")]
    TopicAliasUnknown,
    /// A client's PUBLISH with a Subscription Identifier [MQTT-3.3.4-6].
    #[error("a Subscription Identifier in a PUBLISH to the server")]
    SubscriptionIdentifierFromClient,
    /// PUBACK for a QoS 2 message or PUBREC for a QoS 1 message.
    #[error("an acknowledgement of the wrong type for the message's quality of service")]
    WrongAcknowledgement,
    /// A DISCONNECT that gives a session an expiry that CONNECT had denied it [MQTT-3.14.2-2].
    #[error("DISCONNECT sets a Session Expiry Interval although that of CONNECT was zero")]
    SessionExpiryFromZero,
    /// A QoS above the server's Maximum QoS.
    #[error("a quality of service above the Maximum QoS")]
    QoSNotSupported,
    /// A retained message although the server has none.
    #[error("a retained message although Retain Available is zero")]
    RetainNotSupported,
    /// Nothing came for one and a half times the keep alive.
    #[error("nothing was received for one and a half times the keep alive")]
    KeepAliveTimeout,
    /// The acknowledgement answers nothing that was asked.
    #[error("an acknowledgement with a packet identifier that is not in use")]
    PacketIdentifierUnknown,
    /// A SUBACK or UNSUBACK with another number of reason codes than the request had filters.
    #[error("another number of reason codes than there were topic filters")]
    ReasonCodeCount,
}

impl ProtocolError {
    /// The reason code for DISCONNECT (or CONNACK).
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Malformed(error) => error.reason(),
            Self::NotConnect
            | Self::SecondConnect
            | Self::WrongDirection
            | Self::UnexpectedAuth
            | Self::AuthenticationMethodChanged
            | Self::AuthenticationInterrupted
            | Self::TopicAliasUnknown
            | Self::SubscriptionIdentifierFromClient
            | Self::WrongAcknowledgement
            | Self::PacketIdentifierUnknown
            | Self::ReasonCodeCount
            | Self::SessionExpiryFromZero => ReasonCode::ProtocolError,
            Self::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            Self::TopicAliasTooLarge => ReasonCode::TopicAliasInvalid,
            Self::QoSNotSupported => ReasonCode::QoSNotSupported,
            Self::RetainNotSupported => ReasonCode::RetainNotSupported,
            Self::KeepAliveTimeout => ReasonCode::KeepAliveTimeout,
        }
    }
}
