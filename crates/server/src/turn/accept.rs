//! Accepting connections. All shards share each listening socket; who is free takes the next.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ferrymq_broker::Peer;

use super::Turn;
use crate::network::Network;

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
        let id = self.shard.open(Peer::from(peer), &self.profile, self.now);
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
