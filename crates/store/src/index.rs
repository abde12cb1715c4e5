//! Where readable records are: sparse, about one entry for 4 KiB of log, in memory only.
//!
//! An entry says from where on the frames of a writer stand that hold its records from a counter up
//! to the next entry. Frames that begin within [`GROUP_BYTES`] behind an entry's place need no entry
//! of their own: they are read together with it. A number without a record may well have an entry;
//! what is read then does not contain it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::format::SegmentName;
use crate::number::Number;

/// Frames that begin less than this behind a place are read with it.
pub(crate) const GROUP_BYTES: u32 = 4096;

/// A frame's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
}

/// The places of all readable records.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By the bits of the first number.
    entries: BTreeMap<u64, Place>,
    /// Here stands what cannot be read: frames behind it are not read with those before it.
    gap: Option<Place>,
}

impl Index {
    /// What stands here cannot be read. Only frames behind it come from now on.
    pub(crate) fn interrupt(&mut self, place: Place) {
        self.gap = Some(place);
    }

    /// The place from where on the record is to be looked for.
    pub(crate) fn find(&self, number: Number) -> Option<Place> {
        self.covering(number).map(|(_, place)| place)
    }

    /// A frame with the records from this one on, which are its writer's latest.
    pub(crate) fn append(&mut self, first: Number, place: Place) {
        let next = self.entries.range(first.to_bits()..).next();
        if next.is_some_and(|(bits, _)| Number::from_bits(*bits).writer() == first.writer()) {
            // Not the latest, which only a damaged log can say.
            self.entries.insert(first.to_bits(), place);
        } else if !self.find(first).is_some_and(|before| self.is_read_with(before, place)) {
            self.entries.insert(first.to_bits(), place);
        }
    }

    /// A frame holds what there is of these counters of its writer, in place of where it was. What is
    /// before and behind them stays where it is.
    pub(crate) fn replace(&mut self, first: Number, last: Number, place: Place) {
        let before = self.find(first);
        let behind = self.find(last);
        let last = last.max(first);
        while let Some((inside, _)) = self.entries.range(first.to_bits()..=last.to_bits()).next() {
            let inside = *inside;
            self.entries.remove(&inside);
        }
        if !before.is_some_and(|before| self.is_read_with(before, place)) {
            self.entries.insert(first.to_bits(), place);
        }
        if let Some(behind) = behind
            && last.counter() < Number::MAXIMUM_COUNTER
        {
            self.entries.entry(last.to_bits() + 1).or_insert(behind);
        }
    }

    /// Which of these records, which are sorted and to be kept in one round, cannot stand in a frame
    /// with the one before it: because something between them stays elsewhere. A round takes all
    /// segments up to one, so what is in no later segment than some of them does not stay.
    pub(crate) fn cuts(&self, kept: &[Number]) -> Vec<bool> {
        let segments = kept.iter().filter_map(|number| self.find(*number));
        let through = segments.map(|place| place.segment).max();
        let mut previous: Option<Number> = None;
        let is_cut = |number: &Number| {
            let before = previous.replace(*number).filter(|before| before < number);
            let Some(before) = before else { return true };
            let mut between = self.entries.range(before.to_bits() + 1..=number.to_bits());
            between.any(|(_, place)| Some(place.segment) > through)
        };
        kept.iter().map(is_cut).collect()
    }

    /// Forgets all places in segments up to this one.
    pub(crate) fn forget_through(&mut self, segment: u32) {
        let mut previous: Option<(u16, Place)> = None;
        self.entries.retain(|bits, place| {
            let here = (Number::from_bits(*bits).writer(), *place);
            let stays = place.segment > segment && previous != Some(here);
            if stays {
                previous = Some(here);
            }
            stays
        });
    }

    /// The ranges of counters that are looked for in these segments. `last`: a writer's highest.
    pub(crate) fn extents(
        &self,
        is_meant: impl Fn(u32) -> bool,
        last: impl Fn(u16) -> u64,
    ) -> Extents {
        let mut extents = Extents::default();
        let mut entries = self.entries.iter().peekable();
        while let Some((bits, place)) = entries.next() {
            if !is_meant(place.segment) {
                continue;
            }
            let first = Number::from_bits(*bits);
            let next = entries.peek().map(|(bits, _)| Number::from_bits(**bits));
            let end = match next.filter(|next| next.writer() == first.writer()) {
                Some(next) => next.counter().saturating_sub(1),
                None => last(first.writer()).max(first.counter()),
            };
            extents.push(first.writer(), first.counter(), end);
        }
        extents
    }

    /// Whether a frame at the second place is read with one at the first.
    fn is_read_with(&self, before: Place, place: Place) -> bool {
        before.reaches(place) && self.gap.is_none_or(|gap| gap < before || place < gap)
    }

    fn covering(&self, number: Number) -> Option<(Number, Place)> {
        let (bits, place) = self.entries.range(..=number.to_bits()).next_back()?;
        let first = Number::from_bits(*bits);
        (first.writer() == number.writer()).then_some((first, *place))
    }
}

impl Place {
    pub(crate) fn new(name: SegmentName, offset: u64) -> Self {
        Self { segment: name.id, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    /// Whether a frame at the other place is read with the one here.
    fn reaches(self, other: Self) -> bool {
        let distance = other.offset.checked_sub(self.offset);
        self.segment == other.segment && distance.is_some_and(|distance| distance < GROUP_BYTES)
    }
}

/// Ranges of counters, sorted and apart, for each writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    ranges: BTreeMap<u16, Vec<(u64, u64)>>,
}

impl Extents {
    /// Whether a record is in it.
    pub fn contains(&self, number: Number) -> bool {
        let counter = number.counter();
        self.ranges.get(&number.writer()).is_some_and(|ranges| {
            let behind = ranges.partition_point(|(first, _)| *first <= counter);
            let before = behind.checked_sub(1).and_then(|before| ranges.get(before));
            before.is_some_and(|(_, last)| counter <= *last)
        })
    }

    /// The ranges of each writer.
    pub fn iter(&self) -> impl Iterator<Item = (u16, impl Iterator<Item = RangeInclusive<u64>>)> {
        self.ranges
            .iter()
            .map(|(writer, ranges)| (*writer, ranges.iter().map(|(first, last)| *first..=*last)))
    }

    fn push(&mut self, writer: u16, first: u64, last: u64) {
        let ranges = self.ranges.entry(writer).or_default();
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => ranges.push((first, last)),
        }
    }
}
