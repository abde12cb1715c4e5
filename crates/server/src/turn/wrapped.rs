//! Connections with layers between the socket and MQTT: what is read goes up through them, what is
//! written goes down.
//!
//! What has come through is kept as if it had been read: the packets in it are taken, and the rest
//! is parked. Nothing is read while too much waits to be written, because a layer may answer.

use std::io::{self, IoSlice};

use ferrymq_broker::{ConnectionId, Reading};
use ferrymq_transport::websocket::CloseCode;

use super::Turn;
use super::read::{CONNECTION_BYTES, LARGE_BYTES, Stop};
use super::write::WRITES_PER_ROUND;
use crate::connection::{Connections, Phase};
use crate::network::Network;
use crate::wrapping::{End, Wrapping};

/// What has come through the layers and was not taken yet.
struct Clear {
    bytes: Vec<u8>,
    taken: usize,
}

impl<N: Network> Turn<N> {
    /// Reads from one connection. The number of bytes.
    pub(super) fn read_wrapped(&mut self, id: ConnectionId) -> usize {
        let Some(connection) = self.connections.get_mut(id) else {
            return 0;
        };
        if connection.wrapping().is_some_and(|wrapping| wrapping.is_costly())
            && !self.handshakes.may_step()
        {
            self.make_ready(id);
            return 0;
        }
        let parked = connection.unpark();
        let Some(mut wrapping) = connection.take_wrapping() else {
            return 0;
        };
        let mut clear = Clear::new(parked, &mut self.spare.clear);
        let mut total = 0;
        let stop = self.read_through(id, &mut wrapping, &mut clear, &mut total);
        let rest = clear.into_rest(&mut self.spare.clear);
        if !wrapping.pending().is_empty() {
            self.unflushed.push(id);
        }
        let end = if stop.is_ended() { wrapping.take_end() } else { None };
        if let Some(connection) = self.connections.get_mut(id) {
            connection.wrap(if wrapping.is_done() { None } else { Some(wrapping) });
        }
        match end {
            Some(end) => self.end_of_peer(id, end),
            None => self.stop_reading(id, &stop, rest),
        }
        total
    }

    fn read_through(
        &mut self,
        id: ConnectionId,
        wrapping: &mut Wrapping,
        clear: &mut Clear,
        total: &mut usize,
    ) -> Stop {
        let mut drained = false;
        loop {
            if !clear.is_empty() {
                let (taken, reading) = self.shard.receive(id, clear.bytes(), self.now);
                clear.take(taken);
                match reading {
                    Reading::More { .. } => {}
                    Reading::Later => return Stop::Later,
                    Reading::Paused => return Stop::Paused,
                    Reading::Move(home) => return Stop::Move(home),
                    Reading::Ended => return Stop::Ended,
                }
            }
            if wrapping.has_ended() {
                return Stop::Ended;
            }
            if drained {
                return Stop::Empty;
            }
            if wrapping.pending().len() >= PENDING_BYTES {
                wrapping.is_held_up = true;
                return Stop::Empty;
            }
            if *total >= CONNECTION_BYTES || wrapping.is_done() {
                return Stop::Later;
            }
            let Some(connection) = self.connections.get_mut(id) else {
                return Stop::Ended;
            };
            match self.network.read(&mut connection.socket, &mut self.buffer) {
                Ok(0) => {
                    self.peer_closed(id, None);
                    return Stop::Ended;
                }
                Ok(count) => {
                    drained = count < self.buffer.len() && !connection.read_closed;
                    *total += count;
                    self.pass_up(id, wrapping, clear, count);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Stop::Empty,
                    io::ErrorKind::Interrupted => {}
                    kind => {
                        self.peer_closed(id, Some(kind));
                        return Stop::Ended;
                    }
                },
            }
        }
    }

    /// Hands the first `count` bytes of the buffer to the layers.
    fn pass_up(
        &mut self,
        id: ConnectionId,
        wrapping: &mut Wrapping,
        clear: &mut Clear,
        count: usize,
    ) {
        let before = clear.bytes.len();
        wrapping.receive(self.buffer.get(..count).unwrap_or_default(), &mut clear.bytes);
        self.shard.count_received(clear.bytes.len() - before);
        if let Some(identity) = wrapping.take_identity() {
            self.handshakes.succeed();
            self.shard.identify(id, identity);
        }
    }

