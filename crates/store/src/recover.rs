//! What is in the segments of a directory: read in order, verified, replayed.
//!
//! A segment is only begun when the one before it was synced, and its name says with which batch it
//! begins. So only the last segment can have an end that was never promised; wherever else a batch
//! is missing, it is damage. In the last segment a batch that does not verify is damage if some
//! batch behind it says that it was synced, and otherwise the end of the log.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use crate::disk::{Disk, DiskFile};
use crate::error::{Damage, DamageKind, OpenError};
use crate::format::{BatchHeader, FrameHeader, Kind, SegmentName};
use crate::index::{Index, Place};
use crate::number::Number;
use crate::scan::{Found, Scan};

/// A record that comes back when a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed<'a> {
    /// Its number.
    pub number: Number,
    /// The sequence of the batch in which it was first written: later ones are higher. Records of
    /// one batch and one writer are ordered by their counters.
    pub order: u64,
    /// The time of its batch, in nanoseconds. Of a kept record: when it was kept.
    pub time: u64,
    /// Whether it was written again under its old number.
    pub kept: bool,
    /// Whether it can be read by its number.
    pub readable: bool,
    /// What was written.
    pub bytes: &'a [u8],
}

/// Takes the records, in the order in which they stand in the log.
pub(crate) type Replay<'a, E> = dyn FnMut(Replayed<'_>) -> Result<(), E> + 'a;

/// Is told how many bytes were read, and of how many.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// What was found in a directory.
pub(crate) struct Recovered<F> {
    /// In order.
    pub(crate) segments: Vec<RecoveredSegment<F>>,
    pub(crate) index: Index,
    /// For each writer the lowest counter that no record has had.
    pub(crate) counters: BTreeMap<u16, u64>,
    /// The sequence of the next batch.
    pub(crate) sequence: u64,
    /// The time of the last batch.
    pub(crate) time: u64,
    /// Whether the last batch is the one that [`crate::Log::close`] writes.
    pub(crate) is_closed: bool,
    pub(crate) batches: u64,
    pub(crate) records: u64,
}

/// A segment that was read.
pub(crate) struct RecoveredSegment<F> {
    pub(crate) name: SegmentName,
    pub(crate) file: F,
    /// Where its last batch ends.
    pub(crate) end: u64,
    /// Where the first batch begins of which none behind it says that it was synced.
    pub(crate) unsynced: u64,
}

/// What is to be done about damage.
pub(crate) enum OnDamage<'a> {
    /// Nothing more is read.
    Stop,
    /// It is told, and what can be read behind it is read.
    Tell(&'a mut dyn FnMut(Damage)),
}

/// Reads all segments. Changes nothing.
pub(crate) fn recover<D: Disk, E>(
    disk: &D,
    partition: u16,
    open: impl Fn(&D, &str) -> io::Result<D::File>,
    on_damage: OnDamage<'_>,
    replay: &mut Replay<'_, E>,
    progress: &mut Progress<'_>,
) -> Result<Recovered<D::File>, OpenError<E>> {
    let names = names(disk).map_err(|source| OpenError::Io { path: disk.path(""), source })?;
    let mut files = Vec::new();
    let mut all = 0;
    for name in names {
        let opened = open(disk, &name.to_string()).and_then(|file| Ok((file.length()?, file)));
        let (length, file) = opened.map_err(|source| io_error(disk, name, source))?;
        all += length;
        files.push((name, file));
    }
    let found = Recovered {
        segments: Vec::new(),
        index: Index::default(),
        counters: BTreeMap::new(),
        sequence: files.first().map_or(FIRST_SEQUENCE, |(name, _)| name.first),
        time: 0,
        is_closed: true,
        batches: 0,
        records: 0,
    };
    let mut recovery =
        Recovery { disk, partition, on_damage, replay, progress, done: 0, all, found };
    let last = files.len().saturating_sub(1);
    for (place, (name, file)) in files.into_iter().enumerate() {
        recovery.segment(name, file, place == last)?;
    }
    Ok(recovery.found)
}

