//! How a broker is to be served.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

use ferrymq_broker::{Access, AllowAll, Limits, ListenerProfile, LogEvents, Observer, ShardIndex};

use ferrymq_transport::ServerTransport;

use crate::access::Gatehouse;
use crate::control::{Authority, Unavailable};
use crate::data::DataOptions;
use crate::http_api::HttpApi;
use crate::socket_limits::SocketLimits;

/// What a [`Server`](crate::Server) is made of.
pub struct ServeOptions {
    /// Where clients connect.
    pub listen: Vec<Listener>,
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
    /// Makes the observer of each shard, who keeps the log of its clients.
    pub observer: Box<dyn Fn(ShardIndex) -> Box<dyn Observer>>,
    /// Answers what the access rules leave open.
    pub authority: Arc<dyn Authority>,
    /// What its gates and its authority are of, so that another policy can be put in place; `None`:
    /// they are something else.
    pub gatehouse: Option<Gatehouse>,
    /// Is called with the addresses once they are bound, and before anything is read or written.
    pub when_bound: WhenBound,
}

/// What to do between binding and everything else, for example to become another user.
pub type WhenBound = Box<dyn FnOnce(&[SocketAddr]) -> io::Result<()>>;

/// Where clients connect, and what holds for those who do.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where.
    pub bind: Bind,
    /// What holds for its connections in the broker. Port 0 stands for the port that it has.
    pub profile: ListenerProfile,
    /// How many of its connections there may be at a time; `None`: as many as the broker may have.
    pub maximum_connections: Option<usize>,
    /// How many of them may come in a second; the others wait until they are accepted. Zero: as many
    /// as like.
    pub connections_per_second: u64,
    /// What stands between its sockets and MQTT: PROXY protocol, TLS, WebSocket.
    pub transport: ServerTransport,
    /// What it tells programs over HTTP; then there is no MQTT.
    pub api: Option<HttpApi>,
    /// Whether small packets leave at once. A turn writes everything that there is with one call, so
    /// that waiting for more only delays.
    pub no_delay: bool,
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// At a port of some or all addresses of this machine.
    Tcp {
        /// The address or name. A name stands for all its addresses; `None`: all addresses.
        host: Option<Box<str>>,
        /// The port. 0 lets the system choose.
        port: u16,
        /// Only the addresses of this network interface.
        interface: Option<Box<str>>,
        /// Only addresses of this kind.
        family: Option<Family>,
    },
    /// At 127.0.0.1 and, where there is IPv6, at `::1`: the same port of both. Port 0 lets the
    /// system choose.
    Loopback {
        /// The port.
        port: u16,
    },
    /// At a Unix socket with this path.
    #[cfg(unix)]
    Unix(PathBuf),
}

/// A kind of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: vec![Listener::new(Bind::Loopback { port: 1883 })],
            shards: None,
            limits: Limits::default(),
            sockets: SocketLimits::default(),
            data: None,
            access: Box::new(|_| Box::new(AllowAll)),
            observer: Box::new(|_| Box::<LogEvents>::default()),
            authority: Arc::new(Unavailable),
            gatehouse: None,
            when_bound: Box::new(|_| Ok(())),
        }
    }
}

impl Listener {
    /// A listener for plain MQTT.
    pub fn new(bind: Bind) -> Self {
        let profile = ListenerProfile { port: 0, ..ListenerProfile::default() };
        let transport = ServerTransport::default();
        Self {
            bind,
            profile,
            maximum_connections: None,
            connections_per_second: 0,
            transport,
            api: None,
            no_delay: true,
        }
    }

    /// A listener for plain MQTT at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self::new(address.into())
    }
}

impl Family {
    /// Whether an address is of this kind.
    pub const fn contains(self, address: &SocketAddr) -> bool {
        matches!((self, address), (Self::V4, SocketAddr::V4(_)) | (Self::V6, SocketAddr::V6(_)))
    }
}

impl From<SocketAddr> for Bind {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self::Tcp { host: Some(host.into()), port: address.port(), interface: None, family: None }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, interface, .. } => {
                match host {
                    Some(host) if host.contains(':') => write!(formatter, "[{host}]:{port}")?,
                    Some(host) => write!(formatter, "{host}:{port}")?,
                    None => write!(formatter, "port {port}")?,
                }
                match interface {
                    Some(interface) => write!(formatter, " of interface {interface}"),
                    None => Ok(()),
                }
            }
            Self::Loopback { port } => write!(formatter, "port {port} of this machine alone"),
            #[cfg(unix)]
            Self::Unix(path) => path.display().fmt(formatter),
        }
    }
}
