//! Why a peer cannot be understood.

/// Why nothing can come from a peer any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer breaks the rules of the protocol of this layer.
    #[error("{protocol}: {reason}")]
    Protocol {
        /// The protocol, as people call it: `TLS`, `WebSocket`, `PROXY`.
        protocol: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl TransportError {
    /// What is wrong with a peer's WebSocket, and what to do.
    pub(crate) fn websocket(reason: impl Into<String>) -> Self {
        Self::Protocol { protocol: "WebSocket", reason: reason.into() }
    }
}
