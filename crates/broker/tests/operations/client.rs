//! A client that keeps the rules, and does not hurry.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use ferrymq_codec::{Acknowledgement, Packet, PacketId, Property, QoS, Version};

use crate::world::{Client, Connecting, Got, Received, World};

#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(super) struct Peer {
    id: &'static str,
    pub(super) connection: Option<Client>,
    /// Whether CONNACK has come.
    pub(super) open: bool,
    pub(super) expects_session: bool,
    pub(super) expiry: u32,
    pub(super) small: bool,
    /// How many sessions it has had before.
    pub(super) session: usize,
    pub(super) subscriptions: BTreeMap<usize, Subscription>,
    /// What is still to be answered.
    pub(super) to_answer: Vec<(Answer, u16)>,
    /// QoS 1 messages that it has not acknowledged, by packet identifier.
    unacknowledged: BTreeMap<u16, usize>,
    /// QoS 1 messages that it has acknowledged since that was asked for.
    pub(super) acknowledged: Vec<usize>,
    /// Packets that were taken while something else was done.
    pub(super) early: Vec<Got>,
    /// QoS 2 messages that it has received and that were not released.
    received: BTreeSet<u16>,
    /// QoS 2 messages that it publishes, up to PUBREC.
    pub(super) publishing: Vec<(PacketId, usize)>,
    pub(super) publishes_again: bool,
    /// The last message of each publisher, topic and quality of service.
    last: BTreeMap<Line, usize>,
    window: usize,
}

type Line = (Place, &'static str, QoS, QoS);

/// A message that has come.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) number: usize,
    pub(super) received: Received,
    /// Whether it is known by its packet identifier and not counted again.
    pub(super) is_repetition: bool,
}

impl Peer {
    pub(super) fn new(id: &'static str) -> Self {
        Self {
            id,
            connection: None,
            open: false,
            expects_session: false,
            expiry: 0,
            small: false,
            session: 0,
            subscriptions: BTreeMap::new(),
            to_answer: Vec::new(),
            unacknowledged: BTreeMap::new(),
            acknowledged: Vec::new(),
            early: Vec::new(),
            received: BTreeSet::new(),
            publishing: Vec::new(),
            publishes_again: false,
            last: BTreeMap::new(),
            window: 0,
        }
    }

    /// Whether there is a session that goes on if the client wants it to.
    pub(super) fn lives_on(&self) -> bool {
        self.expiry > 0
    }

    pub(super) fn connect(
        &mut self,
        world: &mut World,
        clean: bool,
        expiry: u32,
        window: u16,
        small: bool,
    ) {
        let mut with = Connecting { clean_start: clean, ..Connecting::default() };
        with.property(Property::SessionExpiryInterval(expiry));
        let window = NonZeroU16::new(window % 8);
        if let Some(window) = window {
            with.property(Property::ReceiveMaximum(window));
        }
        if small {
            with.property(SMALL);
        }
        self.window = usize::from(window.map_or(u16::MAX, NonZeroU16::get));
        self.expiry = expiry;
        self.small = small;
        self.open = false;
        self.early.clear();
        let connection = world.open(0, Version::V5);
        self.connection = Some(connection);
        world.send_connect(connection, self.id, &with);
    }

    /// Its session has ended.
    pub(super) fn forget(&mut self) {
        self.session += 1;
        self.expiry = 0;
        self.subscriptions.clear();
        self.to_answer.clear();
        self.unacknowledged.clear();
        self.acknowledged.clear();
        self.received.clear();
        self.publishing.clear();
        self.publishes_again = false;
        self.last.clear();
    }

    pub(super) fn receive(&mut self, world: &mut World) -> Vec<Arrived> {
        let Some(connection) = self.connection else {
            return Vec::new();
        };
        let mut all = std::mem::take(&mut self.early);
        all.extend(world.take(connection));
        all.into_iter().filter_map(|got| self.take(got)).collect()
    }