/// The segments of a directory, in order.
pub(crate) fn names(disk: &impl Disk) -> io::Result<Vec<SegmentName>> {
    let files = disk.list()?;
    let mut names: Vec<SegmentName> =
        files.iter().filter_map(|name| SegmentName::parse(name)).collect();
    names.sort_unstable();
    Ok(names)
}

struct Recovery<'a, 'b, 'c, D: Disk, E> {
    disk: &'a D,
    partition: u16,
    on_damage: OnDamage<'c>,
    replay: &'a mut Replay<'b, E>,
    progress: &'a mut Progress<'b>,
    done: u64,
    all: u64,
    found: Recovered<D::File>,
}

impl<D: Disk, E> Recovery<'_, '_, '_, D, E> {
    fn segment(
        &mut self,
        name: SegmentName,
        file: D::File,
        is_last: bool,
    ) -> Result<(), OpenError<E>> {
        if self.found.segments.last().is_some_and(|last| last.name.id == name.id) {
            self.damaged(name, 0, DamageKind::Twice)?;
        }
        let expected = self.found.sequence;
        if name.first != expected {
            let (previous, offset) = match self.found.segments.last() {
                Some(segment) => (segment.name, segment.end),
                None => (name, 0),
            };
            let kind = DamageKind::Gap { expected, found: name.first };
            self.damaged(previous, offset, kind)?;
            self.found.sequence = name.first;
        }
        let disk = self.disk;
        let io_error = |source| io_error(disk, name, source);
        let mut scan = Scan::new(&file, name).map_err(io_error)?;
        let mut end = 0;
        let mut unsynced = VecDeque::new();
        loop {
            let sequence = self.found.sequence;
            match scan.batch(end, sequence).map_err(io_error)? {
                Found::Batch(header) => {
                    self.batch(name, &mut scan, end, &header)?;
                    unsynced.push_back((sequence, end));
                    while unsynced.pop_front_if(|(first, _)| *first <= header.synced).is_some() {}
                    end += header.batch_bytes();
                }
                Found::OtherFormat(format) => {
                    return Err(OpenError::Format { path: self.path(name), format });
                }
                Found::Nothing => match self.behind_damage(name, &mut scan, end, is_last)? {
                    Some(next) => end = next,
                    None => break,
                },
            }
            (self.progress)(self.done + end, self.all);
        }
        self.done += scan.length();
        (self.progress)(self.done, self.all);
        let unsynced = unsynced.front().map_or(end, |(_, offset)| *offset);
        self.found.segments.push(RecoveredSegment { name, file, end, unsynced });
        Ok(())
    }

    /// No batch that comes next stands here: either the segment ends, or what was synced is damaged.
    /// If that is passed over, the place of the next batch.
    fn behind_damage(
        &mut self,
        name: SegmentName,
        scan: &mut Scan<'_, D::File>,
        offset: u64,
        is_last: bool,
    ) -> Result<Option<u64>, OpenError<E>> {
        let disk = self.disk;
        let io_error = |source| io_error(disk, name, source);
        let sequence = self.found.sequence;
        let damage = DamageKind::Batch { sequence };
        if is_last {
            if !scan.was_synced(offset, sequence).map_err(io_error)? {
                return Ok(None);
            }
            self.damaged(name, offset, damage)?;
        } else if matches!(self.on_damage, OnDamage::Stop) {
            // The next segment shows whether something is missing.
            return Ok(None);
        }
        let Some((next, header)) = scan.next_batch(offset, sequence).map_err(io_error)? else {
            return Ok(None);
        };
        if !is_last {
            self.damaged(name, offset, damage)?;
        }
        self.found.sequence = header.sequence;
        Ok(Some(next))
    }

    fn batch(
        &mut self,
        name: SegmentName,
        scan: &mut Scan<'_, D::File>,
        offset: u64,
        header: &BatchHeader,
    ) -> Result<(), OpenError<E>> {
        if header.partition != self.partition {
            let (found, expected) = (header.partition, self.partition);
            return Err(OpenError::Partition { path: self.path(name), found, expected });
        }
        let disk = self.disk;
        let frames = scan.frames(offset, header).map_err(|source| io_error(disk, name, source))?;
        self.found.is_closed = true;
        self.found.batches += 1;
        for (offset, frame, records) in frames {
            match frame.kind {
                Kind::Counters => self.counters(&frame, records),
                Kind::Ordinary | Kind::Kept => {
                    self.found.is_closed = false;
                    self.frame(name, offset, header.time, &frame, records)?;
                }
            }
        }
        self.found.time = self.found.time.max(header.time);
        self.found.sequence = header.sequence.saturating_add(1);
        Ok(())
    }

    fn frame(
        &mut self,
        name: SegmentName,
        offset: u64,
        time: u64,
        frame: &FrameHeader,
        records: &[u8],
    ) -> Result<(), OpenError<E>> {
        let kept = frame.kind == Kind::Kept;
        let mut last = None;
        for record in frame.records(records) {
            let Some(record) = record.filter(|record| record.counter <= Number::MAXIMUM_COUNTER)
            else {
                self.damaged(name, offset, DamageKind::Records)?;
                break;
            };
            self.found.records += 1;
            let number = Number::new(frame.writer, record.counter);
            last = Some(number);
            let (order, readable, bytes) = (record.order, record.readable, record.bytes);
            (self.replay)(Replayed { number, order, time, kept, readable, bytes })
                .map_err(|source| OpenError::Replay { path: self.path(name), offset, source })?;
        }
        let Some(last) = last else { return Ok(()) };
        // Its counter was in the first of the records.
        let first = Number::new(frame.writer, frame.first.min(last.counter()));
        let place = Place::new(name, offset);
        if kept {
            self.found.index.replace(first, last, place);
        } else if frame.readable {
            self.found.index.append(first, place);
        }
        let counter = self.found.counters.entry(frame.writer).or_default();
        *counter = (last.counter() + 1).max(*counter);
        Ok(())
    }

    fn counters(&mut self, frame: &FrameHeader, records: &[u8]) {
        for record in frame.records(records).flatten() {
            if let Some((writer, next)) = decode_counter(record.bytes) {
                let counter = self.found.counters.entry(writer).or_default();
                *counter = next.max(*counter);
            }
        }
    }

    fn damaged(&mut self, name: SegmentName, offset: u64, what: DamageKind) -> Result<(), Damage> {
        let damage = Damage { path: self.path(name), offset, what };
        match &mut self.on_damage {
            OnDamage::Stop => Err(damage),
            OnDamage::Tell(tell) => {
                self.found.index.interrupt(Place::new(name, offset));
                tell(damage);
                Ok(())
            }
        }
    }

    fn path(&self, name: SegmentName) -> std::path::PathBuf {
        self.disk.path(&name.to_string())
    }
}

fn io_error<E>(disk: &impl Disk, name: SegmentName, source: io::Error) -> OpenError<E> {
    OpenError::Io { path: disk.path(&name.to_string()), source }
}

/// A record of [`Kind::Counters`].
pub(crate) fn encode_counter(writer: u16, next: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    let (front, rest) = bytes.split_at_mut(2);
    front.copy_from_slice(&writer.to_le_bytes());
    rest.copy_from_slice(&next.to_le_bytes());
    bytes
}

fn decode_counter(bytes: &[u8]) -> Option<(u16, u64)> {
    let (writer, rest) = bytes.split_first_chunk::<2>()?;
    let next = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    Some((u16::from_le_bytes(*writer), next.min(Number::MAXIMUM_COUNTER)))
}

/// The sequence of a log's first batch.
pub(crate) const FIRST_SEQUENCE: u64 = 1;
