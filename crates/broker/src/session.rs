//! A session: what client and broker remember of each other between network connections (section
//! 4.1), and the delivery of messages to it.
//!
//! Invariants: messages of one publisher, topic and QoS leave in the order in which they came, so
//! whatever is in line is sent before anything new. At most `send_maximum` QoS 1 and 2 messages are
//! with the client at once. A persistent session owes each message by its record number and settles
//! it exactly once.

mod pump;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use ferrymq_codec::{Delivery, PacketId, QoS, SubscriptionOptions};
use ferrymq_protocol::inbound::Inbound;
use ferrymq_protocol::outbound::Outbound;
use ferrymq_protocol::time::Instant;

use crate::access::{Asker, Principal};
use crate::connection::{Connection, Writing};
use crate::durability::Progress;
use crate::effects::Effects;
use crate::filters::Filters;
use crate::identity::{ConnectionId, GroupNumber, RecordNumber, SessionRef};
use crate::image::OwedMessage;
use crate::line::Line;
use crate::message::{Lifetime, Parcel, Publication};
use crate::notice::{Interests, Notice};
use crate::permissions::{Origin, Right, Ruling};
use crate::queue::{Held, Kept, Load, Queue, Queued};
use crate::record::Record;
use crate::retained_table::Cursor;
use crate::sleepers::SleepersIndex;
use crate::slots::Slots;
use crate::will::Will;

/// A session.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(crate) struct Session {
    pub(crate) place: SessionRef,
    pub(crate) client_id: Box<str>,
    /// Where its client is connected. The two exchange messages and acknowledgements; the session
    /// knows no socket.
    pub(crate) connection: Option<ConnectionRef>,
    /// Whether it outlives its connection, and so whether what it is owed is recorded.
    pub(crate) durable: bool,
    /// Whether a client was told of it, so that it is durable.
    pub(crate) announced: bool,
    /// Whether it is among those that are being sent retained messages.
    pub(crate) is_walking: bool,
    /// Whether the last message for its queue was dropped.
    is_dropping: bool,
    /// The rule that grants it more than others.
    pub(crate) sleepers: Option<SleepersIndex>,
    /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
    pub(crate) expiry_interval: u32,
    /// When it ends, while its client is away.
    pub(crate) expires: Instant,
    /// When its timer fires next.
    pub(crate) timer: Instant,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound<InFlight>,
    queue: Queue,
    /// What is being sent again or fetched; most sessions have nothing.
    line: Option<Box<Line>>,
    pub(crate) subscriptions: Filters,
    /// Who its client is or, while that is away, was.
    pub(crate) principal: Option<Arc<Principal>>,
    /// Subscriptions that are still being sent retained messages, by filter.
    #[expect(clippy::box_collection, reason = "eight bytes for each idle session")]
    walks: Option<Box<BTreeMap<Box<str>, Walk>>>,
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
    load: Load,
}

