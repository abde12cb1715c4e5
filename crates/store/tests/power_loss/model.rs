//! What must be in the log: every run that was appended, and what has become of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ferrymq_store::{Extents, Number, SegmentId};

/// A record as it was replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: Number,
    pub(crate) order: u64,
    pub(crate) time: u64,
    pub(crate) kept: bool,
    pub(crate) readable: bool,
    pub(crate) bytes: Vec<u8>,
}

/// The runs, in the order in which they were appended.
#[derive(Debug, Default)]
pub(crate) struct Model {
    runs: Vec<ModelRun>,
    /// What was kept, by number: each version that was handed over, the last of which holds.
    kept: BTreeMap<Number, Kept>,
    /// What a round has left out: it need not be found any more, even if the round was not finished.
    dropped: BTreeSet<Number>,
    /// The highest counter, by writer: of what is or was there, not of what was lost.
    pub(crate) last: BTreeMap<u16, u64>,
    /// The same of what was promised, whether it was freed since or not.
    promised: BTreeMap<u16, u64>,
    pub(crate) time: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "a run may be each of it or not")]
struct ModelRun {
    writer: u16,
    first: u64,
    records: Vec<(bool, Vec<u8>)>,
    /// Whether it is to be synced as soon as it is written.
    wants_sync: bool,
    /// Whether it must be there after the next start.
    is_promised: bool,
    /// Where it is, or would be if it was written now.
    segment: SegmentId,
    is_written: bool,
    /// Whether its segment was freed; it may still be there.
    is_freed: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    versions: Vec<Vec<u8>>,
    hold: Hold,
}

/// What must be there of a record that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// Perhaps nothing.
    Nothing,
    /// What was first written, or one of the versions.
    Some,
    /// The last version.
    Last,
}

impl Model {
    pub(crate) fn append(
        &mut self,
        writer: u16,
        first: u64,
        records: Vec<(bool, Vec<u8>)>,
        wants_sync: bool,
    ) {
        self.last.insert(writer, first + records.len() as u64 - 1);
        self.runs.push(ModelRun {
            writer,
            first,
            records,
            wants_sync,
            is_promised: false,
            segment: SegmentId(0),
            is_written: false,
            is_freed: false,
        });
    }

    /// What is written up to these counters is in this segment, as far as it was not before.
    pub(crate) fn written(&mut self, reached: impl Fn(u16) -> u64, segment: SegmentId) {
        for run in self.runs.iter_mut().filter(|run| !run.is_written) {
            run.segment = segment;
            run.is_written = run.last() <= reached(run.writer);
        }
    }

    /// A commit went well: what it has written is synced if that was asked for.
    pub(crate) fn check_synced(&self, synced: impl Fn(u16) -> u64) {
        for run in self.runs.iter().filter(|run| run.is_written && run.wants_sync) {
            assert!(run.last() <= synced(run.writer), "{run:?} is written and not synced");
        }
    }

    /// All of a writer's records up to this counter were promised.
    pub(crate) fn promise(&mut self, reached: impl Fn(u16) -> u64) {
        for run in &mut self.runs {
            run.is_promised |= run.last() <= reached(run.writer);
        }
        for run in self.runs.iter().filter(|run| run.is_promised) {
            raise(&mut self.promised, run);
        }
    }

    /// The segments up to this one, which hold these records, are to be freed, and these are kept.
    pub(crate) fn free(
        &mut self,
        through: SegmentId,
        extents: &Extents,
        kept: &[(Number, Vec<u8>)],
    ) {
        for run in self.runs.iter_mut().filter(|run| run.is_written) {
            run.is_freed |= run.segment <= through;
        }
        for (number, kept) in &mut self.kept {
            if extents.contains(*number) {
                kept.hold = Hold::Nothing;
            }
        }
        let held = self.readable().into_iter().filter(|number| extents.contains(*number));
        let is_kept = |number: &Number| kept.iter().any(|(kept, _)| kept == number);
        self.dropped.extend(held.filter(|number| !is_kept(number)));
        for (number, bytes) in kept {
            let none = Kept { versions: Vec::new(), hold: Hold::Nothing };
            let kept = self.kept.entry(*number).or_insert(none);
            kept.versions.push(bytes.clone());
            kept.hold = Hold::Some;
        }
    }

    /// That was done: these must be there as they were kept.
    pub(crate) fn freed(&mut self, kept: &[(Number, Vec<u8>)]) {
        for (number, _) in kept {
            self.kept.get_mut(number).unwrap().hold = Hold::Last;
        }
    }

