//! Who gets a message: the result of matching a topic, kept by each shard until the subscriptions
//! of that part of the topic space change.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ferrymq_codec::QoS;

use crate::durability::Durability;
use crate::identity::{GroupNumber, SessionNumber, SessionRef, ShardIndex};

/// The subscribers of a topic, as one shard sees them.
#[derive(Debug)]
pub struct Route {
    /// The topic's text, shared with the messages that are kept.
    pub(crate) topic: Arc<str>,
    /// Sessions on this shard.
    pub(crate) local: Audience,
    /// Sessions elsewhere, by shard.
    pub(crate) remote: Vec<(ShardIndex, Audience)>,
    /// Shared subscriptions, of which one member is picked for each message.
    pub(crate) groups: Vec<GroupRoute>,
    /// Whether any target is a persistent session.
    pub(crate) durable: bool,
    /// What messages of this topic survive once they are acknowledged.
    pub(crate) durability: Durability,
}

/// Sessions of one shard that get the messages of a topic.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    /// In the order of their numbers.
    pub(crate) targets: Vec<Target>,
    /// The edition of its permissions by which their shard has found that all of them may have the
    /// messages; 0: none.
    cleared: AtomicU64,
}

/// A session that gets the messages of a topic, once, however many of its subscriptions match
/// [MQTT-3.3.4-2].
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) session: SessionRef,
    /// Whether the session is persistent.
    pub(crate) durable: bool,
    /// How it is sent the messages of others.
    wish: Wish,
    /// How it is sent its own.
    own: Own,
}

/// What the matching subscriptions of a session ask for together.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The identifiers of all of them [MQTT-3.3.4-3, -4, -5].
    pub(crate) identifiers: Arc<[NonZeroU32]>,
    /// The highest of them.
    pub(crate) maximum_qos: QoS,
    pub(crate) retain_as_published: bool,
}

/// What the matching subscriptions without No Local ask for together.
#[derive(Clone, Debug)]
enum Own {
    /// The same: none has No Local.
    Same,
    /// All have No Local.
    Nothing,
    /// Some have it.
    Only(Box<Wish>),
}

/// A shared subscription as a route sees it.
#[derive(Clone, Debug)]
pub(crate) struct GroupRoute {
    pub(crate) number: GroupNumber,
    pub(crate) members: Arc<[Target]>,
    /// How many members, from the front, are connected.
    pub(crate) connected: usize,
    pub(crate) turn: Arc<AtomicUsize>,
}

impl Audience {
    /// Whether all of them may have the messages, by this edition of their shard's permissions.
    pub(crate) fn is_cleared(&self, edition: u64) -> bool {
        self.cleared.load(Ordering::Relaxed) == edition
    }

    /// All of them may, as long as this edition holds.
    pub(crate) fn clear(&self, edition: u64) {
        self.cleared.store(edition, Ordering::Relaxed);
    }

    /// Whether one of them is sent what `publisher` has published.
    pub(crate) fn hears(&self, publisher: SessionNumber) -> bool {
        self.targets.iter().any(|target| target.wish(publisher).is_some())
    }
}

impl GroupRoute {
    /// The next member in turn: among the connected ones, or, where there are none, among all.
    pub(crate) fn pick(&self) -> Option<&Target> {
        let count = if self.connected > 0 { self.connected } else { self.members.len() };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.members.get(turn.checked_rem(count)?)
    }

    /// All members, beginning with the one that is next: first the connected ones, then the others.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &Target> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (connected, away) = self.members.split_at(self.connected.min(self.members.len()));
        [connected, away].into_iter().flat_map(move |members| {
            let next = turn.checked_rem(members.len()).unwrap_or_default();
            let (before, from) = members.split_at(next);
            from.iter().chain(before)
        })
    }
}

impl Target {
    pub(crate) const fn new(
        session: SessionRef,
        durable: bool,
        wish: Wish,
        no_local: bool,
    ) -> Self {
        let own = if no_local { Own::Nothing } else { Own::Same };
        Self { session, durable, wish, own }
    }

