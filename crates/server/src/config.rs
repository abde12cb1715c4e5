//! How a broker is to be served.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{Access, AllowAll, Limits, ShardIndex};

use crate::control::{Authority, Unavailable};
use crate::data::DataOptions;

/// What a [`Server`](crate::Server) is made of.
pub struct ServeOptions {
    /// Where clients connect.
    pub listen: Vec<Listen>,
    /// How many shards, each with a thread of its own; by default one for each core.
    pub shards: Option<NonZeroU16>,
    /// The limits of the broker.
    pub limits: Limits,
    /// The limits of its sockets.
    pub sockets: SocketLimits,
    /// Where it keeps what survives it; `None`: it keeps nothing.
    pub data: Option<DataOptions>,
    /// Makes the access rules of each shard.
    pub access: Box<dyn Fn(ShardIndex) -> Box<dyn Access>>,
    /// Answers what the access rules leave open.
    pub authority: Arc<dyn Authority>,
}

/// Where clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At this address.
    At(SocketAddr),
    /// At 127.0.0.1 and, where there is IPv6, at `::1`: the same port of both. Port 0 lets the
    /// system choose.
    Loopback {
        /// The port.
        port: u16,
    },
}

/// The limits of a broker's sockets.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Connections at a time. Never more than the process may open files.
    pub connections: usize,
    /// Connections that wait in the kernel until they are accepted.
    pub backlog: u16,
    /// How long a connection that we have ended may take to read our last words and close.
    pub linger: Duration,
    /// Connections that linger at a time on one shard; beyond that the oldest are closed.
    pub lingering: usize,
    /// How long the end of the broker may take.
    pub shut_down: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Loopback { port: 1883 }],
            shards: None,
            limits: Limits::default(),
            sockets: SocketLimits::default(),
            data: None,
            access: Box::new(|_| Box::new(AllowAll)),
            authority: Arc::new(Unavailable),
        }
    }
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            connections: usize::MAX,
            backlog: 4096,
            linger: Duration::from_secs(1),
            lingering: 1024,
            shut_down: Duration::from_secs(2),
        }
    }
}
