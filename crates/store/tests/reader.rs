//! Reading a log without writing to it, also where it is damaged.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ferrymq_store::{
    Damage, DamageKind, Log, LogOptions, LogReader, Number, OpenError, ReadError, RealDisk,
    RunBuilder,
};

/// A directory that is removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ferrymq-store-reader-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn log(&self) -> Log<RealDisk> {
        let disk = RealDisk::new(&self.0).unwrap();
        let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
        Log::open(disk, options, &mut |_| Ok::<(), Infallible>(()), &mut |_, _| {}).unwrap()
    }

    fn read(&self) -> Result<Read, OpenError<Infallible>> {
        let mut damages = Vec::new();
        let mut numbers = Vec::new();
        let reader = LogReader::open(
            RealDisk::existing(&self.0),
            0,
            &mut |damage| damages.push(damage),
            &mut |record| {
                numbers.push(record.number);
                Ok(())
            },
            &mut |done, all| assert!(done <= all),
        )?;
        Ok(Read { reader, numbers, damages })
    }

    /// All files but the lock, with their bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = std::fs::read_dir(&self.0).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let paths = paths.filter(|path| path.file_name().is_some_and(|name| name != "lock"));
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "segment");
        self.files().into_keys().filter(is_segment).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Read {
    reader: LogReader<RealDisk>,
    numbers: Vec<Number>,
    damages: Vec<Damage>,
}

/// So many records of 1,000 bytes, each in a batch of its own.
fn append(log: &Log<RealDisk>, counters: std::ops::Range<u64>) {
    for counter in counters {
        let mut run = RunBuilder::new(1, counter);
        run.push(true, |out| out.extend(content(counter)));
        log.append(run.finish(counter, true));
        assert!(log.commit().unwrap());
    }
}

fn content(counter: u64) -> Vec<u8> {
    counter.to_le_bytes().repeat(125)
}

/// Changes the byte in the middle of this record.
fn damage(segment: &Path, counter: u64) {
    let mut bytes = std::fs::read(segment).unwrap();
    let content = content(counter);
    let place = bytes.windows(content.len()).position(|part| part == content).unwrap();
    bytes[place + 500] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

#[test]
fn reader_finds_everything_and_changes_nothing() {
    let directory = Directory::new();
    let log = directory.log();
    append(&log, 1..100);
    assert!(matches!(directory.read(), Err(OpenError::Locked { .. })), "while it is written");
    drop(log);
    let before = directory.files();
    let Read { reader, numbers, damages } = directory.read().unwrap();
    assert_eq!(numbers, (1..100).map(|counter| Number::new(1, counter)).collect::<Vec<_>>());
    assert_eq!(damages, []);
    assert_eq!((reader.batches(), reader.records(), reader.last_time()), (99, 99, 99));
    assert!(!reader.is_closed());
    for counter in (1..100).rev() {
        let read = reader.read(Number::new(1, counter), |stored| stored.bytes.to_vec());
        assert_eq!(read.unwrap(), Some(content(counter)));
    }
    assert_eq!(reader.read(Number::new(1, 100), |_| ()).unwrap(), None);
    drop(reader);
    assert_eq!(directory.files(), before);
    directory.log().close().unwrap();
    assert!(directory.read().unwrap().reader.is_closed());
}

#[test]
fn damage_is_told_and_what_is_behind_it_is_read() {
    let directory = Directory::new();
    let log = directory.log();
    append(&log, 1..92);
    log.close().unwrap();
    drop(log);
    let segments = directory.segments();
    let holds = |segment: &PathBuf, counter| {
        let bytes = std::fs::read(segment).unwrap();
        bytes.windows(1000).any(|part| part == content(counter))
    };
    // In the middle of a segment, at the end of one, and in the last.
    let end = (1..91)
        .find(|counter| holds(&segments[2], *counter) && !holds(&segments[2], counter + 1))
        .unwrap();
    let damaged = [5, end, 90];
    for counter in damaged {
        damage(segments.iter().find(|segment| holds(segment, counter)).unwrap(), counter);
    }
    let Read { reader, numbers, damages } = directory.read().unwrap();
    let whole = (1..92).filter(|counter| !damaged.contains(counter));
    assert_eq!(numbers, whole.map(|counter| Number::new(1, counter)).collect::<Vec<_>>());
    let files: Vec<_> = damages.iter().map(|damage| damage.path.clone()).collect();
    assert_eq!(files, [&segments[0], &segments[2], segments.last().unwrap()].map(Clone::clone));
    assert!(matches!(damages[0].what, DamageKind::Batch { sequence: 5 }));
    for number in numbers {
        let read = reader.read(number, |stored| stored.bytes.to_vec()).unwrap();
        assert_eq!(read, Some(content(number.counter())));
    }
    for counter in damaged {
        let read = reader.read(Number::new(1, counter), |_| ());
        assert!(matches!(read, Ok(None) | Err(ReadError::Damaged(_))), "{counter}: {read:?}");
    }
}

#[test]
fn missing_segment_is_told() {
    let directory = Directory::new();
    append(&directory.log(), 1..60);
    std::fs::remove_file(&directory.segments()[1]).unwrap();
    let Read { numbers, damages, .. } = directory.read().unwrap();
    assert!(matches!(damages[..], [Damage { what: DamageKind::Gap { .. }, .. }]), "{damages:?}");
    assert!(numbers.len() > 30 && numbers.last() == Some(&Number::new(1, 59)));
}
