//! The store of a run: one in memory whose answers come late, or the log that ships, on a virtual
//! disk that outlives the broker.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ferrymq_broker::{
    Fetch, Fetched, LogState, Progress, RecordBatch, Recovered, Round, ShardIndex, Survivor,
};
use ferrymq_server::{Attendant, DurableStore, Letter, LogOptions, Mailbox, Opened, Store};
use ferrymq_store::{CommitError, TwinDisk};

use crate::agenda::Step;
use crate::late_store::LateStore;
use crate::layers::Door;
use crate::options::StoreFaults;
use crate::wire::Socket;

/// Who keeps what is to survive.
pub(crate) enum Keeper {
    Memory(Arc<LateStore>),
    Log(Box<LogKeeper>),
}

/// A log on a disk, and which of its steps are on the agenda.
pub(crate) struct LogKeeper {
    pub(crate) store: Arc<DurableStore<TwinDisk>>,
    attending: Arc<Attending>,
    planned: [Cell<bool>; 3],
    /// It cannot be written any more.
    failed: Cell<bool>,
}

/// A store that counts what it takes.
pub(crate) struct Counted {
    store: Arc<dyn Store>,
    appends: AtomicU64,
}

/// Passes on what the store has for the shards.
struct Attending {
    post: Arc<[Mailbox<Socket, Door>]>,
    read_wanted: AtomicBool,
}

impl LogKeeper {
    /// The store over a log that was opened, and what the log says.
    pub(crate) fn new(
        opened: Opened<TwinDisk>,
        shards: u16,
        post: Arc<[Mailbox<Socket, Door>]>,
    ) -> (Self, Recovered) {
        let attending = Arc::new(Attending { post, read_wanted: AtomicBool::new(true) });
        let attendant: Arc<dyn Attendant> = Arc::<Attending>::clone(&attending);
        let (store, recovered) = DurableStore::new(opened, shards, attendant);
        let planned = [const { Cell::new(false) }; 3];
        let keeper = Self { store: Arc::new(store), attending, planned, failed: Cell::new(false) };
        (keeper, recovered)
    }

    /// Whether this step is wanted and not on the agenda. It is from now on.
    pub(crate) fn plan(&self, step: Step) -> bool {
        let wanted = match step {
            Step::Commit => self.store.log().has_work(),
            Step::Sync => self.store.has_unsynced(),
            Step::Read => self.attending.read_wanted.load(Ordering::Relaxed),
        };
        wanted && !self.failed.get() && !self.planned[step as usize].replace(true)
    }

    /// Does a step that was planned.
    pub(crate) fn take(&self, step: Step) {
        self.planned[step as usize].set(false);
        let failed = match step {
            Step::Commit => {
                self.store.commit().is_err_and(|error| matches!(error, CommitError::Failed { .. }))
            }
            Step::Sync => self.store.sync().is_err(),
            Step::Read => {
                self.attending.read_wanted.store(false, Ordering::Relaxed);
                if self.store.read() {
                    self.attending.read_wanted.store(true, Ordering::Relaxed);
                }
                self.store.go_round();
                false
            }
        };
        if failed {
            self.failed.set(true);
        }
    }

    /// Whether it can never be written again, so that the broker must end.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }
}

impl Counted {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, appends: AtomicU64::new(0) }
    }

    /// How often records were appended.
    pub(crate) fn appends(&self) -> u64 {
        self.appends.load(Ordering::Relaxed)
    }
}

impl Store for Counted {
    fn append(&self, batch: RecordBatch) {
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.store.append(batch);
    }

    fn progress(&self, writer: ShardIndex) -> Progress {
        self.store.progress(writer)
    }

    fn fetch(&self, fetch: Fetch) -> Option<Fetched> {
        self.store.fetch(fetch)
    }

    fn state(&self) -> LogState {
        self.store.state()
    }

    fn survivors(&self, shard: ShardIndex, survivors: Vec<Survivor>) {
        self.store.survivors(shard, survivors);
    }

    fn round_done(&self, shard: ShardIndex, round: u64) {
        self.store.round_done(shard, round);
    }
}

impl Attendant for Attending {
    /// Whether there is something to commit the log knows itself.
    fn commit_wanted(&self) {}

    fn read_wanted(&self) {
        self.read_wanted.store(true, Ordering::Relaxed);
    }

    fn news(&self, shard: ShardIndex) {
        self.post[shard.as_usize()].ring();
    }

    fn fetched(&self, fetched: Fetched) {
        let mailbox = &self.post[fetched.session.shard.as_usize()];
        mailbox.post(Letter::Fetched(fetched));
        mailbox.wake();
    }

    fn round(&self, round: &Arc<Round>) {
        for mailbox in self.post.iter() {
            mailbox.post(Letter::Round(Arc::clone(round)));
            mailbox.wake();
        }
    }
}

/// What is on a disk whose log was closed.
pub(crate) fn look(disk: &TwinDisk, options: &StoreFaults) -> Result<Recovered, String> {
    Opened::new(disk.clone(), log_options(options), 0, |_, _| true)
        .map(|opened| opened.recovered)
        .map_err(|error| error.to_string())
}

/// A log whose segments are small, so that they are freed in a short run too.
pub(crate) fn log_options(options: &StoreFaults) -> LogOptions {
    LogOptions {
        segment_bytes: options.segment_bytes,
        tail_bytes: 4 * 1024,
        cache_bytes: 4 * 1024,
        batch_bytes: 16 * 1024,
        pending_bytes: 64 * 1024,
        ..LogOptions::default()
    }
}
