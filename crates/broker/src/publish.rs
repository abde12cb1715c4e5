//! PUBLISH (section 3.3): from a message to those who asked for it.
//!
//! The path is `authorize → retain → match → record → deliver`. Nobody receives a message and
//! nothing of it is kept before its publisher was allowed to say it; it is recorded before mail
//! about it is shipped; and it is acknowledged when its records are durable.

use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{Delivery, PropertyBuffer, Publish, QoS, ReasonCode, TopicName};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use crate::cause::Cause;
use crate::connection::Phase;
use crate::control_request::is_control;
use crate::durability::{Durability, LogState, Progress};
use crate::identity::{ConnectionId, GroupNumber, RecordNumber, SessionNumber, ShardIndex};
use crate::mail::{Mail, Owed, Shared};
use crate::message::{Message, Parcel, Publication, expiry};
use crate::notice::{Interests, Notice, Summary};
use crate::permissions::Right;
use crate::queue::{Held, Kept, Load};
use crate::record::{Record, StoredTarget};
use crate::route::{GroupRoute, Route, Target, Wish};
use crate::session::{Orphan, Terms, load};
use crate::shard::{Shard, Step, session_of};

/// What became of a message.
struct Distributed {
    /// How far the log must come before it may be acknowledged.
    after: Progress,
    /// Whether anybody gets it.
    matched: bool,
}

impl Shard {
    /// A client publishes.
    pub(crate) fn publish(
        &mut self,
        id: ConnectionId,
        publish: &Publish<'_>,
        now: Instant,
    ) -> Result<Step, ProtocolError> {
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(Step::Ended);
        };
        let (Some(link), Some(slot)) = (&mut connection.link, connection.session) else {
            return Err(ProtocolError::NotConnect);
        };
        debug_assert_eq!(connection.phase, Phase::Open);
        let was_asked = connection.question.is_some();
        let topic = link.topic(publish)?;
        let mount_point = &self.effects.profiles.terms(connection.profile).profile.mount_point;
        let topic = mount_point.mount(topic.name())?;
        let topic = TopicName::trusted(&topic);
        let Some(session) = self.sessions.get(slot as usize) else {
            return Ok(Step::Ended);
        };
        let publisher = session.place.number;
        if let Delivery::ExactlyOnce(packet_id) = publish.delivery
            && session.inbound.contains(packet_id)
        {
            // Taken over before; only the answer is given again [MQTT-4.3.3-10].
            let reply = Reply::PubRec(packet_id, ReasonCode::Success);
            let after = session.promised(&self.effects);
            connection.reply(reply, after, &mut self.effects);
            return Ok(Step::Done);
        }
        let qos = publish.delivery.qos();
        let right = Right::Publish { qos, retain: publish.retain };
        // An answer that came late holds for this packet, whatever was said before.
        let known = if was_asked { None } else { self.known_route(topic) };
        let unwelcome = self.unwelcome(publish, topic);
        let permitted = match unwelcome {
            Some(unwelcome) => Err(unwelcome.reason()),
            None => match self.may_publish(id, slot, topic, known.as_deref(), right, now) {
                Some(permitted) => permitted,
                None => return Ok(Step::Park),
            },
        };
        let lacks_space = permitted.is_ok() && self.lacks_space_for(publish, topic, slot);
        if lacks_space && !self.tells_refusals(id) {
            self.hold_back(id);
            return Ok(Step::Park);
        }
        if qos != QoS::AtMostOnce
            && let Some(link) = self.connections.get_mut(id).and_then(|found| found.link.as_mut())
        {
            link.admit()?;
        }
        self.note_published(id, publish, topic, permitted);
        if let Err(reason) = permitted {
            if self.ends_with(id, unwelcome, qos, now) {
                return Ok(Step::Ended);
            }
            return Ok(self.refuse_message(id, slot, publish.delivery, reason, now));
        }
        if lacks_space {
            self.effects.metrics().no_space_refused.add(1);
            let reason = ReasonCode::QuotaExceeded;
            return Ok(self.refuse_message(id, slot, publish.delivery, reason, now));
        }
        if is_control(topic.as_str()) {
            self.acknowledge(id, slot, publish.delivery, ReasonCode::Success, Progress::default());
            self.control(id, publish, topic, now);
            return Ok(Step::Done);
        }
        let Distributed { after, matched } =
            self.distribute_for(publish, topic, publisher, known, now);
        let reason = if matched { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
        self.acknowledge(id, slot, publish.delivery, reason, after);
        Ok(Step::Done)
    }

