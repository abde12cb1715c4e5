//! What clients do: connect, subscribe, publish, and all that can go wrong with it.

use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    Connect, Delivery, Disconnect, Packet, PacketId, PacketType, Properties, Property,
    PropertyBuffer, Publish, QoS, ReasonCode, RetainHandling, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Version, Will,
};

use crate::agenda::Occasion;
use crate::client::{Client, Kind, Link, Loss, Outgoing, Session};
use crate::layers::{Door, Layers};
use crate::model::{FILTERS, Publisher, SHARED_FILTERS, Subscription};
use crate::random::PerMille;
use crate::scene::{Phase, Scene};

impl Client {
    pub(crate) fn new(index: usize, scene: &mut Scene) -> Self {
        let random = &mut scene.random;
        let v5 = random.coin();
        let kind = match (random.below(6), v5) {
            (0, true) => Kind::Fleeting,
            (1, _) => Kind::Transient,
            _ => Kind::Persistent,
        };
        Self {
            index,
            id: format!("client-{index}-{}", random.below(1000)),
            version: if v5 { Version::V5 } else { Version::V3_1_1 },
            kind,
            keep_alive: u16::try_from(random.between(2, 10)).unwrap_or(10),
            receive_maximum: (v5 && random.coin()).then(|| *random.pick(&[1, 2, 7, 100])),
            maximum_packet_size: (v5 && random.below(4) == 0).then(|| *random.pick(&[90, 400])),
            alias_maximum: if v5 { *random.pick(&[0, 0, 1, 3]) } else { 0 },
            session: Session::default(),
            link: None,
            ghosts: Vec::new(),
            operations_left: scene.options.operations,
            has_left: false,
            is_observer: false,
            retained_seen: std::collections::BTreeMap::new(),
        }
    }

    /// A client that comes in the end and sees what is retained.
    pub(crate) fn observer(index: usize, scene: &mut Scene) -> Self {
        Self {
            version: Version::V5,
            kind: Kind::Transient,
            receive_maximum: None,
            maximum_packet_size: None,
            operations_left: 0,
            is_observer: true,
            ..Self::new(index, scene)
        }
    }

    /// Does something, and plans the next time.
    pub(crate) fn tick(&mut self, scene: &mut Scene) {
        self.forget_ghosts(scene);
        self.ping(scene);
        match scene.phase {
            Phase::Chaos => self.act(scene),
            Phase::Drain => self.come_to_rest(scene),
            Phase::Leave => self.leave(scene),
        }
        self.flush(scene);
        if !self.has_left {
            let pace = match scene.phase {
                Phase::Chaos => scene.random.between(1, scene.options.pace_us),
                Phase::Drain | Phase::Leave => 50_000,
            };
            scene.plan(pace, Occasion::Tick(self.index));
        }
    }

    fn act(&mut self, scene: &mut Scene) {
        if self.operations_left == 0 {
            return;
        }
        self.operations_left -= 1;
        let Some(link) = &mut self.link else {
            self.connect(scene);
            return;
        };
        let does = scene.options.clients_do;
        if scene.random.chance(does.cut) {
            self.end_link(scene, Loss::Cut);
        } else if scene.random.chance(does.vanish) {
            self.end_link(scene, Loss::Vanished);
        } else if scene.random.chance(does.half_close) {
            self.end_link(scene, Loss::HalfClosed);
        } else if scene.random.chance(does.take_over) {
            self.end_link(scene, Loss::Abandoned);
            self.connect(scene);
        } else if scene.random.chance(does.slow) {
            if link.slow {
                let mut link = self.link.take();
                if let Some(link) = &mut link {
                    link.wake_up(self.index, scene);
                }
                self.link = link;
            } else {
                link.slow = true;
            }
        } else if scene.random.chance(does.late_acks) {
            link.holds_acks = !link.holds_acks;
        } else if link.open && !link.finishing {
            self.act_on_link(scene);
        } else if link.finishing {
            let patience = scene.now.saturating_duration_since(link.connected_at);
            if patience.as_secs() > 2 && scene.random.coin() {
                self.end_link(scene, Loss::Cut);
            }
        }
    }

