//! A store whose answers take their time: records are durable late, messages come back late, out
//! of turn or not at all. What it keeps is kept by [`MemoryStore`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{Fetch, Fetched, LogState, Progress, RecordBatch, ShardIndex, Survivor};
use ferrymq_server::{MemoryStore, Store};

use crate::options::StoreFaults;
use crate::random::{PerMille, Random};

/// The store.
#[derive(Debug)]
pub(crate) struct LateStore {
    memory: MemoryStore,
    waiting: Mutex<Waiting>,
}

/// What was asked of the store and is not done.
#[derive(Debug)]
struct Waiting {
    faults: StoreFaults,
    random: Random,
    durable: Vec<u64>,
    /// The counters that become durable at some time, by writer.
    appended: Vec<(u16, u64)>,
    fetches: Vec<Option<LateFetch>>,
    fetches_planned: usize,
    full: bool,
}

/// A fetch that is answered later.
#[derive(Debug)]
enum LateFetch {
    /// With what is known then.
    Asked(Fetch),
    /// With what was known at once, or that it failed.
    Answered(Fetched),
}

impl LateStore {
    pub(crate) fn new(shards: u16, faults: StoreFaults, random: Random) -> Self {
        Self {
            memory: MemoryStore::new(shards),
            waiting: Mutex::new(Waiting {
                faults,
                random,
                durable: vec![0; usize::from(shards)],
                appended: Vec::new(),
                fetches: Vec::new(),
                fetches_planned: 0,
                full: false,
            }),
        }
    }

    /// From now on everything is done at once.
    pub(crate) fn heal(&self) {
        let mut waiting = self.lock();
        waiting.faults = StoreFaults {
            durable_us: 0,
            late_fetches: PerMille(0),
            failed_fetches: PerMille(0),
            full: PerMille(0),
            ..waiting.faults
        };
        waiting.full = false;
    }

    /// How many messages are kept.
    pub(crate) fn message_count(&self) -> usize {
        self.memory.message_count()
    }

    /// The records that were appended since the last call: their writers and last counters.
    pub(crate) fn take_appended(&self) -> Vec<(u16, u64)> {
        std::mem::take(&mut self.lock().appended)
    }

    /// The fetches that were left for later since the last call.
    pub(crate) fn take_late_fetches(&self) -> std::ops::Range<usize> {
        let mut waiting = self.lock();
        let end = waiting.fetches.len();
        std::mem::replace(&mut waiting.fetches_planned, end)..end
    }

    pub(crate) fn make_durable(&self, writer: u16, counter: u64) {
        let mut waiting = self.lock();
        let durable = &mut waiting.durable[usize::from(writer)];
        *durable = (*durable).max(counter);
    }

    /// The answer to a fetch that was left for later.
    pub(crate) fn answer(&self, number: usize) -> Option<Fetched> {
        let late = self.lock().fetches.get_mut(number).and_then(Option::take)?;
        match late {
            LateFetch::Asked(fetch) => self.memory.fetch(fetch),
            LateFetch::Answered(fetched) => Some(fetched),
        }
    }

    /// Perhaps the log's buffer is full now.
    pub(crate) fn perhaps_fill(&self) -> bool {
        let mut waiting = self.lock();
        let often = waiting.faults.full;
        if waiting.full || !waiting.random.chance(often) {
            return false;
        }
        waiting.full = true;
        true
    }

    pub(crate) fn empty(&self) {
        self.lock().full = false;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for LateStore {
    fn append(&self, batch: RecordBatch) {
        let writer = batch.writer.0;
        let last = batch.first + batch.records.len() as u64 - 1;
        self.memory.append(batch);
        let mut waiting = self.lock();
        if waiting.faults.durable_us == 0 {
            let durable = &mut waiting.durable[usize::from(writer)];
            *durable = (*durable).max(last);
        } else {
            waiting.appended.push((writer, last));
        }
    }

    fn progress(&self, writer: ShardIndex) -> Progress {
        Progress::all(self.lock().durable[writer.as_usize()])
    }

    fn fetch(&self, fetch: Fetch) -> Option<Fetched> {
        let mut waiting = self.lock();
        let faults = waiting.faults.clone();
        let failed = waiting.random.chance(faults.failed_fetches);
        let late = waiting.random.chance(faults.late_fetches);
        let known_then = waiting.random.coin();
        if late && !failed && known_then {
            waiting.fetches.push(Some(LateFetch::Asked(fetch)));
            return None;
        }
        let fetched = if failed {
            Fetched { session: fetch.session, request: fetch.request, messages: None }
        } else {
            self.memory.fetch(fetch)?
        };
        if late {
            waiting.fetches.push(Some(LateFetch::Answered(fetched)));
            return None;
        }
        Some(fetched)
    }

    fn state(&self) -> LogState {
        if self.lock().full { LogState::Full } else { LogState::Ready }
    }

    fn survivors(&self, _shard: ShardIndex, _survivors: Vec<Survivor>) {}

    fn round_done(&self, _shard: ShardIndex, _round: u64) {}
}
