//! The network of a scripted turn: two connections as pieces of memory, readiness in
//! single edges, and a clock that moves when the script says so. It does as little as
//! it can, for its instructions are counted too.

use std::io::{self, IoSlice};
use std::time::Duration;

use ferrymq_broker::Peer;
use ferrymq_protocol::time::Instant;
use ferrymq_server::{Closed, Event, Network, Source};

/// The network, with the clients' ends of its connections.
#[derive(Debug)]
pub(crate) struct Stage {
    connections: Vec<Connection>,
    accepted: usize,
    events: Vec<Event>,
    now: Instant,
    /// Whether the turn has found nothing to do.
    pub(crate) asleep: bool,
}

#[derive(Debug, Default)]
struct Connection {
    slot: u32,
    /// What the client has written, and how much of it has been read.
    up: Vec<u8>,
    read: usize,
    /// What the broker has written.
    down: Vec<u8>,
}

/// The broker's end of a connection.
#[derive(Debug)]
pub(crate) struct Socket(usize);

impl Stage {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { connections: Vec::new(), accepted: 0, events: Vec::new(), now, asleep: false }
    }

    /// Opens a connection; its number.
    pub(crate) fn connect(&mut self) -> usize {
        self.connections.push(Connection::default());
        self.events.push(event(Source::Listener(0)));
        self.connections.len() - 1
    }

    /// The client writes.
    pub(crate) fn write_up(&mut self, connection: usize, bytes: &[u8]) {
        let connection = &mut self.connections[connection];
        connection.up.extend_from_slice(bytes);
        self.events.push(event(Source::Connection(connection.slot)));
        self.asleep = false;
    }

    /// The client reads all that is there.
    pub(crate) fn read_down(&mut self, connection: usize, into: &mut Vec<u8>) {
        into.clear();
        into.append(&mut self.connections[connection].down);
    }
}

impl Network for Stage {
    type Socket = Socket;
    type Listener = ();

    fn now(&self) -> Instant {
        self.now
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        self.now = self.now.saturating_add(TURN);
        self.asleep = self.events.is_empty() && timeout != Some(Duration::ZERO);
        events.append(&mut self.events);
    }

    fn listen(&mut self, (): &mut (), _: u32) -> io::Result<()> {
        Ok(())
    }

    fn accept(&mut self, (): &mut ()) -> io::Result<(Socket, Peer)> {
        if self.accepted == self.connections.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.accepted += 1;
        Ok((Socket(self.accepted - 1), Peer::Inet(PEER.into())))
    }

    fn unlisten(&mut self, (): ()) {}

    fn register(&mut self, socket: &mut Socket, slot: u32) -> io::Result<()> {
        self.connections[socket.0].slot = slot;
        self.events.push(event(Source::Connection(slot)));
        Ok(())
    }

    fn deregister(&mut self, _: &mut Socket) -> io::Result<()> {
        Ok(())
    }

    fn is_connected(&self, _: &Socket) -> bool {
        true
    }

    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let Connection { up, read, .. } = &mut self.connections[socket.0];
        let rest = &up[*read..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        *read += count;
        if *read == up.len() {
            up.clear();
            *read = 0;
        }
        Ok(count)
    }

    fn write(&mut self, socket: &mut Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let down = &mut self.connections[socket.0].down;
        let before = down.len();
        for piece in pieces {
            down.extend_from_slice(piece);
        }
        Ok(down.len() - before)
    }

    fn shut_down_write(&mut self, _: &mut Socket) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, _: Socket) {}
}

const fn event(source: Source) -> Event {
    Event { source, closed: Closed::No, readable: true, writable: false }
}

const PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 50_000);

const TURN: Duration = Duration::from_micros(1);
