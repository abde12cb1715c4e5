//! What can go wrong with a connection, and with a request.

use std::io;

use ferrymq_codec::{DecodeError, EncodeError, ReasonCode};
use ferrymq_protocol::client::{ConnectError, ReceiveError, RequestError as UnsentError};
use ferrymq_transport::TransportError;
use thiserror::Error;

use crate::authentication::AuthenticationError;

/// Why there is no connection, or no longer one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The options contradict each other.
    #[error(transparent)]
    Options(#[from] ConnectError),
    /// The network, or the name service.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS or WebSocket: the server breaks its rules, or is not who it should be.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server did not accept the connection in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The server has refused the connection.
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    /// The server has said farewell.
    #[error("the server disconnected: {0}")]
    Disconnected(ReasonCode),
    /// The server has closed the connection without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The client or the server could not prove who it is.
    #[error("the authentication failed: {0}")]
    Authentication(#[from] AuthenticationError),
    /// The server has broken a rule of the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] ReceiveError),
}

impl ConnectionError {
    /// Whether a new attempt would end in the same way, or would harm someone else.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Options(_) | Self::Authentication(_) => true,
            Self::Refused(reason) => !matches!(
                reason,
                ReasonCode::UnspecifiedError
                    | ReasonCode::ImplementationSpecificError
                    | ReasonCode::ServerUnavailable
                    | ReasonCode::ServerBusy
                    | ReasonCode::QuotaExceeded
                    | ReasonCode::ConnectionRateExceeded
            ),
            // Whoever has taken the session over would lose it again, and so on for ever.
            Self::Disconnected(reason) => matches!(
                reason,
                ReasonCode::SessionTakenOver
                    | ReasonCode::NotAuthorized
                    | ReasonCode::Banned
                    | ReasonCode::BadAuthenticationMethod
                    | ReasonCode::ServerMoved
                    | ReasonCode::UseAnotherServer
            ),
            Self::Io(_)
            | Self::Transport(_)
            | Self::TimedOut
            | Self::Closed
            | Self::Protocol(_) => false,
        }
    }
}

/// Why a request did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The text is no Topic Name or Topic Filter.
    #[error(transparent)]
    Topic(#[from] DecodeError),
    /// A property has no place in a packet.
    #[error(transparent)]
    Property(#[from] EncodeError),
    /// It was not sent.
    #[error(transparent)]
    Unsent(#[from] UnsentError),
    /// The server has refused the message.
    #[error("the server refused the message: {0}")]
    Refused(ReasonCode),
    /// The client cannot authenticate itself anew, because it did not do it when it connected.
    #[error("the client has no authentication method; give it one before it connects")]
    NoAuthentication,
    /// There is no connection, or no longer one, on which the client could authenticate itself anew.
    /// The next one begins with that.
    #[error("there is no connection on which the client could authenticate itself anew")]
    NotAuthenticated,
    /// The client has ended before the server answered.
    #[error("the client has ended")]
    Closed,
}
