//! The log: what any thread may ask of it.
//!
//! Two locks. `shared` is held for moments, by whoever appends, reads or looks at the state, and
//! never while the disk works. `writer` is held by the one who writes, syncs or frees, as long as
//! the disk takes; inside it `shared` may be taken, never the other way around.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::batch::Waiting;
use crate::cache::GroupCache;
use crate::disk::Disk;
use crate::error::{CommitError, Damage, DamageKind, OpenError, ReadError};
use crate::group::{Group, GroupError};
use crate::index::Extents;
use crate::ledger::{Ledger, Shared, Trouble};
use crate::number::Number;
use crate::options::LogOptions;
use crate::recover::{self, Progress, Recovered, Replay, Replayed};
use crate::run::{Frames, Kept, Run};
use crate::segment::{Segment, SegmentId, SegmentState};
use crate::tail::Tail;
use crate::timing::Timing;
use crate::writer::Writer;

/// Numbered records on disk.
pub struct Log<D: Disk> {
    ledger: Ledger<D, D::File>,
    options: LogOptions,
    cache: Mutex<GroupCache>,
    writer: Mutex<Writer<D>>,
    next_counters: BTreeMap<u16, u64>,
    /// Given back when the log is dropped.
    _lock: D::Lock,
}

/// Whether the log takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// It does.
    Ready,
    /// [`LogOptions::pending_bytes`] wait to be written, for whatever reason: those who append are to
    /// pause.
    Full,
    /// The disk takes nothing now, for this reason. What waits is tried again at each
    /// [`Log::commit`].
    NoSpace(io::ErrorKind),
    /// The disk has failed. Nothing is written any more.
    Failed,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// As in [`crate::Replayed`]; nothing while it is not written.
    pub order: Option<u64>,
    /// What was written.
    pub bytes: &'a [u8],
}

/// What has been measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The commits since the log was opened.
    pub batches: u64,
    /// Their bytes.
    pub batch_bytes: u64,
    /// How long half of the last commits took at most, sync included.
    pub commit_median: Duration,
    /// How long 99 of 100 of the last commits took at most.
    pub commit_p99: Duration,
    /// Records that were appended and are not synced.
    pub unsynced_records: u64,
}

