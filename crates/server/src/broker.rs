//! The parts of a broker, put together before they run: new ones, or such as go on with what was
//! kept.

use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::thread;

use ferrymq_broker::{
    Access, Directory, Limits, Recovered, SessionImage, Shard, ShardIndex, ShardOptions, Unfinished,
};
use ferrymq_protocol::time::Instant;
use ferrymq_store::RealDisk;

use crate::clock::Clock;
use crate::durable_store::{Attendant, DurableStore, Opened};
use crate::log_threads::{Bells, LogThreads};
use crate::mailbox::Mailbox;
use crate::memory_store::MemoryStore;
use crate::mio_network::{MioMailbox, MioNetwork};
use crate::network::Network;
use crate::store::Store;

/// The parts of a broker.
pub(crate) struct Broker {
    pub(crate) shards: Vec<(MioNetwork, Shard)>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) post: Arc<[MioMailbox]>,
    pub(crate) store: Arc<dyn Store>,
    /// The threads of a store that has some. They run already.
    pub(crate) log: Option<LogThreads>,
    /// The time of all shards.
    pub(crate) clock: Clock,
}

/// What a broker goes on with.
struct Kept {
    sessions: Vec<SessionImage>,
    unfinished: Unfinished,
    /// When the broker ended that it was.
    stopped: Instant,
}

impl Broker {
    /// A broker with so many shards that keeps nothing, or one that goes on with what was kept.
    pub(crate) fn new(
        shards: Option<NonZeroU16>,
        limits: &Arc<Limits>,
        access: &dyn Fn(ShardIndex) -> Box<dyn Access>,
        opened: Option<Opened<RealDisk>>,
    ) -> io::Result<Self> {
        let count = shards.map_or_else(default_shards, NonZeroU16::get);
        let stopped = opened.as_ref().map_or(Instant::ZERO, Opened::last_time);
        let first_records: Vec<u64> = (0..count)
            .map(ShardIndex)
            .map(|shard| opened.as_ref().map_or(1, |opened| opened.first_record(shard)))
            .collect();
        let clock = Clock::start(stopped);
        let (mut networks, mut mailboxes) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (network, waker) = MioNetwork::new(clock)?;
            networks.push(network);
            mailboxes.push(Mailbox::new(waker));
        }
        let post: Arc<[MioMailbox]> = mailboxes.into();
        let bells = Arc::new(Bells::new(Arc::clone(&post)));
        let attendant: Arc<dyn Attendant> = Arc::<Bells>::clone(&bells);
        let (durable, recovered) =
            opened.map(|opened| DurableStore::new(opened, count, attendant)).unzip();
        let durable = durable.map(Arc::new);
        let seed = random()?;
        let (directory, kept) = match recovered {
            None => (Directory::new(count, seed), None),
            Some(Recovered { sessions, unfinished, directory, .. }) => {
                let kept = Kept { sessions, unfinished, stopped };
                (Directory::restored(count, seed, directory, limits), Some(kept))
            }
        };
        let directory = Arc::new(directory);
        let (store, log): (Arc<dyn Store>, _) = match durable {
            None => (Arc::new(MemoryStore::new(count)), None),
            Some(store) => {
                let log = LogThreads::start(&store, &bells, &directory, clock)?;
                (store, Some(log))
            }
        };
        let mut shards = Vec::new();
        let indices = (0u16..).map(ShardIndex);
        for ((index, network), first_record) in indices.zip(networks).zip(first_records) {
            let shard = Shard::new(ShardOptions {
                index,
                limits: Arc::clone(limits),
                directory: Arc::clone(&directory),
                access: access(index),
                now: network.now(),
                seed: random()?,
                first_record,
            });
            shards.push((network, shard));
        }
        let mut broker = Self { shards, directory, post, store, log, clock };
        if let Some(kept) = kept {
            broker.restore(kept, clock.now());
        }
        Ok(broker)
    }

    fn restore(&mut self, kept: Kept, now: Instant) {
        for session in kept.sessions {
            let home = self.directory.home(&session.client_id);
            if let Some((_, shard)) = self.shards.get_mut(home.as_usize()) {
                shard.restore(session, kept.stopped);
            }
        }
        if let Some((_, shard)) = self.shards.first_mut() {
            shard.finish(kept.unfinished, now);
        }
    }
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

fn default_shards() -> u16 {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u16::try_from(cores).unwrap_or(u16::MAX)
}
