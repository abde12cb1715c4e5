//! What is handed to the log: records, already in the frames in which they will stand on disk.

use crate::format::{FRAME_HEADER_BYTES, FrameHeader, FrameRecord, Kind, on_disk};
use crate::number::Number;
use crate::varint;

/// Consecutive records of one writer, which are written in one batch or not at all.
#[derive(Debug)]
pub struct Run {
    pub(crate) frames: Frames,
    pub(crate) writer: u16,
    /// The counter behind the last.
    pub(crate) next: u64,
    pub(crate) time: u64,
    pub(crate) sync: bool,
}

/// Makes a [`Run`].
#[derive(Debug)]
pub struct RunBuilder {
    frames: Frames,
    writer: u16,
    first: u64,
    next: u64,
}

/// A record that is written again under its old number, because the segment that it stands in is
/// to be freed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its number.
    pub number: Number,
    /// The order that it had, as [`crate::Stored`] says.
    pub order: u64,
    /// Its bytes, which may be others than before.
    pub bytes: Vec<u8>,
}

/// Frames in one piece of memory, with room for their headers, which depend on where they will
/// stand.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
    pub(crate) list: Vec<Frame>,
}

/// A frame of [`Frames`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Where its header stands.
    pub(crate) start: usize,
    /// Where its records end.
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    pub(crate) writer: u16,
    pub(crate) first: u64,
    /// The highest counter in it.
    pub(crate) last: u64,
    pub(crate) count: u32,
    pub(crate) readable: bool,
}

impl RunBuilder {
    /// A run of this writer, whose first record has this counter.
    pub fn new(writer: u16, first: u64) -> Self {
        Self { frames: Frames::default(), writer, first, next: first }
    }

    /// Adds a record: its bytes are what is appended to the vector. Only a readable one can be
    /// read by its number later; others only come back when the log is opened.
    ///
    /// # Panics
    ///
    /// If the record has more than [`MAXIMUM_RECORD_BYTES`] or the run more than
    /// [`MAXIMUM_RUN_BYTES`], or the counter has run out.
    pub fn push(&mut self, readable: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        assert!(self.next <= Number::MAXIMUM_COUNTER, "the record counter has run out");
        self.frames.push(Kind::Ordinary, self.writer, self.next, readable, &[], encode);
        self.next += 1;
        assert!(self.frames.bytes.len() <= MAXIMUM_RUN_BYTES, "a run is too large");
    }

    /// The number of the next record that is pushed.
    pub fn next(&self) -> Number {
        Number::new(self.writer, self.next)
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// The run. Its time comes back at replay, or a little later one; `sync`: it is to be synced
    /// with its batch.
    pub fn finish(self, time: u64, sync: bool) -> Run {
        Run { frames: self.frames, writer: self.writer, next: self.next, time, sync }
    }
}

impl Run {
    /// How many bytes it takes on disk.
    pub fn bytes(&self) -> usize {
        self.frames.bytes.len()
    }

    /// The counter of the first record; `None` without records.
    pub(crate) fn first(&self) -> Option<u64> {
        self.frames.list.first().map(|frame| frame.first)
    }

    pub(crate) fn records(&self) -> u64 {
        self.frames.list.iter().map(|frame| u64::from(frame.count)).sum()
    }
}

impl Frames {
    /// Adds a record to the last frame, or to a new one.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        writer: u16,
        counter: u64,
        readable: bool,
        before: &[u64],
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.has_room_for(kind, writer) {
            self.begin(kind, writer, counter);
        }
        for number in before {
            varint::put(&mut self.bytes, *number);
        }
        self.put_record(readable, encode);
        let end = self.bytes.len();
        if let Some(frame) = self.list.last_mut() {
            frame.end = end;
            frame.last = counter;
            frame.count += 1;
            frame.readable |= readable;
        }
    }

    /// Whether some record can be read by its number.
    pub(crate) fn is_readable(&self) -> bool {
        self.list.iter().any(|frame| frame.readable)
    }

