//! A round: the log is about to free its oldest segments, and asks what in them still holds.
//!
//! Each shard answers twice. State it says again, as records that go to the end of the log like any
//! others. Of messages it names those that somebody is still owed, the survivors: the log copies
//! them under their old numbers.

use crate::identity::{RecordNumber, SessionNumber, ShardIndex};

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
