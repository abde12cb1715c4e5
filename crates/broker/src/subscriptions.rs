//! Who wants what: every subscription of every session, by filter, and the groups of shared
//! subscriptions (sections 3.8.3 and 4.8.2).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ferrymq_codec::{SubscriptionOptions, TopicFilter, TopicName};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::identity::{GroupNumber, SessionNumber, SessionRef, ShardIndex};
use crate::route::{GroupRoute, Route, Target};
use crate::topic_tree::TopicTree;

/// A session's subscription to one filter.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) session: SessionRef,
    pub(crate) identifier: Option<NonZeroU32>,
    pub(crate) options: SubscriptionOptions,
    /// Whether the session is persistent.
    pub(crate) durable: bool,
}

/// All subscriptions of a broker.
pub(crate) struct Subscriptions {
    tree: TopicTree<Subscribers>,
    groups: HashMap<GroupNumber, Group, FixedState>,
    next_group: GroupNumber,
    count: usize,
    shared_count: usize,
    seed: u64,
    no_identifiers: Arc<[NonZeroU32]>,
}

/// The subscribers of one filter.
#[derive(Default)]
struct Subscribers {
    sessions: Sessions,
    /// The share names that are used with this filter.
    groups: Vec<(Box<str>, GroupNumber)>,
}

/// Most filters have one subscriber; some have a million.
#[derive(Default)]
enum Sessions {
    #[default]
    None,
    One(Subscription),
    Many(Box<HashMap<SessionNumber, Subscription, FixedState>>),
}

struct Group {
    members: Vec<Member>,
    turn: Arc<AtomicUsize>,
}

struct Member {
    subscription: Subscription,
    connected: bool,
}

impl Subscriptions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            tree: TopicTree::new(seed),
            groups: HashMap::with_hasher(FixedState::with_seed(seed)),
            next_group: GroupNumber(NonZeroU32::MIN),
            count: 0,
            shared_count: 0,
            seed,
            no_identifiers: Arc::from([]),
        }
    }

    /// How many subscriptions there are, shared ones included.
    pub(crate) const fn len(&self) -> usize {
        self.count + self.shared_count
    }

    /// How many of them are shared.
    pub(crate) const fn shared_len(&self) -> usize {
        self.shared_count
    }

    /// Adds a subscription, or replaces the session's subscription to the same filter
    /// [MQTT-3.8.4-3]; whether it is new.
    pub(crate) fn insert(&mut self, filter: TopicFilter<'_>, subscription: Subscription) -> bool {
        if let Some((share, filter)) = filter.share() {
            let new = self.join(share.as_str(), filter, subscription);
            self.shared_count += usize::from(new);
            return new;
        }
        let subscribers = self.tree.get_or_insert_with(filter, Subscribers::default);
        let new = subscribers.sessions.insert(subscription, self.seed);
        self.count += usize::from(new);
        new
    }

    /// Removes a session's subscription; whether there was one.
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>, session: SessionNumber) -> bool {
        let (share, plain) = match filter.share() {
            Some((share, plain)) => (Some(share), plain),
            None => (None, filter),
        };
        let Some(subscribers) = self.tree.get_mut(plain) else {
            return false;
        };
        let removed = match share {
            Some(share) => subscribers.leave(share.as_str(), session, &mut self.groups),
            None => subscribers.sessions.remove(session),
        };
        if subscribers.is_empty() {
            self.tree.remove(plain);
        }
        match share {
            Some(_) => self.shared_count -= usize::from(removed),
            None => self.count -= usize::from(removed),
        }
        removed
    }

    /// Says whether a session has a connection, for the choice among the members of a group.
    pub(crate) fn set_connected(
        &mut self,
        filter: TopicFilter<'_>,
        session: SessionNumber,
        connected: bool,
    ) {
        let Some((share, plain)) = filter.share() else {
            return;
        };
        let group = self.tree.get(plain).and_then(|found| found.group(share.as_str()));
        if let Some(member) = group
            .and_then(|number| self.groups.get_mut(&number))
            .and_then(|group| group.member(session))
        {
            member.connected = connected;
        }
    }

    /// Who gets the messages of `topic`.
    pub(crate) fn route(&self, topic: TopicName<'_>, shard: ShardIndex) -> Route {
        let mut targets = Vec::new();
        let mut groups = Vec::new();
        self.tree.for_each_match(topic, |subscribers| {
            subscribers.sessions.for_each(|subscription| {
                targets.push(self.target(subscription));
            });
            for (_, number) in &subscribers.groups {
                groups.extend(self.group(*number));
            }
        });
        Route::new(Arc::from(topic.as_str()), targets, groups, shard)
    }

    /// A group as it is now.
    pub(crate) fn group(&self, number: GroupNumber) -> Option<GroupRoute> {
        let group = self.groups.get(&number)?;
        let (connected, offline): (Vec<&Member>, Vec<&Member>) =
            group.members.iter().partition(|member| member.connected);
        let members = connected
            .iter()
            .chain(&offline)
            .map(|member| self.target(&member.subscription))
            .collect();
        Some(GroupRoute {
            number,
            members,
            connected: connected.len(),
            turn: Arc::clone(&group.turn),
        })
    }

    fn target(&self, subscription: &Subscription) -> Target {
        Target {
            session: subscription.session,
            identifiers: subscription.identifier.map_or_else(
                || Arc::clone(&self.no_identifiers),
                |identifier| Arc::from([identifier]),
            ),
            maximum_qos: subscription.options.maximum_qos,
            no_local: subscription.options.no_local,
            retain_as_published: subscription.options.retain_as_published,
            durable: subscription.durable,
        }
    }

    fn join(&mut self, share: &str, filter: TopicFilter<'_>, subscription: Subscription) -> bool {
        let subscribers = self.tree.get_or_insert_with(filter, Subscribers::default);
        let number = subscribers.group(share).unwrap_or_else(|| {
            let number = self.next_group;
            self.next_group = GroupNumber(number.0.checked_add(1).unwrap_or(NonZeroU32::MIN));
            subscribers.groups.push((Box::from(share), number));
            number
        });
        let group = self
            .groups
            .entry(number)
            .or_insert_with(|| Group { members: Vec::new(), turn: Arc::new(AtomicUsize::new(0)) });
        let member = Member { subscription, connected: true };
        if let Some(known) = group.member(member.subscription.session.number) {
            *known = member;
            return false;
        }
        group.members.push(member);
        true
    }
}