    /// How the session is sent what `publisher` has published; `None` if it is not
    /// [MQTT-3.8.3-3].
    pub(crate) fn wish(&self, publisher: SessionNumber) -> Option<&Wish> {
        if publisher == self.session.number { self.own() } else { Some(&self.wish) }
    }

    fn own(&self) -> Option<&Wish> {
        match &self.own {
            Own::Same => Some(&self.wish),
            Own::Nothing => None,
            Own::Only(wish) => Some(wish),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.own = match (&self.own, &other.own) {
            (Own::Same, Own::Same) => Own::Same,
            _ => match (self.own(), other.own()) {
                (None, None) => Own::Nothing,
                (Some(wish), None) | (None, Some(wish)) => Own::Only(Box::new(wish.clone())),
                (Some(wish), Some(other)) => {
                    let mut wish = wish.clone();
                    wish.merge(other);
                    Own::Only(Box::new(wish))
                }
            },
        };
        self.wish.merge(&other.wish);
    }
}

impl Wish {
    /// The quality of service that a message of `published` is sent with.
    pub(crate) fn qos(&self, published: QoS) -> QoS {
        published.min(self.maximum_qos)
    }

    /// The RETAIN flag towards this session [MQTT-3.3.1-12, -13].
    pub(crate) const fn retain(&self, published: bool) -> bool {
        published && self.retain_as_published
    }

    fn merge(&mut self, other: &Self) {
        self.maximum_qos = self.maximum_qos.max(other.maximum_qos);
        self.retain_as_published |= other.retain_as_published;
        if !other.identifiers.is_empty() {
            self.identifiers =
                self.identifiers.iter().chain(other.identifiers.iter()).copied().collect();
        }
    }
}

impl Route {
    pub(crate) fn new(
        topic: Arc<str>,
        mut targets: Vec<Target>,
        groups: Vec<GroupRoute>,
        shard: ShardIndex,
    ) -> Self {
        targets.sort_by_key(|target| (target.session.shard, target.session.number));
        targets.dedup_by(|later, kept| {
            let same = later.session == kept.session;
            if same {
                kept.merge(later);
            }
            same
        });
        let durable = targets.iter().any(|target| target.durable)
            || groups.iter().any(|group| group.members.iter().any(|member| member.durable));
        let mut local = Audience::default();
        let mut remote: Vec<(ShardIndex, Audience)> = Vec::new();
        for target in targets {
            let home = target.session.shard;
            if home == shard {
                local.targets.push(target);
            } else if let Some((_, there)) = remote.last_mut().filter(|(last, _)| *last == home) {
                there.targets.push(target);
            } else {
                remote.push((home, Audience { targets: vec![target], ..Audience::default() }));
            }
        }
        let durability = Durability::default();
        Self { topic, local, remote, groups, durable, durability }
    }

    /// Whether nobody gets the messages of this topic.
    pub(crate) fn is_empty(&self) -> bool {
        self.local.targets.is_empty() && self.remote.is_empty() && self.groups.is_empty()
    }

    /// Whether a persistent session is to get what `publisher` has published with QoS 1 or 2.
    pub(crate) fn is_owed(&self, publisher: SessionNumber) -> bool {
        let members = self.groups.iter().flat_map(|group| group.members.iter());
        self.durable
            && self.local.targets.iter().chain(self.remote_targets()).chain(members).any(|target| {
                let wish = target.wish(publisher).filter(|_| target.durable);
                wish.is_some_and(|wish| wish.maximum_qos > QoS::AtMostOnce)
            })
    }

    /// The sessions on other shards.
    pub(crate) fn remote_targets(&self) -> impl Iterator<Item = &Target> {
        self.remote.iter().flat_map(|(_, there)| &there.targets)
    }

    /// The sessions on one other shard.
    pub(crate) fn audience_on(&self, shard: ShardIndex) -> Option<&Audience> {
        self.remote.iter().find(|(home, _)| *home == shard).map(|(_, there)| there)
    }

    /// About how many bytes of memory the route takes.
    pub(crate) fn weight(&self) -> usize {
        let members: usize = self.groups.iter().map(|group| group.members.len()).sum();
        let targets = self.local.targets.len() + self.remote_targets().count() + members;
        size_of::<Self>() + self.topic.len() + targets * size_of::<Target>()
    }
}
