//! Accepting connections. All shards share each listening socket; who is free takes the next.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrymq_protocol::time::Instant;

use super::Turn;
use crate::network::Network;

/// How many connections a broker may have, and how many it has.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    count: AtomicUsize,
}

/// The listeners of a shard.
pub(super) struct Acceptor<L> {
    listeners: Vec<Listening<L>>,
    admission: Arc<Admission>,
    /// When to try again after the system would not give us a socket.
    again_at: Option<Instant>,
}

struct Listening<L> {
    listener: L,
    /// Whether connections may wait.
    ready: bool,
}

impl Admission {
    /// Nobody is there yet.
    pub const fn new(limit: usize) -> Self {
        Self { limit, count: AtomicUsize::new(0) }
    }

    /// Lets one more in, if the limit allows.
    fn enter(&self) -> bool {
        let entered = self.count.fetch_add(1, Ordering::Relaxed) < self.limit;
        if !entered {
            self.leave();
        }
        entered
    }

    fn leave(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<L> Acceptor<L> {
    pub(super) fn new(listeners: Vec<L>, admission: Arc<Admission>) -> Self {
        // Those who came before we were registered are not announced on every system.
        let listeners =
            listeners.into_iter().map(|listener| Listening { listener, ready: true }).collect();
        Self { listeners, admission, again_at: None }
    }

    pub(super) fn mark_ready(&mut self, number: u32) {
        if let Some(listening) = self.listeners.get_mut(number as usize) {
            listening.ready = true;
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.again_at.is_none() && self.listeners.iter().any(|listening| listening.ready)
    }

    pub(super) const fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    pub(super) fn stop<N: Network<Listener = L>>(&mut self, network: &mut N) {
        self.again_at = None;
        for listening in self.listeners.drain(..) {
            network.unlisten(listening.listener);
        }
    }
}

impl<N: Network> Turn<N> {
    pub(super) fn register_listeners(&mut self) {
        for (number, listening) in (0u32..).zip(&mut self.acceptor.listeners) {
            if let Err(error) = self.network.listen(&mut listening.listener, number) {
                tracing::error!(%error, "cannot watch a listener");
            }
        }
    }

    pub(super) fn accept(&mut self) {
        if self.acceptor.again_at.is_some_and(|at| self.now < at) {
            return;
        }
        self.acceptor.again_at = None;
        for number in 0..self.acceptor.listeners.len() {
            if let Err(error) = self.accept_from(number) {
                // Most likely we may not open more files. Trying again at once would fail again.
                tracing::warn!(%error, "cannot accept connections, waiting a moment");
                self.acceptor.again_at = Some(self.now.saturating_add(ACCEPT_BACK_OFF));
                return;
            }
        }
    }

    fn accept_from(&mut self, number: usize) -> io::Result<()> {
        for _ in 0..ACCEPTS_PER_TURN {
            let listening = &mut self.acceptor.listeners[number];
            if !listening.ready {
                break;
            }
            match self.network.accept(&mut listening.listener) {
                Ok((socket, peer)) => self.admit(socket, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => listening.ready = false,
                    // This connection has gone again; the next may be well.
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::NotConnected => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn admit(&mut self, mut socket: N::Socket, peer: SocketAddr) {
        if !self.acceptor.admission.enter() {
            tracing::warn!(%peer, "too many connections: refused");
            self.network.close(socket);
            return;
        }
        let id = self.shard.open(peer, self.now);
        if let Err(error) = self.network.register(&mut socket, id.slot) {
            tracing::warn!(%error, %peer, "cannot watch a connection");
            self.shard.remove(id);
            self.discharge(socket);
            return;
        }
        self.connections.insert(id, socket);
    }

    /// Closes the socket of a connection that had been admitted.
    pub(super) fn discharge(&mut self, socket: N::Socket) {
        self.network.close(socket);
        self.acceptor.admission.leave();
    }
}

const ACCEPTS_PER_TURN: usize = 64;
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
