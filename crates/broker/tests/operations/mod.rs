//! Operations on a broker, and beside it a naive model that knows what each client must get: sets
//! of subscriptions, and for each session what it is owed.
//!
//! The clients keep the rules; connections break, records become durable late, and the store
//! answers late, fails, or answers what nobody asks for any more.

#![allow(dead_code, reason = "not all of the tests end the process")]

mod client;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ferrymq_codec::{Delivery, PacketId, QoS, ReasonCode};

use self::client::{Arrived, Peer, Place, Subscription};
use crate::world::World;

/// Something that happens. Numbers go around wherever there are fewer things to choose from.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Connect {
        client: usize,
        clean: bool,
        expires: bool,
        window: u16,
        small: bool,
        hasty: bool,
    },
    Cut {
        client: usize,
    },
    Disconnect {
        client: usize,
    },
    Subscribe {
        client: usize,
        filter: usize,
        qos: u8,
        no_local: bool,
        as_published: bool,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: u8,
        retain: bool,
        big: bool,
    },
    /// The client answers one of the packets that it has not answered yet.
    Answer {
        client: usize,
        which: usize,
    },
    AnswerAll {
        client: usize,
    },
    Durable(bool),
    Fetches(bool),
    HoldMail(bool),
    AnswerFetches {
        well: bool,
    },
    Pass {
        seconds: u8,
    },
    /// The process ends, and another goes on with the log.
    Crash {
        shards: u16,
        /// How much of what is not durable is lost.
        lost: usize,
    },
}

/// Runs the operations, lets everything come to an end, and compares. The caller is shown the world
/// after each operation.
pub(crate) fn run_in(world: World, ops: &[Op], mut look: impl FnMut(usize, &mut World)) {
    let mut scene = Scene::new(world);
    scene.crashes = ops.iter().any(|op| matches!(op, Op::Crash { .. }));
    for (number, op) in ops.iter().enumerate() {
        let durable = scene.world.durable;
        scene.perform(op);
        scene.receive();
        if scene.crashes && op.changes_sessions() {
            // What becomes of sessions that nobody was told of is not for this model.
            scene.world.make_durable();
            scene.receive();
            scene.world.durable = durable;
            scene.all_is_durable();
        }
        if scene.world.durable {
            scene.all_is_durable();
        }
        look(number, &mut scene.world);
    }
    scene.finish();
}

impl Op {
    fn changes_sessions(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Cut { .. }
                | Self::Disconnect { .. }
                | Self::Subscribe { .. }
                | Self::Unsubscribe { .. }
        )
    }
}

struct Scene {
    world: World,
    peers: Vec<Peer>,
    messages: Vec<Message>,
    retained: BTreeMap<&'static str, usize>,
    /// Whether there are crashes.
    crashes: bool,
    /// What may have been retained when all was durable.
    durably_retained: BTreeMap<&'static str, BTreeSet<Option<usize>>>,
    /// What may be retained instead, since a crash.
    perhaps_retained: BTreeMap<&'static str, BTreeSet<Option<usize>>>,
    /// How many messages there were when all was durable.
    durable_messages: usize,
    /// QoS 1 messages whose acknowledgement is durable.
    settled: BTreeSet<(Place, usize)>,
    /// The sessions that have joined the group.
    members: BTreeSet<Place>,
}

#[derive(Debug)]
struct Message {
    publisher: Place,
    topic: &'static str,
    qos: QoS,
    retain: bool,
    big: bool,
    owed: BTreeMap<Place, Owed>,
    group: Option<GroupOwed>,
    /// Whether a crash may have lost it, so that it is published again.
    uncertain: bool,
}

/// How a session is to get a message.
#[derive(Debug)]
struct Owed {
    qos: QoS,
    retain: bool,
    identifiers: Vec<u32>,
    received: usize,
    /// Whether it may have been dropped because it was too large.
    may_be_lost: bool,
    /// Whether a crash may have lost that it was sent.
    may_repeat: bool,
}

/// How a message goes to the group.
#[derive(Debug, Default)]
struct GroupOwed {
    received: usize,
    /// Whether a member has ended since, so that it may go to another.
    disturbed: bool,
    may_be_lost: bool,
}

impl Scene {
    fn new(world: World) -> Self {
        Self {
            world,
            peers: CLIENTS.iter().map(|id| Peer::new(id)).collect(),
            messages: Vec::new(),
            retained: BTreeMap::new(),
            crashes: false,
            durably_retained: BTreeMap::new(),
            perhaps_retained: BTreeMap::new(),
            durable_messages: 0,
            settled: BTreeSet::new(),
            members: BTreeSet::new(),
        }
    }

