//! What the client says.

use std::num::NonZeroU16;
use std::time::Duration;

use ferrymq_codec::{
    Acknowledgement, Connect, Delivery, Disconnect, Packet, PacketId, Properties, Property,
    PropertyBuffer, Publish, QoS, ReasonCode, Subscribe, SubscriptionFilters, SubscriptionOptions,
    TopicFilter, TopicFilters, TopicName, Unsubscribe, Version, Will,
};

use super::{Answer, Client, Outgoing, PAUSE, Phase, Request, World};
use crate::connection::Connection;
use crate::event::{Act, FilterNumber, MessageNumber};
use crate::history::Fault;
use crate::ledger::Message;
use crate::payload;
use crate::scene::Life;

impl Client {
    /// Opens a connection and sends CONNECT.
    pub(crate) fn connect(
        &mut self,
        world: &mut World<'_>,
        clean_start: bool,
    ) -> Result<(), Fault> {
        let Some(way) = world.way else {
            return Ok(());
        };
        let life = world.ledger.scene().life(self.number);
        let clean_start = clean_start || self.must_start_clean || life == Life::Transient;
        let version = self.persona.version;
        let Ok(connection) = Connection::open(way, version, world.registry, self.token()) else {
            self.phase = Phase::Away(world.now + PAUSE);
            return Ok(());
        };
        self.connection = Some(connection);
        self.phase = Phase::Connecting;
        self.must_start_clean = clean_start;
        let will = self.announce_will(world);
        world.note(self.number, Act::Connecting { clean_start, will })?;
        self.send_connect(world, clean_start, life, will);
        Ok(())
    }

    fn announce_will(&self, world: &mut World<'_>) -> Option<MessageNumber> {
        let will = self.persona.will?;
        Some(world.ledger.announce(Message {
            publisher: self.number,
            topic: will.topic,
            qos: will.qos,
            retain: false,
            is_empty: false,
            expiry: None,
            will_delay: Some(will.delay),
        }))
    }

    fn send_connect(
        &mut self,
        world: &World<'_>,
        clean_start: bool,
        life: Life,
        will: Option<MessageNumber>,
    ) {
        let scene = world.ledger.scene();
        let mut properties = PropertyBuffer::new();
        let mut will_properties = PropertyBuffer::new();
        if self.persona.version == Version::V5 {
            let expiry = match life {
                Life::Transient => 0,
                Life::Expires(after) => seconds(after),
                Life::Persistent => FOR_LONG,
            };
            push(&mut properties, Property::SessionExpiryInterval(expiry));
            if let Some(maximum) = self.persona.receive_maximum.and_then(NonZeroU16::new) {
                push(&mut properties, Property::ReceiveMaximum(maximum));
            }
            let delay = self.persona.will.map_or(Duration::ZERO, |will| will.delay);
            push(&mut will_properties, Property::WillDelayInterval(seconds(delay)));
        }
        let payload = will.map(|will| payload::encode(will, 0));
        let will = self.persona.will.zip(payload.as_deref()).map(|(will, payload)| Will {
            qos: will.qos,
            retain: false,
            topic: TopicName::trusted(scene.topic(will.topic)),
            payload,
            properties: will_properties.as_properties(),
        });
        let connect = Connect {
            version: self.persona.version,
            clean_start,
            keep_alive: 0,
            client_id: scene.client_id(self.number),
            will,
            username: None,
            password: None,
            properties: properties.as_properties(),
        };
        self.send(&Packet::Connect(connect));
    }

    /// Sends DISCONNECT; the broker then closes the connection.
    pub(crate) fn disconnect(
        &mut self,
        world: &mut World<'_>,
        ends_session: bool,
    ) -> Result<(), Fault> {
        let mut properties = PropertyBuffer::new();
        if ends_session {
            push(&mut properties, Property::SessionExpiryInterval(0));
            // If the session goes on after all, its subscriptions are made again.
            self.subscribed.clear();
            self.has_ended_session = true;
        }
        world.note(self.number, Act::Disconnecting { ends_session })?;
        let reason = ReasonCode::Success;
        let properties = properties.as_properties();
        self.send(&Packet::Disconnect(Disconnect { reason, properties }));
        self.phase = Phase::Leaving;
        Ok(())
    }

    /// Publishes a message for the first time.
    pub(crate) fn publish(
        &mut self,
        world: &mut World<'_>,
        message: Message,
        length: usize,
    ) -> Result<(), Fault> {
        let number = world.ledger.announce(message);
        let outgoing = Outgoing {
            packet_id: self.free_packet_id(),
            message: number,
            length,
            qos: message.qos,
            is_received: false,
            releases: 0,
        };
        self.send_publish(world, &outgoing, false)?;
        self.outbound.push_back(outgoing);
        Ok(())
    }

    /// The broker goes on with the session: what it may not have is sent again, in order.
    pub(super) fn send_again(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        let mut outbound = std::mem::take(&mut self.outbound);
        let outcome = outbound.iter_mut().try_for_each(|outgoing| {
            if !outgoing.is_received {
                return self.send_publish(world, outgoing, true);
            }
            outgoing.releases += 1;
            self.acknowledge(Packet::PubRel, outgoing.packet_id);
            Ok(())
        });
        self.outbound = outbound;
        outcome
    }

