//! The data directory: where the broker keeps what survives it.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ferrymq_store::{LogOptions, OpenError, RealDisk};

use crate::durable_store::{Opened, ReplayError};

/// Where the broker keeps its data, and how.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// The directory. It is made if it is not there, for its owner only. It belongs to one broker at
    /// a time.
    pub directory: PathBuf,
    /// The log in it. Its salt is chosen anew at each start.
    pub log: LogOptions,
}

/// Why the data of a broker cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The directory is not there and cannot be made.
    #[error("the data directory {} cannot be made: {source}; choose another with --data",
            directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(OpenError<ReplayError>),
    /// The broker was told to end before it had begun.
    #[error("told to end while the log was read")]
    Stopped,
    /// The system has no random numbers.
    #[error("cannot start without random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl DataOptions {
    /// The defaults in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), log: LogOptions::default() }
    }

    /// Reads everything that is kept, unless `stopped` says so before that is done.
    pub(crate) fn open(self, stopped: &dyn Fn() -> bool) -> Result<Opened<RealDisk>, DataError> {
        let Self { directory, log } = self;
        let disk = RealDisk::new(directory.join(LOG_DIRECTORY))
            .map_err(|source| DataError::Directory { directory: directory.clone(), source })?;
        let began = Instant::now();
        let mut said = began;
        let goes_on = |done: u64, all: u64| {
            if said.elapsed() >= PROGRESS_INTERVAL {
                said = Instant::now();
                let percent = done.saturating_mul(100) / all.max(1);
                tracing::info!("reading the log: {percent} % of {} MiB", all / MIB);
            }
            !stopped()
        };
        let log = LogOptions { salt: getrandom::u64()?, ..log };
        let opened =
            Opened::new(disk, log, getrandom::u64()?, goes_on).map_err(|error| match error {
                OpenError::Replay { source: ReplayError::Stopped, .. } => DataError::Stopped,
                error => DataError::Log(error),
            })?;
        let recovered = &opened.recovered;
        let messages: usize = recovered
            .sessions
            .iter()
            .map(|session| session.queue.len() + session.published.len())
            .sum();
        tracing::info!(
            "{} keeps {} sessions, {messages} messages for them and {} retained messages; read in \
             {:.1} s",
            directory.display(),
            recovered.sessions.len(),
            recovered.directory.retained.len(),
            began.elapsed().as_secs_f64()
        );
        Ok(opened)
    }
}

/// The name of the log in the data directory.
pub(crate) const LOG_DIRECTORY: &str = "log";
/// How often is said how far the start has come.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;
