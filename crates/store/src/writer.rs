//! Writing: batches into the last segment, the next segment, freeing the first ones.
//!
//! What a crash leaves behind at each step: a batch that was not synced is cut when the log is
//! opened again. A segment is synced before the next one is begun, and that one's name is synced
//! before anything is written to it. Segments are freed from the oldest on, each durably before the
//! next, so that what is left is always the end of the log without a hole.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::{Batch, Waiting, counters_frame};
use crate::disk::{Disk, DiskFile, read_full, write_all};
use crate::error::CommitError;
use crate::format::{BATCH_HEADER_BYTES, BatchHeader, FORMAT, Kind, SegmentName, in_memory};
use crate::index::Place;
use crate::ledger::{Ledger, Shared, Trouble};
use crate::options::LogOptions;
use crate::recover::RecoveredSegment;
use crate::run::{Frame, Frames};
use crate::segment::{SPARE, Segment, Segments};

/// The one who writes.
pub(crate) struct Writer<D: Disk> {
    current: Current<D::File>,
    /// Ready to become the next segment; its file is called [`SPARE`].
    spare: Option<Arc<D::File>>,
    /// The sequence of the next batch.
    sequence: u64,
    /// The last batch that is synced.
    synced: u64,
    /// Records that are written and not synced.
    unsynced_records: u64,
    /// The segment of the last batch, which says what the counters are and is never freed.
    last_segment: u32,
    time: u64,
    batch: Batch,
    /// Whether the last batch is a mark.
    is_marked: bool,
    /// How many of those that waited are written.
    written: u64,
    options: LogOptions,
    /// What could not be synced.
    failed: Option<(PathBuf, io::ErrorKind)>,
}

/// The segment that is written to.
struct Current<F> {
    name: SegmentName,
    file: Arc<F>,
    /// Where the next batch begins.
    position: u64,
    /// How much space it has.
    length: u64,
}

impl<D: Disk> Writer<D> {
    /// Goes on behind what was found.
    pub(crate) fn open(
        disk: &D,
        options: &LogOptions,
        found: Vec<RecoveredSegment<D::File>>,
        sequence: u64,
        time: u64,
    ) -> Result<(Self, Segments<D::File>), CommitError> {
        let mut segments = BTreeMap::new();
        let (mut last_segment, mut unsynced_from) = (0, 0);
        let mut is_marked = true;
        for RecoveredSegment { name, file, end, unsynced } in found {
            is_marked = end - unsynced <= BATCH_HEADER_BYTES as u64;
            if end > 0 {
                last_segment = name.id;
            }
            unsynced_from = unsynced;
            segments.insert(name.id, Segment { name, file: Arc::new(file), written: end });
        }
        let current = match segments.last_entry() {
            Some(last) => Current::go_on(disk, options, last.get(), unsynced_from)?,
            None => Current::begin_first(disk, options, sequence)?,
        };
        segments.entry(current.name.id).or_insert_with(|| current.as_segment());
        let writer = Self {
            current,
            spare: None,
            sequence,
            synced: sequence.saturating_sub(1),
            unsynced_records: 0,
            last_segment,
            time,
            batch: Batch::default(),
            is_marked,
            written: 0,
            options: options.clone(),
            failed: None,
        };
        Ok((writer, segments))
    }

    pub(crate) fn commit(&mut self, ledger: &Ledger<D, D::File>) -> Result<bool, CommitError> {
        self.check()?;
        let waiting = take_waiting(&mut ledger.shared(), self.options.batch_bytes);
        if waiting.is_empty() {
            self.keep_spare(ledger);
            return Ok(false);
        }
        let began = ledger.disk.clock();
        if let Err(error) = self.write(ledger, &waiting) {
            put_back(&mut ledger.shared(), waiting);
            return Err(error);
        }
        let wants_sync = waiting.iter().any(Waiting::wants_sync);
        self.publish(ledger, &waiting);
        if wants_sync {
            self.sync(ledger)?;
        }
        let duration = ledger.disk.clock().saturating_sub(began);
        ledger.shared().timing.add(duration);
        self.keep_spare(ledger);
        Ok(true)
    }

