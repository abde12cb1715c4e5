//! The log on the file system of this machine.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrymq_store::{
    Kept, LockError, Log, LogOptions, LogState, Number, OpenError, RealDisk, RunBuilder, SegmentId,
};

/// A directory that is removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ferrymq-store-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> (Log<RealDisk>, Vec<Record>) {
        let mut records = Vec::new();
        let disk = RealDisk::new(&self.0).unwrap();
        let log = Log::open(
            disk,
            options(),
            &mut |record| {
                let bytes = record.bytes.to_vec();
                records.push(Record { number: record.number, order: record.order, bytes });
                Ok::<(), Infallible>(())
            },
            &mut |done, all| assert!(done <= all),
        );
        (log.unwrap(), records)
    }

    fn refused(&self) -> OpenError<Infallible> {
        let disk = RealDisk::new(&self.0).unwrap();
        let opened = Log::open(disk, options(), &mut |_| Ok(()), &mut |_, _| {});
        opened.err().expect("it must not be opened")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.0).unwrap();
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
        paths.sort();
        paths
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    number: Number,
    order: u64,
    bytes: Vec<u8>,
}

fn options() -> LogOptions {
    // Nothing stays in memory: what is read comes from the disk.
    LogOptions { segment_bytes: 16 << 10, tail_bytes: 0, cache_bytes: 0, ..LogOptions::default() }
}

fn append(log: &Log<RealDisk>, writer: u16, counters: std::ops::Range<u64>, length: usize) {
    let mut run = RunBuilder::new(writer, counters.start);
    for counter in counters {
        run.push(true, |out| out.extend(content(Number::new(writer, counter), length)));
    }
    log.append(run.finish(7, true));
    assert!(log.commit().unwrap());
}

fn content(number: Number, length: usize) -> impl Iterator<Item = u8> {
    number.to_bits().to_le_bytes().into_iter().cycle().take(length)
}

fn read(log: &Log<RealDisk>, number: Number) -> Option<Vec<u8>> {
    log.read(number, |stored| stored.bytes.to_vec()).unwrap()
}

fn check_readable(log: &Log<RealDisk>, writer: u16, counters: std::ops::Range<u64>, length: usize) {
    for counter in counters {
        let number = Number::new(writer, counter);
        let expected: Vec<u8> = content(number, length).collect();
        assert_eq!(read(log, number), Some(expected), "{number:?}");
    }
}

#[test]
fn what_was_committed_is_read_and_replayed_in_order() {
    let directory = Directory::new();
    let (log, records) = directory.open();
    assert_eq!(records, []);
    append(&log, 0, 1..101, 300);
    append(&log, 3, 1..2, 0);
    append(&log, 0, 101..102, 40_000);
    assert_eq!((log.synced(0), log.written(0), log.synced(3)), (101, 101, 1));
    assert!(!log.commit().unwrap(), "nothing is left to do");
    assert!(log.segments().len() > 2, "the log has gone through several segments");
    assert_eq!(log.state(), LogState::Ready);
    let check = |log: &Log<RealDisk>| {
        check_readable(log, 0, 1..101, 300);
        check_readable(log, 3, 1..2, 0);
        check_readable(log, 0, 101..102, 40_000);
        for unknown in [Number::new(0, 102), Number::new(1, 1), Number::new(3, 2)] {
            assert_eq!(read(log, unknown), None);
        }
    };
    check(&log);
    drop(log);

    let (log, records) = directory.open();
    assert_eq!(records.len(), 102);
    assert!(records.is_sorted_by_key(|record| (record.order, record.number)));
    assert_eq!((log.synced(0), log.synced(3), log.last_time()), (101, 1, 7));
    assert!(log.next_counters()[&0] > 102 && log.next_counters()[&3] > 2);
    check(&log);
}

#[test]
fn directory_in_use_is_refused_with_the_number_of_the_process() {
    let directory = Directory::new();
    let (log, _) = directory.open();
    let error = directory.refused();
    let OpenError::Locked { source: LockError::Held { pid }, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(log);
    directory.open();
}

#[test]
fn kept_records_outlive_their_segments() {
    let directory = Directory::new();
    let (log, _) = directory.open();
    append(&log, 0, 1..101, 300);
    append(&log, 1, 1..101, 300);
    let closed: Vec<SegmentId> =
        log.segments().iter().filter(|segment| segment.closed).map(|segment| segment.id).collect();
    let extents = log.extents(&closed);
    let survivors: Vec<Number> = (1..101)
        .filter(|counter| counter % 7 == 0)
        .map(|counter| Number::new(0, counter))
        .filter(|number| extents.contains(*number))
        .collect();
    assert!(survivors.len() > 5);
    let kept = survivors.iter().map(|number| {
        let order = log.read(*number, |stored| stored.order).unwrap().flatten();
        Kept { number: *number, order: order.unwrap(), bytes: b"kept".to_vec() }
    });
    log.keep(kept.collect());
    let oldest = directory.segments().remove(0);
    log.free_through(*closed.last().unwrap()).unwrap();
    assert!(!oldest.exists());
    let check = |log: &Log<RealDisk>| {
        for counter in 1..101 {
            let number = Number::new(0, counter);
            let expected = match survivors.contains(&number) {
                true => Some(b"kept".to_vec()),
                false if extents.contains(number) => None,
                false => Some(content(number, 300).collect()),
            };
            assert_eq!(read(log, number), expected, "{number:?}");
        }
    };
    check(&log);
    drop(log);

    let (log, records) = directory.open();
    check(&log);
    let kept: Vec<&Record> = records.iter().filter(|record| record.bytes == b"kept").collect();
    assert_eq!(kept.iter().map(|record| record.number).collect::<Vec<_>>(), survivors);
    assert!(kept.iter().all(|record| record.order == 1), "they keep their place in the order");
}

#[test]
fn damage_in_the_middle_is_found_and_named() {
    let directory = Directory::new();
    let (log, _) = directory.open();
    append(&log, 0, 1..11, 300);
    let second = log.bytes();
    append(&log, 0, 11..21, 300);
    let end = log.bytes();
    append(&log, 0, 21..31, 300);
    drop(log);
    let path = directory.segments().remove(0);
    let flip = |offset: u64| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[usize::try_from(offset).unwrap()] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
    };
    for offset in [second, second + 100, end - 1] {
        flip(offset);
        let error = directory.refused();
        let OpenError::Damaged(damage) = &error else { panic!("{error}") };
        assert_eq!((damage.path.as_path(), damage.offset), (path.as_path(), second));
        flip(offset);
    }
    let (log, records) = directory.open();
    assert_eq!(records.len(), 30);
    flip(second + 200);
    let error = log.read(Number::new(0, 12), |_| ()).unwrap_err();
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
}

#[test]
fn damage_of_the_last_records_is_found_after_a_clean_end() {
    let directory = Directory::new();
    let (log, _) = directory.open();
    append(&log, 0, 1..11, 300);
    log.close().unwrap();
    drop(log);
    let path = directory.segments().remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(directory.refused(), OpenError::Damaged(_)));
}

#[cfg(unix)]
#[test]
fn directory_is_for_its_owner_only() {
    let directory = Directory::new();
    let _log = directory.open();
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&directory.0), 0o700);
    assert!(directory.segments().iter().all(|path| mode(path) == 0o600));
}
