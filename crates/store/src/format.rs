//! The bytes of a segment: batches of frames of records, and the name of its file.
//!
//! ```text
//! segment  batch*, then anything
//! batch    header of 64 bytes, frames
//! frame    header of 36 bytes, records
//! record   [kept: delta of the counter, order], length << 1 | readable, bytes
//! ```
//!
//! Numbers in headers are little-endian, those of records are varints. Each checksum begins with
//! what only this segment has (its number and a random number, its salt), so that bytes of an
//! earlier life of the file never verify, and nobody who sends payloads can forge one. The checksum
//! of a batch's header covers the checksums of its frames: a batch is whole or it is nothing.

use crate::varint;

/// The length of a [`BatchHeader`].
pub(crate) const BATCH_HEADER_BYTES: usize = 64;

/// The length of a [`FrameHeader`].
pub(crate) const FRAME_HEADER_BYTES: usize = 36;

/// What a batch begins with.
pub(crate) const BATCH_MAGIC: [u8; 8] = *b"FerryMQ\n";

/// What a frame begins with.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"FRAM";

/// The format that is written. Another one in a file is an error that says so.
pub const FORMAT: u16 = 1;

/// The front of a batch: what one commit has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) format: u16,
    pub(crate) partition: u16,
    pub(crate) segment: u32,
    pub(crate) epoch: u64,
    /// Which batch of the log it is, over all restarts.
    pub(crate) sequence: u64,
    /// The last batch that was known to be synced when this one was written.
    pub(crate) synced: u64,
    /// The latest time of its runs, in nanoseconds.
    pub(crate) time: u64,
    pub(crate) frames: u32,
    /// The length of the frames, with their headers.
    pub(crate) bytes: u32,
    /// The checksum of the frames' checksums.
    pub(crate) frames_checksum: u32,
}

/// The front of a frame: records of one writer that are read and verified together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) checksum: u32,
    /// The length of the records.
    pub(crate) length: u32,
    /// How many records.
    pub(crate) count: u32,
    pub(crate) writer: u16,
    pub(crate) kind: Kind,
    pub(crate) readable: bool,
    /// The counter of the first.
    pub(crate) first: u64,
    /// The sequence of the batch.
    pub(crate) order: u64,
}

/// What the records of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Consecutive records of a writer.
    Ordinary = 1,
    /// Records of one writer that stood elsewhere before, in ascending order.
    Kept = 2,
    /// The log's own: for each writer the lowest counter that no record has had.
    Counters = 3,
}

/// A record as it stands in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameRecord<'a> {
    pub(crate) counter: u64,
    pub(crate) order: u64,
    pub(crate) readable: bool,
    pub(crate) bytes: &'a [u8],
}

impl BatchHeader {
    /// Reads a header whose checksum is that of this segment. It may be of another format; then
    /// only the format has a meaning.
    pub(crate) fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let bytes = bytes.first_chunk::<BATCH_HEADER_BYTES>()?;
        let (covered, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c_append(seed, covered) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut rest = covered;
        (take::<8>(&mut rest)? == BATCH_MAGIC).then_some(Self {
            format: u16::from_le_bytes(take(&mut rest)?),
            partition: u16::from_le_bytes(take(&mut rest)?),
            segment: u32::from_le_bytes(take(&mut rest)?),
            epoch: u64::from_le_bytes(take(&mut rest)?),
            sequence: u64::from_le_bytes(take(&mut rest)?),
            synced: u64::from_le_bytes(take(&mut rest)?),
            time: u64::from_le_bytes(take(&mut rest)?),
            frames: u32::from_le_bytes(take(&mut rest)?),
            bytes: u32::from_le_bytes(take(&mut rest)?),
            frames_checksum: u32::from_le_bytes(take(&mut rest)?),
        })
    }

    pub(crate) fn encode(&self, seed: u32) -> [u8; BATCH_HEADER_BYTES] {
        let mut header = Header::<BATCH_HEADER_BYTES>::new();
        header.put(BATCH_MAGIC);
        header.put(self.format.to_le_bytes());
        header.put(self.partition.to_le_bytes());
        header.put(self.segment.to_le_bytes());
        header.put(self.epoch.to_le_bytes());
        header.put(self.sequence.to_le_bytes());
        header.put(self.synced.to_le_bytes());
        header.put(self.time.to_le_bytes());
        header.put(self.frames.to_le_bytes());
        header.put(self.bytes.to_le_bytes());
        header.put(self.frames_checksum.to_le_bytes());
        header.put(crc32c::crc32c_append(seed, header.filled()).to_le_bytes());
        header.bytes
    }

    /// The length of the whole batch.
    pub(crate) fn batch_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.bytes)
    }
}