    /// Counts a message, and tells whoever wants to hear of each packet.
    fn note_published(
        &mut self,
        id: ConnectionId,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        permitted: Result<(), ReasonCode>,
    ) {
        let metrics = self.effects.metrics();
        metrics.publishes_received.add(1);
        metrics.publish_bytes_received.add(publish.payload.len() as u64);
        if !self.effects.notices.wants(Interests::PACKETS) {
            return;
        }
        let packet = Summary::Publish {
            dup: publish.dup,
            delivery: publish.delivery,
            retain: publish.retain,
            topic: topic.as_str(),
            payload_length: publish.payload.len(),
        };
        match permitted {
            Ok(()) => self.effects.notices.received(id, packet),
            Err(reason) => {
                let client_id = self.client_id_of(id);
                let notice = Notice::Denied { client_id: &client_id, packet, reason };
                self.effects.notices.say(&notice);
            }
        }
    }

    /// Distributes a client's message, without the alias that only its connection understands
    /// [MQTT-3.3.2-7].
    fn distribute_for(
        &mut self,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        publisher: SessionNumber,
        known: Option<Arc<Route>>,
        now: Instant,
    ) -> Distributed {
        let relayed;
        let mut properties = publish.properties;
        if properties.topic_alias().is_some() {
            relayed = PropertyBuffer::relayed(properties);
            properties = relayed.as_properties();
        }
        let publication = Publication {
            topic,
            properties,
            payload: publish.payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            expires: expiry(properties.message_expiry_interval(), now),
            publisher,
        };
        self.distribute(publication, known, now)
    }

    /// Publishes for the broker itself, or a client that has gone.
    pub(crate) fn publish_internally(&mut self, publication: &Publication<'_>, now: Instant) {
        self.distribute(*publication, None, now);
    }

    /// `retain → match → record → deliver`. `known` is the route, if it was looked up already.
    fn distribute(
        &mut self,
        mut publication: Publication<'_>,
        known: Option<Arc<Route>>,
        now: Instant,
    ) -> Distributed {
        let (mut message, mut after) = (None, Progress::default());
        if publication.retain {
            (message, after) = self.retain(&publication);
        }
        // After retaining: who subscribes in between may get the message twice, but never an older
        // one after it.
        let known = known.filter(|_| !publication.retain);
        let route = known.unwrap_or_else(|| self.route(publication.topic));
        if route.is_empty() {
            return Distributed { after, matched: false };
        }
        let published = publication.qos;
        publication.qos = self.outgoing_qos(published);
        message.take_if(|_| publication.qos != published);
        let durability = self.limits.with_qos(route.durability, publication.qos);
        let recorded = publication.qos != QoS::AtMostOnce && durability != Durability::None;
        let kept_from = self.kept_from(&route.local, &route.topic);
        let may_receive = |target: &Target| !is_among(&kept_from, target);
        let mut parcel = Parcel::borrowed(publication, &route.topic, message);
        let mut number = None;
        if recorded && route.durable {
            let local = route.local.targets.iter().filter(|target| may_receive(target));
            // Whether those of other shards may have it is known there.
            let targets = local.chain(route.remote_targets());
            number = self.record_message(&mut parcel, targets, None);
            after = self.promise_message(number, durability, after);
        }
        for target in &route.local.targets {
            if may_receive(target) {
                self.deliver_to(target, &mut parcel, number, None, now);
            } else {
                self.withhold(target, &parcel, None);
            }
        }
        for (shard, there) in &route.remote {
            if there.hears(parcel.publication.publisher) {
                let message = Arc::clone(parcel.message());
                let route = Arc::clone(&route);
                self.effects.outbox.post(*shard, Mail::Deliver { message, number, route });
            }
        }
        for group in &route.groups {
            if let Some(target) = self.pick(group, &parcel) {
                // It has a record of its own, so that it can be owed to another member, who may be
                // owed the message already.
                let number = if recorded {
                    self.record_message(&mut parcel, [target], Some(group.number))
                } else {
                    None
                };
                after = self.promise_message(number, durability, after);
                self.deliver_to_group(group.number, target, &mut parcel, number, now);
            }
        }
        Distributed { after, matched: true }
    }

