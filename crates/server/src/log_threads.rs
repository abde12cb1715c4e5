//! The threads of a durable store: one writes, one reads.
//!
//! Both sleep until something is wanted of them. Writing is not delayed to gather more: while one
//! batch is on its way to the disk, the next one gathers by itself.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use ferrymq_broker::{Directory, Fetched, Round, ShardIndex, StoreCondition};
use ferrymq_store::{CommitError, RealDisk};

use crate::clock::Clock;
use crate::durable_store::{Attendant, DurableStore};
use crate::mailbox::Letter;
use crate::mio_network::MioMailbox;

/// The threads that serve a store.
pub(crate) struct LogThreads {
    bells: Arc<Bells>,
    writer: JoinHandle<Result<(), CommitError>>,
    reader: JoinHandle<()>,
}

/// Wakes those who serve a store, and those who are served.
pub(crate) struct Bells {
    post: Arc<[MioMailbox]>,
    writer: Bell,
    reader: Bell,
}

/// Wakes one thread, or ends it.
#[derive(Default)]
struct Bell {
    thread: OnceLock<Thread>,
    ending: AtomicBool,
}

impl Bells {
    pub(crate) fn new(post: Arc<[MioMailbox]>) -> Self {
        Self { post, writer: Bell::default(), reader: Bell::default() }
    }
}

impl Bell {
    /// Wakes the thread if it sleeps. One that has not answered yet looks for work before it sleeps.
    fn ring(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.ring();
    }

    /// This thread is the one that is rung for.
    fn answer(&self) {
        // It is set once, by the only thread that does this.
        let _ = self.thread.set(thread::current());
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }
}

impl Attendant for Bells {
    fn commit_wanted(&self) {
        self.writer.ring();
    }

    fn read_wanted(&self) {
        self.reader.ring();
    }

    fn news(&self, shard: ShardIndex) {
        if let Some(mailbox) = self.post.get(shard.as_usize()) {
            mailbox.ring();
        }
    }

    fn fetched(&self, fetched: Fetched) {
        if let Some(mailbox) = self.post.get(fetched.session.shard.as_usize()) {
            mailbox.post(Letter::Fetched(fetched));
            mailbox.wake();
        }
    }

    fn round(&self, round: &Arc<Round>) {
        for mailbox in self.post.iter() {
            mailbox.post(Letter::Round(Arc::clone(round)));
            mailbox.wake();
        }
    }
}

impl LogThreads {
    /// Starts them. If the log fails, all shards are told to end.
    pub(crate) fn start(
        store: &Arc<DurableStore<RealDisk>>,
        bells: &Arc<Bells>,
        directory: &Arc<Directory>,
        clock: Clock,
    ) -> io::Result<Self> {
        store.report(directory.metrics().store());
        let writer = {
            let (store, bells) = (Arc::clone(store), Arc::clone(bells));
            let directory = Arc::clone(directory);
            thread::Builder::new().name("log".to_owned()).spawn(move || {
                let written = Writer::new(&store, &bells, directory, clock).run();
                if let Err(error) = &written {
                    tracing::error!("{error}");
                    for mailbox in bells.post.iter() {
                        mailbox.post(Letter::ShutDown);
                        mailbox.wake();
                    }
                }
                written
            })?
        };
        let reader = {
            let (store, bells) = (Arc::clone(store), Arc::clone(bells));
            thread::Builder::new()
                .name("log reader".to_owned())
                .spawn(move || run_reader(&store, &bells))?
        };
        Ok(Self { bells: Arc::clone(bells), writer, reader })
    }

    /// Ends them, when all that was appended is on the disk.
    pub(crate) fn end(self) -> thread::Result<Result<(), CommitError>> {
        self.bells.reader.end();
        self.reader.join()?;
        self.bells.writer.end();
        self.writer.join()
    }
}

/// The thread that writes.
struct Writer<'a> {
    store: &'a DurableStore<RealDisk>,
    bell: &'a Bell,
    /// When everything that was written was last seen synced.
    synced: Instant,
    directory: Arc<Directory>,
    clock: Clock,
    /// When the log was last told the time, with records or without.
    told_time: Instant,
    /// When the figures were said last, and whether they have changed since.
    reported: Instant,
    changed: bool,
    /// How long to wait before writing is tried again, if it cannot be done.
    patience: Duration,
    /// Whether it was said that the log is in trouble.
    is_troubled: bool,
}

