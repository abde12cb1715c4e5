//! A group commit: what is written at once, in one piece of memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::format::{BATCH_HEADER_BYTES, BatchHeader, FRAME_HEADER_BYTES, Kind, on_disk};
use crate::recover::encode_counter;
use crate::run::{Frames, Run};

/// Something that waits to be written.
#[derive(Debug)]
pub(crate) enum Waiting {
    Run(Arc<Run>),
    Kept(Frames),
}

/// The bytes of a batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    frames: u32,
    frames_checksum: u32,
    seed: u32,
    sequence: u64,
}

impl Waiting {
    pub(crate) fn frames(&self) -> &Frames {
        match self {
            Self::Run(run) => &run.frames,
            Self::Kept(frames) => frames,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frames().bytes.len()
    }

    /// Whether it is to be synced with its batch.
    pub(crate) fn wants_sync(&self) -> bool {
        matches!(self, Self::Run(run) if run.sync)
    }

    /// How many records are new with it.
    pub(crate) fn records(&self) -> u64 {
        match self {
            Self::Run(run) => run.records(),
            Self::Kept(_) => 0,
        }
    }

    pub(crate) fn time(&self) -> u64 {
        match self {
            Self::Run(run) => run.time,
            Self::Kept(_) => 0,
        }
    }
}

impl Batch {
    /// Begins a batch, in the memory of the last one.
    pub(crate) fn begin(&mut self, seed: u32, sequence: u64) {
        self.bytes.clear();
        self.bytes.resize(BATCH_HEADER_BYTES, 0);
        (self.frames, self.frames_checksum) = (0, seed);
        (self.seed, self.sequence) = (seed, sequence);
    }

    /// Adds frames, and says at which offset of the batch they begin.
    pub(crate) fn add(&mut self, frames: &Frames) -> u64 {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&frames.bytes);
        for frame in &frames.list {
            let mut header = frame.header(self.sequence);
            let space = self.bytes.get_mut(start + frame.start..start + frame.end);
            let Some((space, records)) =
                space.and_then(<[u8]>::split_first_chunk_mut::<FRAME_HEADER_BYTES>)
            else {
                continue;
            };
            *space = header.encode(records, self.seed);
            let checksum = header.checksum.to_le_bytes();
            self.frames_checksum = crc32c::crc32c_append(self.frames_checksum, &checksum);
            self.frames += 1;
        }
        start as u64
    }

    /// The whole batch. Of the header only what the batch does not know itself is looked at.
    pub(crate) fn finish(&mut self, header: BatchHeader) -> &[u8] {
        let header = BatchHeader {
            sequence: self.sequence,
            frames: self.frames,
            bytes: on_disk(self.bytes.len() - BATCH_HEADER_BYTES),
            frames_checksum: self.frames_checksum,
            ..header
        };
        if let Some(space) = self.bytes.first_chunk_mut::<BATCH_HEADER_BYTES>() {
            *space = header.encode(self.seed);
        }
        &self.bytes
    }

    /// How long the whole batch is.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Gives memory back that only an unusually large batch needs.
    pub(crate) fn shrink(&mut self, usual: usize) {
        if self.bytes.capacity() > 2 * usual {
            self.bytes = Vec::new();
        }
    }
}

/// The frame with which each segment begins: so the counters stay known when all records of a
/// writer were freed.
pub(crate) fn counters_frame(counters: &BTreeMap<u16, u64>) -> Frames {
    let mut frames = Frames::default();
    for (writer, next) in counters {
        frames.push(Kind::Counters, 0, 0, false, &[], |out| {
            out.extend_from_slice(&encode_counter(*writer, *next));
        });
    }
    frames
}