impl Subscribers {
    fn is_empty(&self) -> bool {
        matches!(self.sessions, Sessions::None) && self.groups.is_empty()
    }

    fn group(&self, share: &str) -> Option<GroupNumber> {
        self.groups.iter().find(|(name, _)| **name == *share).map(|(_, number)| *number)
    }

    fn leave(
        &mut self,
        share: &str,
        session: SessionNumber,
        groups: &mut HashMap<GroupNumber, Group, FixedState>,
    ) -> bool {
        let Some(number) = self.group(share) else {
            return false;
        };
        let Some(group) = groups.get_mut(&number) else {
            return false;
        };
        let before = group.members.len();
        group.members.retain(|member| member.subscription.session.number != session);
        let removed = group.members.len() < before;
        if group.members.is_empty() {
            groups.remove(&number);
            self.groups.retain(|(_, known)| *known != number);
        }
        removed
    }
}

impl Group {
    fn member(&mut self, session: SessionNumber) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.subscription.session.number == session)
    }
}

impl Sessions {
    /// Whether the subscription is new.
    fn insert(&mut self, subscription: Subscription, seed: u64) -> bool {
        let number = subscription.session.number;
        match self {
            Self::None => {
                *self = Self::One(subscription);
                true
            }
            Self::One(known) if known.session.number == number => {
                *known = subscription;
                false
            }
            Self::One(_) => {
                let Self::One(known) = std::mem::take(self) else {
                    return false;
                };
                let mut many = HashMap::with_hasher(FixedState::with_seed(seed));
                many.insert(known.session.number, known);
                many.insert(number, subscription);
                *self = Self::Many(Box::new(many));
                true
            }
            Self::Many(many) => many.insert(number, subscription).is_none(),
        }
    }

    /// Whether there was one.
    fn remove(&mut self, number: SessionNumber) -> bool {
        match self {
            Self::None => false,
            Self::One(known) => {
                let found = known.session.number == number;
                if found {
                    *self = Self::None;
                }
                found
            }
            Self::Many(many) => {
                let found = many.remove(&number).is_some();
                if many.is_empty() {
                    *self = Self::None;
                }
                found
            }
        }
    }

    fn for_each(&self, mut visit: impl FnMut(&Subscription)) {
        match self {
            Self::None => {}
            Self::One(subscription) => visit(subscription),
            Self::Many(many) => many.values().for_each(visit),
        }
    }
}
