//! A session: what client and broker remember of each other between network connections (section
//! 4.1), and the delivery of messages to it.
//!
//! Invariants: messages of one publisher, topic and QoS leave in the order in which they came, so
//! whatever is in line is sent before anything new. At most `send_maximum` QoS 1 and 2 messages are
//! with the client at once. A persistent session owes each message by its record number and settles
//! it exactly once.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{Delivery, PacketId, QoS, ReasonCode, SubscriptionOptions};
use ferrymq_protocol::inbound::Inbound;
use ferrymq_protocol::outbound::Outbound;
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use crate::connection::{Connection, Writing};
use crate::effects::Effects;
use crate::identity::{ConnectionId, GroupNumber, RecordNumber, SessionRef};
use crate::message::{Lifetime, Parcel};
use crate::queue::{Held, Kept, Queue, Queued};
use crate::record::{Fetch, Fetched, FetchedMessage, Record};
use crate::retained_table::Cursor;
use crate::slots::Slots;
use crate::will::Will;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) place: SessionRef,
    pub(crate) client_id: Box<str>,
    /// Where its client is connected. The two exchange messages and acknowledgements; the session
    /// knows no socket.
    pub(crate) connection: Option<ConnectionRef>,
    /// Whether it outlives its connection, and so whether what it is owed is recorded.
    pub(crate) durable: bool,
    /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
    pub(crate) expiry_interval: u32,
    /// When it ends, while its client is away.
    pub(crate) expires: Instant,
    /// When its timer fires next; it is in the wheel once.
    pub(crate) timer: Instant,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound<InFlight>,
    queue: Queue,
    /// What is being sent again or fetched; most sessions have nothing.
    line: Option<Box<Line>>,
    /// The filters of its subscriptions, with their `$share` prefixes.
    pub(crate) subscriptions: Vec<Box<str>>,
    /// Subscriptions that are still being sent retained messages.
    pub(crate) walks: VecDeque<Walk>,
    pub(crate) will: Option<Box<Will>>,
}

/// The connection that a session sends through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionRef(pub(crate) ConnectionId);

/// A message with the client, not yet acknowledged.
#[derive(Debug)]
pub(crate) struct InFlight {
    kept: Kept,
    group: Option<GroupNumber>,
}

/// The state of sending what is in line: first what was with the client when its last connection
/// ended, then the queue.
#[derive(Debug, Default)]
struct Line {
    /// Messages to be sent again, in their order.
    again: VecDeque<PacketId>,
    /// Messages that were fetched for the front of the line.
    window: VecDeque<FetchedMessage>,
    /// How many stored entries of the line the answered fetches have covered.
    covered: usize,
    /// How many the open fetch will cover.
    fetching: usize,
    /// Which fetch is open.
    request: u32,
    /// Whether the last fetch failed and its time to try again has not come.
    resting: bool,
}

/// A subscription that is being sent retained messages.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) filter: Box<str>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifiers: Arc<[NonZeroU32]>,
    pub(crate) after: Option<Cursor>,
}

/// How a message is delivered to one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) identifiers: &'a Arc<[NonZeroU32]>,
    /// The record of the message, if this session's being owed it is recorded.
    pub(crate) number: Option<RecordNumber>,
    /// The shared subscription that it came through.
    pub(crate) group: Option<GroupNumber>,
}

impl Session {
    pub(crate) fn new(place: SessionRef, client_id: Box<str>, expiry_interval: u32) -> Self {
        Self {
            place,
            client_id,
            connection: None,
            durable: expiry_interval > 0,
            expiry_interval,
            expires: Instant::FAR_FUTURE,
            timer: Instant::FAR_FUTURE,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            queue: Queue::default(),
            line: None,
            subscriptions: Vec::new(),
            walks: VecDeque::new(),
            will: None,
        }
    }

