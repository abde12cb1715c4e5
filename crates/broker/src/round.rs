//! A round: the log is about to free its oldest segments, and asks what in them still holds.
//!
//! Each shard answers twice. State it says again, as records that go to the end of the log like any
//! others. Of messages it names those that somebody is still owed, the survivors: the log copies
//! them under their old numbers.

use std::sync::Arc;

use crate::identity::{RecordNumber, SessionNumber, SessionRef, ShardIndex};
use crate::retained_table::Cursor;

/// What the log asks in one round.
#[derive(Debug)]
pub struct Round {
    /// Which round it is. A later one has a higher number, and begins when all shards are done with
    /// the one before.
    pub number: u64,
    /// The records that are about to be freed.
    pub saved: Extents,
}

/// Record numbers, as ranges of each writer's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    /// First and last of each range, in order, with gaps between them. A range has one writer.
    ranges: Vec<(RecordNumber, RecordNumber)>,
}

/// A message that a session is still owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Survivor {
    /// The message.
    pub message: RecordNumber,
    /// The session.
    pub session: SessionNumber,
}

/// The rounds of one shard.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// The number of the last round that was begun here.
    last: u64,
    open: Option<Box<OpenRound>>,
    survivors: Vec<Survivor>,
    done: Option<u64>,
}

/// A round that this shard is not done with.
#[derive(Debug)]
pub(crate) struct OpenRound {
    pub(crate) round: Arc<Round>,
    /// How many shards may still have mail on its way here that they made before the round.
    awaited: u16,
    /// How far what is retained was said again; `None`: all of it, or another shard does it.
    pub(crate) retained: Option<Page>,
    /// The place of the next session to be looked at.
    pub(crate) next_slot: usize,
    /// The session that is being looked at.
    pub(crate) session: Option<Remainder>,
}

/// Where the next page of retained messages starts.
#[derive(Debug)]
pub(crate) enum Page {
    First,
    From(Cursor),
}

/// What is left to do for one session.
#[derive(Debug)]
pub(crate) struct Remainder {
    pub(crate) session: SessionRef,
    /// The filters of subscriptions that are still to be said again.
    pub(crate) filters: Vec<Box<str>>,
    /// How many messages from the front of its queue are still to be looked at.
    pub(crate) queued: usize,
}

impl Rounds {
    /// Begins a round, unless it was begun before. `others` is how many other shards there are.
    pub(crate) fn begin(
        &mut self,
        round: &Arc<Round>,
        others: u16,
        retained: Option<Page>,
    ) -> bool {
        let is_new = round.number > self.last;
        if is_new {
            self.last = round.number;
            let round = Arc::clone(round);
            let open = OpenRound { round, awaited: others, retained, next_slot: 0, session: None };
            self.open = Some(Box::new(open));
        }
        is_new
    }

    /// A shard has sent all mail that it made before the round.
    pub(crate) fn take_barrier(&mut self, round: u64) {
        if let Some(open) = self.open.as_mut().filter(|open| open.round.number == round) {
            open.awaited = open.awaited.saturating_sub(1);
        }
    }

    /// Whether there is something to look at or to say again.
    pub(crate) fn has_work(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.awaited == 0)
    }

    /// Takes the open round, to go on with it.
    pub(crate) fn take_open(&mut self) -> Option<Box<OpenRound>> {
        self.open.take_if(|open| open.awaited == 0)
    }

    /// The round goes on in the next turn.
    pub(crate) fn put_back(&mut self, open: Box<OpenRound>) {
        self.open = Some(open);
    }

    /// Everything was looked at.
    pub(crate) const fn finish(&mut self, round: u64) {
        self.done = Some(round);
    }

    pub(crate) fn survives(&mut self, survivor: Survivor) {
        self.survivors.push(survivor);
    }

    /// A message goes from one session to another, which may have been looked at already.
    pub(crate) fn reassigned(&mut self, message: RecordNumber, from: SessionNumber) {
        if let Some(open) = &self.open
            && open.round.saved.contains(message)
        {
            self.survivors.push(Survivor { message, session: from });
        }
    }

    /// Whether the log is to be told something.
    pub(crate) fn has_news(&self) -> bool {
        !self.survivors.is_empty() || self.done.is_some()
    }

    pub(crate) fn take_survivors(&mut self) -> Vec<Survivor> {
        std::mem::take(&mut self.survivors)
    }

    pub(crate) const fn take_done(&mut self) -> Option<u64> {
        self.done.take()
    }
}

impl Extents {
    /// Whether the record is among them.
    pub fn contains(&self, number: RecordNumber) -> bool {
        let behind = self.ranges.partition_point(|(first, _)| *first <= number);
        behind
            .checked_sub(1)
            .and_then(|at| self.ranges.get(at))
            .is_some_and(|(_, last)| number <= *last)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// First and last of each range, smallest first.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = (RecordNumber, RecordNumber)> + '_ {
        self.ranges.iter().copied()
    }
}

impl FromIterator<(ShardIndex, u64, u64)> for Extents {
    /// From writers, and the first and last of a range of counters of each; in any order, and they
    /// may overlap.
    fn from_iter<I: IntoIterator<Item = (ShardIndex, u64, u64)>>(ranges: I) -> Self {
        let mut sorted: Vec<(RecordNumber, RecordNumber)> = ranges
            .into_iter()
            .filter(|(_, first, last)| first <= last)
            .map(|(writer, first, last)| {
                (RecordNumber::new(writer, first), RecordNumber::new(writer, last))
            })
            .collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, kept| {
            let same_writer = later.0.writer() == kept.1.writer();
            let joined = same_writer && later.0.counter() <= kept.1.counter() + 1;
            if joined {
                kept.1 = kept.1.max(later.1);
            }
            joined
        });
        Self { ranges: sorted }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extents_contain_what_their_ranges_name(
            ranges in prop::collection::vec((0..3_u16, 1..60_u64, 0..12_u64), 0..12),
        ) {
            let ranges = ranges.into_iter().map(|(writer, first, more)| {
                // Some are empty: they end before they begin.
                (ShardIndex(writer), first, first + more - 1)
            });
            let named: BTreeSet<(u16, u64)> = ranges
                .clone()
                .flat_map(|(writer, first, last)| (first..=last).map(move |at| (writer.0, at)))
                .collect();
            let extents: Extents = ranges.collect();
            for writer in 0..4 {
                for counter in 0..80 {
                    let number = RecordNumber::new(ShardIndex(writer), counter);
                    prop_assert_eq!(extents.contains(number), named.contains(&(writer, counter)));
                }
            }
            prop_assert_eq!(extents.is_empty(), named.is_empty());
            let count: u64 = extents.ranges().map(|(first, last)| last.counter() - first.counter() + 1).sum();
            prop_assert_eq!(count, named.len() as u64, "ranges overlap");
        }
    }
}
