//! Binding listeners. Each address is bound once, and what was bound is shared by all shards.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Listen;

/// An address at which we cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", reason(.source))]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Binds the listeners of one entry.
pub(crate) fn bind(listen: Listen, backlog: u16) -> Result<Vec<TcpListener>, ListenError> {
    match listen {
        Listen::At(address) => Ok(vec![bind_address(address, backlog)?]),
        Listen::Loopback { port } => bind_loopback(port, backlog),
    }
}

/// The same listeners once more, for another poller.
pub(crate) fn share(listeners: &[TcpListener]) -> io::Result<Vec<mio::net::TcpListener>> {
    listeners
        .iter()
        .map(|listener| listener.try_clone().map(mio::net::TcpListener::from_std))
        .collect()
}

fn bind_loopback(port: u16, backlog: u16) -> Result<Vec<TcpListener>, ListenError> {
    let v4 = bind_address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), backlog)?;
    let chosen = v4.local_addr().map_or(port, |address| address.port());
    match bind_address(SocketAddr::from((Ipv6Addr::LOCALHOST, chosen)), backlog) {
        Ok(v6) => Ok(vec![v4, v6]),
        // A fixed port that somebody else has is a mistake that must not go unnoticed.
        Err(error) if port != 0 && error.source.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(error) => {
            tracing::debug!(%error, "going on without IPv6");
            Ok(vec![v4])
        }
    }
}

fn bind_address(address: SocketAddr, backlog: u16) -> Result<TcpListener, ListenError> {
    try_bind(address, backlog).map_err(|source| ListenError { address, source })
}

fn try_bind(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart does not wait for connections of the past. Not `SO_REUSEPORT`: a second
    // broker on the same port is a mistake.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::from(backlog))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "address already in use; is another broker running? choose another port with -p"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        _ => error.to_string(),
    }
}