    /// The quality of service that a message is delivered with at most. While the log has no space
    /// none is raised for which nobody waits.
    fn outgoing_qos(&self, published: QoS) -> QoS {
        match published {
            QoS::AtMostOnce if self.log == LogState::NoSpace => published,
            _ => self.limits.outgoing_qos(published),
        }
    }

    /// What a message's acknowledgement waits for, if there is a record of it.
    fn promise_message(
        &mut self,
        number: Option<RecordNumber>,
        durability: Durability,
        after: Progress,
    ) -> Progress {
        number.map_or(after, |number| after.and(self.effects.promise_at(number, durability)))
    }

    /// The member of a shared subscription whose turn it is. Those of this shard that may not have the
    /// message are passed over; those of others are asked about there.
    fn pick<'r>(&mut self, group: &'r GroupRoute, parcel: &Parcel<'_>) -> Option<&'r Target> {
        if self.effects.permissions.is_open() {
            return group.pick();
        }
        let topic = parcel.topic();
        let found = group.in_turn().find(|target| {
            target.session.shard != self.index || self.may_receive(target.session, topic)
        });
        if found.is_none() {
            self.effects.metrics().deliveries_withheld.add(1);
        }
        found
    }

    /// Delivers to the member of a shared subscription whose turn it is.
    fn deliver_to_group(
        &mut self,
        group: GroupNumber,
        target: &Target,
        parcel: &mut Parcel<'_>,
        number: Option<RecordNumber>,
        now: Instant,
    ) {
        if target.session.shard == self.index {
            self.deliver_to_member(group, target, parcel, number, now);
        } else {
            let message = Arc::clone(parcel.message());
            let shard = target.session.shard;
            let (target, passed) = (target.clone(), Vec::new());
            let shared = Box::new(Shared { message, number, group, target, passed });
            self.effects.outbox.post(shard, Mail::DeliverShared(shared));
        }
    }

    /// A message for sessions of this shard, from a publisher on another.
    pub(crate) fn deliver_mail(
        &mut self,
        message: &Arc<Message>,
        number: Option<RecordNumber>,
        route: &Route,
        now: Instant,
    ) {
        let Some(here) = route.audience_on(self.index) else {
            return;
        };
        let kept_from = self.kept_from(here, &route.topic);
        let mut parcel = Parcel::owned(message);
        for target in &here.targets {
            if is_among(&kept_from, target) {
                self.withhold(target, &parcel, number);
            } else {
                self.deliver_to(target, &mut parcel, number, None, now);
            }
        }
    }

    /// A message for a member of a shared subscription, from a publisher on another shard.
    pub(crate) fn deliver_shared(&mut self, shared: Shared, now: Instant) {
        if self.may_receive(shared.target.session, shared.message.topic()) {
            let Shared { message, number, group, target, .. } = shared;
            self.deliver_to_member(group, &target, &mut Parcel::owned(&message), number, now);
        } else {
            self.pass_on(shared, now);
        }
    }

