//! What is going to happen, and when: the virtual clock moves from one entry to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use ferrymq_protocol::time::Instant;

/// Something that happens at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Occasion {
    /// A connection's first packet reaches the listener.
    Knock(u32),
    /// Bytes (or their end) reach the other side.
    Arrival(u32, Direction),
    /// The writer of a direction learns that there is room again.
    Room(u32, Direction),
    /// The server is told that there may be something to read.
    Readable(u32),
    /// The server learns that the connection was reset.
    Reset(u32),
    /// A client looks at what has arrived on a connection.
    ClientReads(usize, u32),
    /// A client does something.
    Tick(usize),
    /// In this life of the broker:
    InLife(usize, Business),
    /// A client loses a right.
    LoseRight,
    /// The broker dies, at once or after some more of what it does.
    Crash,
}

/// What happens to a broker, and not to the one that comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Business {
    /// Records of a shard are durable up to this counter.
    Durable(u16, u64),
    /// The store answers this fetch.
    Fetch(usize),
    /// The control plane answers this question.
    Answer(usize),
    /// The log has room again.
    LogHasRoom,
    /// The log works.
    Log(Step),
}

/// What a log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// It writes what waits, and syncs it.
    Commit,
    /// It syncs what was only written.
    Sync,
    /// It reads for those who have asked, and frees old segments.
    Read,
}

/// One of the two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The occasions that lie ahead. Of two at the same time the one that was planned first is first.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    occasions: BinaryHeap<Reverse<(Instant, u64, Occasion)>>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Instant, occasion: Occasion) {
        self.planned += 1;
        self.occasions.push(Reverse((at, self.planned, occasion)));
    }

    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.occasions.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, Occasion)> {
        self.occasions.pop().map(|Reverse((at, _, occasion))| (at, occasion))
    }
}

/// The time so many microseconds after another.
pub(crate) fn after(now: Instant, microseconds: usize) -> Instant {
    now.saturating_add(Duration::from_micros(microseconds as u64))
}
