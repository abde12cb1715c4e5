//! What the broker says.

use ferrymq_codec::{Acknowledgement, ConnAck, Packet, PacketId, Publish, QoS, ReasonCode, SubAck};

use super::{Answer, Client, Outgoing, PAUSE, Phase, Request, World};
use crate::event::{Act, Delivery, MessageNumber};
use crate::history::Fault;
use crate::payload;

impl Client {
    pub(super) fn handle(
        &mut self,
        world: &mut World<'_>,
        packet: &Packet<'_>,
        may_end: bool,
    ) -> Result<(), Fault> {
        match packet {
            Packet::ConnAck(connack) => self.connack(world, connack),
            Packet::Publish(publish) => self.take_publish(world, publish),
            Packet::PubAck(ack) => self.puback(world, ack),
            Packet::PubRec(ack) => self.pubrec(world, ack),
            Packet::PubRel(ack) => self.pubrel(world, ack),
            Packet::PubComp(ack) => self.pubcomp(ack),
            Packet::SubAck(suback) => self.suback(world, suback),
            Packet::UnsubAck(unsuback) => self.unsuback(world, unsuback),
            Packet::PingResp => {
                self.pings = self.pings.saturating_sub(1);
                Ok(())
            }
            Packet::Disconnect(_) if may_end => Ok(()),
            other => Err(self.fault(&format!("did not expect {other:?}"))),
        }
    }

    fn connack(&mut self, world: &mut World<'_>, connack: &ConnAck<'_>) -> Result<(), Fault> {
        match connack.reason {
            ReasonCode::Success => {}
            // A broker that starts says so, and wants to be asked again.
            ReasonCode::ServerUnavailable => {
                return self.closed(world, Act::Lost, world.now + PAUSE);
            }
            reason => return Err(self.fault(&format!("CONNECT is answered with {reason:?}"))),
        }
        let session_present = connack.session_present;
        world.note(self.number, Act::Connected { session_present })?;
        self.phase = Phase::Connected;
        self.must_start_clean = false;
        self.has_ended_session = false;
        if session_present {
            self.send_again(world)?;
        } else {
            self.forget_session(world)?;
        }
        for (filter, qos) in self.persona.base.clone() {
            if !self.subscribed.contains(&filter) {
                self.subscribe(world, filter, qos)?;
            }
        }
        Ok(())
    }

    fn take_publish(&mut self, world: &mut World<'_>, publish: &Publish<'_>) -> Result<(), Fault> {
        let Some(packet_id) = publish.delivery.packet_id() else {
            return self.receive(world, publish);
        };
        if !self.unacknowledged.insert(packet_id) {
            let text = format!("{packet_id:?} is sent again on one connection");
            return Err(self.fault(&text));
        }
        let maximum = self.persona.receive_maximum.map_or(usize::MAX, usize::from);
        if self.unacknowledged.len() > maximum {
            return Err(self.fault("the Receive Maximum is exceeded"));
        }
        if publish.delivery.qos() != QoS::ExactlyOnce {
            self.answers.push_back(match publish.payload {
                [] => Answer::PubAck(packet_id, None),
                _ => Answer::PubAck(packet_id, Some(self.message_of(world, publish)?)),
            });
            return self.receive(world, publish);
        }
        let message = self.message_of(world, publish)?;
        self.answers.push_back(Answer::PubRec(packet_id));
        match self.inbound.insert(packet_id, message) {
            None => {
                self.released.remove(&packet_id);
                self.receive(world, publish)
            }
            Some(known) if known == message => Ok(()),
            Some(known) => {
                let text = format!("{message} has {packet_id:?} before {known} is released");
                Err(self.fault(&text).about(known))
            }
        }
    }

    /// Notes a message that is no repetition by its packet identifier. One without a payload, which
    /// clears what was retained, does not say which it is.
    fn receive(&self, world: &mut World<'_>, publish: &Publish<'_>) -> Result<(), Fault> {
        if publish.payload.is_empty() {
            return Ok(());
        }
        let delivery = Delivery {
            message: self.message_of(world, publish)?,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            dup: publish.dup,
            expiry: publish.properties.message_expiry_interval(),
        };
        world.note(self.number, Act::Received(delivery))
    }

    fn message_of(&self, world: &World<'_>, publish: &Publish<'_>) -> Result<MessageNumber, Fault> {
        let number = payload::decode(publish.payload)
            .ok_or_else(|| self.fault(&format!("a payload is damaged: {publish:?}")))?;
        let topic = publish.topic.map_or("", |topic| topic.as_str());
        match world.ledger.message(number) {
            Some(message) if world.ledger.scene().topic(message.topic) != topic => {
                Err(self.fault(&format!("{number} comes with the topic {topic}")).about(number))
            }
            _ => Ok(number),
        }
    }