    /// Gives a message of a shared subscription, whose member may not have it, to one of this shard
    /// that may or, if there is none, to a shard that was not asked yet.
    fn pass_on(&mut self, shared: Shared, now: Instant) {
        let Shared { message, number, group, target: from, mut passed } = shared;
        let members = self.directory.group(group);
        let mut in_turn = members.iter().flat_map(GroupRoute::in_turn);
        let found = in_turn.find(|member| {
            member.session.shard == self.index && self.may_receive(member.session, message.topic())
        });
        if let Some(target) = found {
            let number = self.hand_over(&message, number, group, &from, target);
            self.deliver_to_member(group, target, &mut Parcel::owned(&message), number, now);
            return;
        }
        passed.push(self.index);
        let mut in_turn = members.iter().flat_map(GroupRoute::in_turn);
        let Some(target) = in_turn.find(|member| !passed.contains(&member.session.shard)) else {
            self.withhold(&from, &Parcel::owned(&message), number);
            return;
        };
        let number = self.hand_over(&message, number, group, &from, target);
        let (shard, target) = (target.session.shard, target.clone());
        let shared = Box::new(Shared { message, number, group, target, passed });
        self.effects.outbox.post(shard, Mail::DeliverShared(shared));
    }

    /// Records that a message is owed to another member than before, who may have been owed a record
    /// of it; returns the number of the record that the other one is owed.
    fn hand_over(
        &mut self,
        message: &Arc<Message>,
        number: Option<RecordNumber>,
        group: GroupNumber,
        from: &Target,
        target: &Target,
    ) -> Option<RecordNumber> {
        let publication = message.publication();
        let qos_for = |target: &Target| {
            let wish = target.wish(publication.publisher);
            wish.map_or(QoS::AtMostOnce, |wish| wish.qos(publication.qos))
        };
        let was_owed = number.filter(|_| from.durable && qos_for(from) != QoS::AtMostOnce);
        let (from, qos) = (from.session.number, qos_for(target));
        let durability = self.limits.durability_for(publication.topic, qos);
        let wish = target
            .wish(publication.publisher)
            .filter(|_| target.durable && qos != QoS::AtMostOnce && durability != Durability::None);
        let Some(wish) = wish else {
            self.effects.settle(from, was_owed);
            return None;
        };
        let retain = wish.retain(publication.retain);
        let to = stored_target(target, wish, qos, retain, Some(group));
        let Some(message) = was_owed else {
            let message = Arc::clone(message);
            return Some(self.effects.record(Record::Message { message, targets: vec![to] }));
        };
        let weight = load(&publication, qos).weight_bits();
        self.effects.record(Record::Reassigned { message, from, to, weight });
        self.rounds.reassigned(message, from);
        Some(message)
    }

    /// A stored message of a shared subscription, whose member has ended.
    pub(crate) fn take_owed(&mut self, owed: &Owed, now: Instant) {
        let Owed { number, group, load, session: place } = *owed;
        if let Some(session) = session_of(&mut self.sessions, place) {
            session.take_over(number, load, group, &mut self.effects);
            self.pump(place.slot, now);
            return;
        }
        let orphan = Orphan { group, load, kept: Kept::Stored(number) };
        self.reassign(orphan, place.number, now);
    }