    /// Answers one of the packets that wait for it, if there is one.
    pub(super) fn answer(&mut self, world: &mut World, which: usize) -> bool {
        let Some(connection) = self.connection.filter(|_| self.open) else {
            return false;
        };
        if self.to_answer.is_empty() {
            return false;
        }
        let (answer, id) = self.to_answer.remove(which % self.to_answer.len());
        if answer == Answer::Acknowledge {
            self.acknowledged.extend(self.unacknowledged.remove(&id));
        }
        world.ack(connection, answer.packet(), id);
        true
    }

    pub(super) fn wants_to_publish_again(&self) -> bool {
        self.publishes_again && self.open
    }

    /// Messages of one publisher, topic and quality of service come in their order.
    pub(super) fn in_order(&mut self, line: Line, number: usize) {
        let last = self.last.insert(line, number);
        assert!(last.is_none_or(|last| last < number), "{number} came after {last:?}: {line:?}");
    }

    fn take(&mut self, got: Got) -> Option<Arrived> {
        match got {
            Got::ConnAck { session_present, reason } => {
                assert!(!reason.is_error(), "{}: {reason:?}", self.id);
                assert_eq!(session_present, self.expects_session, "{}", self.id);
                self.open = true;
                self.publishes_again = session_present && !self.publishing.is_empty();
            }
            Got::Publish(received) => return Some(self.take_publish(*received)),
            Got::PubRec(id, reason) => {
                assert!(!reason.is_error());
                self.publishing.retain(|(known, _)| known.get() != id);
                self.to_answer.push((Answer::Release, id));
            }
            Got::PubRel(id, _) => {
                self.received.remove(&id);
                self.to_answer.push((Answer::Complete, id));
            }
            Got::PubAck(..) | Got::PubComp(..) | Got::SubAck(_) | Got::UnsubAck(_) => {}
            other => panic!("{} did not expect {other:?}", self.id),
        }
        None
    }

    fn take_publish(&mut self, mut received: Received) -> Arrived {
        received.payload.truncate(received.payload.trim_end().len());
        assert!(self.open, "{}: a message before CONNACK", self.id);
        let mut is_repetition = false;
        match (received.qos, received.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                self.unacknowledged.remove(&id);
                // It may get the same through the group, or because it was retained.
                if !received.retain && received.identifiers != [super::identifier(super::GROUP)] {
                    self.unacknowledged.insert(id, number(&received.payload));
                }
                self.to_answer.push((Answer::Acknowledge, id));
            }
            (QoS::ExactlyOnce, Some(id)) => {
                is_repetition = !self.received.insert(id);
                assert!(!is_repetition || received.dup, "{}: {received:?}", self.id);
                self.to_answer.push((Answer::Receive, id));
            }
            _ => {}
        }
        let unanswered = self.to_answer.iter().map(|(_, id)| *id).collect::<BTreeSet<u16>>().len();
        assert!(unanswered <= self.window + self.publishing.len() + 64, "the window is exceeded");
        Arrived { number: number(&received.payload), received, is_repetition }
    }
}

/// The PUBLISH that was got, if it is one.
pub(super) fn published(got: &Got) -> Option<&Received> {
    match got {
        Got::Publish(received) => Some(received),
        _ => None,
    }
}

/// The number of a message.
pub(super) fn number(payload: &str) -> usize {
    payload.trim_end().parse().expect("a number")
}

/// A session: whose, and the how manieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) client: usize,
    pub(super) session: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) as_published: bool,
}

/// How a client answers a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Acknowledge,
    Receive,
    Release,
    Complete,
}

impl Answer {
    fn packet(self) -> fn(Acknowledgement<'static>) -> Packet<'static> {
        match self {
            Self::Acknowledge => Packet::PubAck,
            Self::Receive => Packet::PubRec,
            Self::Release => Packet::PubRel,
            Self::Complete => Packet::PubComp,
        }
    }
}

/// What a client accepts that does not want big messages.
const SMALL_PACKETS: u32 = 4_000;
/// The property that limits packets.
const SMALL: Property<'static> =
    Property::MaximumPacketSize(std::num::NonZeroU32::new(SMALL_PACKETS).expect("not zero"));
