//! Binding listeners. Each address is bound once, and what was bound is shared by all shards.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::config::{Bind, Family};
use crate::mio_network::MioListener;
#[cfg(unix)]
use crate::unix_socket::UnixSocket;

/// A place at which we cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {}", reason(.source))]
pub struct ListenError {
    /// The place: an address, or what was to become one.
    pub place: String,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// A socket that listens, as all shards share it.
#[derive(Debug)]
pub(crate) enum SharedSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl SharedSocket {
    /// Where it listens, unless that is a path.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The same listener once more, for another poller.
    pub(crate) fn share(&self, no_delay: bool) -> io::Result<MioListener> {
        Ok(match self {
            Self::Tcp(listener) => {
                let listener = mio::net::TcpListener::from_std(listener.try_clone()?);
                MioListener::Tcp { listener, no_delay }
            }
            #[cfg(unix)]
            Self::Unix(socket) => MioListener::Unix(socket.share()?),
        })
    }
}

impl fmt::Display for SharedSocket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(formatter),
                Err(_) => formatter.write_str("an address"),
            },
            #[cfg(unix)]
            Self::Unix(socket) => socket.path().display().fmt(formatter),
        }
    }
}

/// Binds all that a listener stands for.
pub(crate) fn bind(
    bind: &Bind,
    backlog: u16,
    ports: &SharedPorts<'_>,
) -> Result<Vec<SharedSocket>, ListenError> {
    let refused = |source| ListenError { place: bind.to_string(), source };
    #[cfg(unix)]
    if let Bind::Unix(path) = bind {
        let socket = UnixSocket::bind(path, backlog).map_err(refused)?;
        return Ok(vec![SharedSocket::Unix(socket)]);
    }
    let addresses = addresses(bind).map_err(refused)?;
    let bound = bind_addresses(addresses, backlog, ports)?;
    Ok(bound.into_iter().map(SharedSocket::Tcp).collect())
}

fn bind_addresses(
    addresses: Vec<SocketAddr>,
    backlog: u16,
    ports: &SharedPorts<'_>,
) -> Result<Vec<TcpListener>, ListenError> {
    let mut bound: Vec<TcpListener> = Vec::new();
    for mut address in addresses {
        // Where the system chooses, it chooses once.
        let asked = address.port();
        let chosen = bound.first().and_then(|first| first.local_addr().ok());
        address.set_port(chosen.map_or(asked, |chosen| chosen.port()));
        match bind_address(address, backlog, ports) {
            Ok(listener) => bound.push(listener),
            Err(error) if !bound.is_empty() && is_optional(address, asked, &error) => {
                tracing::debug!(%address, %error, "going on without IPv6");
            }
            Err(source) => return Err(ListenError { place: address.to_string(), source }),
        }
    }
    Ok(bound)
}

/// The addresses for which a listener stands, those of IPv4 first.
fn addresses(bind: &Bind) -> io::Result<Vec<SocketAddr>> {
    let both = |v4: Ipv4Addr, v6: Ipv6Addr, port: u16| {
        vec![SocketAddr::from((v4, port)), SocketAddr::from((v6, port))]
    };
    let (host, port, interface, family) = match bind {
        Bind::Loopback { port } => {
            return Ok(both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST, *port));
        }
        Bind::Tcp { host, port, interface, family } => (host, *port, interface, *family),
        #[cfg(unix)]
        Bind::Unix(_) => return Ok(Vec::new()),
    };
    let mut addresses = match (host, interface) {
        (None, None) => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, port),
        (Some(host), None) => (&**host, port).to_socket_addrs()?.collect(),
        (host, Some(interface)) => of_interface(interface, host.as_deref(), port)?,
    };
    addresses.retain(|address| family.is_none_or(|family: Family| family.contains(address)));
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "there is no such address of the kind that was asked for",
        ));
    }
    Ok(addresses)
}

/// The addresses of a network interface: all of them, or those that `host` names.
fn of_interface(interface: &str, host: Option<&str>, port: u16) -> io::Result<Vec<SocketAddr>> {
    let wanted: Option<Vec<IpAddr>> = host
        .map(|host| Ok::<_, io::Error>((host, port).to_socket_addrs()?.map(|at| at.ip()).collect()))
        .transpose()?;
    let all = if_addrs::get_if_addrs()?;
    if all.iter().all(|found| found.name != interface) {
        let names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no such network interface; there are: {}", names.join(", ")),
        ));
    }
    let found = all.into_iter().filter(|found| found.name == interface).filter_map(|found| {
        let ip = found.ip();
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&ip)) {
            return None;
        }
        Some(match (ip, found.index) {
            // Such an address means something only together with its interface.
            (IpAddr::V6(ip), Some(index)) if ip.is_unicast_link_local() => {
                std::net::SocketAddrV6::new(ip, port, 0, index).into()
            }
            (ip, _) => SocketAddr::new(ip, port),
        })
    });
    Ok(found.collect())
}