    fn act_on_link(&mut self, scene: &mut Scene) {
        let does = scene.options.clients_do;
        if scene.random.chance(does.disconnect) {
            self.disconnect(scene);
            return;
        }
        match scene.random.below(10) {
            0 | 1 => self.subscribe(scene),
            2 if scene.random.below(3) == 0 => self.unsubscribe(scene),
            _ => {
                for _ in 0..scene.random.between(1, 4) {
                    self.publish_something(scene);
                }
            }
        }
    }

    fn come_to_rest(&mut self, scene: &mut Scene) {
        if let Some(link) = &mut self.link {
            link.holds_acks = false;
            if link.slow {
                link.slow = false;
                scene.plan(0, Occasion::ClientReads(self.index, link.connection));
            }
            let waited = scene.now.saturating_duration_since(link.connected_at);
            if waited.as_secs() > 8 && (!link.open || link.finishing) {
                self.end_link(scene, Loss::Cut);
            }
        } else if self.kind != Kind::Transient || self.is_observer {
            self.connect(scene);
        }
    }

    /// Ends its session for good.
    fn leave(&mut self, scene: &mut Scene) {
        match &mut self.link {
            Some(link) if link.open && !link.finishing => {
                link.holds_acks = false;
                self.disconnect(scene);
            }
            Some(link) => {
                let waited = scene.now.saturating_duration_since(link.connected_at);
                if waited.as_secs() > 8 {
                    self.end_link(scene, Loss::Cut);
                }
            }
            None if self.kind == Kind::Transient && self.ghosts.is_empty() => self.has_left = true,
            None if self.kind == Kind::Transient => {}
            None => {
                // The last connection has a session that ends with it.
                self.kind = Kind::Transient;
                self.connect(scene);
            }
        }
    }

    fn end_link(&mut self, scene: &mut Scene, loss: Loss) {
        scene.note(self.index, &format!("its connection ends: {loss:?}"));
        self.lose_link(scene, loss);
    }

    fn forget_ghosts(&mut self, scene: &mut Scene) {
        let before = self.ghosts.len();
        self.ghosts.retain(|ghost| !scene.wire.is_over(ghost.connection));
        if self.ghosts.len() < before {
            // Others may be given what the broker has taken from it.
            scene.last_activity = scene.now;
        }
    }

    fn ping(&mut self, scene: &mut Scene) {
        let half = u64::from(self.keep_alive) * 500;
        let due = self.link.as_ref().is_some_and(|link| {
            let silence = scene.now.saturating_duration_since(link.last_sent);
            link.open && !link.finishing && silence.as_millis() >= u128::from(half)
        });
        if due {
            self.send(&Packet::PingReq, scene);
        }
    }

    fn connect(&mut self, scene: &mut Scene) {
        self.forget_ghosts(scene);
        // What a connection may still do that was given up with its CONNECT unanswered is only
        // known once the broker has closed it.
        if self.ghosts.iter().any(|ghost| !ghost.innocent) {
            return;
        }
        let does = scene.options.clients_do;
        let chaos = scene.phase == Phase::Chaos;
        let clean = self.kind == Kind::Transient
            || self.session.must_begin
            || (chaos && scene.random.chance(does.discard));
        let now = scene.now;
        let door = match scene.random.chance(scene.options.layered) {
            true => *scene.random.pick(&Door::ALL),
            false => Door::Plain,
        };
        let layers = Layers::of(door, &mut scene.random);
        let connection = scene.wire.open(self.index, door, now, &mut scene.agenda);
        let mut link = Link::new(connection, layers, clean, scene.model.crashes, now);
        if self.session.is_transient && !clean {
            self.session = Session::default();
        }
        if clean {
            self.break_groups(scene);
            let is_transient = self.version != Version::V5;
            self.session = Session { is_transient, must_begin: true, ..Session::default() };
            // Before CONNACK one message is all that is certainly allowed.
            link.quota = 1;
        }
        self.session.connects += 1;
        for outgoing in &mut self.session.outgoing {
            outgoing.sent = false;
            outgoing.counted = false;
        }
        if chaos && scene.random.chance(does.wills) {
            let topic = scene.random.below(scene.options.topics);
            let qos = *scene.random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
            let publisher = Publisher::Will(self.index);
            let will = scene.model.publish(publisher, topic, qos, false, Some(0));
            let publication = &mut scene.model.publications[will];
            publication.sends = 1;
            // The broker may publish it before we have read its CONNACK.
            publication.sent_at = Some(scene.step + 1);
            link.will = Some(will);
        }
        let event = format!("connects ({connection}), clean {clean}, will {:?}", link.will);
        scene.note(self.index, &event);
        link.pipelined = clean && chaos && scene.random.chance(does.pipelined);
        let pipelined = link.pipelined;
        self.link = Some(link);
        self.send_connect(clean, scene);
        if pipelined {
            self.subscribe(scene);
            self.publish_something(scene);
        }
        if self.is_observer {
            self.send_subscribe(&[("#", SubscriptionOptions::default())], None, scene);
        }
    }

