//! Writing: what a turn has made for a connection leaves in one system call.

use std::io::{self, IoSlice};

use ferrymq_broker::ConnectionId;

use super::Turn;
use crate::connection::Phase;
use crate::network::Network;

impl<N: Network> Turn<N> {
    /// Writes the output of all dirty connections, and of those to which not all could be written
    /// before.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.spare.ids);
        dirty.append(&mut self.unflushed);
        self.shard.take_dirty(&mut dirty);
        for id in dirty.drain(..) {
            self.flush_one(id);
        }
        self.spare.ids = dirty;
    }

    fn flush_one(&mut self, id: ConnectionId) {
        if self.connections.get_mut(id).is_some_and(|connection| connection.is_wrapped()) {
            self.flush_wrapped(id);
            return;
        }
        for _ in 0..WRITES_PER_ROUND {
            let Some(connection) = self.connections.get_mut(id) else {
                return;
            };
            let Some(output) = self.shard.output(id).filter(|_| !connection.blocked) else {
                return;
            };
            if output.is_empty() {
                if connection.phase == Phase::Flushing {
                    self.linger(id);
                }
                return;
            }
            let (offered, result) = if let Some(piece) = output.only_piece() {
                let pieces = [IoSlice::new(piece)];
                (piece.len(), self.network.write(&mut connection.socket, &pieces))
            } else {
                let (pieces, count) = output.pieces::<PIECES_PER_WRITE>();
                let pieces = pieces.map(IoSlice::new);
                let offered = pieces.iter().map(|piece| piece.len()).sum();
                (offered, self.network.write(&mut connection.socket, &pieces[..count]))
            };
            match result {
                Ok(written) => {
                    connection.blocked = written < offered;
                    self.shard.written(id, written, self.now);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => connection.blocked = true,
                    io::ErrorKind::Interrupted => {}
                    kind => {
                        self.broken(id, kind);
                        return;
                    }
                },
            }
        }
        self.unflushed.push(id);
    }
}

pub(super) const PIECES_PER_WRITE: usize = 16;
pub(super) const WRITES_PER_ROUND: usize = 4;
