//! Connections by TCP.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Connects to the first address of a name that accepts, from a local address if there is one.
pub(super) async fn connect(host: &str, port: u16, local: Option<&str>) -> io::Result<TcpStream> {
    // An IPv6 address stands in brackets in a URL.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Some(local) = local else {
        return TcpStream::connect((host, port)).await;
    };
    let locals: Vec<SocketAddr> = lookup_host((local, 0)).await?.collect();
    let mut refused = None;
    for remote in lookup_host((host, port)).await? {
        let Some(from) = locals.iter().find(|from| from.is_ipv4() == remote.is_ipv4()) else {
            continue;
        };
        let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(*from)?;
        match socket.connect(remote).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let words = format!("{host} has no address of the kind that {local} has");
        io::Error::new(io::ErrorKind::AddrNotAvailable, words)
    }))
}
