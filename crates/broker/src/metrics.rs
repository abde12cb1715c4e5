//! What a broker counts. Each shard writes its own counters, anybody may read them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::identity::ShardIndex;
use crate::store_metrics::{Figure, StoreMetrics};

/// The counters of all shards, and the figures of the log.
#[derive(Debug)]
pub struct Metrics {
    shards: Box<[ShardMetrics]>,
    store: StoreMetrics,
    /// Bytes of memory of the process now, and at most so far; 0 while nobody has said so.
    heap: (Figure, Figure),
    /// Those whom the authority does not listen to now.
    login_bans: Figure,
}

/// A number that one shard changes and others read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The counters of one shard, on cache lines of their own.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct ShardMetrics {
            $($(#[doc = $doc])+ pub $name: Counter,)+
        }

        impl Metrics {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> u64 {
                self.shards.iter().map(|shard| shard.$name.get()).fold(0, u64::wrapping_add)
            })+
        }
    };
}

counters! {
    /// Network connections that have been accepted.
    connections_opened,
    /// Network connections that have ended.
    connections_closed,
    /// Clients that are connected now.
    clients_connected,
    /// Sessions that exist now, with or without a connection.
    sessions,
    /// Sessions that have ended because their expiry interval had passed.
    sessions_expired,
    /// Sessions whose connection was replaced by a newer one.
    take_overs,
    /// CONNECT packets that were answered, with a yes or a no.
    connects_answered,
    /// Packets received.
    packets_received,
    /// Packets sent.
    packets_sent,
    /// Bytes received.
    bytes_received,
    /// Bytes sent.
    bytes_sent,
    /// PUBLISH packets received.
    publishes_received,
    /// PUBLISH packets sent.
    publishes_sent,
    /// Payload bytes of PUBLISH packets received.
    publish_bytes_received,
    /// Payload bytes of PUBLISH packets sent.
    publish_bytes_sent,
    /// Messages that wait in queues now.
    messages_queued,
    /// Bytes of their topics, properties and payloads.
    queued_bytes,
    /// Messages dropped because a queue or an output was full.
    dropped_full,
    /// Messages dropped because they had expired.
    dropped_expired,
    /// Messages dropped because they were larger than the receiver accepts.
    dropped_too_large,
    /// Retained messages that were not kept because there were too many.
    retained_refused,
    /// Connections closed because of a malformed packet.
    closed_malformed,
    /// Connections closed because of a broken rule.
    closed_protocol_error,
    /// Connections closed because of silence.
    closed_keep_alive,
    /// Connections closed because no CONNECT came in time.
    closed_connect_timeout,
    /// Connections refused with a reason in CONNACK.
    connections_refused,
    /// Network connections that were closed as soon as they were accepted, because there were too many.
    connections_turned_away,
    /// Clients that were let in.
    logins_accepted,
    /// Clients that were not let in because of what they have said of themselves.
    logins_unauthorized,
    /// Clients that were not let in for now because of what went before: too many logins that failed,
    /// or too many that did not.
    logins_banned,
    /// Clients that were not let in because too many others wanted to be.
    logins_not_in_turn,
    /// Clients that were not let in because it could not be found out whether they may.
    logins_unanswered,
    /// Client identifiers that are kept out now because they came too often.
    clients_flapping,
    /// Messages that clients may not publish.
    publishes_denied,
    /// Subscriptions that clients may not have.
    subscriptions_denied,
    /// Subscriptions that clients may not end.
    unsubscriptions_denied,
    /// Messages that were not delivered because their receivers may not have them.
    deliveries_withheld,
    /// Wills that were not published because their clients may not.
    wills_withheld,
    /// Messages, sessions and subscriptions that were refused because the log has no space.
    no_space_refused,
    /// Messages that were refused because their payload was too large.
    publishes_too_large,
    /// Messages and new sessions that were refused because the process had no memory for them.
    memory_refused,
    /// How often a client was not read from for a while, because it had sent faster than it may.
    paced,
    /// Questions of access that were not answered in time.
    answers_missed,
    /// Stored messages that could not be read at the first attempt.
    fetches_failed,
}

impl Metrics {
    /// Packets that were denied.
    pub fn access_denied(&self) -> u64 {
        self.publishes_denied() + self.subscriptions_denied() + self.unsubscriptions_denied()
    }

    /// Messages that did not reach whom they might have: receivers that may not have them, and
    /// wills whose clients may not publish them.
    pub fn access_withheld(&self) -> u64 {
        self.deliveries_withheld() + self.wills_withheld()
    }

    pub(crate) fn new(shards: u16) -> Self {
        Self {
            shards: (0..shards).map(|_| ShardMetrics::default()).collect(),
            store: StoreMetrics::default(),
            heap: <(Figure, Figure)>::default(),
            login_bans: Figure::default(),
        }
    }

    /// What the log says of itself.
    pub const fn store(&self) -> &StoreMetrics {
        &self.store
    }

    /// Says how many bytes of memory the process has.
    pub fn set_heap(&self, bytes: u64) {
        let (current, maximum) = &self.heap;
        current.set(bytes);
        maximum.set(maximum.get().max(bytes));
    }

    /// Says how many the authority does not listen to now, because their logins have failed.
    pub fn set_login_bans(&self, bans: u64) {
        self.login_bans.set(bans);
    }

    /// How many are kept out now: those to whom the authority does not listen, and clients that
    /// came too often.
    pub fn bans(&self) -> u64 {
        self.login_bans.get() + self.clients_flapping()
    }

    /// Bytes of memory of the process, and the most that it has had.
    pub(crate) fn heap(&self) -> (u64, u64) {
        (self.heap.0.get(), self.heap.1.get())
    }

    /// The counters of one shard.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    pub fn shard(&self, shard: ShardIndex) -> &ShardMetrics {
        &self.shards[shard.as_usize()]
    }
}

impl Counter {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `count`. Only the shard that the counter belongs to may call this: it is a load and a
    /// store, a tenth of the price of an atomic addition.
    pub fn add(&self, count: u64) {
        self.0.store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    /// Makes it `count`, under the same condition.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// Takes `count` off, under the same condition.
    pub fn subtract(&self, count: u64) {
        self.0.store(self.get().wrapping_sub(count), Ordering::Relaxed);
    }
}
