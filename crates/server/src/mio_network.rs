//! The real network: `mio` over the kernel's poller, with edge-triggered readiness.
//!
//! A socket is registered once for both directions and never re-registered, so that the steady
//! state needs no `epoll_ctl`.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::Peer;
use ferrymq_protocol::time::Instant;
use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock::Clock;
use crate::mailbox::{Mailbox, Wake};
use crate::network::{Closed, Event, Network, Source};

/// A poller of the operating system.
pub struct MioNetwork {
    poll: Poll,
    events: Events,
    clock: Clock,
}

/// A connection's socket.
#[derive(Debug)]
pub enum MioSocket {
    /// To another machine, or to this one.
    Tcp(TcpStream),
    /// To a process of this machine.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A socket that listens.
#[derive(Debug)]
pub enum MioListener {
    /// At an address.
    Tcp {
        /// The socket.
        listener: TcpListener,
        /// Whether small packets leave at once.
        no_delay: bool,
    },
    /// At a path.
    #[cfg(unix)]
    Unix(UnixListener),
}

/// The mailbox of a shard with a poller of the operating system.
pub(crate) type MioMailbox = Mailbox<MioSocket, MioListener>;

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
    type Socket = MioSocket;
    type Listener = MioListener;

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

    fn listen(&mut self, listener: &mut MioListener, number: u32) -> io::Result<()> {
        let token = Token(number as usize * 2 + FIRST_LISTENER);
        let registry = self.poll.registry();
        match listener {
            MioListener::Tcp { listener, .. } => {
                registry.register(listener, token, Interest::READABLE)
            }
            #[cfg(unix)]
            MioListener::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    fn accept(&mut self, listener: &mut MioListener) -> io::Result<(MioSocket, Peer)> {
        match listener {
            MioListener::Tcp { listener, no_delay } => {
                let (socket, peer) = listener.accept()?;
                if *no_delay {
                    socket.set_nodelay(true)?;
                }
                Ok((MioSocket::Tcp(socket), Peer::Inet(peer)))
            }
            #[cfg(unix)]
            MioListener::Unix(listener) => {
                let (socket, _) = listener.accept()?;
                Ok((MioSocket::Unix(socket), Peer::Local))
            }
        }
    }

    fn unlisten(&mut self, listener: MioListener) {
        let registry = self.poll.registry();
        // Other shards hold duplicates, so that closing alone would not end the events.
        let deregistered = match listener {
            MioListener::Tcp { mut listener, .. } => registry.deregister(&mut listener),
            #[cfg(unix)]
            MioListener::Unix(mut listener) => registry.deregister(&mut listener),
        };
        if let Err(error) = deregistered {
            tracing::debug!(%error, "cannot deregister a listener");
        }
    }

    fn register(&mut self, socket: &mut MioSocket, slot: u32) -> io::Result<()> {
        let (registry, token) = (self.poll.registry(), Token(slot as usize * 2));
        let interest = Interest::READABLE | Interest::WRITABLE;
        match socket {
            MioSocket::Tcp(socket) => registry.register(socket, token, interest),
            #[cfg(unix)]
            MioSocket::Unix(socket) => registry.register(socket, token, interest),
        }
    }

    fn deregister(&mut self, socket: &mut MioSocket) -> io::Result<()> {
        let registry = self.poll.registry();
        match socket {
            MioSocket::Tcp(socket) => registry.deregister(socket),
            #[cfg(unix)]
            MioSocket::Unix(socket) => registry.deregister(socket),
        }
    }

    fn is_connected(&self, socket: &MioSocket) -> bool {
        match socket {
            MioSocket::Tcp(socket) => socket.peer_addr().is_ok(),
            #[cfg(unix)]
            MioSocket::Unix(socket) => socket.peer_addr().is_ok(),
        }
    }

    fn read(&mut self, socket: &mut MioSocket, buffer: &mut [u8]) -> io::Result<usize> {
        match socket {
            MioSocket::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            MioSocket::Unix(socket) => socket.read(buffer),
        }
    }

    fn write(&mut self, socket: &mut MioSocket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match socket {
            MioSocket::Tcp(socket) => write(socket, pieces),
            #[cfg(unix)]
            MioSocket::Unix(socket) => write(socket, pieces),
        }
    }

    fn shut_down_write(&mut self, socket: &mut MioSocket) -> io::Result<()> {
        match socket {
            MioSocket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(unix)]
            MioSocket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    fn close(&mut self, socket: MioSocket) {
        // The kernel forgets a socket's registration with its last descriptor.
        drop(socket);
    }
}

fn write(socket: &mut impl Write, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    match pieces {
        [piece] => socket.write(piece),
        pieces => socket.write_vectored(pieces),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_of_sockets_cost_an_idle_connection_four_bytes() {
        // A socket of the library is four bytes in a release, and more with its own checks.
        let one_kind = size_of::<TcpStream>();
        assert_eq!(size_of::<MioSocket>(), one_kind + align_of::<TcpStream>());
    }
}