    /// How many messages wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Delivers a message: to the client now, or to the queue.
    pub(crate) fn deliver(
        &mut self,
        parcel: &mut Parcel<'_>,
        terms: Terms<'_>,
        connections: &mut Slots<Connection>,
        effects: &mut Effects,
        now: Instant,
    ) {
        let connection = self.open_connection(connections);
        if terms.qos == QoS::AtMostOnce {
            if let Some(connection) = connection {
                deliver_at_most_once(connection, parcel, terms, effects, now);
            }
            return;
        }
        match connection {
            Some(connection) if self.queue.is_empty() && self.may_send(connection, effects) => {
                self.send(parcel, terms, connection, effects, now);
            }
            _ => self.enqueue(parcel, terms, effects),
        }
    }

    /// Takes over a stored message of a shared subscription from a member that has ended.
    pub(crate) fn take_over(
        &mut self,
        number: RecordNumber,
        weight: u32,
        qos: QoS,
        group: GroupNumber,
        effects: &mut Effects,
    ) {
        if !self.queue.has_room(weight as usize, &effects.limits) {
            effects.metrics().dropped_full.add(1);
            effects.settle(self.place.number, Some(number));
            return;
        }
        effects.metrics().messages_queued.add(1);
        self.queue.push(Queued { kept: Kept::Stored(number), weight, group: Some(group), qos });
    }

    /// The client has a new connection and CONNACK is written: PUBREL and PUBLISH are sent again
    /// [MQTT-4.4.0-1], and then what waits.
    pub(crate) fn resume(&mut self, connection: &mut Connection, effects: &mut Effects) {
        let after = effects.last_record();
        for packet_id in self.outbound.released() {
            connection.reply(Reply::PubRel(packet_id, ReasonCode::Success), after, effects);
        }
        let again: VecDeque<PacketId> =
            self.outbound.published().map(|sent| sent.packet_id).collect();
        // What an older connection had fetched belongs to another order of the line.
        let request = self.line.as_ref().map_or(0, |line| line.request.wrapping_add(1));
        self.line = (!again.is_empty() || !self.queue.is_empty())
            .then(|| Box::new(Line { again, request, ..Line::default() }));
    }

    /// Sends what is in line, as far as the client, its connection and the store allow.
    pub(crate) fn pump(
        &mut self,
        connections: &mut Slots<Connection>,
        effects: &mut Effects,
        now: Instant,
    ) {
        let Some(connection) = self.open_connection(connections) else {
            return;
        };
        if self.line.is_none() && self.queue.is_empty() {
            return;
        }
        while self.has_window(connection) && connection.output.len() < effects.limits.output_room {
            if !self.send_next(connection, effects, now) {
                break;
            }
        }
        if self.queue.is_empty() && self.line.as_ref().is_some_and(|line| line.again.is_empty()) {
            self.line = None;
        } else {
            self.fetch(effects);
        }
    }

    /// Whether pumping could send something once the connection's output has drained.
    pub(crate) fn is_in_line(&self) -> bool {
        self.line.is_some() || !self.queue.is_empty() || !self.walks.is_empty()
    }

    /// Stored messages have come: `Some(true)`. The fetch has failed and is to be tried again later:
    /// `Some(false)`. Nobody waits for this answer: `None`.
    pub(crate) fn fetched(&mut self, fetched: Fetched) -> Option<bool> {
        let line = self.line.as_mut()?;
        if line.fetching == 0 || line.request != fetched.request {
            return None;
        }
        let covered = std::mem::take(&mut line.fetching);
        line.request = line.request.wrapping_add(1);
        line.resting = fetched.messages.is_none();
        if let Some(messages) = fetched.messages {
            line.covered += covered;
            line.window.extend(messages);
        }
        Some(!line.resting)
    }

    /// The time to try a failed fetch again has come.
    pub(crate) fn rested(&mut self) {
        if let Some(line) = &mut self.line {
            line.resting = false;
        }
    }

    /// PUBACK, or PUBREC with an error: the message is the client's, or refused by it.
    pub(crate) fn settle(&mut self, packet_id: PacketId, sent: &InFlight, effects: &mut Effects) {
        self.forget_in_line(packet_id, sent.kept.number());
        effects.settle(self.place.number, sent.kept.number());
    }

    /// PUBREC: the client has the message. The record after which PUBREL may leave.
    pub(crate) fn released(
        &mut self,
        packet_id: PacketId,
        sent: &InFlight,
        effects: &mut Effects,
    ) -> Option<RecordNumber> {
        let message = sent.kept.number()?;
        self.forget_in_line(packet_id, Some(message));
        let session = self.place.number;
        Some(effects.record(Record::Released { session, message, packet_id }))
    }