    /// A connection has come that begins with a handshake. If there are too many of them, the
    /// oldest is closed: who is honest is rarely that.
    pub(super) fn begin_handshake(&mut self, id: ConnectionId) {
        self.handshakes.begin(id);
        while let Some(oldest) = self.handshakes.take_excess(self.sockets.handshakes) {
            if is_shaking_hands(&mut self.connections, oldest) {
                tracing::debug!("too many handshakes: the oldest is closed");
                self.shard.peer_closed(oldest, Some(io::ErrorKind::TimedOut), self.now);
                self.remove(oldest);
            }
        }
        let connections = &mut self.connections;
        self.handshakes.tidy(|id| is_shaking_hands(connections, *id));
    }

    /// Nothing comes from the peer any more, though its connection is not closed.
    fn end_of_peer(&mut self, id: ConnectionId, end: End) {
        let kind = match end {
            End::Said => None,
            End::Failed(error) => {
                if let Some(peer) = self.shard.peer(id) {
                    tracing::info!(%peer, "closed: {error}");
                }
                Some(io::ErrorKind::InvalidData)
            }
        };
        self.shard.peer_closed(id, kind, self.now);
        self.begin_to_close(id);
    }

    /// Writes what waits for a connection.
    pub(super) fn flush_wrapped(&mut self, id: ConnectionId) {
        let farewell = match self.stop_at {
            None => CloseCode::Normal,
            Some(_) => CloseCode::GoingAway,
        };
        for _ in 0..WRITES_PER_ROUND {
            let Some(connection) = self.connections.get_mut(id).filter(|found| !found.blocked)
            else {
                return;
            };
            let phase = connection.phase;
            let Some(wrapping) =
                connection.extra.as_mut().and_then(|extra| extra.wrapping.as_mut())
            else {
                return;
            };
            if wrapping.pending().is_empty()
                && !wrapping.wrap(self.shard.output(id), &mut self.spare.wrapped)
            {
                if phase == Phase::Flushing && wrapping.say_farewell(farewell) {
                    continue;
                }
                self.all_is_written(id);
                return;
            }
            let offered = wrapping.pending().len();
            match self.network.write(&mut connection.socket, &[IoSlice::new(wrapping.pending())]) {
                Ok(written) => {
                    connection.blocked = written < offered;
                    if let Some(bytes) = wrapping.advance(written, &mut self.spare.wrapped) {
                        self.shard.written(id, bytes, self.now);
                    }
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

    /// Nothing waits for a connection, and nothing more can be wrapped now.
    fn all_is_written(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let phase = connection.phase;
        let Some(wrapping) = connection.wrapping() else {
            return;
        };
        let was_held_up = std::mem::take(&mut wrapping.is_held_up);
        match phase {
            Phase::Flushing => self.linger(id),
            // Such as when the keys of a TLS connection are used up.
            Phase::Open if wrapping.is_exhausted() && !wrapping.has_ended() => {
                self.broken(id, io::ErrorKind::ConnectionAborted);
            }
            Phase::Open if was_held_up => self.make_ready(id),
            Phase::Open | Phase::Lingering | Phase::Gone => {}
        }
    }
}

fn is_shaking_hands<S>(connections: &mut Connections<S>, id: ConnectionId) -> bool {
    connections
        .get_mut(id)
        .and_then(|connection| connection.wrapping())
        .is_some_and(|wrapping| wrapping.is_shaking_hands())
}

impl Stop {
    const fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

impl Clear {
    /// `spare` is the buffer of all connections.
    fn new(parked: Vec<u8>, spare: &mut Vec<u8>) -> Self {
        if parked.len() > LARGE_BYTES {
            return Self { bytes: parked, taken: 0 };
        }
        let mut bytes = std::mem::take(spare);
        bytes.extend_from_slice(&parked);
        Self { bytes, taken: 0 }
    }

    fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Takes bytes away from the front.
    fn take(&mut self, count: usize) {
        self.taken += count;
        // All of it, most of the time. Moving the rest costs no more than passing it up has.
        if self.taken > 0 && self.taken >= self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// What was not taken.
    fn into_rest(mut self, spare: &mut Vec<u8>) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        if self.bytes.len() > LARGE_BYTES {
            return self.bytes;
        }
        let rest = self.bytes.clone();
        self.bytes.clear();
        self.bytes.shrink_to(SPARE_BYTES);
        *spare = self.bytes;
        rest
    }
}

/// Bytes that wait to be written, from which on nothing more is read.
const PENDING_BYTES: usize = 64 * 1024;
/// The largest buffer that is kept for other connections.
const SPARE_BYTES: usize = 256 * 1024;