    fn send_connect(&mut self, clean: bool, scene: &mut Scene) {
        let will = self.link.as_ref().and_then(|link| link.will);
        let payload = will.map(|will| scene.model.payload(will)).unwrap_or_default();
        let topic = will.map(|will| scene.model.topic_of(will).to_owned()).unwrap_or_default();
        let mut properties = PropertyBuffer::new();
        if self.version == Version::V5 {
            let expiry = match self.kind {
                Kind::Persistent => u32::MAX,
                Kind::Fleeting => 2,
                Kind::Transient => 0,
            };
            let receive_maximum = self.receive_maximum.and_then(NonZeroU16::new);
            let packet_size = self.maximum_packet_size.and_then(NonZeroU32::new);
            let optional = [
                Some(Property::SessionExpiryInterval(expiry)),
                receive_maximum.map(Property::ReceiveMaximum),
                packet_size.map(Property::MaximumPacketSize),
                (self.alias_maximum > 0).then_some(Property::TopicAliasMaximum(self.alias_maximum)),
            ];
            for property in optional.into_iter().flatten() {
                properties.push(property).expect("numbers fit");
            }
        }
        let client_id = self.id.clone();
        let connect = Connect {
            version: self.version,
            clean_start: clean,
            keep_alive: self.keep_alive,
            client_id: &client_id,
            will: will.map(|will| Will {
                qos: scene.model.publications[will].qos,
                retain: false,
                topic: TopicName::trusted(&topic),
                payload: &payload,
                properties: Properties::EMPTY,
            }),
            username: None,
            password: None,
            properties: properties.as_properties(),
        };
        self.send(&Packet::Connect(connect), scene);
    }

    fn disconnect(&mut self, scene: &mut Scene) {
        scene.note(self.index, "sends DISCONNECT");
        let disconnect = Disconnect { reason: ReasonCode::Success, properties: Properties::EMPTY };
        self.send(&Packet::Disconnect(disconnect), scene);
        if let Some(link) = &mut self.link {
            link.finishing = true;
        }
    }

    fn subscribe(&mut self, scene: &mut Scene) {
        let shared = scene.options.clients_do.shared;
        let mut wanted: Vec<(&str, SubscriptionOptions)> = Vec::new();
        for _ in 0..scene.random.between(1, 3) {
            let is_shared = scene.random.chance(shared);
            let filter =
                *scene.random.pick(if is_shared { &SHARED_FILTERS[..] } else { &FILTERS[..] });
            if wanted.iter().all(|(other, _)| *other != filter) {
                wanted.push((filter, self.random_options(is_shared, scene)));
            }
        }
        let identified = self.version == Version::V5 && scene.random.coin();
        let identifier = identified.then(|| scene.random.between(1, 300));
        self.send_subscribe(&wanted, identifier.and_then(|id| u32::try_from(id).ok()), scene);
    }

    fn random_options(&self, is_shared: bool, scene: &mut Scene) -> SubscriptionOptions {
        let only = scene.options.only_qos.filter(|qos| *qos != QoS::AtMostOnce);
        let random = &mut scene.random;
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let v5 = self.version == Version::V5;
        let picked = *random.pick(if is_shared { &qos[1..] } else { &qos[..] });
        SubscriptionOptions {
            maximum_qos: only.unwrap_or(picked),
            no_local: v5 && !is_shared && random.below(4) == 0,
            retain_as_published: v5 && random.coin(),
            retain_handling: match (v5, random.below(4)) {
                (true, 0) => RetainHandling::SendIfNew,
                (true, 1) => RetainHandling::DoNotSend,
                _ => RetainHandling::Send,
            },
        }
    }

