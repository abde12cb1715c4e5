//! The virtual network: connections as two pipes of bytes that take their time, are of limited
//! size, break, and tell about readiness in single edges.
//!
//! An edge is made exactly when the contract of [`ferrymq_server::Network`] promises one: new bytes
//! have arrived, or a reader or writer that was given less than it asked for can go on. Whoever
//! forgets an edge waits for ever, which the run then shows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ferrymq_protocol::time::Instant;
use ferrymq_server::Closed;

use crate::agenda::{Agenda, Direction, Occasion, after};
use crate::layers::Door;
use crate::options::NetworkFaults;
use crate::random::{PerMille, Random};

/// All connections that there ever were, and those that nobody has accepted yet.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) connections: Vec<Connection>,
    /// By door.
    backlogs: [VecDeque<u32>; Door::ALL.len()],
    /// The connections with edges that were not handed out, by shard.
    edges: Vec<BTreeMap<u32, Edge>>,
    /// Whether connections have come since the shard last looked.
    knocks: Vec<bool>,
    pub(crate) faults: NetworkFaults,
    pub(crate) random: Random,
}

/// A connection. A client has one end, the broker the other.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each end closes and breaks by itself")]
pub(crate) struct Connection {
    pub(crate) client: usize,
    door: Door,
    up: Pipe,
    down: Pipe,
    /// Which shard's poller watches it, in which slot.
    watched: Option<(usize, u32)>,
    /// It has reached the server's machine.
    is_known: bool,
    /// The server has learned of a reset.
    reset: bool,
    /// It reads the error once, and the end after that.
    reset_was_read: bool,
    /// The client's end exists no more, and never says so.
    vanished: bool,
    /// The client has closed or reset its end.
    client_gone: bool,
    server_closed: bool,
    /// When the server could first see that the client has closed its direction.
    ended_at: Option<Instant>,
    /// The server's end was reset when it was closed, and what was on its way down is lost.
    reset_by_server: bool,
}

/// The server's end of a connection.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) u32);

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    under_way: VecDeque<(Instant, Option<Vec<u8>>)>,
    arrived: VecDeque<u8>,
    under_way_bytes: usize,
    last_arrival: Instant,
    /// The writer was told that there is no room, and not yet that there is.
    starved: bool,
    finished: bool,
    ended: bool,
}

/// What a poller tells of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) slot: u32,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) closed: Closed,
}

/// What a client reads.
#[derive(Debug)]
pub(crate) enum ClientRead {
    Bytes(Vec<u8>),
    Nothing,
    /// The server has closed its direction, or everything.
    End,
}

/// What the server gets from reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    WouldBlock,
    Reset,
}

impl Wire {
    pub(crate) fn new(shards: u16, faults: NetworkFaults, random: Random) -> Self {
        let shards = usize::from(shards);
        Self {
            connections: Vec::new(),
            backlogs: Default::default(),
            edges: vec![BTreeMap::new(); shards],
            knocks: vec![false; shards],
            faults,
            random,
        }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) const fn heal(&mut self) {
        let never = PerMille(0);
        self.faults.short = never;
        self.faults.would_block = never;
        self.faults.spurious = never;
        self.faults.accept_fails = never;
    }

    // The client's end.

    pub(crate) fn open(
        &mut self,
        client: usize,
        door: Door,
        now: Instant,
        agenda: &mut Agenda,
    ) -> u32 {
        let connection = Connection {
            client,
            door,
            up: Pipe::default(),
            down: Pipe::default(),
            watched: None,
            is_known: false,
            reset: false,
            reset_was_read: false,
            vanished: false,
            client_gone: false,
            server_closed: false,
            ended_at: None,
            reset_by_server: false,
        };
        self.connections.push(connection);
        let id = u32::try_from(self.connections.len() - 1).expect("a run has few connections");
        let at = after(now, self.random.between(0, self.faults.delay_us));
        agenda.plan(at, Occasion::Knock(id));
        id
    }

    /// How many of the bytes fit.
    pub(crate) fn client_writes(
        &mut self,
        id: u32,
        bytes: &[u8],
        now: Instant,
        agenda: &mut Agenda,
    ) -> usize {
        let capacity = self.faults.capacity;
        let connection = &mut self.connections[id as usize];
        if connection.vanished || connection.client_gone || connection.server_closed {
            return bytes.len();
        }
        let room = capacity.saturating_sub(connection.up.used());
        let count = bytes.len().min(room);
        connection.up.starved = count < bytes.len();
        self.send(id, Direction::Up, &bytes[..count], now, agenda);
        count
    }

