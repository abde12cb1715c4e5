//! A hierarchical timing wheel: many deadlines, of which most never matter.
//!
//! Time is cut into ticks; a deadline is rounded up to the next one, so nothing fires early and
//! nothing more than a tick late. Each level has 64 slots, and a slot of one level spans a whole
//! turn of the level below. An entry waits at the level of the highest digit in which its tick
//! differs from the current tick, and moves down when that digit is reached. What lies beyond the
//! last level waits in its farthest slot and is inserted again from there.
//!
//! Invariants: an entry above level 0 is never in the current slot of its level, and all entries of
//! a level are due before those of the levels above, so the first occupied slot of the lowest
//! occupied level is the next one to open.
//!
//! Nothing can be cancelled: whoever set a timer looks, when it fires, whether it still means
//! something.

use std::array;
use std::mem;
use std::time::Duration;

use ferrymq_protocol::time::Instant;

/// Deadlines and what to hand out when they have come.
pub(crate) struct TimerWheel<T> {
    start: Instant,
    /// Every tick up to this one has been handed out.
    current: u64,
    levels: [Level<T>; LEVELS],
    /// The buffer of a slot that was emptied, for the next slot that is filled.
    spare: Vec<Entry<T>>,
}

struct Level<T> {
    /// One bit for each slot that has entries.
    occupied: u64,
    slots: [Vec<Entry<T>>; SLOTS],
}

struct Entry<T> {
    tick: u64,
    item: T,
}

/// A slot with entries, and the tick at which it is to be opened.
struct Opening {
    level: usize,
    slot: u32,
    tick: u64,
}

impl<T> TimerWheel<T> {
    /// An empty wheel; no deadline may be before `start`, or it is taken to be `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            current: 0,
            levels: array::from_fn(|_| Level {
                occupied: 0,
                slots: array::from_fn(|_| Vec::new()),
            }),
            spare: Vec::new(),
        }
    }

    /// Hands out `item` once `deadline` has come; at the next [`Self::advance`] if it has passed.
    pub(crate) fn insert(&mut self, deadline: Instant, item: T) {
        let since_start = deadline.as_nanos().saturating_sub(self.start.as_nanos());
        self.place(Entry { tick: since_start.div_ceil(TICK_NANOS), item });
    }

    /// The time that it was last told, to the tick.
    pub(crate) fn time(&self) -> Instant {
        self.start.saturating_add(Duration::from_nanos(self.current.saturating_mul(TICK_NANOS)))
    }

    /// When to call [`Self::advance`] again. Nothing may be due yet by then, but nothing is due
    /// more than a tick before it. `None` while the wheel is empty.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let tick = self.next_opening()?.tick;
        Some(self.start.saturating_add(Duration::from_nanos(tick.saturating_mul(TICK_NANOS))))
    }

    /// Moves the time on and appends everything that is due to `fired`, tick by tick, but within a
    /// tick in no order.
    pub(crate) fn advance(&mut self, now: Instant, fired: &mut Vec<T>) {
        let now = now.as_nanos().saturating_sub(self.start.as_nanos()) / TICK_NANOS;
        while let Some(opening) = self.next_opening().filter(|opening| opening.tick <= now) {
            self.current = opening.tick;
            self.open(&opening, fired);
        }
        self.current = self.current.max(now);
    }

    fn next_opening(&self) -> Option<Opening> {
        let (number, level) =
            self.levels.iter().enumerate().find(|(_, level)| level.occupied != 0)?;
        let digit = self.current >> (DIGIT_BITS * number);
        // Rotated so that the current slot is bit 0; the distance is then below 64.
        let distance = level.occupied.rotate_right(slot_of(digit)).trailing_zeros();
        let opened = digit + u64::from(distance);
        let tick = opened << (DIGIT_BITS * number);
        Some(Opening { level: number, slot: slot_of(opened), tick })
    }

    /// Hands out what is due in a slot and moves the rest of it down.
    fn open(&mut self, opening: &Opening, fired: &mut Vec<T>) {
        let level = &mut self.levels[opening.level];
        level.occupied &= !(1 << opening.slot);
        let mut entries = mem::take(&mut level.slots[opening.slot as usize]);
        for entry in entries.drain(..) {
            if entry.tick <= self.current {
                fired.push(entry.item);
            } else {
                self.place(entry);
            }
        }
        // A buffer that a burst has blown up is not kept.
        if entries.capacity() <= SPARE_CAPACITY && entries.capacity() > self.spare.capacity() {
            self.spare = entries;
        }
    }

    fn place(&mut self, entry: Entry<T>) {
        let tick = entry.tick.max(self.current);
        let highest_digit =
            (tick ^ self.current).checked_ilog2().unwrap_or(0) as usize / DIGIT_BITS;
        let number = highest_digit.min(LEVELS - 1);
        let shift = DIGIT_BITS * number;
        // Farther than a turn of the last level is the farthest slot of it.
        let digit = (tick >> shift).min((self.current >> shift) + SLOTS as u64 - 1);
        let slot = slot_of(digit);
        let level = &mut self.levels[number];
        level.occupied |= 1 << slot;
        let entries = &mut level.slots[slot as usize];
        if entries.capacity() == 0 {
            *entries = mem::take(&mut self.spare);
        }
        entries.push(entry);
    }
}

