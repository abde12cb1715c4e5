//! Records on their way into a log.

use ferrymq_broker::{Record, RecordNumber, record_codec};
use ferrymq_protocol::time::Instant;
use ferrymq_store::{CommitError, Disk, Log, RunBuilder};

/// Takes records and gives them numbers.
pub(super) trait Sink {
    /// Writes a record, now or later.
    fn push(&mut self, record: &Record) -> Result<RecordNumber, CommitError>;

    /// Writes records, now or later, so that after a crash all of them are there or none.
    fn push_together(&mut self, records: &[Record]) -> Result<(), CommitError>;

    /// Writes what was not written yet.
    fn flush(&mut self) -> Result<(), CommitError>;
}

/// Writes nothing: for looking whether an import would be refused.
#[derive(Debug, Default)]
pub(super) struct NoSink;

/// Appends to a log.
pub(super) struct LogSink<'a, D: Disk> {
    log: &'a Log<D>,
    run: RunBuilder,
    bytes: usize,
    time: u64,
}

impl Sink for NoSink {
    fn push(&mut self, _record: &Record) -> Result<RecordNumber, CommitError> {
        Ok(RecordNumber::from_bits(1))
    }

    fn push_together(&mut self, _records: &[Record]) -> Result<(), CommitError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CommitError> {
        Ok(())
    }
}

impl<'a, D: Disk> LogSink<'a, D> {
    /// Appends from this counter of the first shard's on.
    pub(super) fn new(log: &'a Log<D>, first: u64, now: Instant) -> Self {
        let time = now.as_nanos().max(log.last_time());
        Self { log, run: RunBuilder::new(WRITER, first), bytes: 0, time }
    }

    fn add(&mut self, record: &Record) -> RecordNumber {
        let number = RecordNumber::from_bits(self.run.next().to_bits());
        let is_readable = matches!(record, Record::Message { .. });
        self.run.push(is_readable, |out| {
            let before = out.len();
            record_codec::encode(record, out);
            self.bytes = self.bytes.saturating_add(out.len().saturating_sub(before));
        });
        number
    }

    fn write_if_large(&mut self) -> Result<(), CommitError> {
        if self.bytes < RUN_BYTES {
            return Ok(());
        }
        self.flush()
    }
}

impl<D: Disk> Sink for LogSink<'_, D> {
    fn push(&mut self, record: &Record) -> Result<RecordNumber, CommitError> {
        let number = self.add(record);
        self.write_if_large()?;
        Ok(number)
    }

    fn push_together(&mut self, records: &[Record]) -> Result<(), CommitError> {
        for record in records {
            self.add(record);
        }
        self.write_if_large()
    }

    fn flush(&mut self) -> Result<(), CommitError> {
        self.bytes = 0;
        let next = RunBuilder::new(WRITER, self.run.next().counter());
        let run = std::mem::replace(&mut self.run, next);
        self.log.append(run.finish(self.time, false));
        while self.log.commit()? {}
        Ok(())
    }
}

/// What is written without a broker is written as by its first shard.
pub(super) const WRITER: u16 = 0;
/// About as much is written at once.
const RUN_BYTES: usize = 1 << 20;
