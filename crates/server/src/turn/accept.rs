//! Accepting connections. All shards share each listening socket; who is free takes the next.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{ConnectionId, Peer};

use super::Turn;
use crate::acceptor::Terms;
use crate::network::Network;
use crate::wrapping::Wrapping;

impl<N: Network> Turn<N> {
    pub(super) fn register_listeners(&mut self) {
        for (number, listening) in (0u32..).zip(&mut self.acceptor.listeners) {
            if let Err(error) = self.network.listen(&mut listening.entrance.listener, number) {
                tracing::error!(%error, "cannot watch a listener");
            }
        }
    }

    pub(super) fn accept(&mut self) {
        if self.acceptor.is_idle() {
            return;
        }
        if self.acceptor.again_at.is_some_and(|at| self.now < at) {
            return;
        }
        self.acceptor.again_at = None;
        for number in 0..self.acceptor.listeners.len() {
            if self.handshakes.are_behind() && self.acceptor.is_costly(number) {
                // They wait in the kernel until we have done with those who came before.
                continue;
            }
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
            if !listening.may_accept_now(self.now) {
                break;
            }
            match self.network.accept(&mut listening.entrance.listener) {
                Ok((socket, peer)) => {
                    let terms = Arc::clone(&listening.entrance.terms);
                    terms.rate.spend(1, self.now);
                    self.admit(socket, peer, &terms);
                }
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

    fn admit(&mut self, mut socket: N::Socket, peer: Peer, terms: &Terms) {
        let admission = &self.acceptor.admission;
        // Behind a proxy everybody has its address.
        let greeted = match terms.transport.proxy {
            None => admission.greet(peer, &self.sockets, self.now),
            Some(_) => Ok(()),
        };
        if let Err(full) = greeted.and_then(|()| admission.enter(terms)) {
            self.shard.count_turned_away();
            if let Some(left_out) = self.acceptor.warnings.admit(self.now) {
                let listener = &*terms.profile.name;
                tracing::warn!(%peer, listener, left_out, "refused: {full}");
            }
            self.network.close(socket);
            return;
        }
        let stack = match terms.transport.open() {
            Ok(stack) => stack,
            Err(error) => {
                tracing::warn!(%error, %peer, "refused");
                self.network.close(socket);
                self.acceptor.admission.leave(&terms.profile);
                return;
            }
        };
        let id = self.shard.open(peer, &terms.profile, self.now);
        if let Err(error) = self.network.register(&mut socket, id.slot) {
            tracing::warn!(%error, %peer, "cannot watch a connection");
            self.discharge(id, socket);
            return;
        }
        let connection = self.connections.insert(id, socket);
        if let Some(stack) = stack {
            connection.wrap(Some(Box::new(Wrapping::new(stack))));
            self.begin_handshake(id);
        }
    }

    /// Forgets a connection that had been admitted, and closes its socket.
    pub(super) fn discharge(&mut self, id: ConnectionId, socket: N::Socket) {
        self.network.close(socket);
        if let Some(profile) = self.shard.profile(id) {
            self.acceptor.admission.leave(profile);
        }
        self.shard.remove(id);
    }
}

const ACCEPTS_PER_TURN: usize = 64;
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
