//! The world as a turn sees it: a poller, listeners, sockets and a clock.
//!
//! Readiness is reported in edges. An event may be spurious, and it may come only once for many
//! reasons. Whoever reads or writes fewer bytes than there was room for, or is told `WouldBlock`,
//! has used the edge up: when more can be read or written, another event follows. Registering a
//! socket makes an event for whatever it is ready for at that time.

use std::io::{self, IoSlice};
use std::time::Duration;

use ferrymq_broker::Peer;
use ferrymq_protocol::time::Instant;

/// A poller with the sockets and the clock that belong to it. Nothing blocks but [`Self::poll`].
pub trait Network {
    /// A connected stream socket.
    type Socket;
    /// A socket that listens.
    type Listener;

    /// The time now, the same for all shards of a broker.
    fn now(&self) -> Instant;

    /// Waits until something happens or the time is over (`None`: has no end), and appends what
    /// has happened.
    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>);

    /// Makes events of this listener come as [`Source::Listener`] with this number.
    fn listen(&mut self, listener: &mut Self::Listener, number: u32) -> io::Result<()>;

    /// Takes a connection that waits, or says `WouldBlock`.
    fn accept(&mut self, listener: &mut Self::Listener) -> io::Result<(Self::Socket, Peer)>;

    /// Closes a listener.
    fn unlisten(&mut self, listener: Self::Listener);

    /// Makes events of this socket come as [`Source::Connection`] with this slot.
    fn register(&mut self, socket: &mut Self::Socket, slot: u32) -> io::Result<()>;

    /// Ends the events of this socket, so that another poller can have it.
    fn deregister(&mut self, socket: &mut Self::Socket) -> io::Result<()>;

    /// Whether the socket is still connected, as far as is known.
    fn is_connected(&self, socket: &Self::Socket) -> bool;

    /// Reads; 0 means that the peer has closed its direction.
    fn read(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes the pieces in order.
    fn write(&mut self, socket: &mut Self::Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Closes our direction, behind what was written.
    fn shut_down_write(&mut self, socket: &mut Self::Socket) -> io::Result<()>;

    /// Closes the socket.
    fn close(&mut self, socket: Self::Socket);
}

/// Something has happened to a listener or a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whom it concerns.
    pub source: Source,
    /// How it ends, or that it goes on.
    pub closed: Closed,
    /// There may be something to read or to accept.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
}

/// Whom an event concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A listener, by its number.
    Listener(u32),
    /// A connection, by its slot.
    Connection(u32),
}

/// What of a socket has been closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nothing, as far as is known.
    No,
    /// The peer's direction: what it sent last, and then the end, can be read without another
    /// event.
    Read,
    /// Both directions, or the socket is in error.
    Both,
}
