//! What those who append, read and write have in common: the disk, and under a lock that is only
//! held for moments what is in memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use crate::batch::Waiting;
use crate::index::Index;
use crate::segment::Segments;
use crate::tail::Tail;
use crate::timing::Timing;

/// The disk, and what is in memory.
pub(crate) struct Ledger<D, F> {
    pub(crate) disk: D,
    shared: Mutex<Shared<F>>,
    reached: RwLock<BTreeMap<u16, Reached>>,
}

/// What is changed and looked at by many.
pub(crate) struct Shared<F> {
    pub(crate) waiting: VecDeque<Waiting>,
    /// How many have ever waited.
    pub(crate) arrived: u64,
    /// Of what waits, and of what is being written.
    pub(crate) waiting_bytes: usize,
    /// Records that were appended and are not synced.
    pub(crate) unsynced: u64,
    pub(crate) tail: Tail,
    pub(crate) index: Index,
    /// The last is written to.
    pub(crate) segments: Segments<F>,
    /// For each writer the lowest counter that no record has had.
    pub(crate) counters: BTreeMap<u16, u64>,
    pub(crate) trouble: Option<Trouble>,
    /// Of the last batch, in nanoseconds.
    pub(crate) time: u64,
    pub(crate) timing: Timing,
    /// Of all batches.
    pub(crate) batch_bytes: u64,
}

/// What hinders writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It may be tried again.
    NoSpace(io::ErrorKind),
    /// For ever.
    Failed,
}

/// How far a writer's records have come: the highest counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) written: u64,
    pub(crate) synced: u64,
}

impl<D, F> Ledger<D, F> {
    pub(crate) fn new(disk: D, shared: Shared<F>) -> Self {
        let all = |next: &u64| {
            let last = next.saturating_sub(1);
            Reached { written: last, synced: last }
        };
        let reached = shared.counters.iter().map(|(writer, next)| (*writer, all(next))).collect();
        Self { disk, shared: Mutex::new(shared), reached: RwLock::new(reached) }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared<F>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a writer's records have come.
    pub(crate) fn reached(&self, writer: u16) -> Reached {
        let reached = self.reached.read().unwrap_or_else(PoisonError::into_inner);
        reached.get(&writer).copied().unwrap_or_default()
    }

    /// Notes how far writers have come.
    pub(crate) fn reach(&self, change: impl FnOnce(&mut BTreeMap<u16, Reached>)) {
        change(&mut self.reached.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<F> Shared<F> {
    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.arrived += 1;
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }
}
