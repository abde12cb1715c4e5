//! A virtual client: the client's half of a session and its connections, written independently of
//! `ferrymq-protocol`, and suspicious of everything that the broker sends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;

use ferrymq_codec::{
    Acknowledgement, ConnAck, Frame, Framing, Packet, PacketId, PacketType, Properties, QoS,
    ReasonCode, SubAck, Version,
};
use ferrymq_protocol::time::Instant;

use crate::agenda::Occasion;
use crate::layers::Layers;
use crate::model::{Publisher, Subscription};
use crate::scene::Scene;
use crate::wire::ClientRead;

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) kind: Kind,
    pub(crate) keep_alive: u16,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) maximum_packet_size: Option<u32>,
    pub(crate) alias_maximum: u16,
    pub(crate) session: Session,
    pub(crate) link: Option<Link>,
    /// Connections that were given up while the broker might still read from them.
    pub(crate) ghosts: Vec<Ghost>,
    pub(crate) operations_left: usize,
    /// It has ended its session for ever.
    pub(crate) has_left: bool,
    /// It watches what is retained, and its receptions are not checked otherwise.
    pub(crate) is_observer: bool,
    pub(crate) retained_seen: BTreeMap<String, Vec<u8>>,
}

/// What becomes of a client's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It never expires.
    Persistent,
    /// It expires soon.
    Fleeting,
    /// It ends with its connection.
    Transient,
}

/// The client's half of a session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// CONNACK has said that the broker has it.
    pub(crate) confirmed: bool,
    /// It ends with its connection although the client's other sessions do not: what MQTT 3.1.1
    /// makes of a clean session.
    pub(crate) is_transient: bool,
    /// A clean start was asked for and not confirmed: what session the broker has is unknown, so
    /// it is asked for again.
    pub(crate) must_begin: bool,
    pub(crate) connects: usize,
    pub(crate) outgoing: VecDeque<Outgoing>,
    pub(crate) last_packet_id: u16,
    pub(crate) incoming: BTreeMap<u16, Incoming>,
    pub(crate) subscriptions: Vec<Subscription>,
    /// How often each publication was delivered.
    pub(crate) deliveries: BTreeMap<usize, usize>,
    /// Publications that were delivered with QoS 2.
    pub(crate) exactly_once: BTreeSet<usize>,
    /// The highest sequence number so far, by publisher, topic, both QoS, and whether retained.
    pub(crate) highest: BTreeMap<(Publisher, usize, QoS, QoS, bool), u32>,
}

/// A QoS 1 or 2 message that the broker has not acknowledged.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) packet_id: u16,
    pub(crate) publication: usize,
    pub(crate) qos: QoS,
    pub(crate) released: bool,
    /// PUBLISH or PUBREL was sent on this connection.
    pub(crate) sent: bool,
    /// It was PUBLISH, which counts against the broker's receive maximum.
    pub(crate) counted: bool,
}

/// A QoS 1 or 2 message of the broker, by its packet identifier.
#[derive(Debug)]
pub(crate) struct Incoming {
    publication: Option<usize>,
    qos: QoS,
    /// The broker may use the identifier again.
    acknowledged: bool,
}

/// A connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Link {
    pub(crate) connection: u32,
    pub(crate) open: bool,
    pub(crate) clean: bool,
    pub(crate) pipelined: bool,
    /// DISCONNECT was sent; when that is gone, the client closes.
    pub(crate) finishing: bool,
    input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    layers: Option<Box<Layers>>,
    /// The acknowledgements that must come, in order.
    pub(crate) expected: VecDeque<(PacketType, u16)>,
    /// Acknowledgements to be sent, in order.
    pub(crate) due: VecDeque<(PacketType, u16, ReasonCode)>,
    /// Messages that may be sent before others are acknowledged.
    pub(crate) quota: usize,
    unacknowledged: BTreeSet<u16>,
    aliases: BTreeMap<u16, String>,
    pub(crate) own_aliases: Vec<usize>,
    pub(crate) own_alias_maximum: usize,
    pub(crate) slow: bool,
    pub(crate) holds_acks: bool,
    pub(crate) will: Option<usize>,
    /// Subscriptions that wait for their SUBACK.
    pub(crate) subscribing: BTreeMap<u16, Vec<usize>>,
    pub(crate) unsubscribing: BTreeSet<u16>,
    pub(crate) last_sent: Instant,
    pub(crate) connected_at: Instant,
    /// How often the broker had crashed when it was made.
    pub(crate) crashes: usize,
}