    /// Everything that the session is owed and that may go to another member of its group; the
    /// rest's numbers go to `gone`. QoS 2 messages that were sent stay with their session, which
    /// ends [MQTT-4.8.2-5].
    pub(crate) fn dissolve(&mut self, gone: &mut Vec<RecordNumber>) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        for sent in self.outbound.take_back(|sent| sent.qos == QoS::AtLeastOnce) {
            collect(sent.kept, QoS::AtLeastOnce, 0, sent.group, &mut orphans, gone);
        }
        for sent in self.outbound.take_back(|_| true) {
            collect(sent.kept, QoS::ExactlyOnce, 0, None, &mut orphans, gone);
        }
        while let Some(entry) = self.queue.pop() {
            collect(entry.kept, entry.qos, entry.weight, entry.group, &mut orphans, gone);
        }
        orphans
    }

    /// Whether its client is there and takes more than is already under way.
    pub(crate) fn has_room(&self, connections: &Slots<Connection>, effects: &Effects) -> bool {
        self.connection.and_then(|connection| connections.get(connection.0)).is_some_and(
            |connection| {
                connection.is_open() && connection.output.len() < effects.limits.output_room
            },
        )
    }

    fn open_connection<'c>(
        &self,
        connections: &'c mut Slots<Connection>,
    ) -> Option<&'c mut Connection> {
        let ConnectionRef(id) = self.connection?;
        connections.get_mut(id).filter(|connection| connection.is_open())
    }

    /// Whether a new message may be sent at once, not overtaking anything.
    fn may_send(&self, connection: &Connection, effects: &Effects) -> bool {
        self.line.is_none()
            && self.has_window(connection)
            && connection.output.len() < effects.limits.output_room
    }

    /// Whether the client accepts another message that it has not got yet [MQTT-3.3.4-9].
    fn has_window(&self, connection: &Connection) -> bool {
        let again = self.line.as_ref().map_or(0, |line| line.again.len());
        let with_client = self.outbound.len() - again;
        connection.link.as_ref().is_some_and(|link| with_client < link.send_maximum())
    }

    fn enqueue(&mut self, parcel: &mut Parcel<'_>, terms: Terms<'_>, effects: &mut Effects) {
        let publication = &parcel.publication;
        let weight = publication.topic.as_str().len()
            + publication.properties.as_bytes().len()
            + publication.payload.len();
        if !self.queue.has_room(weight, &effects.limits) {
            effects.metrics().dropped_full.add(1);
            effects.settle(self.place.number, terms.number);
            return;
        }
        let kept = match terms.number {
            Some(number) => Kept::Stored(number),
            None => Kept::Held(Box::new(held(parcel, terms))),
        };
        effects.metrics().messages_queued.add(1);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.queue.push(Queued { kept, weight, group: terms.group, qos: terms.qos });
    }

    /// Sends a message for the first time.
    fn send(
        &mut self,
        parcel: &mut Parcel<'_>,
        terms: Terms<'_>,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) {
        if parcel.publication.lifetime(now) == Lifetime::Expired {
            effects.metrics().dropped_expired.add(1);
            effects.settle(self.place.number, terms.number);
            return;
        }
        let kept = match (terms.number, terms.group) {
            (Some(number), _) => Kept::Stored(number),
            // If this session ends, another member gets the message.
            (None, Some(_)) => Kept::Held(Box::new(held(parcel, terms))),
            (None, None) => Kept::Nothing,
        };
        let in_flight = InFlight { kept, group: terms.group };
        let Some(packet_id) = self.outbound.publish(terms.qos, in_flight) else {
            self.enqueue(parcel, terms, effects);
            return;
        };
        let sent = terms.number.map(|message| {
            let session = self.place.number;
            effects.record(Record::Sent { session, message, packet_id })
        });
        if let (Some(sent), QoS::ExactlyOnce) = (sent, terms.qos) {
            let held = Box::new(held(parcel, terms));
            connection.publish_later(packet_id, false, held, Effects::id(sent), effects);
            return;
        }
        let writing = Writing {
            dup: false,
            delivery: delivery(terms.qos, packet_id),
            retain: terms.retain,
            identifiers: terms.identifiers,
        };
        if connection.publish(parcel, writing, effects, now).is_err() {
            self.too_large(packet_id, effects);
        }
    }

    /// Sends the next message in line; whether there was one that could be sent.
    fn send_next(
        &mut self,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) -> bool {
        if let Some(packet_id) = self.line.as_ref().and_then(|line| line.again.front().copied()) {
            return self.send_again(packet_id, connection, effects, now);
        }
        let Some(front) = self.queue.front() else {
            return false;
        };
        let (number, qos, group) = (front.kept.number(), front.qos, front.group);
        let found = match number {
            Some(number) => match self.take_fetched(number) {
                Lookup::NotYet => return false,
                Lookup::Found(fetched) => Some(fetched),
                Lookup::Unknown => None,
            },
            None => None,
        };
        let Some(entry) = self.queue.pop() else {
            return false;
        };
        effects.metrics().messages_queued.subtract(1);
        let (message, retain, identifiers) = match (found, entry.kept) {
            (Some(fetched), _) => (fetched.message, fetched.retain, fetched.identifiers),
            (None, Kept::Held(held)) => (held.message, held.retain, held.identifiers),
            (None, Kept::Stored(_) | Kept::Nothing) => return true,
        };
        let terms = Terms { qos, retain, identifiers: &identifiers, number, group };
        self.send(&mut Parcel::owned(&message), terms, connection, effects, now);
        true
    }

    /// Sends a message again on a new connection, with DUP [MQTT-3.3.1-1]; it does not expire any
    /// more, since its delivery has begun.
    fn send_again(
        &mut self,
        packet_id: PacketId,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) -> bool {
        let Some(sent) = self.outbound.published_with(packet_id) else {
            self.forget_first_again();
            return true;
        };
        let qos = sent.qos;
        let message = match &sent.message.kept {
            Kept::Nothing => None,
            Kept::Held(held) => Some((**held).clone()),
            Kept::Stored(number) => {
                let number = *number;
                match self.take_fetched(number) {
                    Lookup::NotYet => return false,
                    Lookup::Unknown => None,
                    Lookup::Found(fetched) => Some(Held {
                        message: fetched.message,
                        retain: fetched.retain,
                        identifiers: fetched.identifiers,
                    }),
                }
            }
        };
        self.forget_first_again();
        let Some(held) = message else {
            self.too_large(packet_id, effects);
            return true;
        };
        if let (QoS::ExactlyOnce, Some(after)) = (qos, effects.last_record()) {
            connection.publish_later(packet_id, true, Box::new(held), after, effects);
            return true;
        }
        self.write(packet_id, true, qos, &held, connection, effects, now);
        true
    }

    /// Writes a message whose packet identifier is durable.
    pub(crate) fn publish_deferred(
        &mut self,
        packet_id: PacketId,
        dup: bool,
        held: &Held,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) {
        if self.outbound.published_with(packet_id).is_some() {
            self.write(packet_id, dup, QoS::ExactlyOnce, held, connection, effects, now);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a shard, borrowed one by one")]
    fn write(
        &mut self,
        packet_id: PacketId,
        dup: bool,
        qos: QoS,
        held: &Held,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) {
        let writing = Writing {
            dup,
            delivery: delivery(qos, packet_id),
            retain: held.retain,
            identifiers: &held.identifiers,
        };
        let mut parcel = Parcel::owned(&held.message);
        if connection.publish(&mut parcel, writing, effects, now).is_err() {
            self.too_large(packet_id, effects);
        }
    }

    /// A message that cannot be sent is treated as if its delivery were complete [MQTT-3.1.2-25].
    fn too_large(&mut self, packet_id: PacketId, effects: &mut Effects) {
        effects.metrics().dropped_too_large.add(1);
        for sent in self.outbound.take_back(|sent| sent.packet_id == packet_id) {
            effects.settle(self.place.number, sent.kept.number());
        }
    }

    /// Asks for the next stored messages of the line, one window ahead.
    fn fetch(&mut self, effects: &mut Effects) {
        let line = self.line.get_or_insert_default();
        if line.fetching > 0 || line.resting || line.covered > FETCH_WINDOW / 2 {
            return;
        }
        let again = line.again.iter().filter_map(|packet_id| {
            self.outbound.published_with(*packet_id)?.message.kept.number()
        });
        let queued = self.queue.iter().filter_map(|entry| entry.kept.number());
        let messages: Vec<RecordNumber> =
            again.chain(queued).skip(line.covered).take(FETCH_WINDOW).collect();
        if messages.is_empty() {
            return;
        }
        line.fetching = messages.len();
        effects.fetches.push(Fetch { session: self.place, request: line.request, messages });
    }

    /// The fetched message at the front of the line.
    fn take_fetched(&mut self, number: RecordNumber) -> Lookup {
        let Some(line) = self.line.as_mut().filter(|line| line.covered > 0) else {
            return Lookup::NotYet;
        };
        line.covered -= 1;
        match line.window.front() {
            Some(fetched) if fetched.number == number => {
                line.window.pop_front().map_or(Lookup::Unknown, Lookup::Found)
            }
            _ => Lookup::Unknown,
        }
    }

    fn forget_first_again(&mut self) {
        if let Some(line) = &mut self.line {
            line.again.pop_front();
        }
    }

    /// A message was acknowledged although it had not been sent again on this connection: it leaves
    /// the line, and what was or will be fetched for it with it.
    fn forget_in_line(&mut self, packet_id: PacketId, number: Option<RecordNumber>) {
        let Some(line) = &mut self.line else {
            return;
        };
        let Some(position) = line.again.iter().position(|waiting| *waiting == packet_id) else {
            return;
        };
        line.again.remove(position);
        if let Some(number) = number {
            if position < line.covered {
                line.covered -= 1;
                line.window.retain(|fetched| fetched.number != number);
            } else if position < line.covered + line.fetching {
                // The open fetch counts it; ask anew, for the line as it is now.
                line.fetching = 0;
                line.request = line.request.wrapping_add(1);
            }
        }
    }
}

/// A message that lost the session it was owed to.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) group: GroupNumber,
    pub(crate) qos: QoS,
    pub(crate) weight: u32,
    pub(crate) kept: Kept,
}

