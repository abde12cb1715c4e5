//! The operations on a data directory. Each of them has the directory for itself meanwhile: it is
//! refused while a broker runs on it.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use ferrymq_broker::ShardIndex;
use ferrymq_broker::record_codec::RecordError;
use ferrymq_protocol::time::Instant;
use ferrymq_store::{CommitError, Damage, FORMAT, Log, LogOptions, LogReader, OpenError, RealDisk};
use thiserror::Error;

use super::compact::{CompactError, Compacted, compact};
use super::contents::{Contents, Gathering};
use super::export::{ExportError, Exported, export};
use super::import::{Before, Import, Imported, ItemRefusal};
use super::inspect::{Files, SegmentSummary, Summary, summarize};
use super::mosquitto::MosquittoDatabase;
use super::ndjson::{ItemReader, LineError};
use super::records::{LogSink, NoSink, Sink, WRITER};

/// A data directory without a broker.
pub struct DataDirectory<'a> {
    log: PathBuf,
    options: LogOptions,
    /// Is told how many bytes of the log were read, and of how many.
    progress: &'a mut dyn FnMut(u64, u64),
}

/// Why an operation has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// There is nothing.
    #[error("there is no log in {}; say with --data where the broker keeps its data", .0.display())]
    NoLog(PathBuf),
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError<RecordError>),
    /// The export has ended early.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A line cannot be imported.
    #[error(transparent)]
    Line(#[from] LineError),
    /// An item cannot be imported.
    #[error("line {line}: {refusal}")]
    Refused {
        /// The line, counted from 1.
        line: u64,
        /// Why not.
        refusal: ItemRefusal,
    },
    /// What comes from Mosquitto cannot be imported.
    #[error(transparent)]
    Mosquitto(#[from] ItemRefusal),
    /// The log was not compacted.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The log cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system has no randomness.
    #[error("the system gives no random number: {0}")]
    Random(#[from] getrandom::Error),
}

/// What a check has found, beside damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many segments were read.
    pub segments: usize,
    /// How many batches.
    pub batches: u64,
    /// How many records.
    pub records: u64,
}

impl<'a> DataDirectory<'a> {
    /// The directory that a broker is given with `--data`, and how its log is written. `progress` is
    /// told how many bytes of the log were read, and of how many.
    pub fn new(
        directory: &Path,
        options: LogOptions,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Self { log: directory.join(LOG), options, progress }
    }

    /// What is in it. Nothing is changed.
    ///
    /// # Errors
    ///
    /// If there is no log, it is in use, or not understood. Damage is told to `damage`.
    pub fn inspect(
        &mut self,
        queues: usize,
        damage: &mut dyn FnMut(Damage),
    ) -> Result<Summary, OfflineError> {
        let (reader, contents) = self.read(damage)?;
        let segments = reader.segments().into_iter();
        let files = Files {
            format: FORMAT,
            closed_cleanly: reader.is_closed(),
            segments: segments
                .map(|segment| SegmentSummary { id: segment.id.0, bytes: segment.bytes })
                .collect(),
            records: reader.records(),
        };
        Ok(summarize(&contents, files, queues))
    }

    /// Reads everything and verifies all checksums. Nothing is changed.
    ///
    /// # Errors
    ///
    /// If there is no log, it is in use, or not understood. Damage is told to `damage`.
    pub fn verify(&mut self, damage: &mut dyn FnMut(Damage)) -> Result<Verified, OfflineError> {
        let (reader, _) = self.read(damage)?;
        Ok(Verified {
            segments: reader.segments().len(),
            batches: reader.batches(),
            records: reader.records(),
        })
    }

    /// Writes what is in it as lines of text. Nothing is changed.
    ///
    /// # Errors
    ///
    /// If there is no log, it is in use, or not understood; if the text cannot be written. Damage
    /// is told to `damage` and left out.
    pub fn export(
        &mut self,
        output: impl Write,
        damage: &mut dyn FnMut(Damage),
    ) -> Result<Exported, OfflineError> {
        let (reader, contents) = self.read(damage)?;
        Ok(export(contents, &reader, output)?)
    }

    /// Frees the space of what does not hold any more. The last segment stays as it is.
    ///
    /// # Errors
    ///
    /// If there is no log, it is in use, damaged, or not understood; if it cannot be written. It
    /// says what it said before then.
    pub fn compact(&mut self, now: Instant) -> Result<Compacted, OfflineError> {
        self.must_exist()?;
        let (log, contents) = self.write()?;
        let sink = LogSink::new(&log, first_counter(&log, &contents), now);
        let compacted = compact(&log, contents, sink)?;
        log.close()?;
        Ok(compacted)
    }

    /// Prepares an import beside what is in it; the directory is made if it is not there. With
    /// `replace`, what is imported takes the place of what is there.
    ///
    /// # Errors
    ///
    /// If the log is in use, damaged, or not understood.
    pub fn import(&mut self, replace: bool, now: Instant) -> Result<OpenImport, OfflineError> {
        let (log, contents) = self.write()?;
        let first = first_counter(&log, &contents);
        Ok(OpenImport { log, before: Before::new(&contents), first, replace, now })
    }

    fn must_exist(&self) -> Result<(), OfflineError> {
        if self.log.is_dir() { Ok(()) } else { Err(OfflineError::NoLog(self.log.clone())) }
    }

    fn read(
        &mut self,
        damage: &mut dyn FnMut(Damage),
    ) -> Result<(LogReader<RealDisk>, Contents), OfflineError> {
        self.must_exist()?;
        let disk = RealDisk::existing(&self.log);
        let mut gathering = Gathering::new(getrandom::u64()?);
        let reader = LogReader::open(
            disk,
            self.options.partition,
            damage,
            &mut |record| gathering.apply(&record),
            self.progress,
        )?;
        Ok((reader, gathering.finish()))
    }

    fn write(&mut self) -> Result<(Log<RealDisk>, Contents), OfflineError> {
        let disk = RealDisk::new(&self.log)
            .map_err(|source| OpenError::Io { path: self.log.clone(), source })?;
        let options = LogOptions { salt: getrandom::u64()?, ..self.options.clone() };
        let mut gathering = Gathering::new(getrandom::u64()?);
        let log = Log::open(disk, options, &mut |record| gathering.apply(&record), self.progress)?;
        Ok((log, gathering.finish()))
    }
}

/// An import that has begun. Until it is run, nothing is changed.
pub struct OpenImport {
    log: Log<RealDisk>,
    before: Before,
    first: u64,
    replace: bool,
    now: Instant,
}

impl OpenImport {
    /// Looks whether the lines can be imported.
    ///
    /// # Errors
    ///
    /// The first line that cannot.
    pub fn check(&self, input: impl BufRead) -> Result<Imported, OfflineError> {
        lines(Import::new(NoSink, self.before.clone(), self.replace, self.now)?, input)
    }

    /// Imports the lines.
    ///
    /// # Errors
    ///
    /// The first line that cannot be imported, or that the log cannot be written. No session was
    /// imported then.
    pub fn run(self, input: impl BufRead) -> Result<Imported, OfflineError> {
        let sink = LogSink::new(&self.log, self.first, self.now);
        let import = Import::new(sink, self.before, self.replace, self.now)?;
        let imported = lines(import, input)?;
        self.log.close()?;
        Ok(imported)
    }

    /// Looks whether what Mosquitto has kept can be imported.
    ///
    /// # Errors
    ///
    /// The first item that cannot.
    pub fn check_mosquitto(
        &self,
        database: &MosquittoDatabase<'_>,
    ) -> Result<Imported, OfflineError> {
        items(Import::new(NoSink, self.before.clone(), self.replace, self.now)?, database)
    }

    /// Imports what Mosquitto has kept.
    ///
    /// # Errors
    ///
    /// The first item that cannot be imported, or that the log cannot be written. No session was
    /// imported then.
    pub fn run_mosquitto(self, database: &MosquittoDatabase<'_>) -> Result<Imported, OfflineError> {
        let sink = LogSink::new(&self.log, self.first, self.now);
        let import = Import::new(sink, self.before, self.replace, self.now)?;
        let imported = items(import, database)?;
        self.log.close()?;
        Ok(imported)
    }
}

fn lines(mut import: Import<impl Sink>, input: impl BufRead) -> Result<Imported, OfflineError> {
    let mut reader = ItemReader::new(input);
    while let Some(item) = reader.next_item()? {
        let line = reader.line();
        import.item(item).map_err(|refusal| OfflineError::Refused { line, refusal })?;
    }
    Ok(import.finish()?)
}

fn items(
    mut import: Import<impl Sink>,
    database: &MosquittoDatabase<'_>,
) -> Result<Imported, OfflineError> {
    for item in database.items() {
        import.item(item)?;
    }
    Ok(import.finish()?)
}

/// The counter of the first record that is written now.
fn first_counter(log: &Log<RealDisk>, contents: &Contents) -> u64 {
    let counters = contents.recovered.counters.iter();
    let mentioned = counters.filter(|(writer, _)| *writer == ShardIndex(WRITER));
    let mentioned = mentioned.map(|(_, counter)| counter.saturating_add(1)).max();
    let known = log.next_counters().get(&WRITER).copied();
    known.max(mentioned).unwrap_or(1)
}

/// Where the log is within a data directory.
const LOG: &str = "log";
