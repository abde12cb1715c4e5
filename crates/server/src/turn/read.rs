//! Reading: bytes go into one buffer for all connections and are taken from there. A connection
//! owns a buffer only while a packet is incomplete or waits, and a large packet's own buffer grows
//! with what has arrived, not with what its header claims.

use std::io;

use ferrymq_broker::{ConnectionId, Reading, ShardIndex};

use super::Turn;
use crate::connection::{Input, Phase};
use crate::mailbox::{Arrival, Letter};
use crate::network::Network;

/// Where the bytes of the connection that is being read are.
struct Intake {
    /// The buffer of all connections.
    common: Vec<u8>,
    /// The connection's own, instead, if a packet is large.
    own: Option<Vec<u8>>,
    /// How many bytes wait at the front of the one that is in use.
    filled: usize,
}

/// Why reading from a connection stopped.
pub(super) enum Stop {
    /// Nothing more is there now.
    Empty,
    /// It has had its share.
    Later,
    Paused,
    Move(ShardIndex),
    /// Whatever comes is of no interest.
    Ended,
}

impl<N: Network> Turn<N> {
    /// Reads from the connections that are ready, until the turn has had enough.
    pub(super) fn read(&mut self) {
        self.handshakes.begin_turn();
        let mut total = 0;
        for _ in 0..self.ready.len() {
            if total >= TURN_BYTES {
                return;
            }
            let Some(id) = self.ready.pop_front() else {
                return;
            };
            let Some(connection) = self.connections.get_mut(id) else {
                continue;
            };
            connection.input = Input::Idle;
            total += match connection.phase {
                Phase::Open if connection.is_wrapped() => self.read_wrapped(id),
                Phase::Open => self.read_from(id),
                Phase::Flushing | Phase::Lingering => self.drop_input(id),
                Phase::Gone => 0,
            };
        }
    }

    /// Reads from one connection. The number of bytes.
    fn read_from(&mut self, id: ConnectionId) -> usize {
        let Some(connection) = self.connections.get_mut(id) else {
            return 0;
        };
        let parked = connection.unpark();
        let common = std::mem::take(&mut self.buffer);
        let mut intake = Intake::new(common, parked);
        let mut total = 0;
        let stop = self.read_into(id, &mut intake, &mut total);
        let (common, rest) = intake.into_rest();
        self.buffer = common;
        self.stop_reading(id, &stop, rest);
        total
    }