    pub(crate) fn client_reads(
        &mut self,
        id: u32,
        most: usize,
        now: Instant,
        agenda: &mut Agenda,
    ) -> ClientRead {
        let connection = &mut self.connections[id as usize];
        if connection.vanished || connection.client_gone {
            return ClientRead::Nothing;
        }
        if connection.reset_by_server {
            return ClientRead::End;
        }
        let pipe = &mut connection.down;
        if pipe.arrived.is_empty() {
            return if pipe.ended { ClientRead::End } else { ClientRead::Nothing };
        }
        let count = pipe.arrived.len().min(most);
        let bytes = pipe.arrived.drain(..count).collect();
        self.plan_room(id, Direction::Down, now, agenda);
        ClientRead::Bytes(bytes)
    }

    /// The client sends nothing more.
    pub(crate) fn client_finishes(&mut self, id: u32, now: Instant, agenda: &mut Agenda) {
        let connection = &self.connections[id as usize];
        if !connection.vanished && !connection.client_gone && !connection.up.finished {
            self.finish(id, Direction::Up, now, agenda);
        }
    }

    /// The client closes its end: behind what it has sent, if it has read everything.
    pub(crate) fn client_closes(&mut self, id: u32, now: Instant, agenda: &mut Agenda) {
        let connection = &mut self.connections[id as usize];
        if connection.vanished || connection.client_gone {
            return;
        }
        if connection.down.arrived.is_empty() && connection.down.under_way.is_empty() {
            self.client_finishes(id, now, agenda);
            self.connections[id as usize].client_gone = true;
        } else {
            self.cut(id, now, agenda);
        }
    }

    /// The connection is reset: what is on its way is lost, and the server learns it in time.
    pub(crate) fn cut(&mut self, id: u32, now: Instant, agenda: &mut Agenda) {
        let delay = self.random.between(0, self.faults.delay_us);
        let connection = &mut self.connections[id as usize];
        connection.client_gone = true;
        connection.up.under_way.clear();
        connection.up.under_way_bytes = 0;
        agenda.plan(after(now, delay), Occasion::Reset(id));
    }

    /// The client's end is gone without a word. Much later the network gives up.
    pub(crate) fn vanish(&mut self, id: u32, now: Instant, agenda: &mut Agenda) {
        self.connections[id as usize].vanished = true;
        let delay = self.random.between(1_000_000, 40_000_000);
        agenda.plan(after(now, delay), Occasion::Reset(id));
    }

    /// How long the broker took to close a connection whose client had closed its direction.
    pub(crate) fn took_to_close(&self, id: u32, now: Instant) -> Option<Duration> {
        let connection = &self.connections[id as usize];
        connection.ended_at.map(|ended_at| now.saturating_duration_since(ended_at))
    }

    /// Whether the broker cannot act on this connection any more.
    pub(crate) fn is_over(&self, id: u32) -> bool {
        self.connections[id as usize].server_closed
    }

    // What happens in between.

    pub(crate) fn knock(&mut self, id: u32) {
        if self.connections[id as usize].reset {
            // It was reset before anybody could see it.
            self.connections[id as usize].server_closed = true;
            return;
        }
        let connection = &mut self.connections[id as usize];
        connection.is_known = true;
        self.backlogs[connection.door.number() as usize].push_back(id);
        self.knocks.fill(true);
    }

    pub(crate) fn arrive(&mut self, id: u32, direction: Direction, now: Instant) {
        let connection = &mut self.connections[id as usize];
        let lost = connection.vanished
            || match direction {
                Direction::Up => connection.reset || connection.server_closed,
                Direction::Down => connection.client_gone || connection.reset_by_server,
            };
        let pipe = connection.pipe(direction);
        while let Some((at, _)) = pipe.under_way.front()
            && *at <= now
        {
            let Some((_, piece)) = pipe.under_way.pop_front() else {
                break;
            };
            match piece {
                Some(bytes) => {
                    pipe.under_way_bytes -= bytes.len();
                    if !lost {
                        pipe.arrived.extend(bytes);
                    }
                }
                None if lost => {}
                None => pipe.ended = true,
            }
        }
        let ended = pipe.ended;
        if ended && direction == Direction::Up {
            connection.ended_at.get_or_insert(now);
        }
        if direction == Direction::Up && !lost {
            let closed = if ended { Closed::Read } else { Closed::No };
            self.edge(id, true, false, closed);
        }
    }

    pub(crate) fn give_room(&mut self, id: u32, direction: Direction) -> bool {
        let capacity = self.faults.capacity;
        let pipe = self.connections[id as usize].pipe(direction);
        if !pipe.starved || pipe.used() >= capacity {
            return false;
        }
        pipe.starved = false;
        if direction == Direction::Down {
            self.edge(id, false, true, Closed::No);
        }
        true
    }