    fn send_publish(
        &mut self,
        world: &mut World<'_>,
        outgoing: &Outgoing,
        dup: bool,
    ) -> Result<(), Fault> {
        let number = outgoing.message;
        world.note(self.number, Act::Publishing(number))?;
        let Some(message) = world.ledger.message(number) else {
            return Ok(());
        };
        let mut properties = PropertyBuffer::new();
        if let Some(expiry) = message.expiry {
            push(&mut properties, Property::MessageExpiryInterval(expiry));
        }
        let payload =
            if message.is_empty { Vec::new() } else { payload::encode(number, outgoing.length) };
        let delivery = match message.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce(outgoing.packet_id),
            QoS::ExactlyOnce => Delivery::ExactlyOnce(outgoing.packet_id),
        };
        let publish = Publish {
            dup,
            delivery,
            retain: message.retain,
            topic: Some(TopicName::trusted(world.ledger.scene().topic(message.topic))),
            properties: properties.as_properties(),
            payload: &payload,
        };
        self.send(&Packet::Publish(publish));
        Ok(())
    }

    pub(crate) fn subscribe(
        &mut self,
        world: &mut World<'_>,
        filter: FilterNumber,
        qos: QoS,
    ) -> Result<(), Fault> {
        if self.is_asked(filter) {
            return Ok(());
        }
        let packet_id = self.free_packet_id();
        self.requests.insert(packet_id, Request::Subscribe(filter));
        world.note(self.number, Act::Subscribing(filter, qos))?;
        let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
        let text = TopicFilter::trusted(world.ledger.scene().filter(filter));
        let mut bytes = Vec::new();
        SubscriptionFilters::encode_into([(text, options)], &mut bytes)
            .expect("the filters of a plan are short");
        let filters = SubscriptionFilters::trusted(&bytes);
        let properties = Properties::EMPTY;
        self.send(&Packet::Subscribe(Subscribe { packet_id, properties, filters }));
        Ok(())
    }

    pub(crate) fn unsubscribe(
        &mut self,
        world: &mut World<'_>,
        filter: FilterNumber,
    ) -> Result<(), Fault> {
        if self.is_asked(filter) {
            return Ok(());
        }
        let packet_id = self.free_packet_id();
        let was_subscribed = self.subscribed.remove(&filter);
        self.requests.insert(packet_id, Request::Unsubscribe { filter, was_subscribed });
        world.note(self.number, Act::Unsubscribing(filter))?;
        let text = TopicFilter::trusted(world.ledger.scene().filter(filter));
        let mut bytes = Vec::new();
        TopicFilters::encode_into([text], &mut bytes).expect("the filters of a plan are short");
        let filters = TopicFilters::trusted(&bytes);
        let properties = Properties::EMPTY;
        self.send(&Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters }));
        Ok(())
    }

    pub(crate) fn ping(&mut self) {
        self.pings += 1;
        self.send(&Packet::PingReq);
    }

    /// Gives up to `count` of the answers that are owed.
    pub(crate) fn answer(&mut self, world: &mut World<'_>, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let Some(answer) = self.answers.pop_front() else {
                return Ok(());
            };
            if let Answer::PubAck(_, Some(message)) | Answer::PubComp(_, Some(message)) = answer {
                world.note(self.number, Act::Settling(message))?;
            }
            match answer {
                Answer::PubAck(packet_id, _) => {
                    self.unacknowledged.remove(&packet_id);
                    self.acknowledge(Packet::PubAck, packet_id);
                }
                Answer::PubRec(packet_id) => self.acknowledge(Packet::PubRec, packet_id),
                Answer::PubRel(packet_id) => self.release(packet_id),
                Answer::PubComp(packet_id, _) => {
                    self.unacknowledged.remove(&packet_id);
                    self.acknowledge(Packet::PubComp, packet_id);
                }
            }
        }
        Ok(())
    }

    fn release(&mut self, packet_id: PacketId) {
        let mut outbound = self.outbound.iter_mut();
        if let Some(outgoing) = outbound.find(|outgoing| outgoing.packet_id == packet_id) {
            outgoing.releases += 1;
            self.acknowledge(Packet::PubRel, packet_id);
        }
    }

    fn acknowledge(
        &mut self,
        packet: fn(Acknowledgement<'static>) -> Packet<'static>,
        packet_id: PacketId,
    ) {
        let (reason, properties) = (ReasonCode::Success, Properties::EMPTY);
        self.send(&packet(Acknowledgement { packet_id, reason, properties }));
    }

    fn is_asked(&self, filter: FilterNumber) -> bool {
        self.requests.values().any(|request| request.filter() == filter)
    }

    /// The lowest packet identifier that is free: a broker that has not forgotten what is complete
    /// takes a new message for an old one.
    fn free_packet_id(&self) -> PacketId {
        let mut packet_id = PacketId::FIRST;
        while self.requests.contains_key(&packet_id)
            || self.outbound.iter().any(|outgoing| outgoing.packet_id == packet_id)
        {
            packet_id = packet_id.next();
        }
        packet_id
    }

    fn send(&mut self, packet: &Packet<'_>) {
        if let Some(connection) = &mut self.connection {
            connection.send(packet);
        }
    }
}

fn push(properties: &mut PropertyBuffer, property: Property<'_>) {
    properties.push(property).expect("numbers are never too long");
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// A Session Expiry Interval in seconds that no run reaches.
const FOR_LONG: u32 = 36_000;