    /// The readable record with this counter, of frames in order.
    pub(crate) fn find(&self, counter: u64) -> Option<FrameRecord<'_>> {
        let behind = self.list.partition_point(|frame| frame.first <= counter);
        let frame = self.list.get(behind.checked_sub(1)?)?;
        frame.find(&self.bytes, 0, counter)
    }

    /// The frames of kept records. `cuts` says of each whether a frame must begin with it.
    pub(crate) fn of_kept(kept: Vec<Kept>, cuts: &[bool]) -> Self {
        let mut frames = Self::default();
        for (Kept { number, order, bytes }, is_cut) in kept.into_iter().zip(cuts) {
            let (writer, counter) = (number.writer(), number.counter());
            if *is_cut || !frames.has_room_for(Kind::Kept, writer) {
                frames.begin(Kind::Kept, writer, counter);
            }
            let before = frames.list.last().map_or(counter, |frame| frame.last);
            let delta = counter.saturating_sub(before);
            frames.push(Kind::Kept, writer, counter, true, &[delta, order], |out| {
                out.extend_from_slice(&bytes);
            });
        }
        frames
    }

    fn has_room_for(&self, kind: Kind, writer: u16) -> bool {
        self.list.last().is_some_and(|frame| frame.has_room_for(kind, writer))
    }

    fn begin(&mut self, kind: Kind, writer: u16, first: u64) {
        let start = self.bytes.len();
        let end = start + FRAME_HEADER_BYTES;
        self.bytes.resize(end, 0);
        let frame =
            Frame { start, end, kind, writer, first, last: first, count: 0, readable: false };
        self.list.push(frame);
    }

    /// Most records have a length of two bytes: room for them is left, and the others are moved.
    fn put_record(&mut self, readable: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        encode(&mut self.bytes);
        let length = self.bytes.len().saturating_sub(start + 2);
        assert!(length <= MAXIMUM_RECORD_BYTES, "a record of {length} bytes is too large");
        let (prefix, count) = varint::encode((length as u64) << 1 | u64::from(readable));
        let prefix = prefix.get(..count).unwrap_or_default();
        match self.bytes.get_mut(start..start + 2) {
            Some(room) if count == 2 => room.copy_from_slice(prefix),
            _ => drop(self.bytes.splice(start..start + 2, prefix.iter().copied())),
        }
    }
}

impl Frame {
    fn has_room_for(&self, kind: Kind, writer: u16) -> bool {
        self.kind == kind && self.writer == writer && self.end - self.start < FRAME_BYTES
    }

    /// The header with which it stands in a batch, still without a checksum.
    pub(crate) fn header(&self, order: u64) -> FrameHeader {
        FrameHeader {
            checksum: 0,
            length: on_disk(self.end - self.start - FRAME_HEADER_BYTES),
            count: self.count,
            writer: self.writer,
            kind: self.kind,
            readable: self.readable,
            first: self.first,
            order,
        }
    }

    pub(crate) const fn first_number(&self) -> Number {
        Number::new(self.writer, self.first)
    }

    pub(crate) const fn last_number(&self) -> Number {
        Number::new(self.writer, self.last)
    }

    /// The record with this counter, from the frame's bytes.
    pub(crate) fn find<'a>(
        &self,
        bytes: &'a [u8],
        order: u64,
        counter: u64,
    ) -> Option<FrameRecord<'a>> {
        let records = bytes.get(self.start + FRAME_HEADER_BYTES..self.end)?;
        let mut records = self.header(order).records(records).map_while(|record| record);
        records.find(|record| record.counter == counter && record.readable)
    }
}

/// The largest record.
pub const MAXIMUM_RECORD_BYTES: usize = 1 << 30;

/// The largest run.
pub const MAXIMUM_RUN_BYTES: usize = 3 << 30;

/// A frame that has reached this length takes no further record.
pub(crate) const FRAME_BYTES: usize = 4096;
