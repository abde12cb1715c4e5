//! Frames that are read together: those of one writer that begin close behind a place.

use std::io;

use crate::disk::{DiskFile, read_full};
use crate::format::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, FRAME_HEADER_BYTES, FrameHeader, FrameRecord,
    Kind, in_memory,
};
use crate::index::GROUP_BYTES;
use crate::run::Frame;

/// Verified frames of one writer.
#[derive(Debug, Default)]
pub(crate) struct Group {
    bytes: Vec<u8>,
    /// With the sequence of the batch that holds it.
    frames: Vec<(Frame, u64)>,
}

/// Why a group cannot be read.
#[derive(Debug)]
pub(crate) enum GroupError {
    Io(io::Error),
    /// What stands at this offset is not what was written.
    Damaged {
        offset: u64,
    },
}

impl Group {
    /// Reads the frames of a writer that begin here and less than [`GROUP_BYTES`] behind. `end` is
    /// where the segment's written part ends. Everything on the way is verified.
    pub(crate) fn read(
        file: &impl DiskFile,
        seed: u32,
        writer: u16,
        offset: u64,
        end: u64,
    ) -> Result<Self, GroupError> {
        let mut group = Self::default();
        let mut part = Part { file, bytes: Vec::new(), start: offset, end };
        let window = end.min(offset + u64::from(GROUP_BYTES));
        let mut at = offset;
        while at < window {
            let front = part.at(at, FRAME_HEADER_BYTES as u64)?;
            if front.starts_with(&BATCH_MAGIC) {
                let header = part.at(at, BATCH_HEADER_BYTES as u64)?;
                BatchHeader::decode(header, seed).ok_or(GroupError::Damaged { offset: at })?;
                at += BATCH_HEADER_BYTES as u64;
                continue;
            }
            let header = FrameHeader::decode(front).ok_or(GroupError::Damaged { offset: at })?;
            let frame = part.at(at, header.frame_bytes())?;
            if !header.verify(frame, seed) {
                return Err(GroupError::Damaged { offset: at });
            }
            if header.writer == writer && header.kind != Kind::Counters {
                group.push(&header, frame);
            }
            at += header.frame_bytes();
        }
        Ok(group)
    }

    /// The record with this counter. Of several the last, which was written last.
    pub(crate) fn find(&self, counter: u64) -> Option<FrameRecord<'_>> {
        let frames = self.frames.iter().rev();
        let mut frames = frames.filter(|(frame, _)| (frame.first..=frame.last).contains(&counter));
        frames.find_map(|(frame, order)| frame.find(&self.bytes, *order, counter))
    }

    /// How much memory it takes, about.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.frames.capacity() * size_of::<(Frame, u64)>()
    }

    fn push(&mut self, header: &FrameHeader, frame: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        let records = frame.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let last = header.records(records).map_while(|record| record).last();
        let frame = Frame {
            start,
            end: self.bytes.len(),
            kind: header.kind,
            writer: header.writer,
            first: header.first,
            last: last.map_or(header.first, |record| record.counter),
            count: header.count,
            readable: header.readable,
        };
        self.frames.push((frame, header.order));
    }
}

/// The part of a file that was read so far.
struct Part<'a, F> {
    file: &'a F,
    bytes: Vec<u8>,
    start: u64,
    end: u64,
}

impl<F: DiskFile> Part<'_, F> {
    fn at(&mut self, offset: u64, length: u64) -> Result<&[u8], GroupError> {
        let damaged = GroupError::Damaged { offset };
        let last = offset.checked_add(length).filter(|last| *last <= self.end).ok_or(damaged)?;
        let filled = self.start + self.bytes.len() as u64;
        if last > filled {
            let target = last.max(filled + 2 * u64::from(GROUP_BYTES)).min(self.end);
            let old = self.bytes.len();
            self.bytes.resize(old + in_memory(target - filled), 0);
            let space = self.bytes.get_mut(old..).unwrap_or_default();
            let count = read_full(self.file, space, filled).map_err(GroupError::Io)?;
            self.bytes.truncate(old + count);
        }
        let from = in_memory(offset - self.start);
        self.bytes.get(from..from + in_memory(length)).ok_or(GroupError::Damaged { offset })
    }
}