/// Whether a listener may do without this address, because the others are bound: where there is no
/// IPv6. But a fixed port that somebody else has is a mistake that must not go unnoticed.
fn is_optional(address: SocketAddr, asked: u16, error: &io::Error) -> bool {
    let is_taken =
        matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
    address.is_ipv6() && (asked == 0 || !is_taken)
}

fn bind_address(
    address: SocketAddr,
    backlog: u16,
    ports: &SharedPorts<'_>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart does not wait for connections of the past. Not `SO_REUSEPORT`, which would
    // hide that there is a second broker on the same port, unless that second one is ourselves.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    let shares = ports.are_shared_at(address.port());
    if shares {
        set_shared(&socket, true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::from(backlog))?;
    if shares {
        set_shared(&socket, false)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Listeners that are about to leave, whose ports others may have already.
pub(crate) struct SharedPorts<'a> {
    leaving: Vec<&'a TcpListener>,
}

impl<'a> SharedPorts<'a> {
    pub(crate) fn new(leaving: impl Iterator<Item = &'a SharedSocket>) -> Self {
        let leaving = leaving.filter_map(|socket| match socket {
            SharedSocket::Tcp(listener) => {
                set_shared(&SockRef::from(listener), true).is_ok().then_some(listener)
            }
            #[cfg(unix)]
            SharedSocket::Unix(_) => None,
        });
        Self { leaving: leaving.collect() }
    }

    fn are_shared_at(&self, port: u16) -> bool {
        let mut ports = self.leaving.iter().filter_map(|listener| listener.local_addr().ok());
        ports.any(|address| address.port() == port)
    }
}

impl Drop for SharedPorts<'_> {
    fn drop(&mut self) {
        for listener in &self.leaving {
            if let Err(error) = set_shared(&SockRef::from(*listener), false) {
                tracing::debug!(%error, "cannot keep a port for ourselves");
            }
        }
    }
}

#[cfg(unix)]
fn set_shared(socket: &Socket, is_shared: bool) -> io::Result<()> {
    socket.set_reuse_port(is_shared)
}

#[cfg(not(unix))]
fn set_shared(_socket: &Socket, _is_shared: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "address already in use; is another broker running? choose another port with -p"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable if error.raw_os_error().is_some() => {
            "this machine does not have that address".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: Option<&str>, interface: Option<&str>, family: Option<Family>) -> Bind {
        Bind::Tcp {
            host: host.map(Into::into),
            port: 0,
            interface: interface.map(Into::into),
            family,
        }
    }

    fn nobody() -> SharedPorts<'static> {
        SharedPorts::new(std::iter::empty())
    }

    #[test]
    fn listener_stands_for_the_addresses_that_its_settings_leave() {
        let (v4, v6) = (Some(Family::V4), Some(Family::V6));
        let rows = [
            (tcp(None, None, None), &["0.0.0.0:0", "[::]:0"][..]),
            (tcp(None, None, v4), &["0.0.0.0:0"]),
            (tcp(None, None, v6), &["[::]:0"]),
            (tcp(Some("::1"), None, None), &["[::1]:0"]),
            (tcp(Some("localhost"), None, v4), &["127.0.0.1:0"]),
            (tcp(None, Some("lo"), v4), &["127.0.0.1:0"]),
            (tcp(Some("127.0.0.1"), Some("lo"), None), &["127.0.0.1:0"]),
            (Bind::Loopback { port: 7 }, &["127.0.0.1:7", "[::1]:7"]),
        ];
        for (bind, expected) in rows {
            let found: Vec<String> =
                addresses(&bind).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{bind:?}");
        }
    }

    #[test]
    fn address_that_does_not_exist_is_refused_by_name() {
        let rows = [
            (tcp(Some("127.0.0.1"), None, Some(Family::V6)), "no such address of the kind"),
            (tcp(None, Some("no-such0"), None), "there are: "),
            (tcp(Some("10.1.2.3"), Some("lo"), None), "no such address of the kind"),
            (tcp(Some("203.0.113.1"), None, None), "this machine does not have that address"),
        ];
        for (place, expected) in rows {
            let error =
                bind(&place, 16, &nobody()).expect_err("there is no such address").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn port_that_the_system_chooses_is_the_same_for_all_addresses() {
        let bound = bind(&tcp(Some("localhost"), None, None), 16, &nobody()).unwrap();
        let ports: Vec<u16> = bound.iter().map(|socket| socket.address().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
    }
}
