//! Who wants what: every subscription of every session, by filter, and the groups of shared
//! subscriptions (sections 3.8.3 and 4.8.2).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_codec::{SubscriptionOptions, TopicFilter, TopicName};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::identity::{GroupNumber, SessionNumber, SessionRef, ShardIndex};
use crate::route::{GroupRoute, Route, Target, Wish};
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

/// The members of a shared subscription: first those that are connected.
struct Group {
    members: Vec<Subscription>,
    connected: usize,
    /// Where each member is.
    places: HashMap<SessionNumber, usize, FixedState>,
    turn: Arc<AtomicUsize>,
}

impl Subscriptions {
    /// No subscriptions; `next_group` is the first number that is given to a group.
    pub(crate) fn new(seed: u64, next_group: GroupNumber) -> Self {
        Self {
            tree: TopicTree::new(seed),
            groups: HashMap::with_hasher(FixedState::with_seed(seed)),
            next_group,
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
    /// [MQTT-3.8.4-3]; whether it is new, and the group that it belongs to if it is shared.
    pub(crate) fn insert(
        &mut self,
        filter: TopicFilter<'_>,
        subscription: Subscription,
    ) -> (bool, Option<GroupNumber>) {
        if let Some((share, filter)) = filter.share() {
            let (new, group) = self.join(share.as_str(), filter, subscription);
            self.shared_count += usize::from(new);
            return (new, Some(group));
        }
        let subscribers = self.tree.get_or_insert_with(filter, Subscribers::default);
        let new = subscribers.sessions.insert(subscription, self.seed);
        self.count += usize::from(new);
        (new, None)
    }

    /// Takes back a subscription of a session whose client is away, with the group that it had.
    pub(crate) fn restore(
        &mut self,
        filter: TopicFilter<'_>,
        subscription: Subscription,
        group: Option<GroupNumber>,
    ) {
        let Some((share, filter)) = filter.share() else {
            self.insert(filter, subscription);
            return;
        };
        let number = self.group_number(share.as_str(), filter, group);
        let group = self.groups.entry(number).or_insert_with(|| Group::new(self.seed));
        self.shared_count += usize::from(group.add(subscription));
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

    /// A session's subscription to a filter, and its group if it is shared.
    pub(crate) fn get(
        &self,
        filter: TopicFilter<'_>,
        session: SessionNumber,
    ) -> Option<(Subscription, Option<GroupNumber>)> {
        let Some((share, plain)) = filter.share() else {
            let subscription = self.tree.get(filter)?.sessions.get(session)?;
            return Some((subscription.clone(), None));
        };
        let number = self.tree.get(plain)?.group(share.as_str())?;
        let group = self.groups.get(&number)?;
        let subscription = group.members.get(*group.places.get(&session)?)?;
        Some((subscription.clone(), Some(number)))
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
        let number = self.tree.get(plain).and_then(|found| found.group(share.as_str()));
        if let Some(group) = number.and_then(|number| self.groups.get_mut(&number)) {
            group.set_connected(session, connected);
        }
    }

    /// All filters with the number of their subscriptions, in no order. A shared subscription is
    /// among those of its filter.
    pub(crate) fn filters(&self) -> Vec<(Box<str>, usize)> {
        let mut filters = Vec::new();
        self.tree.for_each(|filter, subscribers| {
            let mut count = 0;
            subscribers.sessions.for_each(|_| count += 1);
            let shared = subscribers.groups.iter().filter_map(|(_, group)| self.groups.get(group));
            count += shared.map(|group| group.members.len()).sum::<usize>();
            filters.push((filter.into(), count));
        });
        filters
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
        Some(GroupRoute {
            number,
            members: group.members.iter().map(|member| self.target(member)).collect(),
            connected: group.connected,
            turn: Arc::clone(&group.turn),
        })
    }

    /// The next member of a group in turn, but not `except`.
    pub(crate) fn pick(&self, number: GroupNumber, except: SessionNumber) -> Option<Target> {
        Some(self.target(self.groups.get(&number)?.pick(except)?))
    }

    fn target(&self, subscription: &Subscription) -> Target {
        let Subscription { session, identifier, options, durable } = subscription;
        let wish = Wish {
            identifiers: identifier.map_or_else(
                || Arc::clone(&self.no_identifiers),
                |identifier| Arc::from([identifier]),
            ),
            maximum_qos: options.maximum_qos,
            retain_as_published: options.retain_as_published,
        };
        Target::new(*session, *durable, wish, options.no_local)
    }

    fn join(
        &mut self,
        share: &str,
        filter: TopicFilter<'_>,
        subscription: Subscription,
    ) -> (bool, GroupNumber) {
        let number = self.group_number(share, filter, None);
        let group = self.groups.entry(number).or_insert_with(|| Group::new(self.seed));
        (group.join(subscription), number)
    }

    /// The number of a group. A new one gets the number that is wanted, if no other has it.
    fn group_number(
        &mut self,
        share: &str,
        filter: TopicFilter<'_>,
        wanted: Option<GroupNumber>,
    ) -> GroupNumber {
        let subscribers = self.tree.get_or_insert_with(filter, Subscribers::default);
        if let Some(number) = subscribers.group(share) {
            return number;
        }
        let number =
            wanted.filter(|number| !self.groups.contains_key(number)).unwrap_or_else(|| {
                let mut number = self.next_group;
                while self.groups.contains_key(&number) {
                    number = number.next();
                }
                self.next_group = number.next();
                number
            });
        subscribers.groups.push((Box::from(share), number));
        number
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
        let removed = group.leave(session);
        if group.members.is_empty() {
            groups.remove(&number);
            self.groups.retain(|(_, known)| *known != number);
        }
        removed
    }
}

impl Group {
    fn new(seed: u64) -> Self {
        Self {
            members: Vec::new(),
            connected: 0,
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            turn: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Adds a connected member, or replaces its subscription; whether it is new.
    fn join(&mut self, subscription: Subscription) -> bool {
        let session = subscription.session.number;
        let new = self.add(subscription);
        self.set_connected(session, true);
        new
    }

    /// Adds a member, or replaces its subscription; whether it is new.
    fn add(&mut self, subscription: Subscription) -> bool {
        let session = subscription.session.number;
        let known = self.places.get(&session).copied();
        if let Some(place) = known {
            self.members[place] = subscription;
        } else {
            self.places.insert(session, self.members.len());
            self.members.push(subscription);
        }
        known.is_none()
    }

    /// Whether the session was a member.
    fn leave(&mut self, session: SessionNumber) -> bool {
        self.set_connected(session, false);
        let Some(place) = self.places.get(&session).copied() else {
            return false;
        };
        self.swap(place, self.members.len() - 1);
        self.members.pop();
        self.places.remove(&session);
        true
    }

    fn set_connected(&mut self, session: SessionNumber, connected: bool) {
        let Some(place) = self.places.get(&session).copied() else {
            return;
        };
        if connected && place >= self.connected {
            self.swap(place, self.connected);
            self.connected += 1;
        } else if !connected && place < self.connected {
            self.connected -= 1;
            self.swap(place, self.connected);
        }
    }

    fn swap(&mut self, place: usize, other: usize) {
        self.members.swap(place, other);
        for place in [place, other] {
            self.places.insert(self.members[place].session.number, place);
        }
    }

    /// The next member in turn, but not `except`: among those that are connected, if there are
    /// any.
    fn pick(&self, except: SessionNumber) -> Option<&Subscription> {
        let (connected, offline) = self.members.split_at(self.connected);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        [connected, offline].into_iter().find_map(|members| {
            let start = turn.checked_rem(members.len())?;
            let mut in_turn = members[start..].iter().chain(&members[..start]);
            in_turn.find(|member| member.session.number != except)
        })
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

    fn get(&self, number: SessionNumber) -> Option<&Subscription> {
        match self {
            Self::None => None,
            Self::One(known) => (known.session.number == number).then_some(known),
            Self::Many(many) => many.get(&number),
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