    /// The numbers of all readable records.
    pub(crate) fn readable(&self) -> Vec<Number> {
        let mut numbers: Vec<Number> = self.kept.keys().copied().collect();
        for run in &self.runs {
            let counters = run.records.iter().zip(run.first..);
            let readable = counters.filter(|((readable, _), _)| *readable);
            numbers.extend(readable.map(|(_, counter)| Number::new(run.writer, counter)));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Whether a round has left it out: then no later one keeps it.
    pub(crate) fn is_dropped(&self, number: Number) -> bool {
        self.dropped.contains(&number)
    }

    /// What reading a number may give.
    pub(crate) fn check_read(&self, number: Number, read: Option<&[u8]>) {
        let run = self.find(number);
        let original = run.filter(|(_, (readable, _))| *readable).map(|(_, (_, bytes))| bytes);
        let kept = self.kept.get(&number);
        let hold = kept.map_or(Hold::Nothing, |kept| kept.hold);
        let Some(read) = read else {
            let is_dropped = self.dropped.contains(&number);
            assert!(original.is_none() || is_dropped, "{number:?} was appended and not freed");
            assert_eq!(hold, Hold::Nothing, "{number:?} was kept");
            return;
        };
        let versions = kept.map_or(&[][..], |kept| &kept.versions);
        // What is in memory may still be what it was first.
        let is_known = versions.iter().chain(original).any(|bytes| bytes == read);
        assert!(is_known, "{number:?} is not what was appended");
        let is_last = versions.last().is_some_and(|last| last == read);
        assert!(hold != Hold::Last || is_last || original.is_some_and(|bytes| bytes == read));
    }

    /// Checks what a new start has found, and goes on from there.
    pub(crate) fn check_replay(&mut self, seen: &[Seen]) {
        self.check_order(seen);
        let mut there: BTreeMap<Number, &Seen> = BTreeMap::new();
        for record in seen.iter().filter(|record| !record.kept) {
            let (_, (readable, bytes)) = self.find(record.number).expect("it was appended");
            assert_eq!((record.readable, &record.bytes), (*readable, bytes), "{:?}", record.number);
            assert!(there.insert(record.number, record).is_none(), "{:?} twice", record.number);
        }
        let mut missing = None;
        for run in &self.runs {
            let numbers = (run.first..=run.last()).map(|counter| Number::new(run.writer, counter));
            let found: Vec<bool> = numbers.map(|number| there.contains_key(&number)).collect();
            let is_whole = found.iter().all(|found| *found);
            assert!(is_whole || found.iter().all(|found| !found), "half a run: {run:?}");
            if is_whole {
                assert!(missing.is_none(), "{run:?} is there, but {missing:?} before it is not");
            } else if !run.is_freed {
                assert!(!run.is_promised, "a promised run is missing: {run:?}");
                missing = Some(run);
            }
        }
        self.check_kept(seen, &there);
        self.go_on(seen, &there);
    }

    fn check_order(&self, seen: &[Seen]) {
        let ordinary = || seen.iter().filter(|record| !record.kept);
        assert!(ordinary().is_sorted_by_key(|record| record.order));
        assert!(seen.is_sorted_by_key(|record| record.time));
        assert!(seen.iter().all(|record| record.time <= self.time));
        for writer in 0..WRITERS {
            let of_writer = ordinary().filter(|record| record.number.writer() == writer);
            assert!(of_writer.is_sorted_by_key(|record| record.number));
        }
    }

    fn check_kept(&self, seen: &[Seen], there: &BTreeMap<Number, &Seen>) {
        for record in seen.iter().filter(|record| record.kept) {
            let kept = self.kept.get(&record.number).expect("it was kept");
            assert!(kept.versions.contains(&record.bytes), "{:?}", record.number);
            let original = there.get(&record.number);
            assert!(original.is_none_or(|original| original.order == record.order));
        }
        for (number, kept) in &self.kept {
            let last = last_kept(seen, *number);
            match kept.hold {
                Hold::Nothing => {}
                Hold::Some => assert!(last.is_some() || there.contains_key(number), "{number:?}"),
                Hold::Last => {
                    assert_eq!(last.map(|last| &last.bytes), kept.versions.last(), "{number:?}");
                }
            }
        }
    }

    /// What is there now stays; what is not never comes back.
    fn go_on(&mut self, seen: &[Seen], there: &BTreeMap<Number, &Seen>) {
        self.runs.retain_mut(|run| {
            run.is_promised = true;
            run.is_written = true;
            run.is_freed = false;
            there.contains_key(&Number::new(run.writer, run.first))
        });
        for run in &self.runs {
            raise(&mut self.promised, run);
        }
        // What was lost was never heard of: its numbers may come again.
        self.last = self.promised.clone();
        self.kept.retain(|number, kept| {
            let copies = seen.iter().filter(|record| record.kept && record.number == *number);
            kept.versions = copies.map(|copy| copy.bytes.clone()).collect();
            // A round that was not finished may have left it, but has not to.
            kept.hold = match self.dropped.contains(number) {
                true => Hold::Nothing,
                false => Hold::Last,
            };
            !kept.versions.is_empty()
        });
    }

    fn find(&self, number: Number) -> Option<(&ModelRun, &(bool, Vec<u8>))> {
        let counter = number.counter();
        let is_here = |run: &&ModelRun| {
            run.writer == number.writer() && (run.first..=run.last()).contains(&counter)
        };
        let run = self.runs.iter().find(is_here)?;
        Some((run, &run.records[usize::try_from(counter - run.first).unwrap()]))
    }
}

impl fmt::Debug for ModelRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}..={} in {}", self.writer, self.first, self.last(), self.segment)
    }
}

impl ModelRun {
    fn last(&self) -> u64 {
        self.first + self.records.len() as u64 - 1
    }
}

fn raise(counters: &mut BTreeMap<u16, u64>, run: &ModelRun) {
    let last = counters.entry(run.writer).or_default();
    *last = run.last().max(*last);
}

fn last_kept(seen: &[Seen], number: Number) -> Option<&Seen> {
    seen.iter().rfind(|record| record.kept && record.number == number)
}

pub(crate) const WRITERS: u16 = 3;
