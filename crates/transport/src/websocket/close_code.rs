//! Why a connection is closed, as a number.

/// The status code of a Close frame (RFC 6455, 7.4.1), those that are sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// The purpose of the connection is fulfilled.
    Normal,
    /// The server ends.
    GoingAway,
    /// The peer breaks the rules of WebSocket.
    ProtocolError,
    /// The peer sent what MQTT does not use: a text frame [MQTT-6.0.0-1].
    Unsupported,
    /// Text is not UTF-8.
    InvalidPayload,
    /// The peer does what this server does not want.
    PolicyViolation,
    /// A packet is larger than what is accepted.
    TooBig,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::Unsupported => 1003,
            Self::InvalidPayload => 1007,
            Self::PolicyViolation => 1008,
            Self::TooBig => 1009,
        }
    }
}

/// Whether a peer may send this number: those that RFC 6455 or its registry allow on the wire, and
/// those of libraries and applications.
pub(super) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
