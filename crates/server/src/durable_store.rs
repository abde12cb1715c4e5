//! A store that survives its process: records are encoded and appended to a log on disk.
//!
//! It has no thread and knows no time. Whoever owns it calls its steps: [`DurableStore::commit`]
//! writes what waits, [`DurableStore::sync`] makes sure of what was only written,
//! [`DurableStore::read`] answers a fetch for which the disk is needed, and
//! [`DurableStore::go_round`] frees old segments piece by piece. An [`Attendant`] is told when there
//! is something for them to do, and takes what the shards must hear.

mod live;
mod notes;
mod opening;
mod rounds;
mod survivors;
mod terms;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrymq_broker::record_codec::FetchBuilder;
use ferrymq_broker::{
    Fetch, Fetched, FetchedMessage, LogState, Progress, Record, RecordBatch, RecordNumber,
    Recovered, Round, ShardIndex, StoreCondition, StoreMetrics, Survivor, record_codec,
};
use ferrymq_store::{CommitError, Disk, Log, Number, ReadError, RunBuilder, Stored};

use self::live::Live;
use self::notes::Rounds;
pub use self::opening::{Opened, ReplayError};
use self::terms::Terms;
use crate::store::Store;

/// A log of records on a disk.
pub struct DurableStore<D: Disk> {
    log: Log<D>,
    attendant: Arc<dyn Attendant>,
    /// How far the records of each shard have come, as was told last.
    told: Box<[Told]>,
    /// Whether the log was seen in another state than ready. While this is false nobody asks it.
    unwell: AtomicBool,
    /// Fetches for which the disk must be read. Each session has at most one open.
    fetches: Mutex<VecDeque<Fetch>>,
    terms: Terms,
    live: Live,
    rounds: Rounds,
}

/// Serves a [`DurableStore`]: takes what it has for the shards, and sees to it that its steps are
/// called. Nothing here waits.
pub trait Attendant: Send + Sync {
    /// There is something for [`DurableStore::commit`].
    fn commit_wanted(&self);

    /// There is something for [`DurableStore::read`] or [`DurableStore::go_round`].
    fn read_wanted(&self);

    /// The records of this shard have become durable, or the state of the log has changed.
    fn news(&self, shard: ShardIndex);

    /// Stored messages, for the shard that has asked for them.
    fn fetched(&self, fetched: Fetched);

    /// A round begins, for all shards.
    fn round(&self, round: &Arc<Round>);
}

#[derive(Debug, Default)]
struct Told {
    written: AtomicU64,
    synced: AtomicU64,
}

/// Why a stored message could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a stored message is not understood: {0}")]
    Record(#[from] record_codec::RecordError),
}

impl<D: Disk> DurableStore<D> {
    /// The store over a log that was opened, for this many shards, and what the log says.
    pub fn new(opened: Opened<D>, shards: u16, attendant: Arc<dyn Attendant>) -> (Self, Recovered) {
        let Opened { log, recovered, terms, live } = opened;
        let store = Self {
            log,
            attendant,
            told: (0..shards).map(|_| Told::default()).collect(),
            unwell: AtomicBool::new(true),
            fetches: Mutex::default(),
            terms,
            live,
            rounds: Rounds::default(),
        };
        store.tell();
        (store, recovered)
    }

    /// The log.
    pub const fn log(&self) -> &Log<D> {
        &self.log
    }

    /// Writes what waits to be written, and syncs it if an answer waits for that. False: nothing
    /// waited.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; what is said there about trying again holds here.
    pub fn commit(&self) -> Result<bool, CommitError> {
        let committed = self.log.commit();
        self.tell();
        committed
    }

    /// Syncs what was only written.
    ///
    /// # Errors
    ///
    /// [`CommitError::Failed`].
    pub fn sync(&self) -> Result<(), CommitError> {
        let synced = self.log.sync();
        self.tell();
        synced
    }

    /// Whether records were written and not synced.
    pub fn has_unsynced(&self) -> bool {
        self.told
            .iter()
            .any(|told| told.synced.load(Ordering::Relaxed) < told.written.load(Ordering::Relaxed))
    }

    /// Says in figures how the log is.
    pub fn report(&self, metrics: &StoreMetrics) {
        let figures = self.log.statistics();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        metrics.unsynced_records.set(figures.unsynced_records);
        metrics.commit_median_us.set(micros(figures.commit_median));
        metrics.commit_p99_us.set(micros(figures.commit_p99));
        metrics.batches.set(figures.batches);
        metrics.batch_mean_bytes.set(figures.batch_bytes / figures.batches.max(1));
        metrics.log_bytes.set(self.log.bytes());
        metrics.live_bytes.set(self.live.bytes());
        metrics.set_condition(self.condition());
    }