    fn send_subscribe(
        &mut self,
        wanted: &[(&str, SubscriptionOptions)],
        identifier: Option<u32>,
        scene: &mut Scene,
    ) {
        let packet_id = self.next_packet_id();
        scene.note(self.index, &format!("sends SUBSCRIBE {packet_id} {identifier:?} {wanted:?}"));
        let mut numbers = Vec::new();
        for (filter, options) in wanted {
            self.end_subscription(filter, scene.step);
            numbers.push(self.session.subscriptions.len());
            self.session.subscriptions.push(Subscription {
                filter: (*filter).to_owned(),
                qos: options.maximum_qos,
                no_local: options.no_local,
                identifier,
                granted_at: None,
                ended_at: None,
            });
        }
        let mut bytes = Vec::new();
        let filters =
            wanted.iter().map(|(filter, options)| (TopicFilter::trusted(filter), *options));
        SubscriptionFilters::encode_into(filters, &mut bytes).expect("filters are short");
        let mut properties = PropertyBuffer::new();
        if let Some(identifier) = identifier.and_then(NonZeroU32::new) {
            let property = Property::SubscriptionIdentifier(identifier);
            properties.push(property).expect("identifiers are small");
        }
        let subscribe = Subscribe {
            packet_id: PacketId::new(packet_id).expect("packet identifiers are not zero"),
            properties: properties.as_properties(),
            filters: SubscriptionFilters::trusted(&bytes),
        };
        self.send(&Packet::Subscribe(subscribe), scene);
        if let Some(link) = &mut self.link {
            link.expected.push_back((PacketType::SubAck, packet_id));
            link.subscribing.insert(packet_id, numbers);
        }
    }

    fn unsubscribe(&mut self, scene: &mut Scene) {
        let filters: Vec<String> = self
            .session
            .subscriptions
            .iter()
            .filter(|found| found.ended_at.is_none())
            .map(|found| found.filter.clone())
            .collect();
        if filters.is_empty() {
            return;
        }
        let filter = scene.random.pick(&filters).clone();
        let packet_id = self.next_packet_id();
        scene.note(self.index, &format!("sends UNSUBSCRIBE {packet_id} {filter}"));
        self.end_subscription(&filter, scene.step);
        let mut bytes = Vec::new();
        TopicFilters::encode_into([TopicFilter::trusted(&filter)], &mut bytes)
            .expect("filters are short");
        let unsubscribe = Unsubscribe {
            packet_id: PacketId::new(packet_id).expect("packet identifiers are not zero"),
            properties: Properties::EMPTY,
            filters: TopicFilters::trusted(&bytes),
        };
        self.send(&Packet::Unsubscribe(unsubscribe), scene);
        if let Some(link) = &mut self.link {
            link.expected.push_back((PacketType::UnsubAck, packet_id));
            link.unsubscribing.insert(packet_id);
        }
    }

    fn end_subscription(&mut self, filter: &str, step: u64) {
        for subscription in &mut self.session.subscriptions {
            if subscription.filter == filter {
                subscription.ended_at.get_or_insert(step);
            }
        }
    }

    fn publish_something(&mut self, scene: &mut Scene) {
        let does = scene.options.clients_do;
        let topics = scene.model.topic_count(does.shared != PerMille(0));
        let topic = scene.random.below(topics);
        let qos = *scene.random.pick(&[
            QoS::AtMostOnce,
            QoS::AtLeastOnce,
            QoS::AtLeastOnce,
            QoS::ExactlyOnce,
            QoS::ExactlyOnce,
        ]);
        let qos = scene.options.only_qos.unwrap_or(qos);
        let retain = scene.random.chance(does.retained);
        let length = if retain && scene.random.below(5) == 0 {
            None
        } else if scene.random.chance(does.large) {
            Some(scene.random.between(1_000, 20_000))
        } else {
            Some(scene.random.between(0, 60))
        };
        let publisher = Publisher::Client(self.index);
        let number = scene.model.publish(publisher, topic, qos, retain, length);
        if qos == QoS::AtMostOnce {
            self.send_publish(number, Delivery::AtMostOnce, scene);
        } else {
            let packet_id = self.next_packet_id();
            self.session.outgoing.push_back(Outgoing {
                packet_id,
                publication: number,
                qos,
                released: false,
                sent: false,
                counted: false,
            });
            self.send_outgoing(scene);
        }
    }

