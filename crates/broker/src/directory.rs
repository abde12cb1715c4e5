//! The two tables that all shards share: who wants what, and what was last said.
//!
//! Invariants: no lock is held over two packets, and the two locks are never held together. A
//! subscription is in the table before its SUBACK is queued. Whoever changes the subscriptions of a
//! part of the topic space raises that part's version after the change and before the lock is
//! released; a shard compares versions with one load before it trusts a route.

#![expect(clippy::disallowed_types, reason = "these two tables are what the shards share")]

use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ferrymq_codec::{TopicFilter, TopicName};
use ferrymq_protocol::time::Instant;
use foldhash::fast::FixedState;
use siphasher::sip::SipHasher13;

use crate::durability::Durability;
use crate::identity::{GroupNumber, SessionNumber, ShardIndex};
use crate::image::DirectoryImage;
use crate::limits::Limits;
use crate::message::{Lifetime, Message};
use crate::metrics::Metrics;
use crate::retained_table::{Cursor, RetainedTable};
use crate::route::{GroupRoute, Route, Target};
use crate::subscriptions::{Subscription, Subscriptions};

/// What the shards of a broker share.
pub struct Directory {
    subscriptions: RwLock<Subscriptions>,
    retained: RwLock<Retained>,
    /// A version for each part of the topic space, by the hash of the first topic level.
    versions: Box<[AtomicU64]>,
    /// Counts the changes of what is retained; raised under the lock of that table.
    retained_version: AtomicU64,
    /// The version of the last change that has left a topic without a message.
    cleared_version: AtomicU64,
    next_session: AtomicU64,
    shards: u16,
    seed: u64,
    metrics: Metrics,
}

struct Retained {
    table: RetainedTable<Entry>,
    bytes: usize,
}

/// A retained message, and the version of the change that has put it there.
struct Entry {
    message: Arc<Message>,
    version: u64,
}

/// The state of the subscriptions of one part of the topic space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionState {
    part: usize,
    version: u64,
}

/// What became of a subscription.
pub(crate) struct Subscribed {
    /// Whether there was none before.
    pub(crate) new: bool,
    /// The version of what was retained when it took effect. Whatever was retained later is matched
    /// later, and so comes to it as a message; whatever was retained before came before.
    pub(crate) retained_version: u64,
    /// The group of a shared subscription.
    pub(crate) group: Option<GroupNumber>,
}

/// What became of a change to the retained messages.
pub(crate) struct Retention {
    /// The version of the change; `None` if nothing has changed.
    pub(crate) version: Option<NonZeroU64>,
    /// What is retained now.
    pub(crate) message: Option<Arc<Message>>,
    /// Whether the message was not kept because there are too many.
    pub(crate) refused: bool,
}

impl Directory {
    /// The empty directory of a broker with this many shards. `seed` must be secret wherever
    /// strangers choose topics and client identifiers.
    pub fn new(shards: u16, seed: u64) -> Self {
        Self::restored(shards, seed, DirectoryImage::default(), &Limits::default())
    }

    /// The directory of a broker that goes on with what is retained. The shards restore who wants
    /// what. Topics that are no longer recorded begin anew, since what the log says of them is old.
    pub fn restored(shards: u16, seed: u64, image: DirectoryImage, limits: &Limits) -> Self {
        let DirectoryImage { retained, retained_version, next_session, next_group } = image;
        let mut table = RetainedTable::new();
        let mut bytes = 0;
        for (message, version) in retained {
            let topic = message.publication().topic;
            if limits.durability_of(topic) == Durability::None {
                continue;
            }
            bytes += message.weight();
            let entry = Entry { message: Arc::clone(&message), version };
            let old = table.insert(topic, entry);
            bytes -= old.map_or(0, |old: Entry| old.message.weight());
        }
        Self {
            subscriptions: RwLock::new(Subscriptions::new(seed, next_group)),
            retained: RwLock::new(Retained { table, bytes }),
            versions: (0..VERSIONS).map(|_| AtomicU64::new(1)).collect(),
            retained_version: AtomicU64::new(retained_version),
            cleared_version: AtomicU64::new(0),
            next_session: AtomicU64::new(next_session.0),
            shards,
            seed,
            metrics: Metrics::new(shards),
        }
    }

