//! Messages that wait for a session: in what order, and how many.
//!
//! A persistent session's entry is a number, and the message is asked for when it may be sent. A
//! transient session's messages are held in memory, because nothing of it goes to the log.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::QoS;

use crate::identity::{GroupNumber, RecordNumber};
use crate::limits::Limits;
use crate::message::Message;

/// The messages that wait for one session.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Queued>,
    bytes: usize,
}

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) kept: Kept,
    /// Its length, as counted against the limit.
    pub(crate) weight: u32,
    /// The shared subscription that it came through.
    pub(crate) group: Option<GroupNumber>,
    pub(crate) qos: QoS,
}

/// What a session keeps of a message to be able to send it (again).
#[derive(Debug)]
pub(crate) enum Kept {
    /// Nothing: it is never sent again.
    Nothing,
    /// Its number; the store has the message.
    Stored(RecordNumber),
    /// The message itself.
    Held(Box<Held>),
}

/// A message in memory, as one session is owed it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) message: Arc<Message>,
    pub(crate) retain: bool,
    pub(crate) identifiers: Arc<[NonZeroU32]>,
}

impl Kept {
    pub(crate) const fn number(&self) -> Option<RecordNumber> {
        match self {
            Self::Stored(number) => Some(*number),
            Self::Nothing | Self::Held(_) => None,
        }
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a message of this length may still wait. The oldest are kept: what does not fit is
    /// the new one.
    pub(crate) fn has_room(&self, weight: usize, limits: &Limits) -> bool {
        self.entries.len() < limits.queued_messages && self.bytes + weight <= limits.queued_bytes
    }

    pub(crate) fn push(&mut self, entry: Queued) {
        self.bytes += entry.weight as usize;
        self.entries.push_back(entry);
    }

    pub(crate) fn front(&self) -> Option<&Queued> {
        self.entries.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.weight as usize;
        if self.entries.is_empty() {
            // An idle session owns no queue memory.
            self.entries = VecDeque::new();
        }
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.entries.iter()
    }
}
