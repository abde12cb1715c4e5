//! Why a connection ends.

use std::{fmt, io};

use ferrymq_codec::ReasonCode;
use ferrymq_protocol::error::ProtocolError;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client has said goodbye, with this reason.
    Goodbye(ReasonCode),
    /// The client's side was closed without a word, or the connection broke.
    Lost(Option<io::ErrorKind>),
    /// The client has broken a rule.
    Protocol(ProtocolError),
    /// CONNECT was refused.
    Refused(ReasonCode),
    /// The client may not go on.
    Denied(ReasonCode),
    /// No CONNECT came in time.
    ConnectTimeout,
    /// The client has connected anew.
    TakenOver,
    /// The broker stops.
    ShuttingDown,
}

impl Cause {
    /// The reason that the client is told in DISCONNECT.
    pub(crate) const fn reason(self) -> Option<ReasonCode> {
        match self {
            Self::Goodbye(_) | Self::Lost(_) | Self::Refused(_) | Self::ConnectTimeout => None,
            Self::Protocol(error) => Some(error.reason()),
            Self::Denied(reason) => Some(reason),
            Self::TakenOver => Some(ReasonCode::SessionTakenOver),
            Self::ShuttingDown => Some(ReasonCode::ServerShuttingDown),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goodbye(ReasonCode::Success) => formatter.write_str("disconnected"),
            Self::Goodbye(reason) => write!(formatter, "disconnected: {reason}"),
            Self::Lost(None) => formatter.write_str("connection closed by client"),
            Self::Lost(Some(kind)) => write!(formatter, "connection lost: {kind}"),
            Self::Protocol(error) => write!(formatter, "closed: {error}"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
            Self::Denied(reason) => write!(formatter, "closed: {reason}"),
            Self::ConnectTimeout => formatter.write_str("closed: no CONNECT came in time"),
            Self::TakenOver => {
                formatter.write_str("closed: the same client identifier has connected again")
            }
            Self::ShuttingDown => formatter.write_str("closed: the broker stops"),
        }
    }
}