    /// Gives a message of a shared subscription to another member [MQTT-4.8.2-4].
    pub(crate) fn reassign(&mut self, orphan: Orphan, from: SessionNumber, now: Instant) {
        let Orphan { group, load, kept } = orphan;
        let Some(target) = self.directory.pick(group, from) else {
            self.effects.metrics().dropped_full.add(1);
            self.effects.settle(from, kept.number());
            return;
        };
        let Some(wish) = target.wish(SessionNumber::BROKER) else {
            return;
        };
        let session = target.session;
        let mail = match kept {
            Kept::Nothing => return,
            Kept::Stored(message) => {
                // [MQTT-3.8.4-8]
                let load = Load::new(load.weight(), wish.qos(load.qos()));
                let to = stored_target(&target, wish, load.qos(), false, Some(group));
                let weight = load.weight_bits();
                self.effects.record(Record::Reassigned { message, from, to, weight });
                self.rounds.reassigned(message, from);
                Mail::Owed(Box::new(Owed { number: message, group, load, session }))
            }
            Kept::Held(held) => {
                let message = held.message;
                let qos = wish.qos(message.publication().qos);
                let durability = self.limits.durability_for(message.publication().topic, qos);
                let recorded = qos != QoS::AtMostOnce && durability != Durability::None;
                let number = (target.durable && recorded).then(|| {
                    let targets = vec![stored_target(&target, wish, qos, false, Some(group))];
                    self.effects.record(Record::Message { message: Arc::clone(&message), targets })
                });
                let passed = Vec::new();
                Mail::DeliverShared(Box::new(Shared { message, number, group, target, passed }))
            }
        };
        self.post(session.shard, mail, now);
    }

    /// Delivers mail, to this shard too.
    fn post(&mut self, to: ShardIndex, mail: Mail, now: Instant) {
        if to == self.index {
            self.take_mail(mail, now);
        } else {
            self.effects.outbox.post(to, mail);
        }
    }

    /// Retains a message or clears what is retained. The message, which others keep too, and what
    /// its acknowledgement waits for.
    fn retain(&mut self, publication: &Publication<'_>) -> (Option<Arc<Message>>, Progress) {
        let route = self.route(publication.topic);
        let topic = Arc::clone(&route.topic);
        // An empty payload clears and is itself not retained [MQTT-3.3.1-6, -7].
        let message = (!publication.payload.is_empty())
            .then(|| Arc::new(Message::new(publication, Arc::clone(&topic))));
        let retention = self.directory.retain(publication.topic, message.clone(), &self.limits);
        if retention.refused {
            self.effects.metrics().retained_refused.add(1);
        }
        // What the broker says of itself is said again after a restart.
        let recorded =
            publication.publisher != SessionNumber::BROKER && route.durability != Durability::None;
        let Some(version) = retention.version.filter(|_| recorded) else {
            return (message, Progress::default());
        };
        let (kept, version) = (retention.message, version.get());
        let change = Record::Retained { topic, message: kept, version };
        if publication.qos == QoS::AtMostOnce {
            // Nobody waits for it.
            self.record_lazily(&route.topic, change);
            return (message, Progress::default());
        }
        let number = self.effects.record(change);
        (message, self.effects.promise_at(number, route.durability))
    }