impl<D: Disk> Log<D> {
    /// Opens the log in a directory, or begins one if there is none, and gives all its records to
    /// `replay`, in order. `progress` is told how many bytes were read, and of how many.
    ///
    /// # Errors
    ///
    /// If another process has it, if the disk says no, if records that were synced are damaged, or
    /// if `replay` does.
    pub fn open<E>(
        disk: D,
        options: LogOptions,
        replay: &mut dyn FnMut(Replayed<'_>) -> Result<(), E>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, OpenError<E>> {
        let lock =
            disk.lock().map_err(|source| OpenError::Locked { directory: disk.path(""), source })?;
        let replay: &mut Replay<'_, E> = replay;
        let progress: &mut Progress<'_> = progress;
        let partition = options.partition;
        let stop = recover::OnDamage::Stop;
        let found = recover::recover(&disk, partition, D::open, stop, replay, progress)?;
        Self::recovered(disk, options, found, lock).map_err(|error| match error {
            CommitError::NotWritten { path, source } => OpenError::Io { path, source },
            CommitError::Failed { path, kind } => OpenError::Io { path, source: kind.into() },
        })
    }

    fn recovered(
        disk: D,
        options: LogOptions,
        found: Recovered<D::File>,
        lock: D::Lock,
    ) -> Result<Self, CommitError> {
        let counters = found.counters.clone();
        let index = found.index;
        let time = found.time;
        let (writer, segments) =
            Writer::open(&disk, &options, found.segments, found.sequence, time)?;
        let skip = |next: &u64| next.saturating_add(LOST_COUNTERS).min(Number::MAXIMUM_COUNTER);
        let next_counters = counters.iter().map(|(writer, next)| (*writer, skip(next))).collect();
        let shared = Shared {
            waiting: VecDeque::new(),
            arrived: 0,
            waiting_bytes: 0,
            unsynced: 0,
            tail: Tail::new(options.tail_bytes),
            index,
            segments,
            counters,
            trouble: None,
            time,
            timing: Timing::default(),
            batch_bytes: 0,
        };
        let cache = Mutex::new(GroupCache::new(options.cache_bytes));
        let log = Self {
            ledger: Ledger::new(disk, shared),
            options,
            cache,
            writer: Mutex::new(writer),
            next_counters,
            _lock: lock,
        };
        log.writer().keep_spare(&log.ledger);
        let marked = log.writer().mark(&log.ledger);
        match marked {
            // Without space the log can be read; it is marked by whatever is written next.
            Ok(()) | Err(CommitError::NotWritten { .. }) => Ok(log),
            Err(error) => Err(error),
        }
    }

    /// Takes a run. It will be written by [`Log::commit`]. The counters of a writer's runs only
    /// rise. Never waits for the disk.
    pub fn append(&self, run: Run) {
        if run.records() == 0 {
            return;
        }
        let mut shared = self.ledger.shared();
        if shared.trouble == Some(Trouble::Failed) {
            return;
        }
        shared.counters.insert(run.writer, run.next);
        shared.unsynced += run.records();
        let run = Arc::new(run);
        if run.frames.is_readable() {
            shared.tail.push(&run);
        }
        shared.wait(Waiting::Run(run));
    }

    /// Takes records that are to be written again under their old numbers, in the log's order
    /// after what was appended before. They are all in segments that are to be freed next, and
    /// sorted by number, also from one call to the next. Until they are written they are read from
    /// where they were; what is not among them may not be found any more.
    pub fn keep(&self, kept: Vec<Kept>) {
        if kept.is_empty() {
            return;
        }
        let numbers: Vec<Number> = kept.iter().map(|kept| kept.number).collect();
        let cuts = self.ledger.shared().index.cuts(&numbers);
        let frames = Frames::of_kept(kept, &cuts);
        let mut shared = self.ledger.shared();
        if shared.trouble != Some(Trouble::Failed) {
            shared.wait(Waiting::Kept(frames));
        }
    }

    /// Whether something waits to be written.
    pub fn has_work(&self) -> bool {
        !self.ledger.shared().waiting.is_empty()
    }

    /// Writes one batch of what waits, and syncs it if some of it asks for that. `false`: there was
    /// nothing to do.
    ///
    /// # Errors
    ///
    /// [`CommitError::NotWritten`]: everything still waits, and it may be tried again.
    /// [`CommitError::Failed`]: for ever.
    pub fn commit(&self) -> Result<bool, CommitError> {
        self.writer().commit(&self.ledger)
    }

    /// Syncs what was only written.
    ///
    /// # Errors
    ///
    /// [`CommitError::Failed`].
    pub fn sync(&self) -> Result<(), CommitError> {
        self.writer().sync(&self.ledger)
    }

    /// Writes down that it is so late, in nanoseconds, for a log to which nothing was written for
    /// long: how far its last time lies behind the end of the process is what nobody can tell later.
    ///
    /// # Errors
    ///
    /// As [`Log::commit`].
    pub fn tick(&self, time: u64) -> Result<(), CommitError> {
        self.writer().tick(&self.ledger, time)
    }

    /// Writes and syncs all that waits, and a last mark, by which damage of the last records is
    /// seen too.
    ///
    /// # Errors
    ///
    /// As [`Log::commit`].
    pub fn close(&self) -> Result<(), CommitError> {
        self.writer().close(&self.ledger)
    }

    /// A writer's highest counter that is written: it survives the end of the process.
    pub fn written(&self, writer: u16) -> u64 {
        self.ledger.reached(writer).written
    }

    /// A writer's highest counter that is synced: it survives the end of the machine.
    pub fn synced(&self, writer: u16) -> u64 {
        self.ledger.reached(writer).synced
    }

    /// Whether it takes more.
    pub fn state(&self) -> LogState {
        let shared = self.ledger.shared();
        match shared.trouble {
            Some(Trouble::Failed) => LogState::Failed,
            _ if shared.waiting_bytes >= self.options.pending_bytes => LogState::Full,
            Some(Trouble::NoSpace(kind)) => LogState::NoSpace(kind),
            None => LogState::Ready,
        }
    }

    /// Reads a record, from the disk if need be. `None`: there is no such readable record.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is damaged.
    pub fn read<T>(
        &self,
        number: Number,
        f: impl FnOnce(Stored<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        let found = self.recent(number);
        loop {
            if let Some(found) = found {
                return Ok(found.with(number, f));
            }
            let (place, segment) = {
                let shared = self.ledger.shared();
                let Some(place) = shared.index.find(number) else { return Ok(None) };
                let Some(segment) = shared.segments.get(&place.segment) else { return Ok(None) };
                (place, segment.clone())
            };
            let (writer, offset) = (number.writer(), u64::from(place.offset));
            let seed = segment.name.seed();
            match Group::read(&*segment.file, seed, writer, offset, segment.written) {
                Ok(group) => {
                    let group = Arc::new(group);
                    self.cache().insert(place, Arc::clone(&group));
                    return Ok(Recent::Group(group).with(number, f));
                }
                // Meanwhile the segment may have been freed, and its file used again.
                Err(_) if self.ledger.shared().index.find(number) != Some(place) => {}
                Err(error) => return Err(self.read_error(&segment, error)),
            }
        }
    }

    /// Reads a record if it is in memory.
    pub fn read_recent<T>(&self, number: Number, f: impl FnOnce(Stored<'_>) -> T) -> Option<T> {
        self.recent(number)?.with(number, f)
    }

    /// All segments, in order.
    pub fn segments(&self) -> Vec<SegmentState> {
        let shared = self.ledger.shared();
        let last = shared.segments.last_key_value().map(|(id, _)| *id);
        let segments = shared.segments.iter();
        segments
            .map(|(id, segment)| SegmentState {
                id: SegmentId(*id),
                bytes: segment.written,
                closed: Some(*id) != last,
            })
            .collect()
    }

    /// How many bytes are written in all segments.
    pub fn bytes(&self) -> u64 {
        self.ledger.shared().segments.values().map(|segment| segment.written).sum()
    }

    /// The counters whose readable records are read from these segments. Numbers that have no
    /// readable record may be in it, too.
    pub fn extents(&self, segments: &[SegmentId]) -> Extents {
        let shared = self.ledger.shared();
        let last = |writer| self.ledger.reached(writer).written;
        shared.index.extents(|id| segments.contains(&SegmentId(id)), last)
    }

    /// Frees the segments up to this one, as far as they are closed: after this their records are
    /// there only if they were kept. What waits is written and synced before that.
    ///
    /// # Errors
    ///
    /// As [`Log::commit`]. Then some may be freed, the oldest first, and it may be tried again.
    pub fn free_through(&self, segment: SegmentId) -> Result<(), CommitError> {
        self.writer().free_through(&self.ledger, segment.0)
    }

    /// For each writer that the log knew when it was opened, the counter to go on with. Some are
    /// left out: numbers that were given, but not written, are not given again.
    pub fn next_counters(&self) -> &BTreeMap<u16, u64> {
        &self.next_counters
    }

    /// The time of the last batch, in nanoseconds; 0 if there is none.
    pub fn last_time(&self) -> u64 {
        self.ledger.shared().time
    }

    /// What has been measured.
    pub fn statistics(&self) -> Statistics {
        let shared = self.ledger.shared();
        let [commit_median, commit_p99] = shared.timing.percentiles([50, 99]);
        Statistics {
            batches: shared.timing.count(),
            batch_bytes: shared.batch_bytes,
            commit_median,
            commit_p99,
            unsynced_records: shared.unsynced,
        }
    }

    /// The options with which it was opened.
    pub fn options(&self) -> &LogOptions {
        &self.options
    }

    fn recent(&self, number: Number) -> Option<Recent> {
        let place = {
            let shared = self.ledger.shared();
            if let Some(found) = shared.tail.find(number) {
                return Some(Recent::Tail(found.0, found.1));
            }
            shared.index.find(number)?
        };
        let group = self.cache().get(place)?;
        group.find(number.counter()).is_some().then_some(Recent::Group(group))
    }

    fn read_error(&self, segment: &Segment<D::File>, error: GroupError) -> ReadError {
        let path = self.ledger.disk.path(&segment.name.to_string());
        match error {
            GroupError::Io(source) => ReadError::Io { path, source },
            GroupError::Damaged { offset } => {
                Damage { path, offset, what: DamageKind::Frame }.into()
            }
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer<D>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, GroupCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a record was found in memory.
enum Recent {
    Tail(Arc<Run>, Option<u64>),
    Group(Arc<Group>),
}

impl Recent {
    fn with<T>(&self, number: Number, f: impl FnOnce(Stored<'_>) -> T) -> Option<T> {
        let counter = number.counter();
        match self {
            Self::Tail(run, order) => {
                let record = run.frames.find(counter)?;
                Some(f(Stored { order: *order, bytes: record.bytes }))
            }
            Self::Group(group) => {
                let record = group.find(counter)?;
                Some(f(Stored { order: Some(record.order), bytes: record.bytes }))
            }
        }
    }
}

/// How many counters a crash may have left unused at most: more records than that are never
/// appended and lost.
const LOST_COUNTERS: u64 = 1 << 20;