    pub(crate) fn tell_readable(&mut self, id: u32) {
        let connection = &self.connections[id as usize];
        if !connection.up.arrived.is_empty() || connection.up.ended {
            self.edge(id, true, false, Closed::No);
        }
    }

    pub(crate) fn reset(&mut self, id: u32) {
        let connection = &mut self.connections[id as usize];
        connection.reset = true;
        connection.client_gone = true;
        connection.up.arrived.clear();
        connection.down.under_way.clear();
        connection.down.under_way_bytes = 0;
        connection.down.arrived.clear();
        self.edge(id, true, true, Closed::Both);
    }

    // The server's end.

    /// The edges for a shard: some or all of those that there are, and now and then one that means
    /// nothing.
    pub(crate) fn take_edges(&mut self, shard: usize) -> (bool, Vec<Edge>) {
        let edges = &mut self.edges[shard];
        let count = match self.random.below(3) {
            0 => self.random.between(1, 2),
            _ => usize::MAX,
        };
        let mut taken = Vec::new();
        while taken.len() < count
            && let Some((_, edge)) = edges.pop_first()
        {
            taken.push(edge);
        }
        if !taken.is_empty() && self.random.chance(self.faults.spurious) {
            let slot = u32::try_from(self.random.below(6)).unwrap_or(0);
            taken.push(Edge { slot, readable: true, writable: true, closed: Closed::No });
        }
        (std::mem::take(&mut self.knocks[shard]), taken)
    }

    pub(crate) fn has_edges(&self, shard: usize) -> bool {
        self.knocks[shard] || !self.edges[shard].is_empty()
    }

    /// `None`: nobody waits.
    pub(crate) fn accept(&mut self, door: Door) -> Option<u32> {
        self.backlogs[door.number() as usize].pop_front()
    }

    pub(crate) fn watch(&mut self, id: u32, shard: usize, slot: u32) {
        let capacity = self.faults.capacity;
        let connection = &mut self.connections[id as usize];
        connection.watched = Some((shard, slot));
        let readable = connection.reset || !connection.up.arrived.is_empty() || connection.up.ended;
        let closed = match (connection.reset, connection.up.ended) {
            (true, _) => Closed::Both,
            (false, true) => Closed::Read,
            (false, false) => Closed::No,
        };
        let writable = connection.down.used() < capacity;
        self.edge(id, readable, writable, closed);
    }

    pub(crate) fn unwatch(&mut self, id: u32) {
        if let Some((shard, _)) = self.connections[id as usize].watched.take() {
            self.edges[shard].remove(&id);
        }
    }

    pub(crate) fn server_reads(
        &mut self,
        id: u32,
        buffer: &mut [u8],
        now: Instant,
        agenda: &mut Agenda,
    ) -> Result<usize, Refusal> {
        let connection = &mut self.connections[id as usize];
        if connection.reset {
            return if std::mem::replace(&mut connection.reset_was_read, true) {
                Ok(0)
            } else {
                Err(Refusal::Reset)
            };
        }
        let available = connection.up.arrived.len();
        if available == 0 {
            return if connection.up.ended { Ok(0) } else { Err(Refusal::WouldBlock) };
        }
        let soon = after(now, self.random.between(0, self.faults.delay_us));
        if self.random.chance(self.faults.would_block) {
            agenda.plan(soon, Occasion::Readable(id));
            return Err(Refusal::WouldBlock);
        }
        let mut count = available.min(buffer.len());
        if self.random.chance(self.faults.short) {
            count = self.random.between(1, count);
        }
        if count < available && count < buffer.len() {
            agenda.plan(soon, Occasion::Readable(id));
        }
        let pipe = &mut self.connections[id as usize].up;
        for (place, byte) in buffer.iter_mut().zip(pipe.arrived.drain(..count)) {
            *place = byte;
        }
        self.plan_room(id, Direction::Up, now, agenda);
        Ok(count)
    }

    pub(crate) fn server_writes(
        &mut self,
        id: u32,
        bytes: &[u8],
        now: Instant,
        agenda: &mut Agenda,
    ) -> Result<usize, Refusal> {
        let capacity = self.faults.capacity;
        let connection = &mut self.connections[id as usize];
        if connection.reset {
            return Err(Refusal::Reset);
        }
        let room = capacity.saturating_sub(connection.down.used());
        if room == 0 {
            connection.down.starved = true;
            return Err(Refusal::WouldBlock);
        }
        let soon = after(now, self.random.between(0, self.faults.delay_us));
        if self.random.chance(self.faults.would_block) {
            connection.down.starved = true;
            agenda.plan(soon, Occasion::Room(id, Direction::Down));
            return Err(Refusal::WouldBlock);
        }
        let mut count = bytes.len().min(room);
        if self.random.chance(self.faults.short) {
            count = self.random.between(1, count);
        }
        if count < bytes.len() {
            connection.down.starved = true;
            if count < room {
                agenda.plan(soon, Occasion::Room(id, Direction::Down));
            }
        }
        self.send(id, Direction::Down, &bytes[..count], now, agenda);
        Ok(count)
    }