    /// Sends what was not sent on this connection, in order and as far as the broker takes it.
    pub(crate) fn send_outgoing(&mut self, scene: &mut Scene) {
        for nth in 0..self.session.outgoing.len() {
            let Some(link) = &mut self.link else {
                return;
            };
            if link.finishing || !(link.open || link.pipelined) {
                return;
            }
            let outgoing = &mut self.session.outgoing[nth];
            if outgoing.sent {
                continue;
            }
            if outgoing.released {
                outgoing.sent = true;
                let due = (PacketType::PubRel, outgoing.packet_id, ReasonCode::Success);
                link.due.push_back(due);
                continue;
            }
            if link.quota == 0 {
                return;
            }
            link.quota -= 1;
            outgoing.sent = true;
            outgoing.counted = true;
            let packet_id =
                PacketId::new(outgoing.packet_id).expect("packet identifiers are not zero");
            let (delivery, answer) = match outgoing.qos {
                QoS::ExactlyOnce => (Delivery::ExactlyOnce(packet_id), PacketType::PubRec),
                QoS::AtMostOnce | QoS::AtLeastOnce => {
                    (Delivery::AtLeastOnce(packet_id), PacketType::PubAck)
                }
            };
            link.expected.push_back((answer, packet_id.get()));
            let publication = outgoing.publication;
            self.send_publish(publication, delivery, scene);
        }
    }

    fn send_publish(&mut self, number: usize, delivery: Delivery, scene: &mut Scene) {
        let (alias, named) = self.choose_alias(number, scene);
        let step = scene.step + 1;
        let payload = scene.model.payload(number);
        let publication = &mut scene.model.publications[number];
        publication.sent_at.get_or_insert(step);
        let dup = publication.sends > 0;
        publication.sends += 1;
        let retain = publication.retain;
        let topic = scene.model.topic_of(number).to_owned();
        let event =
            format!("sends PUBLISH {delivery:?} dup {dup} retain {retain} {topic} #{number}");
        scene.note(self.index, &event);
        let mut properties = PropertyBuffer::new();
        if let Some(alias) = alias.and_then(NonZeroU16::new) {
            properties.push(Property::TopicAlias(alias)).expect("aliases are small");
        }
        let publish = Publish {
            dup,
            delivery,
            retain,
            topic: named.then(|| TopicName::trusted(&topic)),
            properties: properties.as_properties(),
            payload: &payload,
        };
        self.send(&Packet::Publish(publish), scene);
    }

    /// The topic alias to use, and whether the topic must be there too.
    fn choose_alias(&mut self, number: usize, scene: &mut Scene) -> (Option<u16>, bool) {
        let topic = scene.model.publications[number].topic;
        let Some(link) = &mut self.link else {
            return (None, true);
        };
        let known = link.own_aliases.iter().position(|known| *known == topic);
        let (place, named) = match known {
            Some(place) => (place, false),
            None if link.own_aliases.len() < link.own_alias_maximum && scene.random.coin() => {
                link.own_aliases.push(topic);
                (link.own_aliases.len() - 1, true)
            }
            None => return (None, true),
        };
        (u16::try_from(place + 1).ok(), named)
    }

    fn next_packet_id(&mut self) -> u16 {
        loop {
            let next = self.session.last_packet_id % u16::MAX + 1;
            self.session.last_packet_id = next;
            let in_use = self.session.outgoing.iter().any(|out| out.packet_id == next)
                || self.link.as_ref().is_some_and(|link| {
                    link.subscribing.contains_key(&next) || link.unsubscribing.contains(&next)
                });
            if !in_use {
                return next;
            }
        }
    }
}
