//! What the suite needs from the thing under test: connections, and time.
//!
//! A [`Target`] is one server as seen by one row; a [`Wire`] is one Network Connection to it. All
//! time is the target's own: over TCP it passes by itself, in memory it is moved. A wire that is
//! dropped closes its Network Connection without a DISCONNECT packet.

use std::io;
use std::time::Duration;

/// A server that rows can be run against.
pub trait Target {
    /// Opens a Network Connection.
    fn connect(&self) -> io::Result<Box<dyn Wire>>;

    /// Whether the server has a listener for WebSocket, too.
    fn speaks_websocket(&self) -> bool {
        false
    }

    /// Opens a connection to the listener for WebSocket. Its bytes are those of HTTP and of frames.
    fn connect_websocket(&self) -> io::Result<Box<dyn Wire>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The target's time, counted from any fixed point.
    fn now(&self) -> Duration;

    /// Lets this much of the target's time pass.
    fn advance(&self, time: Duration);
}

/// One Network Connection, closed when dropped.
pub trait Wire {
    /// Sends all of these bytes. An error means that the server does not read any more.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Appends what the server has sent, waiting at most this much of the target's time.
    fn receive(&mut self, into: &mut Vec<u8>, wait: Duration) -> Received;
}

/// The outcome of [`Wire::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// At least one byte was appended.
    Bytes,
    /// Nothing came in time.
    Nothing,
    /// The server has closed the Network Connection.
    Closed,
}