    /// Records the message for the persistent sessions among those that it is for.
    fn record_message<'t>(
        &mut self,
        parcel: &mut Parcel<'_>,
        targets: impl IntoIterator<Item = &'t Target>,
        group: Option<GroupNumber>,
    ) -> Option<RecordNumber> {
        let publication = parcel.publication;
        let mut owed: Vec<StoredTarget> = Vec::new();
        for target in targets.into_iter().filter(|target| target.durable) {
            let Some(wish) = target.wish(publication.publisher) else {
                continue;
            };
            let qos = wish.qos(publication.qos);
            if qos != QoS::AtMostOnce {
                let retain = wish.retain(publication.retain);
                owed.push(stored_target(target, wish, qos, retain, group));
            }
        }
        if owed.is_empty() {
            return None;
        }
        let message = Arc::clone(parcel.message());
        Some(self.effects.record(Record::Message { message, targets: owed }))
    }

    pub(crate) fn deliver_to(
        &mut self,
        target: &Target,
        parcel: &mut Parcel<'_>,
        number: Option<RecordNumber>,
        group: Option<GroupNumber>,
        now: Instant,
    ) {
        let Some(wish) = target.wish(parcel.publication.publisher) else {
            return;
        };
        let qos = wish.qos(parcel.publication.qos);
        let number = number.filter(|_| target.durable && qos != QoS::AtMostOnce);
        let Some(session) = session_of(&mut self.sessions, target.session) else {
            // It has ended while the message was on its way.
            self.effects.settle(target.session.number, number);
            return;
        };
        let retain = wish.retain(parcel.publication.retain);
        let terms = Terms { qos, retain, identifiers: &wish.identifiers, number, group };
        session.deliver(parcel, terms, &mut self.connections, &mut self.effects, now);
    }

    /// Delivers to the member that was picked or, if its session has ended meanwhile, to another.
    fn deliver_to_member(
        &mut self,
        group: GroupNumber,
        target: &Target,
        parcel: &mut Parcel<'_>,
        number: Option<RecordNumber>,
        now: Instant,
    ) {
        if session_of(&mut self.sessions, target.session).is_some() {
            self.deliver_to(target, parcel, number, Some(group), now);
            return;
        }
        let qos = target
            .wish(parcel.publication.publisher)
            .map_or(QoS::AtMostOnce, |wish| wish.qos(parcel.publication.qos));
        let kept = match number.filter(|_| target.durable && qos != QoS::AtMostOnce) {
            Some(number) => Kept::Stored(number),
            None => Kept::Held(Box::new(Held {
                message: Arc::clone(parcel.message()),
                retain: false,
                identifiers: Arc::from([] as [NonZeroU32; 0]),
            })),
        };
        let load = load(&parcel.publication, qos);
        self.reassign(Orphan { group, load, kept }, target.session.number, now);
    }

    /// Says no to a message. Where an acknowledgement cannot say so, one that may be allowed later
    /// must not seem to be taken over: its connection ends, and the client sends it again.
    fn refuse_message(
        &mut self,
        id: ConnectionId,
        slot: u32,
        delivery: Delivery,
        reason: ReasonCode,
        now: Instant,
    ) -> Step {
        let is_told = self.tells_refusals(id);
        let may_change = matches!(reason, ReasonCode::ServerUnavailable | ReasonCode::ServerBusy);
        if may_change && !is_told && delivery != Delivery::AtMostOnce {
            self.end(id, Cause::Denied(reason), now);
            return Step::Ended;
        }
        self.acknowledge(id, slot, delivery, reason, Progress::default());
        Step::Done
    }

    /// Answers a PUBLISH as its quality of service demands.
    fn acknowledge(
        &mut self,
        id: ConnectionId,
        slot: u32,
        delivery: Delivery,
        reason: ReasonCode,
        mut after: Progress,
    ) {
        let reply = match delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce(packet_id) => Reply::PubAck(packet_id, reason),
            Delivery::ExactlyOnce(packet_id) => {
                if !reason.is_error()
                    && let Some(session) = self.sessions.get_mut(slot as usize)
                {
                    session.inbound.insert(packet_id);
                    if session.durable {
                        let session = session.place.number;
                        let number = self.effects.record(Record::Received { session, packet_id });
                        after = after.and(self.effects.promise(number));
                    }
                }
                Reply::PubRec(packet_id, reason)
            }
        };
        if let Some(connection) = self.connections.get_mut(id) {
            connection.reply(reply, after, &mut self.effects);
        }
    }
}

/// Whether a target is one of these sessions, which stand in the order of their numbers.
fn is_among(sessions: &[SessionNumber], target: &Target) -> bool {
    !sessions.is_empty() && sessions.binary_search(&target.session.number).is_ok()
}

fn stored_target(
    target: &Target,
    wish: &Wish,
    qos: QoS,
    retain: bool,
    group: Option<GroupNumber>,
) -> StoredTarget {
    let identifiers = Arc::clone(&wish.identifiers);
    StoredTarget { session: target.session.number, qos, retain, identifiers, group }
}