    /// How the log is, in words.
    pub fn condition(&self) -> StoreCondition {
        match self.log.state() {
            ferrymq_store::LogState::Ready => StoreCondition::Ready,
            ferrymq_store::LogState::Full => StoreCondition::Full,
            ferrymq_store::LogState::NoSpace(kind) => match kind {
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                    StoreCondition::ReadOnly
                }
                _ => StoreCondition::NoSpace,
            },
            ferrymq_store::LogState::Failed => StoreCondition::Failed,
        }
    }

    /// Answers one fetch for which the disk is needed. False: there is none.
    pub fn read(&self) -> bool {
        let Some(fetch) = self.lock_fetches().pop_front() else {
            return false;
        };
        let messages = self
            .gather(&fetch)
            .inspect_err(|error| tracing::error!("a stored message cannot be sent: {error}"))
            .ok();
        self.attendant.fetched(Fetched {
            session: fetch.session,
            request: fetch.request,
            messages,
        });
        true
    }

    /// All messages of a fetch, from the disk if need be.
    fn gather(&self, fetch: &Fetch) -> Result<Vec<FetchedMessage>, FetchError> {
        let mut builder = FetchBuilder::new(fetch.session.number);
        for number in &fetch.messages {
            let terms = self.terms.get(*number, fetch.session.number);
            let add = |stored: Stored<'_>| builder.add(*number, stored.bytes, terms);
            self.log.read(bits(*number), add)?.transpose()?;
        }
        Ok(builder.finish())
    }

    /// All messages of a fetch, if they are in memory.
    fn recent(&self, fetch: &Fetch) -> Option<Vec<FetchedMessage>> {
        let mut builder = FetchBuilder::new(fetch.session.number);
        for number in &fetch.messages {
            let terms = self.terms.get(*number, fetch.session.number);
            let add = |stored: Stored<'_>| builder.add(*number, stored.bytes, terms);
            // What is damaged is found again, and said, when it is read once more.
            self.log.read_recent(bits(*number), add)?.ok()?;
        }
        Some(builder.finish())
    }

    /// Counts a record of so many bytes.
    fn count(&self, record: &Record, bytes: usize) {
        match record {
            Record::Message { targets, .. } => {
                self.live.message(bytes, targets.len() as u64);
                self.live.owe(targets.len() as u64);
            }
            Record::Settled { .. } | Record::Released { message: Some(_), .. } => {
                self.live.settle(1);
            }
            Record::Gone { messages, .. } => self.live.settle(messages.len() as u64),
            Record::Reassigned { .. } => {}
            _ => self.live.state(bytes),
        }
    }

    /// Notes how messages are to be sent that are owed to others than before.
    fn set_terms(&self, record: &Record) {
        match record {
            Record::Settled { session, message }
            | Record::Released { session, message: Some(message), .. } => {
                self.terms.remove(*message, *session);
            }
            Record::Gone { session, messages } => {
                for message in messages {
                    self.terms.remove(*message, *session);
                }
            }
            Record::Reassigned { message, from, to, .. } => {
                self.terms.set(*message, *from, to.clone());
            }
            _ => {}
        }
    }

    /// Tells the shards what has changed for them.
    fn tell(&self) {
        let state = self.log.state();
        let state_changed = if state == ferrymq_store::LogState::Ready {
            let was_unwell = self.unwell.swap(false, Ordering::SeqCst);
            // It may have become full in between, and the one who saw that said so too early.
            if was_unwell && self.log.state() != ferrymq_store::LogState::Ready {
                self.unwell.store(true, Ordering::SeqCst);
            }
            was_unwell
        } else {
            !self.unwell.swap(true, Ordering::SeqCst)
        };
        for (shard, told) in (0u16..).zip(&self.told) {
            let synced = self.log.synced(shard);
            let written = self.log.written(shard).max(synced);
            // In this order, so that whoever reads them the other way around does not find more
            // synced than written.
            let earlier = (
                told.written.swap(written, Ordering::AcqRel),
                told.synced.swap(synced, Ordering::AcqRel),
            );
            if state_changed || earlier != (written, synced) {
                self.attendant.news(ShardIndex(shard));
            }
        }
        if self.rounds.are_under_way() || self.wants_round() {
            self.attendant.read_wanted();
        }
    }

    fn lock_fetches(&self) -> MutexGuard<'_, VecDeque<Fetch>> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> Store for DurableStore<D> {
    fn append(&self, batch: RecordBatch) {
        let mut run = RunBuilder::new(batch.writer.0, batch.first);
        for record in &batch.records {
            let readable = matches!(record, Record::Message { .. });
            let mut length = 0;
            run.push(readable, |bytes| {
                let before = bytes.len();
                record_codec::encode(record, bytes);
                length = bytes.len() - before;
            });
            self.count(record, length);
        }
        let run = run.finish(batch.at.as_nanos(), batch.needs_sync);
        self.rounds.note(&batch.records, || {
            for record in &batch.records {
                self.set_terms(record);
            }
            self.log.append(run);
        });
        if self.log.state() != ferrymq_store::LogState::Ready {
            self.unwell.store(true, Ordering::SeqCst);
        }
        self.attendant.commit_wanted();
    }

    fn progress(&self, writer: ShardIndex) -> Progress {
        let Some(told) = self.told.get(writer.as_usize()) else {
            return Progress::default();
        };
        let synced = told.synced.load(Ordering::Acquire);
        let written = told.written.load(Ordering::Acquire);
        Progress { written, synced }
    }

    fn fetch(&self, fetch: Fetch) -> Option<Fetched> {
        if let Some(messages) = self.recent(&fetch) {
            let (session, request) = (fetch.session, fetch.request);
            return Some(Fetched { session, request, messages: Some(messages) });
        }
        self.lock_fetches().push_back(fetch);
        self.attendant.read_wanted();
        None
    }

    fn state(&self) -> LogState {
        if !self.unwell.load(Ordering::SeqCst) {
            return LogState::Ready;
        }
        match self.log.state() {
            ferrymq_store::LogState::Ready => LogState::Ready,
            ferrymq_store::LogState::Full => LogState::Full,
            ferrymq_store::LogState::NoSpace(_) => LogState::NoSpace,
            ferrymq_store::LogState::Failed => LogState::Failed,
        }
    }

    fn survivors(&self, _shard: ShardIndex, survivors: Vec<Survivor>) {
        self.rounds.name(survivors);
    }

    fn round_done(&self, shard: ShardIndex, round: u64) {
        if self.rounds.done(shard, round) {
            self.attendant.read_wanted();
        }
    }
}

/// A number as the log names it.
fn bits(number: RecordNumber) -> Number {
    Number::from_bits(number.to_bits())
}