    fn read_into(&mut self, id: ConnectionId, intake: &mut Intake, total: &mut usize) -> Stop {
        let mut drained = false;
        loop {
            if intake.filled > 0 {
                let (taken, reading) = self.shard.receive(id, intake.bytes(), self.now);
                intake.take(taken);
                match reading {
                    Reading::More { needed } => intake.make_room(needed),
                    Reading::Later => return Stop::Later,
                    Reading::Paused => return Stop::Paused,
                    Reading::Move(home) => return Stop::Move(home),
                    Reading::Ended => return Stop::Ended,
                }
            }
            if drained {
                return Stop::Empty;
            }
            if *total >= CONNECTION_BYTES {
                return Stop::Later;
            }
            let Some(connection) = self.connections.get_mut(id) else {
                return Stop::Ended;
            };
            let room = intake.room();
            let room_bytes = room.len();
            match self.network.read(&mut connection.socket, room) {
                Ok(0) => {
                    self.peer_closed(id, None);
                    return Stop::Ended;
                }
                Ok(count) => {
                    // After a short read nothing is left, unless the peer has closed: of that no
                    // further event tells.
                    drained = count < room_bytes && !connection.read_closed;
                    intake.filled += count;
                    *total += count;
                    self.shard.count_received(count);
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

    pub(super) fn stop_reading(&mut self, id: ConnectionId, stop: &Stop, rest: Vec<u8>) {
        if let Stop::Move(home) = stop {
            self.move_home(id, *home, rest);
            return;
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match stop {
            Stop::Ended => return,
            Stop::Paused => connection.input = Input::Paused,
            Stop::Empty | Stop::Later | Stop::Move(_) => {}
        }
        connection.park(rest);
        if matches!(stop, Stop::Later) {
            self.make_ready(id);
        }
    }

    /// Sends a connection to the shard where its client is at home.
    fn move_home(&mut self, id: ConnectionId, home: ShardIndex, bytes: Vec<u8>) {
        let Some(mut connection) = self.connections.remove(id) else {
            return;
        };
        let deregistered = self.network.deregister(&mut connection.socket);
        if deregistered.is_err() || !self.network.is_connected(&connection.socket) {
            // It has been reset meanwhile.
            self.discharge(id, connection.socket);
            return;
        }
        let Some(newcomer) = self.shard.depart(id) else {
            return;
        };
        let wrapping = connection.take_wrapping();
        let arrival = Arrival { socket: connection.socket, newcomer, wrapping, bytes };
        self.post[home.as_usize()].post(Letter::Arrival(Box::new(arrival)));
        self.to_wake[home.as_usize()] = true;
    }

    /// Reads what the peer of a connection that we have ended still sends, and drops it.
    fn drop_input(&mut self, id: ConnectionId) -> usize {
        let mut total = 0;
        while let Some(connection) = self.connections.get_mut(id) {
            match self.network.read(&mut connection.socket, &mut self.buffer) {
                Ok(0) => {
                    self.remove(id);
                    break;
                }
                Ok(count) => {
                    total += count;
                    let extra = connection.extra.get_or_insert_default();
                    extra.dropped += count;
                    if extra.dropped > LINGER_BYTES {
                        self.remove(id);
                        break;
                    }
                    if count < self.buffer.len() && !connection.read_closed {
                        break;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::Interrupted => {}
                    _ => {
                        self.remove(id);
                        break;
                    }
                },
            }
        }
        total
    }
}

impl Intake {
    fn new(mut common: Vec<u8>, parked: Vec<u8>) -> Self {
        let filled = parked.len();
        if filled > LARGE_BYTES {
            return Self { common, own: Some(parked), filled };
        }
        common[..filled].copy_from_slice(&parked);
        Self { common, own: None, filled }
    }

    fn bytes(&self) -> &[u8] {
        &self.own.as_ref().unwrap_or(&self.common)[..self.filled]
    }

    /// Takes bytes away from the front.
    fn take(&mut self, count: usize) {
        if count > 0 {
            self.own.as_mut().unwrap_or(&mut self.common).copy_within(count..self.filled, 0);
            self.filled -= count;
        }
    }

    /// Chooses the buffer for a packet of this length, whose beginning waits.
    fn make_room(&mut self, needed: Option<usize>) {
        let needed = needed.unwrap_or(0);
        let large = needed.max(self.filled) > LARGE_BYTES;
        match &mut self.own {
            None if large => self.own = Some(self.common[..self.filled].to_vec()),
            Some(own) if !large => {
                self.common[..self.filled].copy_from_slice(&own[..self.filled]);
                self.own = None;
            }
            _ => {}
        }
        if let Some(own) = &mut self.own {
            let missing = needed.saturating_sub(self.filled).max(1);
            own.truncate(self.filled);
            // At most twice of what has really come: a header alone reserves nothing.
            if own.capacity() - self.filled < missing.min(READ_AHEAD_BYTES) {
                own.reserve_exact(missing.min(self.filled.max(READ_AHEAD_BYTES)));
            }
            own.resize(self.filled + missing.min(READ_AHEAD_BYTES), 0);
        }
    }

    /// Where the next bytes go.
    fn room(&mut self) -> &mut [u8] {
        &mut self.own.as_mut().unwrap_or(&mut self.common)[self.filled..]
    }

    /// The common buffer, and what was not taken.
    fn into_rest(self) -> (Vec<u8>, Vec<u8>) {
        let rest = match self.own {
            Some(mut own) => {
                own.truncate(self.filled);
                own
            }
            None => self.common[..self.filled].to_vec(),
        };
        (self.common, rest)
    }
}

/// Bytes that one connection may send in one turn.
pub(super) const CONNECTION_BYTES: usize = 256 * 1024;
/// Bytes that are read in one turn.
const TURN_BYTES: usize = 4 * 1024 * 1024;
/// A packet that is larger than this and incomplete gets a buffer of its own.
pub(super) const LARGE_BYTES: usize = 32 * 1024;
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes that are dropped from a connection that we have ended.
const LINGER_BYTES: usize = 64 * 1024;