impl<'a> Writer<'a> {
    fn new(
        store: &'a DurableStore<RealDisk>,
        bells: &'a Bells,
        directory: Arc<Directory>,
        clock: Clock,
    ) -> Self {
        bells.writer.answer();
        Self {
            store,
            bell: &bells.writer,
            synced: Instant::now(),
            directory,
            clock,
            told_time: Instant::now(),
            reported: Instant::now(),
            changed: false,
            patience: FIRST_PATIENCE,
            is_troubled: false,
        }
    }

    fn run(mut self) -> Result<(), CommitError> {
        loop {
            // Asked before: what was appended before the end began is written.
            let ending = self.bell.is_ending();
            match self.store.commit() {
                Ok(worked) => {
                    self.patience = FIRST_PATIENCE;
                    self.sync_in_time()?;
                    self.watch();
                    if worked {
                        self.changed = true;
                        self.told_time = Instant::now();
                    } else if ending {
                        return self.store.log().close();
                    } else {
                        self.tell_time()?;
                        self.rest();
                    }
                }
                Err(error @ CommitError::NotWritten { .. }) if !ending => {
                    self.watch();
                    tracing::debug!("{error}");
                    self.wait();
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn sync_in_time(&mut self) -> Result<(), CommitError> {
        if !self.store.has_unsynced() {
            self.synced = Instant::now();
        } else if self.synced.elapsed() >= SYNC_INTERVAL {
            self.store.sync()?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Whoever is connected now counts, after a crash, as having gone when the log was last told the
    /// time: so that is not left to the records, which may be far between.
    fn tell_time(&mut self) -> Result<(), CommitError> {
        if self.told_time.elapsed() < TIME_INTERVAL {
            return Ok(());
        }
        self.told_time = Instant::now();
        match self.store.log().tick(self.clock.now().as_nanos()) {
            // Without space there is a time for that later.
            Ok(()) | Err(CommitError::NotWritten { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says how the log is: in figures from time to time, and in words when it gets into trouble or
    /// out of it.
    fn watch(&mut self) {
        let condition = self.store.condition();
        let is_trouble = !condition.advice().is_empty() && condition != StoreCondition::Full;
        if is_trouble != self.is_troubled {
            self.is_troubled = is_trouble;
            self.report();
            if is_trouble {
                let (condition, advice) = (condition.as_str(), condition.advice());
                tracing::error!("the log cannot be written ({condition}). {advice}");
            } else {
                tracing::info!("the log can be written again");
            }
        } else if self.changed && self.reported.elapsed() >= REPORT_INTERVAL {
            self.report();
        }
    }

    fn report(&mut self) {
        self.store.report(self.directory.metrics().store());
        self.reported = Instant::now();
        self.changed = false;
    }

    /// Sleeps until there is something to write, or it is time for something else.
    fn rest(&self) {
        let sync =
            self.store.has_unsynced().then(|| SYNC_INTERVAL.saturating_sub(self.synced.elapsed()));
        let report = self.changed.then(|| REPORT_INTERVAL.saturating_sub(self.reported.elapsed()));
        let again = self.is_troubled.then_some(SYNC_INTERVAL);
        let time = TIME_INTERVAL.saturating_sub(self.told_time.elapsed());
        let wait = sync.into_iter().chain(report).chain(again).fold(time, Duration::min);
        thread::park_timeout(wait);
    }

    /// Waits until it is worth while to try again. More that is to be written is no reason.
    fn wait(&mut self) {
        let patience = self.patience;
        self.patience = (patience * 2).min(SYNC_INTERVAL);
        let until = Instant::now() + patience;
        while let left = until.saturating_duration_since(Instant::now())
            && !left.is_zero()
            && !self.bell.is_ending()
        {
            thread::park_timeout(left);
        }
    }
}

fn run_reader(store: &DurableStore<RealDisk>, bells: &Bells) {
    bells.reader.answer();
    while !bells.reader.is_ending() {
        let more = (0..READS_PER_PIECE).all(|_| store.read());
        store.go_round();
        if !more {
            thread::park();
        }
    }
}

/// How long what was written may be without being synced.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How far the time in the log may lie behind.
const TIME_INTERVAL: Duration = Duration::from_mins(1);
/// How often figures are said.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
const FIRST_PATIENCE: Duration = Duration::from_millis(100);
/// Fetches that are answered before a round goes on by a piece.
const READS_PER_PIECE: usize = 16;
