//! Who gets a message: the result of matching a topic, kept by each shard until the subscriptions
//! of that part of the topic space change.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_codec::QoS;

use crate::identity::{GroupNumber, SessionNumber, SessionRef, ShardIndex};

/// The subscribers of a topic, as one shard sees them.
#[derive(Debug)]
pub struct Route {
    /// The topic's text, shared with the messages that are kept.
    pub(crate) topic: Arc<str>,
    /// Sessions on this shard.
    pub(crate) local: Vec<Target>,
    /// Sessions elsewhere, by shard.
    pub(crate) remote: Vec<(ShardIndex, Vec<Target>)>,
    /// Shared subscriptions, of which one member is picked for each message.
    pub(crate) groups: Vec<GroupRoute>,
    /// Whether any target is a persistent session.
    pub(crate) durable: bool,
}

/// A session that gets the messages of a topic, once, however many of its subscriptions match
/// [MQTT-3.3.4-2].
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) session: SessionRef,
    /// The identifiers of all matching subscriptions [MQTT-3.3.4-3, -4, -5].
    pub(crate) identifiers: Arc<[NonZeroU32]>,
    /// The highest of the matching subscriptions.
    pub(crate) maximum_qos: QoS,
    /// Whether no matching subscription wants the session's own messages.
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// Whether the session is persistent.
    pub(crate) durable: bool,
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

impl GroupRoute {
    /// The next member in turn: among the connected ones, or, where there are none, among all that
    /// are persistent. `except` is passed over.
    pub(crate) fn pick(&self, except: Option<SessionNumber>) -> Option<&Target> {
        let connected = self.members.get(..self.connected).unwrap_or_default();
        self.pick_from(connected, except).or_else(|| {
            let offline = self.members.get(self.connected..).unwrap_or_default();
            self.pick_from(offline, except)
        })
    }

    fn pick_from<'a>(
        &self,
        members: &'a [Target],
        except: Option<SessionNumber>,
    ) -> Option<&'a Target> {
        let count = NonZeroUsize::new(members.len())?;
        let start = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        members[start..]
            .iter()
            .chain(&members[..start])
            .find(|member| Some(member.session.number) != except)
    }
}

impl Target {
    /// The RETAIN flag towards this session [MQTT-3.3.1-12, -13].
    pub(crate) const fn retain(&self, published: bool) -> bool {
        published && self.retain_as_published
    }

    fn merge(&mut self, other: &Self) {
        self.maximum_qos = self.maximum_qos.max(other.maximum_qos);
        self.no_local &= other.no_local;
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
        let mut local = Vec::new();
        let mut remote: Vec<(ShardIndex, Vec<Target>)> = Vec::new();
        for target in targets {
            let home = target.session.shard;
            if home == shard {
                local.push(target);
            } else if let Some((_, targets)) = remote.last_mut().filter(|(last, _)| *last == home) {
                targets.push(target);
            } else {
                remote.push((home, vec![target]));
            }
        }
        Self { topic, local, remote, groups, durable }
    }

    /// Whether nobody gets the messages of this topic.
    pub(crate) fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty() && self.groups.is_empty()
    }

    /// The sessions on one other shard.
    pub(crate) fn targets_on(&self, shard: ShardIndex) -> &[Target] {
        self.remote
            .iter()
            .find(|(home, _)| *home == shard)
            .map_or(&[], |(_, targets)| targets.as_slice())
    }
}
