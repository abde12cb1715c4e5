//! What shards tell each other. The mail between two shards is one FIFO.

use std::sync::Arc;

use crate::identity::{GroupNumber, RecordNumber, SessionRef, ShardIndex};
use crate::message::Message;
use crate::queue::Load;
use crate::round::Round;
use crate::route::{Route, Target};

/// A letter from one shard to another.
#[derive(Debug)]
pub enum Mail {
    /// A message for the sessions that a route names on the receiving shard.
    Deliver {
        /// The message.
        message: Arc<Message>,
        /// Its record, if it is owed to persistent sessions.
        number: Option<RecordNumber>,
        /// Who gets it.
        route: Arc<Route>,
    },
    /// A message for one member of a shared subscription.
    DeliverShared(Box<Shared>),
    /// A stored message of a shared subscription, for another member than it was owed to.
    Owed(Box<Owed>),
    /// A round has begun on the shard that sends this: what it sent before was made before.
    Barrier(Arc<Round>),
}

/// A stored message that a session takes over.
#[derive(Debug)]
pub struct Owed {
    pub(crate) number: RecordNumber,
    pub(crate) group: GroupNumber,
    pub(crate) load: Load,
    pub(crate) session: SessionRef,
}

/// A message of a shared subscription, for one member.
#[derive(Debug)]
pub struct Shared {
    pub(crate) message: Arc<Message>,
    pub(crate) number: Option<RecordNumber>,
    pub(crate) group: GroupNumber,
    pub(crate) target: Target,
    /// Shards of which no member may have it.
    pub(crate) passed: Vec<ShardIndex>,
}

impl Mail {
    /// How many bytes of messages the letter keeps alive, as counted against the mail limit.
    pub fn weight(&self) -> usize {
        match self {
            Self::Deliver { message, .. } => message.weight(),
            Self::DeliverShared(shared) => shared.message.weight(),
            Self::Owed(_) => size_of::<Owed>(),
            Self::Barrier(_) => size_of::<Arc<Round>>(),
        }
    }
}

/// The letters of a turn, by shard.
#[derive(Debug)]
pub(crate) struct Outbox {
    letters: Vec<Vec<Mail>>,
    /// How many letters there are for all shards together.
    count: usize,
    /// Bytes that wait in the mail for each shard: what its driver last told us, and what was put
    /// here since.
    waiting: Vec<usize>,
}

impl Outbox {
    pub(crate) fn new(shards: u16) -> Self {
        let shards = usize::from(shards);
        let letters = (0..shards).map(|_| Vec::new()).collect();
        Self { letters, count: 0, waiting: vec![0; shards] }
    }

    pub(crate) fn post(&mut self, to: ShardIndex, mail: Mail) {
        self.waiting[to.as_usize()] += mail.weight();
        self.letters[to.as_usize()].push(mail);
        self.count += 1;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn take(&mut self, to: ShardIndex) -> Vec<Mail> {
        let letters = std::mem::take(&mut self.letters[to.as_usize()]);
        self.count -= letters.len();
        letters
    }

    pub(crate) fn set_waiting(&mut self, to: ShardIndex, bytes: usize) {
        self.waiting[to.as_usize()] = bytes;
    }

    /// Whether the mail for some shard is at its limit.
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.waiting.iter().any(|waiting| *waiting >= limit)
    }
}