impl FrameHeader {
    /// Reads a header. Whether it is true only [`FrameHeader::verify`] can say.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take::<4>(&mut rest)? != FRAME_MAGIC {
            return None;
        }
        let checksum = u32::from_le_bytes(take(&mut rest)?);
        let length = u32::from_le_bytes(take(&mut rest)?);
        let count = u32::from_le_bytes(take(&mut rest)?);
        let writer = u16::from_le_bytes(take(&mut rest)?);
        let [kind] = take(&mut rest)?;
        let kind = match kind {
            1 => Kind::Ordinary,
            2 => Kind::Kept,
            3 => Kind::Counters,
            _ => return None,
        };
        let readable = take::<1>(&mut rest)? != [0];
        let first = u64::from_le_bytes(take(&mut rest)?);
        let order = u64::from_le_bytes(take(&mut rest)?);
        Some(Self { checksum, length, count, writer, kind, readable, first, order })
    }

    /// The bytes of the header, with a checksum over it and these records.
    pub(crate) fn encode(&mut self, records: &[u8], seed: u32) -> [u8; FRAME_HEADER_BYTES] {
        let header = self.header();
        self.checksum = frame_checksum(&header.bytes, records, seed);
        self.header().bytes
    }

    fn header(&self) -> Header<FRAME_HEADER_BYTES> {
        let mut header = Header::new();
        header.put(FRAME_MAGIC);
        header.put(self.checksum.to_le_bytes());
        header.put(self.length.to_le_bytes());
        header.put(self.count.to_le_bytes());
        header.put(self.writer.to_le_bytes());
        header.put([self.kind as u8, u8::from(self.readable)]);
        header.put(self.first.to_le_bytes());
        header.put(self.order.to_le_bytes());
        header
    }

    /// The length of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.length)
    }

    /// Whether these bytes, which begin with the header, are what was written.
    pub(crate) fn verify(&self, frame: &[u8], seed: u32) -> bool {
        let whole = frame.split_at_checked(FRAME_HEADER_BYTES);
        whole.is_some_and(|(header, records)| {
            records.len() == self.length as usize
                && frame_checksum(header, records, seed) == self.checksum
        })
    }

    /// The records of a verified frame. Ends early with `None` for what cannot be read.
    pub(crate) fn records<'a>(
        &self,
        records: &'a [u8],
    ) -> impl Iterator<Item = Option<FrameRecord<'a>>> + use<'a> {
        let header = *self;
        let mut rest = records;
        let mut counter = self.first;
        let mut left = self.count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let record = take_record(&header, &mut counter, &mut rest);
            if record.is_none() {
                left = 0;
            }
            Some(record)
        })
    }
}

fn take_record<'a>(
    header: &FrameHeader,
    counter: &mut u64,
    rest: &mut &'a [u8],
) -> Option<FrameRecord<'a>> {
    let mut order = header.order;
    if header.kind == Kind::Kept {
        *counter = counter.checked_add(varint::take(rest)?)?;
        order = varint::take(rest)?;
    }
    let length = varint::take(rest)?;
    let (bytes, behind) = rest.split_at_checked(usize::try_from(length >> 1).ok()?)?;
    *rest = behind;
    let record = FrameRecord { counter: *counter, order, readable: length & 1 == 1, bytes };
    if header.kind == Kind::Ordinary {
        *counter = counter.checked_add(1)?;
    }
    Some(record)
}

/// Of the header without magic and checksum, and of the records.
fn frame_checksum(header: &[u8], records: &[u8], seed: u32) -> u32 {
    let header = header.get(8..FRAME_HEADER_BYTES).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c_append(seed, header), records)
}

/// What a segment is called: its number, the first batch in it, and its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) id: u32,
    /// The sequence of its first batch.
    pub(crate) first: u64,
    /// A random number.
    pub(crate) salt: u64,
}

impl SegmentName {
    /// Reads a file's name; `None` if the file is no segment.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(SUFFIX)?.split('-');
        let mut number = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            u64::from_str_radix(part, 16).ok()
        };
        let id = u32::try_from(number(8)?).ok()?;
        let segment = Self { id, first: number(16)?, salt: number(16)? };
        // Only the one way to write it: no signs, no capitals, nothing behind. And no number that we
        // do not give: before each there is one, and behind it are more than are ever needed.
        let is_ours = (1..MAXIMUM_ID).contains(&id) && (1..1 << 62).contains(&segment.first);
        (is_ours && segment.to_string() == name).then_some(segment)
    }

    /// What each checksum in the segment begins with.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.salt.to_le_bytes()), &self.id.to_le_bytes())
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}-{:016x}-{:016x}{SUFFIX}", self.id, self.first, self.salt)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*front)
}

/// A header that is filled from the front.
struct Header<const N: usize> {
    bytes: [u8; N],
    filled: usize,
}

impl<const N: usize> Header<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], filled: 0 }
    }

    fn put<const M: usize>(&mut self, bytes: [u8; M]) {
        let space = self.bytes.get_mut(self.filled..);
        if let Some(space) = space.and_then(<[u8]>::first_chunk_mut::<M>) {
            *space = bytes;
            self.filled += M;
        }
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

/// A length on disk as one in memory.
pub(crate) fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A length in memory as one on disk, which [`crate::MAXIMUM_RUN_BYTES`] keeps within 32 bits.
pub(crate) fn on_disk(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// More segments than a disk can ever have held.
const MAXIMUM_ID: u32 = u32::MAX >> 1;

const SUFFIX: &str = ".segment";