/// A connection that was given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ghost {
    pub(crate) connection: u32,
    /// All that the broker can do about it is to give the session to it.
    pub(crate) innocent: bool,
}

impl Client {
    /// Whether it has nothing to do any more.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.link.as_ref().is_some_and(|link| {
            link.open && link.is_flushed() && link.due.is_empty() && link.expected.is_empty()
        }) && self.session.outgoing.is_empty()
    }

    /// Whether its session survives all its connections.
    pub(crate) fn is_persistent(&self) -> bool {
        self.kind == Kind::Persistent && !self.session.is_transient
    }

    /// Reads what has arrived.
    pub(crate) fn read(&mut self, connection: u32, scene: &mut Scene) {
        loop {
            let Some(link) = self.link.as_mut().filter(|link| link.connection == connection) else {
                return;
            };
            if link.slow {
                return;
            }
            let most = scene.random.between(1, 400);
            let now = scene.now;
            match scene.wire.client_reads(connection, most, now, &mut scene.agenda) {
                ClientRead::Nothing => break,
                ClientRead::End => {
                    scene.note(self.index, "the broker has closed the connection");
                    self.lose_link(scene, Loss::Closed);
                    return;
                }
                ClientRead::Bytes(bytes) => {
                    match link.layers.as_mut().map(|layers| layers.receive(&bytes)) {
                        None => link.input.extend(bytes),
                        Some(Ok(bytes)) => link.input.extend(bytes),
                        Some(Err(error)) => scene.fail(Some(self.index), error),
                    }
                    self.take_packets(scene);
                    if scene.failure.is_some() {
                        return;
                    }
                }
            }
        }
        self.flush(scene);
    }

    /// Writes what fits into the connection.
    pub(crate) fn flush(&mut self, scene: &mut Scene) {
        self.send_due(scene);
        self.send_outgoing(scene);
        let Some(link) = &mut self.link else {
            return;
        };
        let now = scene.now;
        let connection = link.connection;
        let output = match &mut link.layers {
            None => &mut link.output,
            Some(layers) => layers.wrap(&mut link.output),
        };
        let count = scene.wire.client_writes(connection, output, now, &mut scene.agenda);
        output.drain(..count);
        if link.finishing && link.is_flushed() {
            scene.wire.client_finishes(connection, now, &mut scene.agenda);
        }
    }

    /// Appends a packet to the output.
    pub(crate) fn send(&mut self, packet: &Packet<'_>, scene: &mut Scene) {
        let Some(link) = &mut self.link else {
            return;
        };
        packet.encode(self.version, &mut link.output).expect("what a client sends can be encoded");
        link.last_sent = scene.now;
        if !matches!(packet, Packet::PingReq) {
            scene.last_activity = scene.now;
        }
    }

    /// Sends the acknowledgements that are due, unless they are held back.
    pub(crate) fn send_due(&mut self, scene: &mut Scene) {
        while let Some(link) = &mut self.link {
            if link.holds_acks || link.finishing || !link.open {
                return;
            }
            let Some((packet_type, packet_id, reason)) = link.due.pop_front() else {
                return;
            };
            match packet_type {
                PacketType::PubAck => {
                    link.unacknowledged.remove(&packet_id);
                    if let Some(incoming) = self.session.incoming.get_mut(&packet_id) {
                        incoming.acknowledged = true;
                    }
                }
                PacketType::PubComp => {
                    link.unacknowledged.remove(&packet_id);
                }
                PacketType::PubRel => link.expected.push_back((PacketType::PubComp, packet_id)),
                _ => {}
            }
            scene.note(self.index, &format!("sends {packet_type:?} {packet_id}"));
            let ack = acknowledgement(packet_id, reason);
            let packet = match packet_type {
                PacketType::PubAck => Packet::PubAck(ack),
                PacketType::PubRec => Packet::PubRec(ack),
                PacketType::PubRel => Packet::PubRel(ack),
                _ => Packet::PubComp(ack),
            };
            self.send(&packet, scene);
        }
    }

    /// The connection is no more. What is not acknowledged stays with the session.
    pub(crate) fn lose_link(&mut self, scene: &mut Scene, loss: Loss) {
        let Some(link) = self.link.take() else {
            return;
        };
        let now = scene.now;
        match loss {
            Loss::Closed => scene.wire.client_closes(link.connection, now, &mut scene.agenda),
            Loss::Cut => scene.wire.cut(link.connection, now, &mut scene.agenda),
            Loss::Vanished => scene.wire.vanish(link.connection, now, &mut scene.agenda),
            Loss::HalfClosed => scene.wire.client_finishes(link.connection, now, &mut scene.agenda),
            Loss::Abandoned => {}
        }
        if self.kind == Kind::Fleeting && !link.open {
            // The session may have expired, and the broker have begun another.
            self.session.must_begin = true;
        }
        let innocent = link.open || !(link.clean || link.pipelined);
        self.ghosts.push(Ghost { connection: link.connection, innocent });
        let crashed = link.crashes < scene.model.crashes;
        if crashed {
            self.session.forget_lazy_identifiers();
        }
        if let (Some(will), true, false, false) = (link.will, link.open, link.finishing, crashed) {
            // From here on the broker owes it to the world.
            scene.model.publications[will].acknowledged_at = Some(u64::MAX - 1);
        }
        if !self.is_persistent() {
            self.break_groups(scene);
        }
    }

    /// A member's session ends, or may end.
    pub(crate) fn break_groups(&self, scene: &mut Scene) {
        for subscription in self.session.subscriptions.iter().filter(|found| found.is_shared()) {
            scene.model.broken_groups.insert(subscription.filter.clone());
        }
    }

    fn take_packets(&mut self, scene: &mut Scene) {
        while let Some(link) = &mut self.link {
            let input = std::mem::take(&mut link.input);
            let taken = match Frame::parse(&input, usize::MAX) {
                Ok(Framing::Incomplete { .. }) => 0,
                Ok(Framing::Complete(frame)) => {
                    if self.maximum_packet_size.is_some_and(|most| frame.length() > most as usize) {
                        scene.fail(Some(self.index), "got a packet above its maximum".to_owned());
                    }
                    match frame.decode(self.version) {
                        Ok(packet) => self.handle(&packet, scene),
                        Err(error) => {
                            scene.fail(Some(self.index), format!("got a bad packet: {error}"));
                        }
                    }
                    frame.length()
                }
                Err(error) => {
                    scene.fail(Some(self.index), format!("got bad bytes: {error}"));
                    0
                }
            };
            if let Some(link) = &mut self.link {
                link.input = input;
                link.input.drain(..taken);
            }
            if taken == 0 || scene.failure.is_some() {
                return;
            }
        }
    }

    fn handle(&mut self, packet: &Packet<'_>, scene: &mut Scene) {
        let Some(link) = &self.link else {
            return;
        };
        if !matches!(packet, Packet::PingResp) {
            scene.last_activity = scene.now;
        }
        if !link.open && !matches!(packet, Packet::ConnAck(_)) {
            let finding = format!("{:?} came before CONNACK", packet.packet_type());
            scene.fail(Some(self.index), finding);
            return;
        }
        if link.finishing && !matches!(packet, Packet::ConnAck(_)) {
            // It has said goodbye and listens no more.
            return;
        }
        match packet {
            Packet::ConnAck(connack) => self.connack(connack, scene),
            Packet::Publish(publish) => self.publish(publish, scene),
            Packet::PubAck(ack) => self.acknowledged(PacketType::PubAck, ack, scene),
            Packet::PubRec(ack) => self.acknowledged(PacketType::PubRec, ack, scene),
            Packet::PubComp(ack) => self.acknowledged(PacketType::PubComp, ack, scene),
            Packet::PubRel(ack) => self.pubrel(ack, scene),
            Packet::SubAck(suback) => self.suback(suback, scene),
            Packet::UnsubAck(unsuback) => {
                let packet_id = unsuback.packet_id.get();
                self.expect(PacketType::UnsubAck, packet_id, scene);
                if let Some(link) = &mut self.link {
                    link.unsubscribing.remove(&packet_id);
                }
            }
            Packet::PingResp => {}
            Packet::Disconnect(disconnect) => {
                scene.note(self.index, &format!("got DISCONNECT {:?}", disconnect.reason));
                if !DISCONNECTS.contains(&disconnect.reason) {
                    let finding = format!("was told to go: {:?}", disconnect.reason);
                    scene.fail(Some(self.index), finding);
                }
            }
            other => {
                let finding = format!("got {:?}, which no server sends", other.packet_type());
                scene.fail(Some(self.index), finding);
            }
        }
    }

    fn connack(&mut self, connack: &ConnAck<'_>, scene: &mut Scene) {
        let Some(link) = &mut self.link else {
            return;
        };
        let event =
            format!("got CONNACK {:?} session present {}", connack.reason, connack.session_present);
        scene.note(self.index, &event);
        if link.open {
            scene.fail(Some(self.index), "CONNACK came twice".to_owned());
            return;
        }
        if connack.reason.is_error() {
            return;
        }
        link.open = true;
        let announced = connack.properties.receive_maximum().map_or(u16::MAX, NonZeroU16::get);
        let spent = link.expected.iter().filter(|(kind, _)| *kind != PacketType::SubAck).count();
        link.quota = usize::from(announced).saturating_sub(spent);
        let own_aliases = connack.properties.topic_alias_maximum().unwrap_or(0);
        link.own_alias_maximum = usize::from(own_aliases);
        let clean = link.clean;
        match (clean, connack.session_present) {
            (true, true) => {
                scene.fail(Some(self.index), "a session was present after clean start".to_owned());
            }
            (false, false) if self.is_persistent() && self.session.confirmed => {
                scene.fail(Some(self.index), "its persistent session was lost".to_owned());
            }
            (false, false) => {
                self.break_groups(scene);
                self.session = Session { connects: 1, ..Session::default() };
            }
            (false, true) if self.kind == Kind::Transient => {
                scene.fail(Some(self.index), "a transient session was present".to_owned());
            }
            (true, false) | (false, true) => {}
        }
        self.session.confirmed = true;
        self.session.must_begin = false;
    }

    fn suback(&mut self, suback: &SubAck<'_>, scene: &mut Scene) {
        let packet_id = suback.packet_id.get();
        self.expect(PacketType::SubAck, packet_id, scene);
        let Some(subscribed) =
            self.link.as_mut().and_then(|link| link.subscribing.remove(&packet_id))
        else {
            return;
        };
        scene.note(self.index, &format!("got SUBACK {packet_id} {:?}", suback.reasons));
        if suback.reasons.len() != subscribed.len() {
            scene.fail(Some(self.index), "SUBACK has another number of reasons".to_owned());
            return;
        }
        for (reason, nth) in suback.reasons.iter().zip(subscribed) {
            let subscription = &mut self.session.subscriptions[nth];
            if reason.is_error() {
                subscription.ended_at = Some(scene.step);
            } else if reason.value() == subscription.qos.bits() {
                subscription.granted_at = Some(scene.step);
            } else {
                let finding = format!("SUBACK granted {reason:?} for {subscription:?}");
                scene.fail(Some(self.index), finding);
            }
        }
    }

    fn acknowledged(
        &mut self,
        packet_type: PacketType,
        ack: &Acknowledgement<'_>,
        scene: &mut Scene,
    ) {
        let packet_id = ack.packet_id.get();
        scene.note(self.index, &format!("got {packet_type:?} {packet_id} {:?}", ack.reason));
        self.expect(packet_type, packet_id, scene);
        let Some(link) = &mut self.link else {
            return;
        };
        let outgoing = &mut self.session.outgoing;
        let Some(position) = outgoing.iter().position(|out| out.packet_id == packet_id) else {
            scene.fail(Some(self.index), format!("{packet_type:?} {packet_id} for nothing"));
            return;
        };
        let publication = outgoing[position].publication;
        if !ack.reason.is_error() && packet_type != PacketType::PubComp {
            let publication = &mut scene.model.publications[publication];
            publication.acknowledged_at.get_or_insert(scene.step);
        }
        if packet_type == PacketType::PubRec && !ack.reason.is_error() {
            outgoing[position].released = true;
            link.due.push_back((PacketType::PubRel, packet_id, ReasonCode::Success));
        } else {
            let counted = outgoing.remove(position).is_some_and(|out| out.counted);
            link.quota += usize::from(counted);
        }
    }

    /// Takes the next acknowledgement that must come off the list.
    fn expect(&mut self, packet_type: PacketType, packet_id: u16, scene: &mut Scene) {
        let Some(link) = &mut self.link else {
            return;
        };
        let next = link.expected.pop_front();
        if next != Some((packet_type, packet_id)) {
            let finding = format!("got {packet_type:?} {packet_id}, expected {next:?}");
            scene.fail(Some(self.index), finding);
        }
    }

    fn pubrel(&mut self, ack: &Acknowledgement<'_>, scene: &mut Scene) {
        let packet_id = ack.packet_id.get();
        scene.note(self.index, &format!("got PUBREL {packet_id}"));
        let known = self
            .session
            .incoming
            .remove(&packet_id)
            .is_some_and(|incoming| incoming.qos == QoS::ExactlyOnce);
        let reason = if known || self.version != Version::V5 {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        if let Some(link) = &mut self.link {
            link.due.push_back((PacketType::PubComp, packet_id, reason));
        }
    }

    fn publish(&mut self, publish: &ferrymq_codec::Publish<'_>, scene: &mut Scene) {
        let Some(topic) = self.resolve_topic(publish, scene) else {
            return;
        };
        let number = scene.model.recognize(publish.payload);
        let qos = publish.delivery.qos();
        let packet_id = publish.delivery.packet_id().map(PacketId::get);
        let dup = publish.dup;
        let retain = publish.retain;
        let event = format!(
            "got PUBLISH {packet_id:?} {qos:?} dup {dup} retain {retain} {topic} {}",
            String::from_utf8_lossy(publish.payload)
        );
        scene.note(self.index, &event);
        if self.is_observer && retain {
            self.retained_seen.insert(topic.clone(), publish.payload.to_vec());
        }
        let Some(packet_id) = packet_id else {
            self.delivered(number, &topic, publish, scene);
            return;
        };
        if dup && self.session.connects <= 1 {
            scene.fail(Some(self.index), "DUP is set on a session's first connection".to_owned());
        }
        let repeated = self.check_packet_id(packet_id, number, publish, scene);
        let Some(link) = &mut self.link else {
            return;
        };
        link.unacknowledged.insert(packet_id);
        let most = self.receive_maximum.unwrap_or(u16::MAX);
        let most = most.min(scene.options.limits.connection.send_maximum);
        if link.unacknowledged.len() > usize::from(most) {
            scene.fail(Some(self.index), format!("its receive maximum of {most} is exceeded"));
        }
        let answer = match qos {
            QoS::ExactlyOnce => PacketType::PubRec,
            QoS::AtMostOnce | QoS::AtLeastOnce => PacketType::PubAck,
        };
        link.due.push_back((answer, packet_id, ReasonCode::Success));
        let incoming = Incoming { publication: number, qos, acknowledged: false };
        self.session.incoming.insert(packet_id, incoming);
        if !repeated {
            self.delivered(number, &topic, publish, scene);
        }
    }

    /// Whether the message is a repetition of one that has come with this packet identifier.
    fn check_packet_id(
        &self,
        packet_id: u16,
        number: Option<usize>,
        publish: &ferrymq_codec::Publish<'_>,
        scene: &mut Scene,
    ) -> bool {
        let under_way =
            self.link.as_ref().is_some_and(|link| link.unacknowledged.contains(&packet_id));
        let qos = publish.delivery.qos();
        let known = self.session.incoming.get(&packet_id);
        let same =
            known.is_some_and(|incoming| incoming.publication == number && incoming.qos == qos);
        let in_use = known.is_some_and(|incoming| !incoming.acknowledged);
        if (in_use && !(publish.dup && same)) || under_way {
            let finding = format!("packet identifier {packet_id} is used again while in use");
            scene.fail(Some(self.index), finding);
        }
        publish.dup && same
    }

    fn resolve_topic(
        &mut self,
        publish: &ferrymq_codec::Publish<'_>,
        scene: &mut Scene,
    ) -> Option<String> {
        let link = self.link.as_mut()?;
        let named = publish.topic.map(|topic| topic.as_str().to_owned());
        let Some(alias) = publish.properties.topic_alias().map(std::num::NonZero::get) else {
            return named;
        };
        if alias > self.alias_maximum {
            scene.fail(Some(self.index), format!("topic alias {alias} is too large"));
        }
        if let Some(topic) = named {
            link.aliases.insert(alias, topic);
        }
        let topic = link.aliases.get(&alias).cloned();
        if topic.is_none() {
            scene.fail(Some(self.index), format!("topic alias {alias} is unknown"));
        }
        topic
    }
}