    pub(crate) fn sync(&mut self, ledger: &Ledger<D, D::File>) -> Result<(), CommitError> {
        self.check()?;
        if self.synced + 1 == self.sequence {
            return Ok(());
        }
        if let Err(error) = self.current.file.sync_data() {
            let path = ledger.disk.path(&self.current.name.to_string());
            return Err(self.fail(ledger, path, &error));
        }
        self.synced = self.sequence - 1;
        let records = std::mem::take(&mut self.unsynced_records);
        ledger.reach(|reached| {
            for reached in reached.values_mut() {
                reached.synced = reached.written;
            }
        });
        let mut shared = ledger.shared();
        shared.unsynced = shared.unsynced.saturating_sub(records);
        Ok(())
    }

    /// Writes a batch without records, which says that it is so late.
    pub(crate) fn tick(
        &mut self,
        ledger: &Ledger<D, D::File>,
        time: u64,
    ) -> Result<(), CommitError> {
        self.check()?;
        self.time = self.time.max(time);
        self.write(ledger, &[])?;
        self.publish(ledger, &[]);
        self.sync(ledger)
    }

    /// Writes a batch of nothing, which says that all before it is synced, if none says so yet. So
    /// damage of it is seen.
    pub(crate) fn mark(&mut self, ledger: &Ledger<D, D::File>) -> Result<(), CommitError> {
        if self.is_marked {
            return Ok(());
        }
        self.sync(ledger)?;
        self.write(ledger, &[])?;
        self.publish(ledger, &[]);
        self.is_marked = true;
        self.sync(ledger)
    }

    pub(crate) fn close(&mut self, ledger: &Ledger<D, D::File>) -> Result<(), CommitError> {
        self.commit_what_waits(ledger)?;
        self.mark(ledger)
    }

    pub(crate) fn free_through(
        &mut self,
        ledger: &Ledger<D, D::File>,
        id: u32,
    ) -> Result<(), CommitError> {
        self.commit_what_waits(ledger)?;
        self.sync(ledger)?;
        let end = id.min(self.last_segment.saturating_sub(1));
        let freed: Vec<Segment<D::File>> = {
            let mut shared = ledger.shared();
            shared.index.forget_through(end);
            shared.segments.range(..=end).map(|(_, segment)| segment.clone()).collect()
        };
        for segment in freed {
            self.free(ledger, &segment)?;
            ledger.shared().segments.remove(&segment.name.id);
        }
        self.keep_spare(ledger);
        Ok(())
    }

    /// Makes a spare if there is none. Without space for it the log can still be written as far as
    /// the current segment goes, for those who free space; all others learn of it by the state.
    pub(crate) fn keep_spare(&mut self, ledger: &Ledger<D, D::File>) {
        let made = self.make_spare(&ledger.disk);
        let mut shared = ledger.shared();
        if shared.trouble != Some(Trouble::Failed) {
            shared.trouble = made.err().map(|error| Trouble::NoSpace(error.kind()));
        }
    }

    /// Writes all that waits now; what comes meanwhile may be left.
    fn commit_what_waits(&mut self, ledger: &Ledger<D, D::File>) -> Result<(), CommitError> {
        let target = ledger.shared().arrived;
        while self.written < target && self.commit(ledger)? {}
        Ok(())
    }

    /// Writes a batch behind the last one. Before it is published the next try overwrites it.
    fn write(
        &mut self,
        ledger: &Ledger<D, D::File>,
        waiting: &[Waiting],
    ) -> Result<(), CommitError> {
        self.check()?;
        let bytes: usize = waiting.iter().map(Waiting::bytes).sum();
        let bytes = (BATCH_HEADER_BYTES + bytes) as u64;
        if self.current.position > 0 && self.current.position + bytes > self.current.length {
            self.begin_next(ledger)?;
        }
        let counters = match self.current.position {
            0 => counters_frame(&ledger.shared().counters),
            _ => Frames::default(),
        };
        self.batch.begin(self.current.name.seed(), self.sequence);
        self.batch.add(&counters);
        for waiting in waiting {
            self.batch.add(waiting.frames());
        }
        self.time = waiting.iter().map(Waiting::time).fold(self.time, u64::max);
        let batch = self.batch.finish(BatchHeader {
            format: FORMAT,
            partition: self.options.partition,
            segment: self.current.name.id,
            epoch: self.options.epoch,
            sequence: self.sequence,
            synced: self.synced,
            time: self.time,
            frames: 0,
            bytes: 0,
            frames_checksum: 0,
        });
        let written = self.current.write(batch, &self.options);
        written.map_err(|source| not_written(ledger, &self.current.name.to_string(), source))
    }