    fn perform(&mut self, op: &Op) {
        match *op {
            Op::Connect { client, clean, expires, window, small, hasty } => {
                let client = client % CLIENTS.len();
                self.connect(client, clean, expires, window, small, hasty);
            }
            Op::Cut { client } => self.cut(client % CLIENTS.len(), false),
            Op::Disconnect { client } => self.cut(client % CLIENTS.len(), true),
            Op::Subscribe { client, filter, qos, no_local, as_published } => {
                let subscription = Subscription { qos: level(qos), no_local, as_published };
                self.subscribe(client % CLIENTS.len(), filter % FILTERS.len(), subscription);
            }
            Op::Unsubscribe { client, filter } => {
                self.unsubscribe(client % CLIENTS.len(), filter % FILTERS.len());
            }
            Op::Publish { client, topic, qos, retain, big } => {
                let topic = TOPICS[topic % TOPICS.len()];
                self.publish(client % CLIENTS.len(), topic, level(qos), retain, big);
            }
            Op::Answer { client, which } => {
                self.peers[client % CLIENTS.len()].answer(&mut self.world, which);
            }
            Op::AnswerAll { client } => self.answer_all(client % CLIENTS.len()),
            Op::Durable(true) => self.world.make_durable(),
            Op::Durable(false) => self.world.durable = false,
            Op::Fetches(answered) => self.world.fetches = answered,
            Op::AnswerFetches { well } => self.world.answer_fetches(well),
            Op::HoldMail(held) => self.world.hold_mail(held),
            Op::Crash { shards, lost } => self.crash(shards, lost),
            Op::Pass { seconds } => self.world.pass(Duration::from_secs(u64::from(seconds % 4))),
        }
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "the fields of the operation")]
    fn connect(
        &mut self,
        client: usize,
        clean: bool,
        expires: bool,
        window: u16,
        small: bool,
        hasty: bool,
    ) {
        let lives = self.peers[client].lives_on();
        if clean || !lives {
            self.end_session(client);
        }
        let expiry = if expires { 0 } else { EXPIRY };
        let peer = &mut self.peers[client];
        peer.connect(&mut self.world, clean, expiry, window, small);
        peer.expects_session = lives && !clean;
        if !hasty {
            // What it did not answer on the old connection it waits to be sent again.
            peer.to_answer.clear();
        }
        if small {
            let place = self.place(client);
            for message in self.messages.iter_mut().filter(|message| message.big) {
                if let Some(owed) = message.owed.get_mut(&place) {
                    owed.may_be_lost = true;
                }
                if let Some(group) = &mut message.group {
                    group.may_be_lost = true;
                }
            }
        }
    }

    fn cut(&mut self, client: usize, politely: bool) {
        let Some(connection) = self.peers[client].connection else {
            return;
        };
        if politely && self.peers[client].open {
            self.world.disconnect(connection, ReasonCode::Success);
        } else {
            self.world.cut(connection);
        }
        let lives = self.peers[client].expiry > 0;
        let peer = &mut self.peers[client];
        peer.connection = None;
        peer.open = false;
        if !lives {
            self.end_session(client);
        }
    }

    fn crash(&mut self, shards: u16, lost: usize) {
        self.receive();
        // What was acknowledged since all was durable may come again.
        for peer in &mut self.peers {
            peer.acknowledged.clear();
            // Who forgot that it sent a QoS 1 message uses its packet identifier for another.
            peer.to_answer.clear();
        }
        self.world.crash(shards, lost);
        let transient = |peer: &Peer| peer.connection.is_some() && !peer.lives_on();
        let any_transient = self.peers.iter().any(transient);
        for client in 0..self.peers.len() {
            let peer = &mut self.peers[client];
            let ends = transient(peer);
            peer.connection = None;
            peer.open = false;
            if ends {
                self.end_session(client);
            }
        }
        for (number, message) in self.messages.iter_mut().enumerate() {
            let uncertain = number >= self.durable_messages;
            message.uncertain |= uncertain;
            for owed in message.owed.values_mut() {
                owed.may_be_lost |= uncertain;
                owed.may_repeat = true;
            }
            if let Some(group) = &mut message.group {
                group.disturbed = true;
                // What a transient member has goes with it.
                group.may_be_lost |= uncertain || any_transient;
            }
            if uncertain && message.retain {
                let topic = message.topic;
                let before = || self.durably_retained.get(topic).cloned();
                let perhaps = self
                    .perhaps_retained
                    .entry(topic)
                    .or_insert_with(|| before().unwrap_or_else(|| BTreeSet::from([None])));
                perhaps.insert(Some(number));
            }
        }
        self.all_is_durable();
    }

    fn all_is_durable(&mut self) {
        self.durable_messages = self.messages.len();
        for topic in TOPICS {
            let known = || BTreeSet::from([self.retained.get(topic).copied()]);
            let perhaps = self.perhaps_retained.get(topic).cloned().unwrap_or_else(known);
            self.durably_retained.insert(topic, perhaps);
        }
        for client in 0..self.peers.len() {
            let place = self.place(client);
            let acknowledged = std::mem::take(&mut self.peers[client].acknowledged);
            self.settled.extend(acknowledged.into_iter().map(|number| (place, number)));
        }
    }

    fn end_session(&mut self, client: usize) {
        let place = self.place(client);
        for message in &mut self.messages {
            message.owed.remove(&place);
        }
        self.members.remove(&place);
        // Also who has left the group may still have messages in line that came through it.
        self.disturb_group();
        self.peers[client].forget();
    }

    fn disturb_group(&mut self) {
        let is_empty = self.members.is_empty();
        for message in &mut self.messages {
            if let Some(group) = &mut message.group {
                group.disturbed = true;
                group.may_be_lost |= is_empty || message.qos == QoS::ExactlyOnce;
            }
        }
    }

    fn subscribe(&mut self, client: usize, filter: usize, subscription: Subscription) {
        let peer = &mut self.peers[client];
        let Some(connection) = peer.connection.filter(|_| peer.open) else {
            return;
        };
        let is_shared = filter == GROUP;
        let subscription = match is_shared {
            true => Subscription { qos: QoS::ExactlyOnce, no_local: false, as_published: false },
            false => subscription,
        };
        peer.subscriptions.insert(filter, subscription);
        let with = |options: &mut ferrymq_codec::SubscriptionOptions| {
            options.maximum_qos = subscription.qos;
            options.no_local = subscription.no_local;
            options.retain_as_published = subscription.as_published;
        };
        let identifier = identifier(filter);
        let got = self.world.subscribe_with(connection, FILTERS[filter], with, Some(identifier));
        self.peers[client].early.extend(got);
        if is_shared {
            self.members.insert(self.place(client));
        }
    }

    fn unsubscribe(&mut self, client: usize, filter: usize) {
        let peer = &mut self.peers[client];
        let Some(connection) = peer.connection.filter(|_| peer.open) else {
            return;
        };
        peer.subscriptions.remove(&filter);
        self.world.unsubscribe(connection, FILTERS[filter]);
        let place = self.place(client);
        if filter == GROUP && self.members.remove(&place) && self.members.is_empty() {
            // What its last member has in line goes with that member's session.
            self.disturb_group();
        }
    }

    fn publish(&mut self, client: usize, topic: &'static str, qos: QoS, retain: bool, big: bool) {
        let peer = &mut self.peers[client];
        let Some(connection) = peer.connection.filter(|_| peer.open) else {
            return;
        };
        let number = self.messages.len();
        let id = PacketId::new(u16::try_from(number + 1).expect("few messages")).expect("not 0");
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce(id),
            QoS::ExactlyOnce => {
                peer.publishing.push((id, number));
                Delivery::ExactlyOnce(id)
            }
        };
        let message = self.model(client, topic, qos, retain, big);
        self.messages.push(message);
        if retain {
            self.retained.insert(topic, number);
            self.perhaps_retained.remove(topic);
        }
        let payload = payload(number, big);
        self.world.publish_with(connection, topic, &payload, delivery, retain, &[]);
    }

    /// Who must get a message.
    fn model(
        &self,
        client: usize,
        topic: &'static str,
        qos: QoS,
        retain: bool,
        big: bool,
    ) -> Message {
        let publisher = self.place(client);
        let mut owed = BTreeMap::new();
        for (number, peer) in self.peers.iter().enumerate() {
            let place = self.place(number);
            let matching: Vec<(usize, Subscription)> = peer
                .subscriptions
                .iter()
                .map(|(filter, subscription)| (*filter, *subscription))
                .filter(|(filter, subscription)| {
                    *filter != GROUP
                        && matches(FILTERS[*filter], topic)
                        && !(subscription.no_local && place == publisher)
                })
                .collect();
            let Some(most) = matching.iter().map(|(_, subscription)| subscription.qos).max() else {
                continue;
            };
            let as_published = matching.iter().any(|(_, subscription)| subscription.as_published);
            owed.insert(
                place,
                Owed {
                    qos: qos.min(most),
                    retain: retain && as_published,
                    identifiers: matching.iter().map(|(filter, _)| identifier(*filter)).collect(),
                    received: 0,
                    may_be_lost: big && peer.small,
                    may_repeat: false,
                },
            );
        }
        let any_small = self.peers.iter().any(|peer| peer.small);
        let to_group = matches(GROUP_FILTER, topic) && !self.members.is_empty();
        let group =
            to_group.then(|| GroupOwed { may_be_lost: big && any_small, ..GroupOwed::default() });
        Message { publisher, topic, qos, retain, big, owed, group, uncertain: false }
    }

    fn answer_all(&mut self, client: usize) {
        while self.peers[client].answer(&mut self.world, 0) {
            self.receive();
        }
    }

    /// Takes what has arrived at the clients, and compares it with what must.
    fn receive(&mut self) {
        for client in 0..self.peers.len() {
            let arrived = self.peers[client].receive(&mut self.world);
            for arrived in arrived {
                self.check(client, &arrived);
            }
            if self.peers[client].wants_to_publish_again() {
                self.publish_again(client);
            }
        }
    }

    /// The session goes on: what the broker has not acknowledged is sent again [MQTT-4.4.0-1].
    fn publish_again(&mut self, client: usize) {
        let peer = &mut self.peers[client];
        peer.publishes_again = false;
        let Some(connection) = peer.connection else {
            return;
        };
        for (id, number) in peer.publishing.clone() {
            let message = &self.messages[number];
            let (topic, retain) = (message.topic, message.retain);
            if message.uncertain && retain {
                // Whoever lost it takes it for a new one, newer than what was retained meanwhile.
                let meanwhile = self.retained.get(topic).copied();
                let perhaps = self
                    .perhaps_retained
                    .entry(topic)
                    .or_insert_with(|| BTreeSet::from([meanwhile]));
                perhaps.insert(Some(number));
            }
            let payload = payload(number, message.big);
            self.world.publish_again(
                connection,
                topic,
                &payload,
                Delivery::ExactlyOnce(id),
                retain,
            );
        }
    }

    fn check(&mut self, client: usize, arrived: &Arrived) {
        let place = self.place(client);
        let Arrived { number, received, is_repetition } = arrived;
        let message = &mut self.messages[*number];
        let about = || format!("{place:?} got message {number}: {received:?}");
        assert_eq!(received.topic, message.topic, "{}", about());
        let by_group = received.identifiers == [identifier(GROUP)];
        if by_group && !received.retain {
            let Some(group) = &mut message.group else {
                assert!(message.uncertain, "not for the group: {}", about());
                return;
            };
            group.received += usize::from(!is_repetition);
            assert_eq!(received.qos, message.qos, "{}", about());
            // Whoever lost that it was published is told again, and tells the group again.
            let again = message.uncertain || group.disturbed && message.qos != QoS::ExactlyOnce;
            assert!(group.received <= 1 || again || received.dup, "twice in a group: {}", about());
            return;
        }
        let mut identifiers = received.identifiers.clone();
        identifiers.sort_unstable();
        let owed = message.owed.get_mut(&place);
        if received.retain {
            // What a new subscription is sent of what was retained looks like what was published
            // to it, if that keeps the flag.
            assert!(message.retain, "never retained: {}", about());
            if let Some(owed) = owed
                && owed.retain
                && owed.identifiers == identifiers
            {
                owed.received += 1;
            }
            return;
        }
        if message.uncertain {
            // It may be published again, when others have subscribed.
            if let Some(owed) = owed {
                owed.received += usize::from(!is_repetition);
                let once = owed.qos == QoS::ExactlyOnce && received.qos == QoS::ExactlyOnce;
                assert!(owed.received <= 1 || !once, "not once: {}", about());
            }
            return;
        }
        let Some(owed) = owed else {
            panic!("not owed: {}", about());
        };
        assert_eq!((received.qos, identifiers.as_slice()), (owed.qos, owed.identifiers.as_slice()));
        assert!(!owed.retain, "{}", about());
        if !is_repetition {
            let may_repeat = received.dup || owed.may_repeat;
            assert!(owed.received == 0 || may_repeat, "twice: {}", about());
            assert!(!self.settled.contains(&(place, *number)), "comes back: {}", about());
            assert!(owed.received == 0 || owed.qos == QoS::AtLeastOnce, "not once: {}", about());
            owed.received += 1;
        }
        let publisher = message.publisher;
        if owed.received == 1 && !is_repetition {
            let line = (publisher, message.topic, message.qos, owed.qos);
            self.peers[client].in_order(line, *number);
        }
    }

    fn finish(&mut self) {
        self.world.fetches = true;
        self.world.hold_mail(false);
        self.world.make_durable();
        self.world.answer_fetches(true);
        for client in 0..self.peers.len() {
            if self.peers[client].lives_on() || self.peers[client].connection.is_some() {
                let expires = self.peers[client].expiry == 0;
                if !self.peers[client].open {
                    self.connect(client, false, expires, 0, false, false);
                    self.receive();
                }
            }
        }
        for _ in 0..4 {
            self.world.pass(Duration::from_secs(2));
            for client in 0..self.peers.len() {
                self.receive();
                self.answer_all(client);
            }
        }
        self.check_nothing_is_missing();
        self.check_retained();
        self.check_nothing_is_left();
    }

    fn check_nothing_is_missing(&self) {
        for (number, message) in self.messages.iter().enumerate() {
            for (place, owed) in &message.owed {
                let excused = owed.qos == QoS::AtMostOnce || owed.may_be_lost;
                assert!(owed.received > 0 || excused, "{place:?} lacks {number}: {message:?}");
            }
            if let Some(group) = &message.group {
                let excused = message.qos == QoS::AtMostOnce || group.may_be_lost;
                assert!(group.received > 0 || excused, "the group lacks {number}: {message:?}");
            }
        }
    }

    fn check_retained(&mut self) {
        let reader = self.world.connect("reader", |_| {});
        let got = self.world.subscribe(reader, "#", QoS::AtMostOnce);
        let retained: BTreeMap<&str, usize> = got
            .iter()
            .filter_map(|got| client::published(got))
            .filter_map(|received| {
                let topic = TOPICS.iter().find(|topic| **topic == received.topic)?;
                Some((*topic, client::number(&received.payload)))
            })
            .collect();
        for topic in TOPICS {
            let found = retained.get(topic).copied();
            match self.perhaps_retained.get(topic) {
                Some(perhaps) => assert!(perhaps.contains(&found), "{topic}: {found:?}"),
                None => assert_eq!(found, self.retained.get(topic).copied(), "{topic}"),
            }
        }
        self.world.disconnect(reader, ReasonCode::Success);
    }

    /// When all sessions have ended nothing of them is left.
    fn check_nothing_is_left(&mut self) {
        for client in 0..self.peers.len() {
            self.connect(client, true, true, 0, false, false);
            self.receive();
            self.cut(client, true);
        }
        assert_eq!(self.world.stored(), 0, "messages in the store");
        assert_eq!(self.world.connections(), 0, "connections");
        assert_eq!(self.world.directory.metrics().sessions(), 0, "sessions");
        assert_eq!(self.world.directory.metrics().messages_queued(), 0, "queued messages");
        assert_eq!(self.world.directory.metrics().clients_connected(), 0, "connected clients");
        assert_eq!(self.world.directory.subscription_counts(), (0, 0), "subscriptions");
    }

    fn place(&self, client: usize) -> Place {
        Place { client, session: self.peers[client].session }
    }
}

fn payload(number: usize, big: bool) -> String {
    let padding = if big { BIG } else { 0 };
    format!("{number}{:padding$}", "")
}

fn level(qos: u8) -> QoS {
    QoS::from_bits(qos % 3).expect("0, 1 or 2")
}

fn identifier(filter: usize) -> u32 {
    u32::try_from(filter + 1).expect("few filters")
}

fn matches(filter: &str, topic: &str) -> bool {
    let filter = ferrymq_codec::TopicFilter::parse(filter).expect("a filter");
    filter.matches(ferrymq_codec::TopicName::parse(topic).expect("a topic"))
}

const CLIENTS: [&str; 4] = ["anna", "berta", "carla", "dora"];
const TOPICS: [&str; 3] = ["a/x", "a/y", "b"];
const FILTERS: [&str; 5] = ["a/+", "a/x", "#", "b", "$share/group/a/+"];
const GROUP: usize = 4;
const GROUP_FILTER: &str = "a/+";
/// Seconds for which sessions outlive their connections: longer than any run.
const EXPIRY: u32 = 100_000;
/// From here on payloads are shared between connections instead of copied.
const BIG: usize = 9_000;