impl Session {
    /// The broker has crashed. Which packet identifiers it had sent QoS 1 messages with it may have
    /// forgotten: they are written to the log, but nothing waits for that.
    pub(crate) fn forget_lazy_identifiers(&mut self) {
        for incoming in self.incoming.values_mut() {
            incoming.acknowledged |= incoming.qos == QoS::AtLeastOnce;
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The client closes it.
    Closed,
    /// It is reset.
    Cut,
    /// The client's end is gone without a word.
    Vanished,
    /// The client closes its direction only.
    HalfClosed,
    /// The client uses another, and leaves this one as it is.
    Abandoned,
}

pub(crate) fn acknowledgement(packet_id: u16, reason: ReasonCode) -> Acknowledgement<'static> {
    let packet_id = PacketId::new(packet_id).expect("packet identifiers are not zero");
    Acknowledgement { packet_id, reason, properties: Properties::EMPTY }
}

/// Why a broker may end a connection of a client that obeys the rules.
const DISCONNECTS: [ReasonCode; 3] =
    [ReasonCode::SessionTakenOver, ReasonCode::KeepAliveTimeout, ReasonCode::ServerShuttingDown];

impl Link {
    pub(crate) fn new(
        connection: u32,
        layers: Option<Box<Layers>>,
        clean: bool,
        crashes: usize,
        now: Instant,
    ) -> Self {
        Self {
            connection,
            layers,
            open: false,
            clean,
            pipelined: false,
            finishing: false,
            input: Vec::new(),
            output: Vec::new(),
            expected: VecDeque::new(),
            due: VecDeque::new(),
            quota: 0,
            unacknowledged: BTreeSet::new(),
            aliases: BTreeMap::new(),
            own_aliases: Vec::new(),
            own_alias_maximum: 0,
            slow: false,
            holds_acks: false,
            will: None,
            subscribing: BTreeMap::new(),
            unsubscribing: BTreeSet::new(),
            last_sent: now,
            connected_at: now,
            crashes,
        }
    }

    /// Whether all that was to be sent is on its way.
    fn is_flushed(&self) -> bool {
        self.output.is_empty() && self.layers.as_ref().is_none_or(|layers| layers.is_flushed())
    }

    /// Reads on after a time of not reading.
    pub(crate) fn wake_up(&mut self, client: usize, scene: &mut Scene) {
        self.slow = false;
        scene.plan(0, Occasion::ClientReads(client, self.connection));
    }
}
