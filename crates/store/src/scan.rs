//! Reading a segment from its beginning: whole batches, as long as they verify.

use std::io;

use crate::disk::{DiskFile, read_full};
use crate::format::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, FORMAT, FRAME_HEADER_BYTES, FrameHeader,
    SegmentName, in_memory,
};

/// A segment that is read.
pub(crate) struct Scan<'a, F> {
    file: &'a F,
    name: SegmentName,
    seed: u32,
    length: u64,
    /// What was read of the file, from `start` on.
    window: Vec<u8>,
    start: u64,
}

/// What stands at an offset.
#[derive(Debug)]
pub(crate) enum Found {
    /// The batch that comes next.
    Batch(BatchHeader),
    /// A batch of a format that is not known here.
    OtherFormat(u16),
    /// No batch, another one than the next, or one that is not whole.
    Nothing,
}

impl<'a, F: DiskFile> Scan<'a, F> {
    pub(crate) fn new(file: &'a F, name: SegmentName) -> io::Result<Self> {
        let length = file.length()?.min(MAXIMUM_SEGMENT_BYTES);
        Ok(Self { file, name, seed: name.seed(), length, window: Vec::new(), start: 0 })
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The batch with this sequence, if it stands here and is whole.
    pub(crate) fn batch(&mut self, offset: u64, sequence: u64) -> io::Result<Found> {
        let seed = self.seed;
        let bytes = self.bytes(offset, BATCH_HEADER_BYTES as u64)?;
        let Some(header) = bytes.and_then(|bytes| BatchHeader::decode(bytes, seed)) else {
            return Ok(Found::Nothing);
        };
        if header.format != FORMAT {
            return Ok(Found::OtherFormat(header.format));
        }
        if header.sequence != sequence || header.segment != self.name.id {
            return Ok(Found::Nothing);
        }
        let frames = self.bytes(offset + BATCH_HEADER_BYTES as u64, u64::from(header.bytes))?;
        let is_whole = frames.is_some_and(|frames| is_whole(&header, frames, seed));
        Ok(if is_whole { Found::Batch(header) } else { Found::Nothing })
    }

    /// The frames of the batch that was found here, with their offsets in the segment.
    pub(crate) fn frames(
        &mut self,
        offset: u64,
        header: &BatchHeader,
    ) -> io::Result<impl Iterator<Item = (u64, FrameHeader, &[u8])>> {
        let mut offset = offset + BATCH_HEADER_BYTES as u64;
        let frames = self.bytes(offset, u64::from(header.bytes))?;
        let mut rest = frames.unwrap_or_default();
        Ok(std::iter::from_fn(move || {
            let header = FrameHeader::decode(rest)?;
            let (frame, behind) = rest.split_at_checked(in_memory(header.frame_bytes()))?;
            let records = frame.get(FRAME_HEADER_BYTES..)?;
            let here = offset;
            rest = behind;
            offset += header.frame_bytes();
            Some((here, header, records))
        }))
    }

    /// Whether some batch from here on says that the batch with this sequence was synced.
    pub(crate) fn was_synced(&mut self, offset: u64, sequence: u64) -> io::Result<bool> {
        let mut at = offset;
        while at < self.length {
            let length = WINDOW_BYTES.min(self.length - at);
            let seed = self.seed;
            let Some(bytes) = self.bytes(at, length)? else { break };
            let mut headers = bytes.windows(BATCH_HEADER_BYTES).filter(|bytes| {
                // The first byte alone rules out most places, and quickly.
                bytes.first() == BATCH_MAGIC.first() && bytes.starts_with(&BATCH_MAGIC)
            });
            let is_proof = |bytes| {
                BatchHeader::decode(bytes, seed).is_some_and(|header| header.synced >= sequence)
            };
            if headers.any(is_proof) {
                return Ok(true);
            }
            // A header may stand across the end of what was looked at.
            at += length.saturating_sub(BATCH_HEADER_BYTES as u64 - 1).max(1);
        }
        Ok(false)
    }

    /// The next whole batch behind this offset with a higher sequence.
    pub(crate) fn next_batch(
        &mut self,
        offset: u64,
        sequence: u64,
    ) -> io::Result<Option<(u64, BatchHeader)>> {
        let mut at = offset + 1;
        while at < self.length {
            let length = WINDOW_BYTES.min(self.length - at);
            let Some(bytes) = self.bytes(at, length)? else { break };
            let begins = |bytes: &[u8]| bytes.starts_with(&BATCH_MAGIC);
            let Some(place) = bytes.windows(BATCH_MAGIC.len()).position(begins) else {
                at += length.saturating_sub(BATCH_MAGIC.len() as u64 - 1).max(1);
                continue;
            };
            at += place as u64;
            let seed = self.seed;
            let header = self.bytes(at, BATCH_HEADER_BYTES as u64)?;
            let header = header.and_then(|bytes| BatchHeader::decode(bytes, seed));
            if let Some(header) = header.filter(|header| header.sequence > sequence)
                && let Found::Batch(header) = self.batch(at, header.sequence)?
            {
                return Ok(Some((at, header)));
            }
            at += 1;
        }
        Ok(None)
    }

    /// A part of the file; `None` if the file ends before it does.
    fn bytes(&mut self, offset: u64, length: u64) -> io::Result<Option<&[u8]>> {
        let Some(last) = offset.checked_add(length).filter(|last| *last <= self.length) else {
            return Ok(None);
        };
        if offset < self.start || last > self.start + self.window.len() as u64 {
            let target = length.max(WINDOW_BYTES).min(self.length - offset);
            self.window.resize(in_memory(target), 0);
            let count = read_full(self.file, &mut self.window, offset)?;
            self.window.truncate(count);
            self.start = offset;
        }
        let from = in_memory(offset - self.start);
        Ok(self.window.get(from..from + in_memory(length)))
    }
}

/// Whether the frames are those of the batch, and verify.
fn is_whole(batch: &BatchHeader, frames: &[u8], seed: u32) -> bool {
    let mut rest = frames;
    let mut checksum = seed;
    for _ in 0..batch.frames {
        let Some(header) = FrameHeader::decode(rest) else { return false };
        let Some((frame, behind)) = rest.split_at_checked(in_memory(header.frame_bytes())) else {
            return false;
        };
        if header.order != batch.sequence || !header.verify(frame, seed) {
            return false;
        }
        checksum = crc32c::crc32c_append(checksum, &header.checksum.to_le_bytes());
        rest = behind;
    }
    rest.is_empty() && checksum == batch.frames_checksum
}

/// The largest segment that is read. Places have 32 bits for the offset.
pub(crate) const MAXIMUM_SEGMENT_BYTES: u64 = u32::MAX as u64;

/// How much is read at once.
const WINDOW_BYTES: u64 = 1 << 20;
