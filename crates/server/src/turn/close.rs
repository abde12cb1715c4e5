//! Closing: our last words reach the peer before the connection goes.

use std::io;

use ferrymq_broker::ConnectionId;

use super::Turn;
use crate::connection::{Input, Phase};
use crate::network::Network;

impl<N: Network> Turn<N> {
    /// Begins to close the connections that the shard has ended.
    pub(super) fn close(&mut self) {
        let mut ids = std::mem::take(&mut self.spare.ids);
        self.shard.take_closing(&mut ids);
        for id in ids.drain(..) {
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            match connection.phase {
                Phase::Gone => self.remove(id),
                Phase::Open => self.begin_to_close(id),
                Phase::Flushing | Phase::Lingering => {}
            }
        }
        self.spare.ids = ids;
    }

    /// Our direction is flushed: closes it, and waits for the peer to close the other.
    pub(super) fn linger(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.phase = Phase::Lingering;
        if self.network.shut_down_write(&mut connection.socket).is_err() {
            self.remove(id);
        }
    }

    /// Closes the connections whose peers take too long to read our last words.
    pub(super) fn close_overdue(&mut self) {
        while let Some((deadline, id)) = self.lingering.front().copied()
            && (deadline <= self.now
                || self.lingering_count > self.sockets.lingering
                || self.connections.get_mut(id).is_none())
        {
            self.lingering.pop_front();
            self.remove(id);
        }
    }

    /// The peer has closed the connection, or it failed.
    pub(super) fn peer_closed(&mut self, id: ConnectionId, error: Option<io::ErrorKind>) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.phase = Phase::Gone;
            connection.unpark();
            self.shard.peer_closed(id, error, self.now);
        }
    }

    /// Nothing can be written to the connection any more.
    pub(super) fn broken(&mut self, id: ConnectionId, error: io::ErrorKind) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match connection.phase {
            Phase::Open => self.peer_closed(id, Some(error)),
            Phase::Flushing | Phase::Lingering => self.remove(id),
            Phase::Gone => {}
        }
    }

    /// Closes the socket and forgets the connection.
    pub(super) fn remove(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(id) {
            if matches!(connection.phase, Phase::Flushing | Phase::Lingering) {
                self.lingering_count -= 1;
            }
            self.handshakes.leave(connection.wrapping());
            self.discharge(id, connection.socket);
        }
    }

    pub(super) fn begin_to_close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.phase = Phase::Flushing;
        connection.unpark();
        connection.input = Input::Idle;
        let is_wrapped = connection.is_wrapped();
        self.lingering_count += 1;
        self.lingering.push_back((self.now.saturating_add(self.sockets.linger), id));
        if is_wrapped {
            // Its layers have last words of their own.
            self.unflushed.push(id);
        } else if self.shard.output(id).is_none_or(|output| output.is_empty()) {
            self.linger(id);
        }
        // What it has sent and we did not read would turn the close into a reset.
        self.make_ready(id);
    }
}