enum Lookup {
    Found(FetchedMessage),
    /// It is not fetched yet.
    NotYet,
    /// The store does not know it (any more).
    Unknown,
}

fn deliver_at_most_once(
    connection: &mut Connection,
    parcel: &mut Parcel<'_>,
    terms: Terms<'_>,
    effects: &mut Effects,
    now: Instant,
) {
    if parcel.publication.lifetime(now) == Lifetime::Expired {
        effects.metrics().dropped_expired.add(1);
        return;
    }
    if connection.output.len() >= effects.limits.output_bytes {
        effects.metrics().dropped_full.add(1);
        return;
    }
    let writing = Writing {
        dup: false,
        delivery: Delivery::AtMostOnce,
        retain: terms.retain,
        identifiers: terms.identifiers,
    };
    if connection.publish(parcel, writing, effects, now).is_err() {
        effects.metrics().dropped_too_large.add(1);
    }
}

fn held(parcel: &mut Parcel<'_>, terms: Terms<'_>) -> Held {
    Held {
        message: Arc::clone(parcel.message()),
        retain: terms.retain,
        identifiers: Arc::clone(terms.identifiers),
    }
}

const fn delivery(qos: QoS, packet_id: PacketId) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce(packet_id),
        QoS::ExactlyOnce => Delivery::ExactlyOnce(packet_id),
    }
}

fn collect(
    kept: Kept,
    qos: QoS,
    weight: u32,
    group: Option<GroupNumber>,
    orphans: &mut Vec<Orphan>,
    gone: &mut Vec<RecordNumber>,
) {
    match group {
        Some(group) => orphans.push(Orphan { group, qos, weight, kept }),
        None => gone.extend(kept.number()),
    }
}

/// How many stored messages are asked for at once.
const FETCH_WINDOW: usize = 64;