    /// `false`: the connection exists no more.
    pub(crate) fn server_finishes(&mut self, id: u32, now: Instant, agenda: &mut Agenda) -> bool {
        if self.connections[id as usize].reset {
            return false;
        }
        self.finish(id, Direction::Down, now, agenda);
        true
    }

    pub(crate) fn is_connected(&self, id: u32) -> bool {
        !self.connections[id as usize].reset
    }

    pub(crate) fn server_closes(&mut self, id: u32, now: Instant, agenda: &mut Agenda) {
        self.unwatch(id);
        let connection = &mut self.connections[id as usize];
        connection.server_closed = true;
        if connection.reset {
            return;
        }
        let unread = !connection.up.arrived.is_empty() || !connection.up.under_way.is_empty();
        if unread && !connection.up.ended {
            // What nobody has read turns the close into a reset.
            connection.reset_by_server = true;
            connection.down.arrived.clear();
            let at = after(now, self.faults.delay_us);
            agenda.plan(at, Occasion::Arrival(id, Direction::Down));
        } else if !connection.down.finished {
            self.finish(id, Direction::Down, now, agenda);
        }
    }

    /// Connections that nobody has accepted yet wait for the next life, and so do their ends.
    pub(crate) fn server_returns(&mut self, now: Instant) {
        for connection in &mut self.connections {
            if let Some(ended_at) = &mut connection.ended_at {
                *ended_at = now;
            }
        }
    }

    /// The server's process has ended, and its kernel closes all its connections, also those that
    /// nobody has accepted. The next process has so many shards.
    pub(crate) fn server_dies(&mut self, shards: u16, now: Instant, agenda: &mut Agenda) {
        for id in 0..u32::try_from(self.connections.len()).expect("a run has few connections") {
            let connection = &self.connections[id as usize];
            if connection.is_known && !connection.server_closed {
                self.server_closes(id, now, agenda);
            }
        }
        self.backlogs.iter_mut().for_each(VecDeque::clear);
        self.edges = vec![BTreeMap::new(); usize::from(shards)];
        self.knocks = vec![false; usize::from(shards)];
    }

    fn send(
        &mut self,
        id: u32,
        direction: Direction,
        bytes: &[u8],
        now: Instant,
        agenda: &mut Agenda,
    ) {
        if bytes.is_empty() {
            return;
        }
        let arrival = after(now, self.random.between(0, self.faults.delay_us));
        let pipe = self.connections[id as usize].pipe(direction);
        pipe.last_arrival = pipe.last_arrival.max(arrival);
        pipe.under_way.push_back((pipe.last_arrival, Some(bytes.to_vec())));
        pipe.under_way_bytes += bytes.len();
        agenda.plan(pipe.last_arrival, Occasion::Arrival(id, direction));
    }

    fn finish(&mut self, id: u32, direction: Direction, now: Instant, agenda: &mut Agenda) {
        let arrival = after(now, self.random.between(0, self.faults.delay_us));
        let pipe = self.connections[id as usize].pipe(direction);
        pipe.finished = true;
        pipe.last_arrival = pipe.last_arrival.max(arrival);
        pipe.under_way.push_back((pipe.last_arrival, None));
        agenda.plan(pipe.last_arrival, Occasion::Arrival(id, direction));
    }

    fn plan_room(&mut self, id: u32, direction: Direction, now: Instant, agenda: &mut Agenda) {
        if self.connections[id as usize].pipe(direction).starved {
            let at = after(now, self.random.between(0, self.faults.delay_us));
            agenda.plan(at, Occasion::Room(id, direction));
        }
    }

    fn edge(&mut self, id: u32, readable: bool, writable: bool, closed: Closed) {
        if !readable && !writable && closed == Closed::No {
            return;
        }
        let Some((shard, slot)) = self.connections[id as usize].watched else {
            return;
        };
        let nothing = Edge { slot, readable: false, writable: false, closed: Closed::No };
        let edge = self.edges[shard].entry(id).or_insert(nothing);
        edge.readable |= readable;
        edge.writable |= writable;
        edge.closed = match (edge.closed, closed) {
            (Closed::Both, _) | (_, Closed::Both) => Closed::Both,
            (Closed::Read, _) | (_, Closed::Read) => Closed::Read,
            (Closed::No, Closed::No) => Closed::No,
        };
    }
}

impl Connection {
    const fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

impl Pipe {
    fn used(&self) -> usize {
        self.arrived.len() + self.under_way_bytes
    }
}
