//! A target at a TCP address: a broker in another process, in real time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::transport::{Received, Target, Wire};

/// A server that listens at an address.
#[derive(Clone, Copy, Debug)]
pub struct TcpTarget {
    address: SocketAddr,
    websocket: Option<SocketAddr>,
    started: Instant,
}

impl TcpTarget {
    /// The server at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, websocket: None, started: Instant::now() }
    }

    /// The same server, which speaks WebSocket at this address.
    #[must_use]
    pub const fn with_websocket(mut self, address: Option<SocketAddr>) -> Self {
        self.websocket = address;
        self
    }
}

/// Lets this process, and those it starts, open as many sockets as the rows need.
#[cfg(unix)]
pub fn allow_many_sockets() -> io::Result<()> {
    rlimit::increase_nofile_limit(SOCKETS).map(drop)
}

/// Lets this process, and those it starts, open as many sockets as the rows need.
#[cfg(not(unix))]
pub fn allow_many_sockets() -> io::Result<()> {
    Ok(())
}

impl Target for TcpTarget {
    fn connect(&self) -> io::Result<Box<dyn Wire>> {
        connect(&self.address)
    }

    fn speaks_websocket(&self) -> bool {
        self.websocket.is_some()
    }

    fn connect_websocket(&self) -> io::Result<Box<dyn Wire>> {
        connect(&self.websocket.ok_or(io::ErrorKind::Unsupported)?)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    // Real time cannot be moved: the rows that need an interval to elapse have to sit through it.
    fn advance(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn connect(address: &SocketAddr) -> io::Result<Box<dyn Wire>> {
    let stream = TcpStream::connect_timeout(address, CONNECT_WITHIN)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(SEND_WITHIN))?;
    Ok(Box::new(TcpWire { stream }))
}

struct TcpWire {
    stream: TcpStream,
}

impl Wire for TcpWire {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn receive(&mut self, into: &mut Vec<u8>, wait: Duration) -> Received {
        // A time-out of zero would mean none at all.
        let wait = wait.max(Duration::from_millis(1));
        if self.stream.set_read_timeout(Some(wait)).is_err() {
            return Received::Closed;
        }
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Received::Closed,
            Ok(length) => {
                into.extend_from_slice(&buffer[..length]);
                Received::Bytes
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => Received::Nothing,
                _ => Received::Closed,
            },
        }
    }
}

impl Drop for TcpWire {
    fn drop(&mut self) {
        // The connection may be gone already, which is just as well.
        drop(self.stream.shutdown(Shutdown::Both));
    }
}

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// The silent sockets of the hostile rows, and room for all others.
#[cfg(unix)]
const SOCKETS: u64 = 8_192;
