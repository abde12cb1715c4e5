//! The log alone, in this process: what is left for a broker to lose.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use ferrymq_store::{Log, LogOptions, RealDisk, RunBuilder};

use super::plan::Plan;
use crate::process;
use crate::sample::Sample;

/// Measures a fresh log.
pub(crate) fn measure(plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let disk = RealDisk::new(data.join("log"))?;
    let log = Log::open::<std::convert::Infallible>(
        disk,
        LogOptions::default(),
        &mut |_| Ok(()),
        &mut |_, _| {},
    )?;
    let pid = std::process::id();
    let (cpu, bytes) = (process::cpu_time(pid)?, process::written_bytes(pid)?);
    let elapsed = write(&log, plan)?;
    let cpu = process::cpu_time(pid)?.saturating_sub(cpu);
    let bytes = process::written_bytes(pid)?.saturating_sub(bytes) as f64;
    let statistics = log.statistics();
    let (records, seconds) = (log_records(plan) as f64, elapsed.as_secs_f64());
    let case = format!("the log alone, {WRITERS} writers, records of {} bytes", record(plan).len());
    let sample = |quantity, value| Sample { case: case.clone(), quantity, subject: NAME, value };
    Ok(vec![
        sample("records per second", records / seconds),
        sample("MB per second", statistics.batch_bytes as f64 / seconds / 1e6),
        sample("records in a commit", records / statistics.batches as f64),
        sample("commit p50, µs", statistics.commit_median.as_secs_f64() * 1e6),
        sample("commit p99, µs", statistics.commit_p99.as_secs_f64() * 1e6),
        sample("CPU per record, µs", cpu.as_secs_f64() * 1e6 / records),
        sample("bytes written per byte of records", bytes / records / record(plan).len() as f64),
    ])
}

/// Writes and syncs all records; returns how long it took.
fn write(log: &Log<RealDisk>, plan: &Plan) -> Result<Duration> {
    let commits = Commits::default();
    let share = log_records(plan) / u64::from(WRITERS);
    let start = Instant::now();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let commits = &commits;
            let record = record(plan);
            scope.spawn(move || append(log, commits, writer, share, &record));
        }
        while (0..WRITERS).any(|writer| log.synced(writer) < share) {
            match log.commit()? {
                true => commits.tell(),
                false => thread::yield_now(),
            }
        }
        Ok(start.elapsed())
    })
}

/// A shard that does nothing but make records, and does not run ahead too far.
fn append(log: &Log<RealDisk>, commits: &Commits, writer: u16, share: u64, record: &[u8]) {
    let mut next = 1;
    while next <= share {
        commits.wait_until(|| log.synced(writer) + WINDOW >= next);
        let mut run = RunBuilder::new(writer, next);
        let end = (next + RECORDS_OF_A_TURN).min(share + 1);
        for _ in next..end {
            run.push(true, |bytes| bytes.extend_from_slice(record));
        }
        log.append(run.finish(0, true));
        next = end;
    }
}

/// Rings after each commit.
#[derive(Default)]
struct Commits {
    count: Mutex<u64>,
    rung: Condvar,
}

impl Commits {
    fn tell(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_while(count, |_| !is_so()));
    }
}

fn log_records(plan: &Plan) -> u64 {
    plan.messages(RECORDS)
}

/// As long as what is made of a message with such a payload.
fn record(plan: &Plan) -> Vec<u8> {
    let mut record = plan.payload();
    record.resize(record.len() + HEAD_BYTES, b'h');
    record
}

/// What the log is called in a report.
pub(super) const NAME: &str = "the log alone";

const WRITERS: u16 = 2;

const RECORDS: u64 = 4_000_000;

/// Records of a writer that are not synced.
const WINDOW: u64 = 16_384;

const RECORDS_OF_A_TURN: u64 = 128;

/// Topic, targets and the rest of a record beside its payload.
const HEAD_BYTES: usize = 44;
