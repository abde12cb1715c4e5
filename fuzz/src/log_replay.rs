//! A directory of segments as nobody would write them, whose checksums are right all the same, and
//! some whose are not.

use std::collections::BTreeMap;
use std::convert::Infallible;

use arbitrary::{Result, Unstructured};
use ferrymq_store::{Log, LogOptions, Number, OpenError, RunBuilder, TwinDisk};

/// The data says which segments there are, what batches, frames and records are in them, and what is
/// wrong. A log that opens gives each record that can be read as it was replayed, and takes more.
///
/// # Panics
///
/// If it does not.
pub fn log_replay(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let disk = TwinDisk::new(0);
    for _ in 0..MAXIMUM_SEGMENTS {
        // Data that ends early ends the last segment.
        let mut segment = Segment::default();
        let is_whole = segment.fill(&mut data).is_ok();
        disk.put(&segment.name(), segment.bytes);
        if !is_whole || data.is_empty() {
            break;
        }
    }
    let Ok((log, records)) = open(&disk) else { return };
    for (number, versions) in &records {
        let read = log.read(*number, |stored| stored.bytes.to_vec());
        let read = read.expect("what was replayed is not damaged");
        assert!(read.is_none_or(|read| versions.contains(&read)), "{number:?} is another record");
    }
    let number = append(&log);
    drop(log);
    let Ok((log, again)) = open(&disk) else { panic!("the log does not open again") };
    assert_eq!(again.len(), records.len() + 1, "one more than before");
    assert_eq!(again[&number], [b"more".to_vec()]);
    drop(log);
}

/// All versions of each record.
type Records = BTreeMap<Number, Vec<Vec<u8>>>;

fn open(disk: &TwinDisk) -> core::result::Result<(Log<TwinDisk>, Records), OpenError<Infallible>> {
    let mut records = Records::new();
    let options = LogOptions { segment_bytes: 4096, tail_bytes: 0, ..LogOptions::default() };
    let mut replay = |record: ferrymq_store::Replayed<'_>| {
        records.entry(record.number).or_default().push(record.bytes.to_vec());
        Ok(())
    };
    let log = Log::open(disk.clone(), options, &mut replay, &mut |_, _| {})?;
    Ok((log, records))
}

/// Appends a record of a writer that the data does not know.
fn append(log: &Log<TwinDisk>) -> Number {
    let mut run = RunBuilder::new(WRITER, 1);
    run.push(true, |out| out.extend_from_slice(b"more"));
    log.append(run.finish(1, true));
    log.commit().expect("the disk has space");
    assert_eq!(log.synced(WRITER), 1);
    let number = Number::new(WRITER, 1);
    let read = log.read(number, |stored| stored.bytes.to_vec()).expect("it was just written");
    assert_eq!(read.as_deref(), Some(&b"more"[..]));
    number
}

/// A file, and what its name says.
#[derive(Default)]
struct Segment {
    id: u32,
    first: u64,
    sequence: u64,
    bytes: Vec<u8>,
}

impl Segment {
    fn name(&self) -> String {
        format!("{:08x}-{:016x}-{SALT:016x}.segment", self.id, self.first)
    }

    /// What the checksums of the segment begin with.
    fn seed(&self) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&SALT.to_le_bytes()), &self.id.to_le_bytes())
    }

    fn fill(&mut self, data: &mut Unstructured<'_>) -> Result<()> {
        self.id = 1 + u32::from(data.arbitrary::<u8>()?);
        self.first = number(data)?;
        self.sequence = self.first;
        for _ in 0..=data.int_in_range(0..=7)? {
            self.batch(data)?;
        }
        if data.ratio(1, 4)? {
            let at = data.choose_index(self.bytes.len())?;
            self.bytes[at] ^= data.arbitrary::<u8>()?;
        }
        Ok(())
    }

    fn batch(&mut self, data: &mut Unstructured<'_>) -> Result<()> {
        let start = self.bytes.len();
        let is_odd = data.ratio(1, 8)?;
        let mut frames = Vec::new();
        let mut checksum = self.seed();
        let count = data.int_in_range(0..=3_u32)?;
        for _ in 0..count {
            let frame = self.frame(data)?;
            checksum = crc32c::crc32c_append(checksum, &frame[4..8]);
            frames.extend(frame);
        }
        let synced = if is_odd { number(data)? } else { self.sequence.saturating_sub(1) };
        let time: u64 = if is_odd { number(data)? } else { 1 };
        let bytes = u32::try_from(frames.len()).expect("the data is short");
        self.bytes.extend(b"FerryMQ\n");
        self.bytes.extend([1, 0, 0, 0]);
        self.bytes.extend(self.id.to_le_bytes());
        self.bytes.extend(0_u64.to_le_bytes());
        self.bytes.extend(self.sequence.to_le_bytes());
        self.bytes.extend(synced.to_le_bytes());
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend(count.to_le_bytes());
        self.bytes.extend(bytes.to_le_bytes());
        self.bytes.extend(checksum.to_le_bytes());
        let checksum = crc32c::crc32c_append(self.seed(), &self.bytes[start..]);
        self.bytes.extend(checksum.to_le_bytes());
        self.bytes.extend(frames);
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }

    /// A frame whose header need not tell the truth about its records.
    fn frame(&self, data: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let count = data.int_in_range(0..=6_u32)?;
        let kind = data.int_in_range(1..=3_u8)?;
        let mut records = Vec::new();
        for _ in 0..count {
            let record = data.arbitrary::<u16>()?.to_be_bytes();
            if kind == 2 {
                records.extend([record[0] & 0x1F, record[1] & 0x1F]);
            }
            let length = record[1] % 16;
            records.push(length << 1 | record[0] & 1);
            records.extend(core::iter::repeat_n(record[0], usize::from(length)));
        }
        if data.ratio(1, 8)? {
            let spoilt = data.arbitrary::<[u8; 4]>()?;
            let length = usize::from(spoilt[0]) % (records.len() + 1);
            records.truncate(length);
            records.extend_from_slice(&spoilt[1..]);
        }
        let writer = u16::from(data.arbitrary::<u8>()? % 3);
        let mut covered = u32::try_from(records.len()).expect("it is short").to_le_bytes().to_vec();
        covered.extend(count.to_le_bytes());
        covered.extend(writer.to_le_bytes());
        covered.extend([kind, 1]);
        covered.extend(number(data)?.to_le_bytes());
        covered.extend(self.sequence.to_le_bytes());
        covered.extend(records);
        let checksum = crc32c::crc32c_append(self.seed(), &covered);
        Ok([b"FRAM".as_slice(), &checksum.to_le_bytes(), &covered].concat())
    }
}

/// Small numbers mostly, and some of the largest.
fn number(data: &mut Unstructured<'_>) -> Result<u64> {
    let small = u64::from(data.arbitrary::<u8>()?);
    Ok(match small {
        250 => u64::MAX,
        251 => (1 << 48) - 1,
        252 => 1 << 48,
        253 => 1 << 62,
        254 => (1 << 62) - 1,
        small => small / 8,
    })
}

const MAXIMUM_SEGMENTS: usize = 4;

const SALT: u64 = 0;

/// Not one of those in the data.
const WRITER: u16 = 9;