/// A subscription that is being sent retained messages.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifiers: Arc<[NonZeroU32]>,
    /// What was retained up to this version; what came later has come as a message.
    pub(crate) version: u64,
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
            announced: false,
            is_walking: false,
            is_dropping: false,
            sleepers: None,
            expiry_interval,
            expires: Instant::FAR_FUTURE,
            timer: Instant::FAR_FUTURE,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            queue: Queue::default(),
            line: None,
            subscriptions: Filters::default(),
            principal: None,
            walks: None,
            will: None,
        }
    }

    /// How many messages wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes back what it was owed before the broker began anew.
    pub(crate) fn restore_messages(
        &mut self,
        published: Vec<(PacketId, OwedMessage)>,
        queue: Vec<OwedMessage>,
        effects: &Effects,
    ) {
        self.queue.reserve(queue.len());
        for (packet_id, owed) in published {
            let OwedMessage { number, group, load, .. } = owed;
            let in_flight = InFlight { kept: Kept::Stored(number), group, load };
            if self.outbound.restore(packet_id, load.qos(), in_flight).is_err() {
                self.queue.push(Queued { kept: Kept::Stored(number), group, load });
            }
        }
        for OwedMessage { number, group, load, .. } in queue {
            self.queue.push(Queued { kept: Kept::Stored(number), group, load });
        }
        effects.metrics().messages_queued.add(self.queued() as u64);
        effects.metrics().queued_bytes.add(self.queue.bytes() as u64);
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
            // What waits is not overtaken by what comes later.
            let waits = self.durable && effects.limits.queue_qos0_messages;
            match connection {
                Some(connection) if !waits || self.queue.is_empty() => {
                    deliver_at_most_once(connection, parcel, terms, effects, now);
                }
                _ if waits => self.enqueue(parcel, terms, effects),
                _ => {}
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

    /// Whether the client may be sent a message of this topic. Of one that is away and of which we do
    /// not know where it had connected that is asked when it is back.
    pub(crate) fn may_receive(
        &self,
        topic: &Arc<str>,
        connections: &Slots<Connection>,
        effects: &mut Effects,
    ) -> Ruling {
        if let Some(connection) = self.connection.and_then(|it| connections.get(it.0)) {
            return connection.may_receive(&self.client_id, topic, effects);
        }
        let permissions = &mut effects.permissions;
        let Some(connection) = permissions.last_connection(self.place.number) else {
            return Ruling::NOBODY;
        };
        let ruling = permissions.known(connection, Right::Receive, topic).or_else(|| {
            let origin = permissions.origin(self.place.number)?.clone();
            permissions.decide_on(connection, Right::Receive, topic, &self.asker(&origin))
        });
        ruling.unwrap_or(Ruling::UNKNOWN)
    }

    /// The same of a message that has waited, for a client that is connected.
    pub(crate) fn may_still_receive(
        &self,
        topic: &Arc<str>,
        connections: &Slots<Connection>,
        effects: &mut Effects,
    ) -> bool {
        let connection = self.connection.and_then(|it| connections.get(it.0));
        connection.is_some_and(|it| it.may_still_receive(&self.client_id, topic, effects))
    }

    /// Its client that is away, as somebody who asks.
    pub(crate) fn asker<'a>(&'a self, origin: &'a Origin) -> Asker<'a> {
        let principal = self.principal.as_deref();
        Asker {
            peer: origin.peer,
            client_id: &self.client_id,
            username: principal.and_then(|principal| principal.username.as_deref()),
            principal,
            profile: &origin.profile,
        }
    }

    /// Takes over a stored message of a shared subscription from a member that has ended.
    pub(crate) fn take_over(
        &mut self,
        number: RecordNumber,
        load: Load,
        group: GroupNumber,
        effects: &mut Effects,
    ) {
        if !self.has_queue_room(load, effects) {
            effects.settle(self.place.number, Some(number));
            return;
        }
        self.push(Queued { kept: Kept::Stored(number), group: Some(group), load }, effects);
    }

    /// The session ends: what waits in it is not counted any more.
    pub(crate) fn count_leaving(&self, effects: &Effects) {
        effects.metrics().messages_queued.subtract(self.queued() as u64);
        effects.metrics().queued_bytes.subtract(self.queue.bytes() as u64);
    }

    fn push(&mut self, entry: Queued, effects: &Effects) {
        effects.metrics().messages_queued.add(1);
        effects.metrics().queued_bytes.add(entry.load.weight() as u64);
        self.queue.push(entry);
    }

    fn pop(&mut self, effects: &Effects) -> Option<Queued> {
        let entry = self.queue.pop()?;
        effects.metrics().messages_queued.subtract(1);
        effects.metrics().queued_bytes.subtract(entry.load.weight() as u64);
        Some(entry)
    }

    /// The client's connection has ended.
    pub(crate) fn leave(&mut self) {
        self.connection = None;
        // What was fetched for this connection belongs to another order of the line.
        self.line = None;
    }

    /// Whether pumping could send something once the connection's output has drained.
    pub(crate) fn is_in_line(&self) -> bool {
        self.line.is_some() || !self.queue.is_empty() || self.has_walks()
    }

    /// PUBACK, or PUBREC with an error: the message is the client's, or refused by it.
    pub(crate) fn settle(&mut self, packet_id: PacketId, sent: &InFlight, effects: &mut Effects) {
        self.forget_in_line(packet_id, sent.kept.number());
        effects.settle(self.place.number, sent.kept.number());
    }

    /// PUBREC: the client has the message. When PUBREL may leave.
    pub(crate) fn released(
        &mut self,
        packet_id: PacketId,
        sent: &InFlight,
        effects: &mut Effects,
    ) -> Progress {
        self.forget_in_line(packet_id, sent.kept.number());
        let message = sent.kept.number();
        if message.is_none() {
            return Progress::default();
        }
        let session = self.place.number;
        let released = effects.record(Record::Released { session, message, packet_id });
        effects.promise(released)
    }

    /// The client has forgotten what it has sent: the identifiers that it used are new when it uses
    /// them again.
    pub(crate) fn forget_received(&mut self, effects: &mut Effects) {
        let session = self.place.number;
        for packet_id in std::mem::take(&mut self.inbound).iter() {
            effects.record(Record::ReceivedDone { session, packet_id });
        }
    }

    /// What an answer waits for that repeats an earlier one.
    pub(crate) fn promised(&self, effects: &Effects) -> Progress {
        if self.durable { effects.promised() } else { Progress::default() }
    }

    /// Everything that the session is owed and that may go to another member of its group; the
    /// rest's numbers go to `gone`. QoS 2 messages that were sent stay with their session, which
    /// ends [MQTT-4.8.2-5].
    pub(crate) fn dissolve(&mut self, gone: &mut Vec<RecordNumber>) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        for sent in self.outbound.take_back(|_| true) {
            // [MQTT-4.8.2-4, -5]
            let group = sent.group.filter(|_| sent.load.qos() == QoS::AtLeastOnce);
            collect(sent.kept, sent.load, group, &mut orphans, gone);
        }
        while let Some(entry) = self.queue.pop() {
            collect(entry.kept, entry.load, entry.group, &mut orphans, gone);
        }
        orphans
    }

    /// The stored messages at these places of the queue.
    pub(crate) fn stored_in_queue(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = RecordNumber> + '_ {
        self.queue.range(places).filter_map(|entry| entry.kept.number())
    }

    /// The stored messages that are with the client, in the order of sending.
    pub(crate) fn stored_in_flight(&self) -> impl Iterator<Item = (PacketId, RecordNumber)> + '_ {
        let sent = self.outbound.published();
        sent.filter_map(|sent| Some((sent.packet_id, sent.message.kept.number()?)))
    }

    /// The record that the session exists, if it outlives its connection.
    pub(crate) fn existence(&self) -> Option<Record> {
        self.durable.then(|| Record::Session {
            session: self.place.number,
            client_id: self.client_id.clone(),
            expiry_interval: self.expiry_interval,
            username: self.principal.as_ref().and_then(|principal| principal.username.clone()),
        })
    }

    /// The record of its will, if it has one: also of a session that does not outlive its
    /// connection, for the broker may end before that does.
    pub(crate) fn testament(&self) -> Option<Record> {
        self.will.as_ref().filter(|will| will.recorded).map(|will| Record::Will {
            session: self.place.number,
            message: Arc::clone(&will.message),
            delay_interval: will.delay_interval,
        })
    }

    /// Whether there are subscriptions that are still being sent retained messages.
    pub(crate) const fn has_walks(&self) -> bool {
        self.walks.is_some()
    }

    /// Sends a subscription retained messages, from the first on.
    pub(crate) fn begin_walk(&mut self, filter: &str, walk: Walk) {
        self.walks.get_or_insert_default().insert(Box::from(filter), walk);
    }

    /// The options of a subscription have changed: what is still to be sent follows them.
    pub(crate) fn change_walk(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifiers: Arc<[NonZeroU32]>,
    ) {
        if let Some(walk) = self.walks.as_mut().and_then(|walks| walks.get_mut(filter)) {
            walk.options = options;
            walk.identifiers = identifiers;
        }
    }

    pub(crate) fn end_walk(&mut self, filter: &str) {
        if let Some(walks) = &mut self.walks {
            walks.remove(filter);
            if walks.is_empty() {
                self.walks = None;
            }
        }
    }

    /// Takes out a subscription to go on with; it is put back with [`Self::put_walk_back`].
    pub(crate) fn take_walk(&mut self) -> Option<(Box<str>, Walk)> {
        let walks = self.walks.as_mut()?;
        let walk = walks.pop_first();
        if walks.is_empty() {
            self.walks = None;
        }
        walk
    }

    pub(crate) fn put_walk_back(&mut self, filter: Box<str>, walk: Walk) {
        self.walks.get_or_insert_default().insert(filter, walk);
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
            && self.has_window(connection, effects)
            && connection.output.len() < effects.limits.output_room
    }

    /// Whether the client accepts another message that it has not got yet [MQTT-3.3.4-9].
    fn has_window(&self, connection: &Connection, effects: &Effects) -> bool {
        let again = self.line.as_ref().map_or(0, |line| line.again_len());
        let with_client = self.outbound.len() - again;
        connection.link.as_ref().is_some_and(|link| with_client < link.send_maximum())
            && self.has_byte_window(with_client, effects.limits.in_flight_bytes)
    }

    /// Whether fewer bytes than this are with the client, in so many messages.
    fn has_byte_window(&self, with_client: usize, limit: usize) -> bool {
        // Counted only where there is such a limit, of which few messages are left.
        limit == usize::MAX
            || with_client == 0
            || self.outbound.published().map(|sent| sent.message.load.weight()).sum::<usize>()
                < limit
    }

    fn enqueue(&mut self, parcel: &mut Parcel<'_>, terms: Terms<'_>, effects: &mut Effects) {
        let load = load(&parcel.publication, terms.qos);
        effects.deliveries += 1;
        if !self.has_queue_room(load, effects) {
            effects.settle(self.place.number, terms.number);
            return;
        }
        let kept = match terms.number {
            Some(number) => Kept::Stored(number),
            None => Kept::Held(Box::new(held(parcel, terms))),
        };
        self.push(Queued { kept, group: terms.group, load }, effects);
    }

    /// Whether there is room for one more message. It is counted as dropped if there is none.
    fn has_queue_room(&mut self, load: Load, effects: &mut Effects) -> bool {
        let has_room = self.queue.has_room(load.weight(), effects.limits.queue(self.sleepers));
        if !has_room {
            effects.metrics().dropped_full.add(1);
            if !self.is_dropping && effects.notices.wants(Interests::CONNECTIONS) {
                let client_id = &*self.client_id;
                effects.notices.say(&Notice::Dropping { client_id });
            }
        }
        self.is_dropping = !has_room;
        has_room
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
        let kept = match (terms.number, terms.group, terms.qos) {
            (Some(number), _, _) => Kept::Stored(number),
            // If this session ends, another member gets the message.
            (None, Some(_), QoS::AtLeastOnce) => Kept::Held(Box::new(held(parcel, terms))),
            // It is sent again over the next connection.
            (None, _, _) if self.durable => Kept::Held(Box::new(held(parcel, terms))),
            (None, _, _) => Kept::Nothing,
        };
        let load = load(&parcel.publication, terms.qos);
        let in_flight = InFlight { kept, group: terms.group, load };
        let Some(packet_id) = self.outbound.publish(terms.qos, in_flight) else {
            self.enqueue(parcel, terms, effects);
            return;
        };
        let sent = terms.number.map(|message| {
            let session = self.place.number;
            effects.record(Record::Sent { session, message, packet_id })
        });
        if self.durable && terms.qos == QoS::ExactlyOnce {
            // The receiver remembers the packet identifier, so we must not forget it.
            let after = sent.map_or_else(Progress::default, |sent| effects.promise(sent));
            if connection.has_to_wait(after, effects) {
                let held = Box::new(held(parcel, terms));
                connection.publish_later(packet_id, false, held, after, effects);
                return;
            }
        }
        let writing = Writing {
            dup: false,
            delivery: delivery(terms.qos, packet_id),
            retain: terms.retain,
            identifiers: terms.identifiers,
        };
        if connection.publish(parcel, writing, effects, now).is_err() {
            effects.metrics().dropped_too_large.add(1);
            self.withdraw(packet_id, effects);
        }
    }

    /// A message that was not sent is treated as if its delivery were complete [MQTT-3.1.2-25].
    fn withdraw(&mut self, packet_id: PacketId, effects: &mut Effects) {
        if let Some(sent) = self.outbound.withdraw(packet_id) {
            effects.settle(self.place.number, sent.kept.number());
        }
    }

    fn forget_in_line(&mut self, packet_id: PacketId, number: Option<RecordNumber>) {
        if let Some(line) = &mut self.line {
            line.leave(packet_id, number);
        }
    }
}

/// A message that lost the session it was owed to.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) group: GroupNumber,
    pub(crate) load: Load,
    pub(crate) kept: Kept,
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

/// A message's length as it is counted, and the quality of service that a session gets it with.
pub(crate) fn load(publication: &Publication<'_>, qos: QoS) -> Load {
    let weight = publication.topic.as_str().len()
        + publication.properties.as_bytes().len()
        + publication.payload.len();
    Load::new(weight, qos)
}

fn collect(
    kept: Kept,
    load: Load,
    group: Option<GroupNumber>,
    orphans: &mut Vec<Orphan>,
    gone: &mut Vec<RecordNumber>,
) {
    match group {
        Some(group) => orphans.push(Orphan { group, load, kept }),
        None => gone.extend(kept.number()),
    }
}
