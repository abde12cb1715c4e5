//! Logs as earlier versions have written them can be read. The files of a fixture are text: the name
//! of each, and its bytes up to the last that is not zero.

use std::convert::Infallible;
use std::fmt::Write;

use ferrymq_store::{Kept, Log, LogOptions, Number, RunBuilder, TwinDisk};

/// A record, as far as it depends on what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    number: Number,
    order: u64,
    time: u64,
    kept: bool,
    readable: bool,
    bytes: Vec<u8>,
}

#[test]
fn first_format_can_be_read() {
    let disk = TwinDisk::new(0);
    for (name, bytes) in files(FORMAT_1) {
        disk.put(&name, bytes);
    }
    let (log, records) = open(&disk);
    // Of the segment that was freed there is only what was kept.
    let expected = [
        (Number::new(0, 301), 2, false, vec![b'k'; 3000]),
        (Number::new(7, 6), 2, false, vec![b'm'; 700]),
        (Number::new(0, 1), 1, true, b"kept".to_vec()),
        (Number::new(0, 2), 1, true, vec![b'2'; 64]),
    ];
    let expected = expected.map(|(number, order, kept, bytes)| Record {
        number,
        order,
        time: 91,
        kept,
        readable: true,
        bytes,
    });
    assert_eq!(records, expected);
    assert_eq!(log.last_time(), 91);
    for record in &expected {
        let read = log.read(record.number, |stored| (stored.order, stored.bytes.to_vec()));
        assert_eq!(read.unwrap(), Some((Some(record.order), record.bytes.clone())));
    }
    assert_eq!(log.read(Number::new(0, 3), |_| ()).unwrap(), None);
    assert!(log.next_counters()[&0] > 301 && log.next_counters()[&7] > 6);
}

/// A change of the format shows here. The old fixture stays, and gets a sibling.
#[test]
fn first_format_is_what_is_written() {
    let disk = TwinDisk::new(0);
    let (log, records) = open(&disk);
    assert_eq!(records, []);
    let mut run = RunBuilder::new(0, 1);
    run.push(true, |out| out.extend_from_slice(b"first"));
    run.push(true, |out| out.extend_from_slice(&[b'2'; 64]));
    run.push(false, |out| out.extend_from_slice(&[b'3'; 5000]));
    log.append(run.finish(90, true));
    let mut run = RunBuilder::new(7, 5);
    run.push(false, |_| {});
    log.append(run.finish(80, false));
    assert!(log.commit().unwrap());
    let mut run = RunBuilder::new(0, 301);
    run.push(true, |out| out.extend_from_slice(&[b'k'; 3000]));
    log.append(run.finish(91, false));
    let mut run = RunBuilder::new(7, 6);
    run.push(true, |out| out.extend_from_slice(&[b'm'; 700]));
    log.append(run.finish(91, true));
    assert!(log.commit().unwrap());
    log.keep(vec![
        Kept { number: Number::new(0, 1), order: 1, bytes: b"kept".to_vec() },
        Kept { number: Number::new(0, 2), order: 1, bytes: vec![b'2'; 64] },
    ]);
    log.free_through(log.segments()[0].id).unwrap();
    log.close().unwrap();
    let text = text(&disk);
    assert!(text == FORMAT_1, "this is written now:\n{text}");
}

fn open(disk: &TwinDisk) -> (Log<TwinDisk>, Vec<Record>) {
    let mut records = Vec::new();
    let options = LogOptions {
        segment_bytes: 4096,
        partition: 2,
        epoch: 3,
        salt: 0x5A17,
        tail_bytes: 0,
        ..LogOptions::default()
    };
    let mut replay = |record: ferrymq_store::Replayed<'_>| {
        records.push(Record {
            number: record.number,
            order: record.order,
            time: record.time,
            kept: record.kept,
            readable: record.readable,
            bytes: record.bytes.to_vec(),
        });
        Ok::<(), Infallible>(())
    };
    let log = Log::open(disk.clone(), options, &mut replay, &mut |_, _| {}).unwrap();
    (log, records)
}

fn text(disk: &TwinDisk) -> String {
    let mut text = String::new();
    for (name, _) in disk.files() {
        if name == "spare" {
            continue;
        }
        let bytes = disk.content(&name).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        writeln!(text, "{name}").unwrap();
        for line in bytes[..end].chunks(32) {
            text.push(' ');
            for byte in line {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
    }
    text
}

fn files(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix(' ') {
            None => files.push((line.to_owned(), Vec::new())),
            Some(digits) => {
                let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
                let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap());
                files.last_mut().unwrap().1.extend(bytes);
            }
        }
    }
    files
}

const FORMAT_1: &str = include_str!("fixtures/format_1.txt");
