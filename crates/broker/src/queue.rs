//! Messages that wait for a session: in what order, and how many.
//!
//! A persistent session's entry is a number, and the message is asked for when it may be sent. A
//! transient session's messages are held in memory, because nothing of it goes to the log.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use ferrymq_codec::QoS;

use crate::identity::{GroupNumber, RecordNumber};
use crate::message::Message;
use crate::sleepers::QueueLimits;

/// The messages that wait for one session. It owns no memory while there are none.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Queued>,
    bytes: usize,
}

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) kept: Kept,
    /// The shared subscription that it came through.
    pub(crate) group: Option<GroupNumber>,
    pub(crate) load: Load,
}

/// A message's length, as counted against the limits, and its quality of service. In four bytes,
/// since an entry is to have no more than 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load(u32);

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

impl Load {
    pub(crate) fn new(weight: usize, qos: QoS) -> Self {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).min(WEIGHT_MASK);
        Self(weight | u32::from(qos.bits()) << WEIGHT_BITS)
    }

    pub(crate) const fn weight(self) -> usize {
        self.weight_bits() as usize
    }

    /// The length in as many bits as are kept of it.
    pub(crate) const fn weight_bits(self) -> u32 {
        self.0 & WEIGHT_MASK
    }

    pub(crate) const fn qos(self) -> QoS {
        match self.0 >> WEIGHT_BITS {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        }
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.entries.len())
    }

    /// The bytes of what waits.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    /// Whether a message of this length may still wait. The oldest are kept: what does not fit is
    /// the new one.
    pub(crate) fn has_room(&self, weight: usize, limits: QueueLimits) -> bool {
        self.len() < limits.messages && self.bytes() + weight <= limits.bytes
    }

    /// Makes room for so many messages at once, and for no more.
    pub(crate) fn reserve(&mut self, count: usize) {
        if count > 0 {
            self.waiting.get_or_insert_default().entries.reserve_exact(count);
        }
    }

    pub(crate) fn push(&mut self, entry: Queued) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes += entry.load.weight();
        waiting.entries.push_back(entry);
    }

    pub(crate) fn front(&self) -> Option<&Queued> {
        self.waiting.as_ref()?.entries.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let waiting = self.waiting.as_mut()?;
        let entry = waiting.entries.pop_front()?;
        waiting.bytes -= entry.load.weight();
        if waiting.entries.is_empty() {
            debug_assert_eq!(waiting.bytes, 0, "the bytes of an empty queue");
            self.waiting = None;
        }
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.waiting.iter().flat_map(|waiting| waiting.entries.iter())
    }

    /// The entries at these places, which must be there.
    pub(crate) fn range(&self, places: Range<usize>) -> impl Iterator<Item = &Queued> {
        self.waiting.iter().flat_map(move |waiting| waiting.entries.range(places.clone()))
    }
}

/// The longest packet has less than 2^28 bytes.
const WEIGHT_BITS: u32 = 30;
const WEIGHT_MASK: u32 = (1 << WEIGHT_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_has_24_bytes_and_idle_queue_a_pointer() {
        assert_eq!(size_of::<Queued>(), 24);
        assert_eq!(size_of::<Queue>(), 8);
    }

    #[test]
    fn load_keeps_length_and_quality_of_service() {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let load = Load::new(268_435_455, qos);
            assert_eq!((load.weight(), load.qos()), (268_435_455, qos));
        }
        assert_eq!(Load::new(usize::MAX, QoS::ExactlyOnce).weight(), WEIGHT_MASK as usize);
    }
}