/// The slot that a number of slots since the start falls on.
#[expect(clippy::cast_possible_truncation, reason = "it is less than 64")]
const fn slot_of(digit: u64) -> u32 {
    (digit % SLOTS as u64) as u32
}

/// 32 milliseconds: nothing that a broker waits for is finer.
const TICK_NANOS: u64 = 32_000_000;
const SLOTS: usize = 64;
/// A slot number has as many bits as an index into a level.
const DIGIT_BITS: usize = SLOTS.ilog2() as usize;
/// Five levels span 64⁵ ticks, which is more than a year.
const LEVELS: usize = 5;
/// Buffers of at most this many entries are used again.
const SPARE_CAPACITY: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const START: Instant = Instant::from_nanos(7_000_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn at(nanos: u64) -> Instant {
        START.saturating_add(Duration::from_nanos(nanos))
    }

    #[derive(Clone, Debug)]
    enum Op {
        /// A deadline this far from now.
        Insert(u64),
        /// One this far back.
        InsertPast(u64),
        Advance(u64),
        /// To the time for which the wheel asks.
        AdvanceToDeadline,
    }

    /// Spans of every magnitude, around the borders of ticks too.
    fn span() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..3 * TICK_NANOS,
            (0_u64..200, -1_i64..=1)
                .prop_map(|(ticks, off)| (ticks * TICK_NANOS).saturating_add_signed(off)),
            (0_u32..58).prop_flat_map(|bits| 0..1_u64 << bits),
        ]
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => span().prop_map(Op::Insert),
            1 => span().prop_map(Op::InsertPast),
            2 => span().prop_map(Op::Advance),
            4 => Just(Op::AdvanceToDeadline),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn wheel_fires_what_a_sorted_map_fires(ops in prop::collection::vec(op(), 1..120)) {
            let mut wheel = TimerWheel::new(START);
            let mut model: BTreeSet<(u64, usize)> = BTreeSet::new();
            let mut now = START;
            for (number, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Insert(span) => {
                        let deadline = now.saturating_add(Duration::from_nanos(span));
                        wheel.insert(deadline, number);
                        model.insert((deadline.as_nanos(), number));
                    }
                    Op::InsertPast(span) => {
                        let deadline = Instant::from_nanos(now.as_nanos().saturating_sub(span));
                        wheel.insert(deadline, number);
                        model.insert((deadline.as_nanos(), number));
                    }
                    Op::Advance(span) => {
                        now = now.saturating_add(Duration::from_nanos(span));
                        check_advance(&mut wheel, &mut model, now)?;
                    }
                    Op::AdvanceToDeadline => {
                        now = now.max(wheel.next_deadline().unwrap_or(now));
                        check_advance(&mut wheel, &mut model, now)?;
                    }
                }
                let first = model.first().map(|(deadline, _)| *deadline);
                prop_assert_eq!(wheel.next_deadline().is_some(), first.is_some());
                if let (Some(asked), Some(first)) = (wheel.next_deadline(), first) {
                    let latest = first.max(now.as_nanos()).saturating_add(TICK_NANOS);
                    prop_assert!(asked.as_nanos() < latest);
                }
            }
        }
    }

    /// Whatever is a tick overdue has fired, and nothing before its deadline.
    fn check_advance(
        wheel: &mut TimerWheel<usize>,
        model: &mut BTreeSet<(u64, usize)>,
        now: Instant,
    ) -> Result<(), TestCaseError> {
        let mut fired = Vec::new();
        wheel.advance(now, &mut fired);
        fired.sort_unstable();
        let ticks = (now.as_nanos() - START.as_nanos()) / TICK_NANOS;
        let last = START.as_nanos() + ticks * TICK_NANOS;
        let due: Vec<(u64, usize)> =
            model.iter().copied().take_while(|(deadline, _)| *deadline <= last).collect();
        let mut expected: Vec<usize> = due.iter().map(|(_, number)| *number).collect();
        expected.sort_unstable();
        prop_assert_eq!(fired, expected);
        for key in due {
            model.remove(&key);
        }
        Ok(())
    }

    #[test]
    fn deadline_rounds_up_to_the_next_tick() {
        let mut wheel = TimerWheel::new(START);
        wheel.insert(at(1), 'a');
        assert_eq!(wheel.next_deadline(), Some(at(TICK_NANOS)));
        let mut fired = Vec::new();
        wheel.advance(at(TICK_NANOS - 1), &mut fired);
        assert_eq!(fired, []);
        wheel.advance(at(TICK_NANOS), &mut fired);
        assert_eq!(fired, ['a']);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn deadline_in_the_past_fires_at_the_same_time_again() {
        let mut wheel = TimerWheel::new(START);
        let mut fired = Vec::new();
        wheel.advance(at(1_000 * TICK_NANOS), &mut fired);
        wheel.insert(Instant::ZERO, 'a');
        assert_eq!(wheel.next_deadline(), Some(at(1_000 * TICK_NANOS)));
        wheel.advance(at(1_000 * TICK_NANOS), &mut fired);
        assert_eq!(fired, ['a']);
    }

    #[test]
    fn deadline_beyond_the_last_level_fires_when_it_comes() {
        let mut wheel = TimerWheel::new(START);
        let decades = START.saturating_add(DAY * 365 * 30);
        wheel.insert(decades, 'a');
        wheel.insert(Instant::FAR_FUTURE, 'b');
        let mut fired = Vec::new();
        let mut calls = 0;
        while fired.is_empty() {
            let next = wheel.next_deadline().unwrap();
            assert!(next.saturating_duration_since(decades) <= Duration::from_nanos(TICK_NANOS));
            wheel.advance(next, &mut fired);
            calls += 1;
        }
        assert_eq!(fired, ['a']);
        assert!(calls < 100, "it took {calls} calls");
        wheel.advance(Instant::FAR_FUTURE, &mut fired);
        assert_eq!(fired, ['a'], "a deadline that does not come does not fire");
    }

    #[test]
    fn long_silence_opens_only_slots_with_entries() {
        let mut wheel = TimerWheel::new(START);
        for day in 0..300 {
            wheel.insert(START.saturating_add(DAY * day), day);
        }
        let mut fired = Vec::new();
        wheel.advance(START.saturating_add(DAY * 400), &mut fired);
        assert_eq!(fired, (0..300).collect::<Vec<u32>>());
    }

    #[test]
    fn drained_slots_keep_one_modest_buffer() {
        let mut wheel = TimerWheel::new(START);
        let mut fired = Vec::new();
        for round in 0..200_u64 {
            for item in 0..1_000_u64 {
                wheel.insert(at(round * 50 * TICK_NANOS + item * TICK_NANOS / 3), item);
            }
            wheel.advance(at((round + 1) * 400 * TICK_NANOS), &mut fired);
        }
        wheel.advance(at(100_000 * TICK_NANOS), &mut fired);
        let slots = wheel.levels.iter().flat_map(|level| &level.slots);
        assert_eq!(slots.map(Vec::capacity).sum::<usize>(), 0);
        assert!(wheel.spare.capacity() <= SPARE_CAPACITY);
    }
}
