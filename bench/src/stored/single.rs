//! One publisher, one message in flight: what an acknowledgement costs beside what
//! the file system asks for a bare `fdatasync`, one after the other.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::plan::{LONGEST, Plan};
use super::sleepers;
use crate::sample::Sample;
use crate::subject::Subject;
use crate::wire::{self, Link};

/// Measures a fresh broker.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    sleepers::put_to_sleep(running.port(), 1, sleepers::topic)?;
    let mut publisher = Link::mqtt(running.port(), "publisher")?;
    let message = wire::publish(&sleepers::topic(0), 1, 1, &plan.payload());
    let mut sample = File::create(data.join("beside"))?;
    let mut bare = Bare::new(&mut sample, message.len())?;
    let mut ping = Histogram::<u64>::new_with_bounds(1, LONGEST, 3)?;
    let mut puback = ping.clone();
    let mut sync = ping.clone();
    for round in 0..WARM_UP + plan.messages(MESSAGES) {
        let start = Instant::now();
        publisher.write(&message)?;
        publisher.packet()?;
        let acknowledged = start.elapsed();
        let synced = bare.sync()?;
        let start = Instant::now();
        publisher.write(&wire::PINGREQ)?;
        publisher.packet()?;
        let answered = start.elapsed();
        if round >= WARM_UP {
            puback.saturating_record(u64::try_from(acknowledged.as_nanos())?);
            sync.saturating_record(u64::try_from(synced.as_nanos())?);
            ping.saturating_record(u64::try_from(answered.as_nanos())?);
        }
    }
    let case = "one message in flight".to_owned();
    let mut samples = Vec::new();
    for (histogram, [median, late]) in [
        (puback, ["PUBACK p50, µs", "PUBACK p99, µs"]),
        (sync, ["bare fdatasync beside it p50, µs", "bare fdatasync beside it p99, µs"]),
        (ping, ["PINGRESP p50, µs", "PINGRESP p99, µs"]),
    ] {
        for (quantity, quantile) in [(median, 0.5), (late, 0.99)] {
            let value = histogram.value_at_quantile(quantile) as f64 / 1000.0;
            samples.push(Sample { case: case.clone(), quantity, subject: subject.name(), value });
        }
    }
    Ok(samples)
}

/// A file that is written as a log is: into space that it has already.
struct Bare<'a> {
    file: &'a mut File,
    bytes: Vec<u8>,
    position: u64,
}

impl<'a> Bare<'a> {
    fn new(file: &'a mut File, length: usize) -> Result<Self> {
        file.write_all_at(&vec![0; SPACE], 0)?;
        file.sync_all()?;
        Ok(Self { file, bytes: vec![b'x'; length], position: 0 })
    }

    fn sync(&mut self) -> Result<std::time::Duration> {
        let start = Instant::now();
        self.file.write_all_at(&self.bytes, self.position)?;
        self.file.sync_data()?;
        let elapsed = start.elapsed();
        self.position = (self.position + self.bytes.len() as u64) % (SPACE / 2) as u64;
        Ok(elapsed)
    }
}

/// Messages before the measurement.
const WARM_UP: u64 = 50;

const MESSAGES: u64 = 2_000;

const SPACE: usize = 16 * 1024 * 1024;