    /// How many shards there are.
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// What all shards have counted.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The shard where the session of a client lives. Client identifiers are chosen by strangers,
    /// who must not be able to choose a shard for all of theirs: hence a keyed hash.
    pub fn home(&self, client_id: &str) -> ShardIndex {
        let mut hasher = SipHasher13::new_with_keys(self.seed, self.seed.rotate_left(32));
        hasher.write(client_id.as_bytes());
        let shard = hasher.finish() % u64::from(self.shards.max(1));
        ShardIndex(u16::try_from(shard).unwrap_or(0))
    }

    /// How many subscriptions there are, and how many of them are shared.
    pub fn subscription_counts(&self) -> (usize, usize) {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        (subscriptions.len(), subscriptions.shared_len())
    }

    /// How many topics have a retained message.
    pub fn retained_count(&self) -> usize {
        self.retained.read().unwrap_or_else(PoisonError::into_inner).table.len()
    }

    /// Every filter to which somebody subscribes, with the number of its subscriptions, in the order
    /// of the alphabet. This takes as long as there are many.
    pub fn subscribed_filters(&self) -> Vec<(Box<str>, usize)> {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        let mut filters = subscriptions.filters();
        drop(subscriptions);
        filters.sort_unstable();
        filters
    }

    /// The bytes of the topics, properties and payloads of retained messages.
    pub(crate) fn retained_bytes(&self) -> usize {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        retained.bytes - retained.table.len() * size_of::<Message>()
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn new_session(&self) -> SessionNumber {
        SessionNumber(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether the subscriptions are as they were in the state that is named.
    pub(crate) fn is_current(&self, state: SubscriptionState) -> bool {
        self.versions[state.part].load(Ordering::SeqCst) == state.version
    }

    /// Who gets the messages of `topic`, and in which state of the subscriptions that is so.
    pub(crate) fn route(
        &self,
        topic: TopicName<'_>,
        shard: ShardIndex,
    ) -> (SubscriptionState, Route) {
        let part = self.part(topic.first_level());
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that no change lies between the version and the walk.
        let version = self.versions[part].load(Ordering::SeqCst);
        (SubscriptionState { part, version }, subscriptions.route(topic, shard))
    }

    /// Adds a subscription, or replaces it.
    pub(crate) fn subscribe(
        &self,
        filter: TopicFilter<'_>,
        subscription: Subscription,
    ) -> Subscribed {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        let (new, group) = subscriptions.insert(filter, subscription);
        self.changed(filter);
        // Still under the lock, and both sides in one order (`SeqCst`): we raise the topic's version
        // and then read this one, a publisher raises this one and then reads the topic's. Either we
        // see its message, or it sees that its route is stale and waits for the lock.
        let retained_version = self.retained_version.load(Ordering::SeqCst);
        Subscribed { new, retained_version, group }
    }

    /// Takes back a subscription of a session whose client is away. Nobody has a route yet that
    /// this would change.
    pub(crate) fn restore_subscription(
        &self,
        filter: TopicFilter<'_>,
        subscription: Subscription,
        group: Option<GroupNumber>,
    ) {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        subscriptions.restore(filter, subscription, group);
    }

    /// Whether there was a subscription.
    pub(crate) fn unsubscribe(&self, filter: TopicFilter<'_>, session: SessionNumber) -> bool {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        let removed = subscriptions.remove(filter, session);
        if removed {
            self.changed(filter);
        }
        removed
    }

    /// A session's subscription, and its group if it is shared.
    pub(crate) fn subscription(
        &self,
        filter: TopicFilter<'_>,
        session: SessionNumber,
    ) -> Option<(Subscription, Option<GroupNumber>)> {
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        subscriptions.get(filter, session)
    }

    /// Says whether a member of a shared subscription has a connection.
    pub(crate) fn set_connected(
        &self,
        filter: TopicFilter<'_>,
        session: SessionNumber,
        connected: bool,
    ) {
        let mut subscriptions = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        subscriptions.set_connected(filter, session, connected);
        self.changed(filter);
    }

    /// The next member of a shared subscription in turn, but not `except`.
    pub(crate) fn pick(&self, group: GroupNumber, except: SessionNumber) -> Option<Target> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).pick(group, except)
    }

    /// A group as it is now.
    pub(crate) fn group(&self, group: GroupNumber) -> Option<GroupRoute> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).group(group)
    }

    /// Replaces what is retained for a topic, or clears it. Where there is no room for the new
    /// message the old one goes nevertheless: it is no longer what was said last.
    pub(crate) fn retain(
        &self,
        topic: TopicName<'_>,
        message: Option<Arc<Message>>,
        limits: &Limits,
    ) -> Retention {
        let mut retained = self.retained.write().unwrap_or_else(PoisonError::into_inner);
        let Retained { table, bytes } = &mut *retained;
        let version = self.retained_version.load(Ordering::SeqCst) + 1;
        let wanted = message.is_some();
        let old = match &message {
            Some(message) => {
                *bytes += message.weight();
                table.insert(topic, Entry { message: Arc::clone(message), version })
            }
            None => table.remove(topic),
        };
        *bytes -= old.as_ref().map_or(0, |old| old.message.weight());
        let message = message.filter(|message| {
            let fits = table.len() <= limits.retained_messages && *bytes <= limits.retained_bytes;
            if !fits {
                *bytes -= message.weight();
                table.remove(topic);
            }
            fits
        });
        let changed = old.is_some() || message.is_some();
        if changed {
            self.retained_version.store(version, Ordering::SeqCst);
            if message.is_none() {
                self.cleared_version.store(version, Ordering::SeqCst);
            }
        }
        Retention {
            version: NonZeroU64::new(version).filter(|_| changed),
            refused: wanted && message.is_none(),
            message,
        }
    }

    /// Visits at most about `limit` retained messages that match, and says where to go on. Those
    /// that are newer than `version` are passed over.
    pub(crate) fn retained(
        &self,
        filter: TopicFilter<'_>,
        after: Option<&Cursor>,
        version: u64,
        limit: usize,
        found: &mut Vec<Arc<Message>>,
    ) -> Option<Cursor> {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        retained.table.page(filter, after, limit, |_, entry| {
            if entry.version <= version {
                found.push(Arc::clone(&entry.message));
            }
        })
    }

    /// Whether the topic has no message any more, and has had one in this version.
    pub(crate) fn was_cleared_after(&self, topic: &str, version: u64) -> bool {
        self.cleared_version.load(Ordering::SeqCst) > version && {
            let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
            !retained.table.contains(TopicName::trusted(topic))
        }
    }

    /// Visits retained messages and the versions that they came with, until `visit` says that the
    /// page is full, and says where to go on.
    pub(crate) fn all_retained(
        &self,
        after: Option<&Cursor>,
        mut visit: impl FnMut(&Arc<Message>, u64) -> ControlFlow<()>,
    ) -> Option<Cursor> {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        retained.table.all(after, |entry| visit(&entry.message, entry.version))
    }

    /// Forgets retained messages that have expired, a page at a time.
    pub(crate) fn sweep_retained(&self, after: Option<&Cursor>, now: Instant) -> Option<Cursor> {
        let mut retained = self.retained.write().unwrap_or_else(PoisonError::into_inner);
        let Retained { table, bytes } = &mut *retained;
        table.sweep(after, SWEEP_PAGE, |Entry { message, .. }| {
            let keep = message.publication().lifetime(now) != Lifetime::Expired;
            if !keep {
                *bytes -= message.weight();
            }
            keep
        })
    }

    fn changed(&self, filter: TopicFilter<'_>) {
        let filter = filter.share().map_or(filter, |(_, filter)| filter);
        match filter.levels().next() {
            Some("+" | "#") => {
                for version in &self.versions {
                    version.fetch_add(1, Ordering::SeqCst);
                }
            }
            first => {
                let part = self.part(first.unwrap_or_default());
                self.versions[part].fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// The part of the topic space with this first level.
    fn part(&self, first_level: &str) -> usize {
        let hash = FixedState::with_seed(self.seed).hash_one(first_level);
        // The low bits of a hash are as good as any, and VERSIONS is a power of two.
        usize::try_from(hash % VERSIONS as u64).unwrap_or(0)
    }
}

const VERSIONS: usize = 1024;
const SWEEP_PAGE: usize = 1024;