    fn puback(&mut self, world: &mut World<'_>, ack: &Acknowledgement<'_>) -> Result<(), Fault> {
        let place = self.outgoing(ack.packet_id, QoS::AtLeastOnce)?;
        match self.outbound.remove(place) {
            Some(outgoing) => self.published(world, outgoing.message, ack.reason),
            None => Ok(()),
        }
    }

    fn pubrec(&mut self, world: &mut World<'_>, ack: &Acknowledgement<'_>) -> Result<(), Fault> {
        let place = self.outgoing(ack.packet_id, QoS::ExactlyOnce)?;
        let Some(outgoing) = self.outbound.get_mut(place) else {
            return Ok(());
        };
        let (message, was_received) = (outgoing.message, outgoing.is_received);
        outgoing.is_received = true;
        self.answers.push_back(Answer::PubRel(ack.packet_id));
        if was_received { Ok(()) } else { self.published(world, message, ack.reason) }
    }

    fn published(
        &self,
        world: &mut World<'_>,
        message: MessageNumber,
        reason: ReasonCode,
    ) -> Result<(), Fault> {
        if reason.is_error() {
            return Err(self.fault(&format!("{message} is refused: {reason:?}")).about(message));
        }
        let matched = reason != ReasonCode::NoMatchingSubscribers;
        world.note(self.number, Act::Published { message, matched })
    }

    fn pubcomp(&mut self, ack: &Acknowledgement<'_>) -> Result<(), Fault> {
        let place = self.outgoing(ack.packet_id, QoS::ExactlyOnce)?;
        let Some(outgoing) = self.outbound.remove(place) else {
            return Ok(());
        };
        // After PUBREC the identifier is known until the first PUBREL.
        if ack.reason.is_error() && outgoing.releases == 1 {
            let text = format!("PUBREL is answered with {:?}", ack.reason);
            return Err(self.fault(&text).about(outgoing.message));
        }
        Ok(())
    }

    /// The place of what an acknowledgement is about.
    fn outgoing(&self, packet_id: PacketId, qos: QoS) -> Result<usize, Fault> {
        let is_it = |outgoing: &Outgoing| outgoing.packet_id == packet_id && outgoing.qos == qos;
        let place = self.outbound.iter().position(is_it);
        place.ok_or_else(|| self.fault(&format!("{packet_id:?} is acknowledged and unknown")))
    }

    fn pubrel(&mut self, world: &World<'_>, ack: &Acknowledgement<'_>) -> Result<(), Fault> {
        let packet_id = ack.packet_id;
        let message = self.inbound.remove(&packet_id);
        if message.is_none() && !self.released.contains(&packet_id) {
            return Err(self.fault(&format!("PUBREL for {packet_id:?}, which is unknown")));
        }
        let forgotten = message.filter(|message| {
            let expiry = world.ledger.message(*message).and_then(|message| message.expiry);
            ack.reason.is_error() && expiry.is_none()
        });
        if let Some(message) = forgotten {
            let text = format!("PUBREC for {message} is answered with {:?}", ack.reason);
            return Err(self.fault(&text).about(message));
        }
        self.released.insert(packet_id);
        self.answers.push_back(Answer::PubComp(packet_id, message));
        Ok(())
    }

    fn suback(&mut self, world: &mut World<'_>, suback: &SubAck<'_>) -> Result<(), Fault> {
        let Some(Request::Subscribe(filter)) = self.requests.remove(&suback.packet_id) else {
            return Err(self.fault("SUBACK for nothing"));
        };
        if suback.reasons.iter().any(ReasonCode::is_error) {
            return Err(self.fault(&format!("SUBSCRIBE is refused: {:?}", suback.reasons)));
        }
        self.subscribed.insert(filter);
        world.note(self.number, Act::Subscribed(filter))
    }

    fn unsuback(&mut self, world: &mut World<'_>, unsuback: &SubAck<'_>) -> Result<(), Fault> {
        let request = self.requests.remove(&unsuback.packet_id);
        let Some(Request::Unsubscribe { filter, was_subscribed }) = request else {
            return Err(self.fault("UNSUBACK for nothing"));
        };
        if was_subscribed && unsuback.reasons.iter().any(|reason| reason != ReasonCode::Success) {
            let name = world.ledger.scene().filter(filter);
            return Err(self.fault(&format!("the subscription to {name} is lost")));
        }
        world.note(self.number, Act::Unsubscribed(filter))
    }
}