    /// What was written is part of the log now.
    fn publish(&mut self, ledger: &Ledger<D, D::File>, waiting: &[Waiting]) {
        let (segment, order) = (self.current.name.id, self.sequence);
        let batch_bytes = self.batch.len() as u64;
        self.current.position += batch_bytes;
        self.sequence += 1;
        self.last_segment = segment;
        self.written += waiting.len() as u64;
        self.is_marked = false;
        self.unsynced_records += waiting.iter().map(Waiting::records).sum::<u64>();
        self.batch.shrink(self.options.batch_bytes);
        let all: u64 = waiting.iter().map(|waiting| waiting.bytes() as u64).sum();
        let mut offset = self.current.position - all;
        let mut shared = ledger.shared();
        for waiting in waiting {
            shared.waiting_bytes = shared.waiting_bytes.saturating_sub(waiting.bytes());
            for frame in &waiting.frames().list {
                let offset = u32::try_from(offset + frame.start as u64).unwrap_or(u32::MAX);
                insert(&mut shared, frame, Place { segment, offset });
            }
            if let Waiting::Run(run) = waiting
                && run.frames.is_readable()
            {
                shared.tail.written(run, order);
            }
            offset += waiting.bytes() as u64;
        }
        shared.tail.shrink();
        shared.time = self.time;
        shared.batch_bytes += batch_bytes;
        if let Some(segment) = shared.segments.get_mut(&segment) {
            segment.written = self.current.position;
        }
        drop(shared);
        ledger.reach(|reached| {
            for waiting in waiting {
                if let Waiting::Run(run) = waiting {
                    reached.entry(run.writer).or_default().written = run.next - 1;
                }
            }
        });
    }

    /// Makes the spare the current segment. The one before is synced first: that there is a next one
    /// proves that all before it was there.
    fn begin_next(&mut self, ledger: &Ledger<D, D::File>) -> Result<(), CommitError> {
        self.sync(ledger)?;
        let disk = &ledger.disk;
        let id = self.current.name.id.saturating_add(1);
        let name = SegmentName { id, first: self.sequence, salt: self.options.salt };
        let begun = self.make_spare(disk).and_then(|file| {
            let length = file.length()?;
            disk.rename(SPARE, &name.to_string())?;
            Ok(Current { name, file, position: 0, length })
        });
        let next = begun.map_err(|source| not_written(ledger, SPARE, source))?;
        self.spare = None;
        if let Err(error) = disk.sync_directory() {
            return Err(self.fail(ledger, disk.path(""), &error));
        }
        ledger.shared().segments.insert(id, next.as_segment());
        self.current = next;
        Ok(())
    }

    /// Makes a segment's file the spare, or removes it. What it holds is of a segment that is not
    /// there any more, and can not be taken for anything else.
    fn free(
        &mut self,
        ledger: &Ledger<D, D::File>,
        segment: &Segment<D::File>,
    ) -> Result<(), CommitError> {
        let disk = &ledger.disk;
        let name = segment.name.to_string();
        let wanted = self.options.segment_length();
        let freed = segment.file.length().and_then(|length| {
            if self.spare.is_none() && length == wanted {
                disk.rename(&name, SPARE)?;
                self.spare = Some(Arc::clone(&segment.file));
                Ok(())
            } else {
                disk.remove(&name)
            }
        });
        freed.map_err(|source| not_written(ledger, &name, source))?;
        disk.sync_directory().map_err(|error| self.fail(ledger, disk.path(""), &error))
    }

    fn make_spare(&mut self, disk: &D) -> io::Result<Arc<D::File>> {
        if let Some(spare) = &self.spare {
            return Ok(Arc::clone(spare));
        }
        let spare = Arc::new(make_spare(disk, self.options.segment_length())?);
        self.spare = Some(Arc::clone(&spare));
        Ok(spare)
    }

    fn check(&self) -> Result<(), CommitError> {
        match &self.failed {
            Some((path, kind)) => Err(CommitError::Failed { path: path.clone(), kind: *kind }),
            None => Ok(()),
        }
    }

    /// After this nothing is written any more: what the disk holds is not known.
    fn fail(
        &mut self,
        ledger: &Ledger<D, D::File>,
        path: PathBuf,
        error: &io::Error,
    ) -> CommitError {
        self.failed = Some((path.clone(), error.kind()));
        ledger.shared().trouble = Some(Trouble::Failed);
        CommitError::Failed { path, kind: error.kind() }
    }
}

