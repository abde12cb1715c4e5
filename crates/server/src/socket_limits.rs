//! The limits of a broker's sockets.

use std::time::Duration;

/// The limits of a broker's sockets.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Connections at a time. Never more than the process may open files.
    pub connections: usize,
    /// Connections of one address, or IPv6 network of 64 bits, in a second; zero: no limit. Further
    /// ones are closed.
    pub address_connections_per_second: u64,
    /// Addresses that are remembered for that.
    pub addresses_remembered: usize,
    /// Connections that wait in the kernel until they are accepted.
    pub backlog: u16,
    /// How long a connection that we have ended may take to read our last words and close.
    pub linger: Duration,
    /// Connections that linger at a time on one shard; beyond that the oldest are closed.
    pub lingering: usize,
    /// Connections of one shard that have not ended their handshakes yet (TLS, WebSocket, PROXY
    /// protocol); beyond that the oldest are closed.
    pub handshakes: usize,
    /// How long the end of the broker may take.
    pub shut_down: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            connections: usize::MAX,
            address_connections_per_second: 0,
            addresses_remembered: 65_536,
            backlog: 4096,
            linger: Duration::from_secs(1),
            lingering: 1024,
            handshakes: 1024,
            shut_down: Duration::from_secs(2),
        }
    }
}
