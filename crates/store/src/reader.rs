//! A log that is only read, while nobody writes to it. No segment is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::GroupCache;
use crate::disk::Disk;
use crate::error::{Damage, DamageKind, OpenError, ReadError};
use crate::group::{Group, GroupError};
use crate::index::{Index, Place};
use crate::log::Stored;
use crate::number::Number;
use crate::recover::{self, OnDamage, Progress, Replay, Replayed};
use crate::segment::{Segment, SegmentId, SegmentState};

/// A log that is only read. Nobody else can write to it meanwhile.
pub struct LogReader<D: Disk> {
    disk: D,
    segments: BTreeMap<u32, Segment<D::File>>,
    index: Index,
    cache: Mutex<GroupCache>,
    time: u64,
    is_closed: bool,
    batches: u64,
    records: u64,
    /// Given back when the reader is dropped.
    _lock: D::Lock,
}

impl<D: Disk> LogReader<D> {
    /// Reads the log in a directory and gives all its records to `replay`, in order. Damage is told
    /// and passed over: whatever verifies is read. `progress` is told how many bytes were read, and
    /// of how many.
    ///
    /// # Errors
    ///
    /// As [`crate::Log::open`], but not for damage.
    pub fn open<E>(
        disk: D,
        partition: u16,
        damage: &mut dyn FnMut(Damage),
        replay: &mut dyn FnMut(Replayed<'_>) -> Result<(), E>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, OpenError<E>> {
        let lock =
            disk.lock().map_err(|source| OpenError::Locked { directory: disk.path(""), source })?;
        let replay: &mut Replay<'_, E> = replay;
        let progress: &mut Progress<'_> = progress;
        let tell = OnDamage::Tell(damage);
        let found = recover::recover(&disk, partition, D::open_to_read, tell, replay, progress)?;
        let segments = found.segments.into_iter().map(|segment| {
            let (name, file, written) = (segment.name, Arc::new(segment.file), segment.end);
            (name.id, Segment { name, file, written })
        });
        Ok(Self {
            segments: segments.collect(),
            index: found.index,
            cache: Mutex::new(GroupCache::new(CACHE_BYTES)),
            time: found.time,
            is_closed: found.is_closed,
            batches: found.batches,
            records: found.records,
            disk,
            _lock: lock,
        })
    }

    /// Reads a record. `None`: there is no such readable record.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is damaged.
    pub fn read<T>(
        &self,
        number: Number,
        f: impl FnOnce(Stored<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        let Some(place) = self.index.find(number) else { return Ok(None) };
        let Some(segment) = self.segments.get(&place.segment) else { return Ok(None) };
        let cached = self.cache().get(place);
        let group = if let Some(group) = cached {
            group
        } else {
            let group = Arc::new(self.read_group(segment, number.writer(), place)?);
            self.cache().insert(place, Arc::clone(&group));
            group
        };
        let record = group.find(number.counter());
        Ok(record.map(|record| f(Stored { order: Some(record.order), bytes: record.bytes })))
    }

    /// All segments, in order. None of them is written to.
    pub fn segments(&self) -> Vec<SegmentState> {
        let segments = self.segments.iter();
        segments
            .map(|(id, segment)| SegmentState {
                id: SegmentId(*id),
                bytes: segment.written,
                closed: true,
            })
            .collect()
    }

    /// The time of the last batch, in nanoseconds; 0 if there is none.
    pub const fn last_time(&self) -> u64 {
        self.time
    }

    /// Whether the log was closed, and not only left.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How many batches were read.
    pub const fn batches(&self) -> u64 {
        self.batches
    }

    /// How many records were read.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The frames of a writer from this place on, up to the first that is damaged.
    fn read_group(
        &self,
        segment: &Segment<D::File>,
        writer: u16,
        place: Place,
    ) -> Result<Group, ReadError> {
        let (seed, offset) = (segment.name.seed(), u64::from(place.offset));
        let read = |end| Group::read(&*segment.file, seed, writer, offset, end);
        match read(segment.written) {
            Err(GroupError::Damaged { offset: damaged }) if damaged > offset => read(damaged),
            other => other,
        }
        .map_err(|error| self.read_error(segment, error))
    }

    fn read_error(&self, segment: &Segment<D::File>, error: GroupError) -> ReadError {
        let path = self.disk.path(&segment.name.to_string());
        match error {
            GroupError::Io(source) => ReadError::Io { path, source },
            GroupError::Damaged { offset } => {
                Damage { path, offset, what: DamageKind::Frame }.into()
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, GroupCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of what was read stays in memory.
const CACHE_BYTES: usize = 16 << 20;