impl<F: DiskFile> Current<F> {
    /// The first segment of a new log.
    fn begin_first<D: Disk<File = F>>(
        disk: &D,
        options: &LogOptions,
        sequence: u64,
    ) -> Result<Self, CommitError> {
        let name = SegmentName { id: FIRST_SEGMENT, first: sequence, salt: options.salt };
        let length = options.segment_length();
        let begun = make_spare(disk, length).and_then(|file| {
            disk.rename(SPARE, &name.to_string())?;
            disk.sync_directory()?;
            Ok(Self { name, file: Arc::new(file), position: 0, length })
        });
        begun.map_err(|source| CommitError::NotWritten { path: disk.path(SPARE), source })
    }

    /// Goes on in the last segment of a log. What stands behind its end was never promised and must
    /// not come back: it is cut off. What stands before it is synced, and all names. A sync that
    /// failed earlier may have left bytes that can be read and are not on the disk, and a further
    /// sync would not change that: so what is not known to be synced is written again before.
    fn go_on<D: Disk<File = F>>(
        disk: &D,
        options: &LogOptions,
        last: &Segment<F>,
        unsynced_from: u64,
    ) -> Result<Self, CommitError> {
        let name = last.name;
        let file = Arc::clone(&last.file);
        let cut = file.set_length(last.written).and_then(|()| {
            let mut unsynced = vec![0; in_memory(last.written - unsynced_from)];
            let count = read_full(&*file, &mut unsynced, unsynced_from)?;
            write_all(&*file, unsynced.get(..count).unwrap_or_default(), unsynced_from)?;
            // Without space the log goes on when there is some, in the next segment.
            let wanted = options.segment_length().max(last.written);
            let length = file.allocate(wanted).map_or(last.written, |()| wanted);
            file.sync_all()?;
            disk.sync_directory()?;
            Ok(length)
        });
        let path = || disk.path(&name.to_string());
        let length = cut.map_err(|source| CommitError::NotWritten { path: path(), source })?;
        Ok(Self { name, file, position: last.written, length })
    }

    /// Writes at the position, which stays.
    fn write(&mut self, batch: &[u8], options: &LogOptions) -> io::Result<()> {
        let end = self.position + batch.len() as u64;
        if end > self.length {
            let length = end.max(options.segment_length());
            self.file.allocate(length)?;
            self.length = length;
        }
        write_all(&*self.file, batch, self.position)
    }

    fn as_segment(&self) -> Segment<F> {
        Segment { name: self.name, file: Arc::clone(&self.file), written: self.position }
    }
}

/// Nothing is lost by it, and it may be tried again.
fn not_written<D: Disk>(ledger: &Ledger<D, D::File>, name: &str, source: io::Error) -> CommitError {
    ledger.shared().trouble = Some(Trouble::NoSpace(source.kind()));
    CommitError::NotWritten { path: ledger.disk.path(name), source }
}

/// As much as goes into one batch, but at least one.
fn take_waiting<F>(shared: &mut Shared<F>, batch_bytes: usize) -> Vec<Waiting> {
    let mut bytes = 0;
    let mut taken = Vec::new();
    while let Some(first) = shared.waiting.front()
        && (taken.is_empty() || bytes + first.bytes() <= batch_bytes)
    {
        bytes += first.bytes();
        taken.extend(shared.waiting.pop_front());
    }
    taken
}

/// What was not written waits again, before all that came since.
fn put_back<F>(shared: &mut Shared<F>, waiting: Vec<Waiting>) {
    for waiting in waiting.into_iter().rev() {
        shared.waiting.push_front(waiting);
    }
}

/// Notes where the records of a frame are.
fn insert<F>(shared: &mut Shared<F>, frame: &Frame, place: Place) {
    if frame.kind == Kind::Kept {
        shared.index.replace(frame.first_number(), frame.last_number(), place);
    } else if frame.readable {
        shared.index.append(frame.first_number(), place);
    }
}

/// A file with this much space that is called [`SPARE`]: the one that is there, or a new one.
fn make_spare<D: Disk>(disk: &D, length: u64) -> io::Result<D::File> {
    let file = match disk.create(SPARE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let file = disk.open(SPARE)?;
            if file.length()? > length {
                file.set_length(length)?;
            }
            file
        }
        created => created?,
    };
    match file.allocate(length) {
        Ok(()) => Ok(file),
        Err(error) => {
            // Not to take the little space there is. If that fails, it is tried again as well.
            let _ = disk.remove(SPARE);
            Err(error)
        }
    }
}

/// The number of a log's first segment.
const FIRST_SEGMENT: u32 = 1;
