//! The real network: `mio` over the kernel's poller, with edge-triggered readiness.
//!
//! A socket is registered once for both directions and never re-registered, so that the steady
//! state needs no `epoll_ctl`.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ferrymq_protocol::time::Instant;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock::Clock;
use crate::mailbox::Wake;
use crate::network::{Closed, Event, Network, Source};

/// A poller of the operating system.
pub struct MioNetwork {
    poll: Poll,
    events: Events,
    clock: Clock,
}

impl MioNetwork {
    /// A poller with this clock, and what wakes it.
    pub fn new(clock: Clock) -> io::Result<(Self, Box<dyn Wake>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let network = Self { poll, events: Events::with_capacity(EVENTS_PER_POLL), clock };
        Ok((network, Box::new(Arc::new(waker))))
    }
}

impl Network for MioNetwork {
    type Socket = TcpStream;
    type Listener = TcpListener;

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => events.extend(self.events.iter().filter_map(translate)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("a poller fails only when it is misused: {error}"),
        }
    }

    fn listen(&mut self, listener: &mut TcpListener, number: u32) -> io::Result<()> {
        let token = Token(number as usize * 2 + FIRST_LISTENER);
        self.poll.registry().register(listener, token, Interest::READABLE)
    }

    fn accept(&mut self, listener: &mut TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = listener.accept()?;
        // A turn writes everything that there is at once: waiting for more only delays.
        socket.set_nodelay(true)?;
        Ok((socket, peer))
    }

    fn unlisten(&mut self, mut listener: TcpListener) {
        // Other shards hold duplicates, so that closing alone would not end the events.
        if let Err(error) = self.poll.registry().deregister(&mut listener) {
            tracing::debug!(%error, "cannot deregister a listener");
        }
    }

    fn register(&mut self, socket: &mut TcpStream, slot: u32) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(socket, Token(slot as usize * 2), interest)
    }

    fn deregister(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        self.poll.registry().deregister(socket)
    }

    fn peer(&self, socket: &TcpStream) -> io::Result<SocketAddr> {
        socket.peer_addr()
    }

    fn read(&mut self, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.read(buffer)
    }

    fn write(&mut self, socket: &mut TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => socket.write(piece),
            pieces => socket.write_vectored(pieces),
        }
    }

    fn shut_down_write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        socket.shutdown(Shutdown::Write)
    }

    fn close(&mut self, socket: TcpStream) {
        // The kernel forgets a socket's registration with its last descriptor.
        drop(socket);
    }
}

impl Wake for Arc<Waker> {
    fn wake(&self) {
        if let Err(error) = Waker::wake(self) {
            tracing::error!(%error, "cannot wake a shard");
        }
    }
}

/// Even tokens are connections, odd ones everything else.
fn translate(event: &mio::event::Event) -> Option<Event> {
    let token = event.token();
    if token == WAKER {
        return None;
    }
    let source = if token.0.is_multiple_of(2) {
        Source::Connection(u32::try_from(token.0 / 2).ok()?)
    } else {
        Source::Listener(u32::try_from((token.0 - FIRST_LISTENER) / 2).ok()?)
    };
    let closed = if event.is_error() || event.is_write_closed() {
        Closed::Both
    } else if event.is_read_closed() {
        Closed::Read
    } else {
        Closed::No
    };
    Some(Event { source, closed, readable: event.is_readable(), writable: event.is_writable() })
}

const WAKER: Token = Token(1);
const FIRST_LISTENER: usize = 3;
const EVENTS_PER_POLL: usize = 1024;
