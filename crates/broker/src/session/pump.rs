//! What is in line for a client: messages that it was sent before its connection broke, and messages
//! that have waited. They leave in their order, as far as the client, its connection and the store
//! allow.

use std::collections::VecDeque;

use ferrymq_codec::{PacketId, QoS, ReasonCode};
use ferrymq_protocol::outbound::Received;
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use super::{Session, Terms, deliver_at_most_once, delivery};
use crate::connection::{Connection, Writing};
use crate::effects::Effects;
use crate::identity::RecordNumber;
use crate::line::{Again, FETCH_WINDOW, Line, Lookup};
use crate::message::Parcel;
use crate::queue::{Held, Kept};
use crate::record::Fetched;
use crate::slots::Slots;

impl Session {
    /// The client has a new connection and CONNACK is written: PUBREL and PUBLISH are sent again
    /// [MQTT-4.4.0-1], and then what waits.
    pub(crate) fn resume(&mut self, connection: &mut Connection, effects: &mut Effects) {
        let after = self.promised(effects);
        for packet_id in self.outbound.released() {
            connection.reply(Reply::PubRel(packet_id, ReasonCode::Success), after, effects);
        }
        let again: VecDeque<Again> = self
            .outbound
            .published()
            .map(|sent| Again {
                packet_id: sent.packet_id,
                stored: sent.message.kept.number().is_some(),
            })
            .collect();
        self.line = (!again.is_empty()).then(|| Box::new(Line::new(again)));
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
        while self.has_window(connection, effects)
            && connection.output.len() < effects.limits.output_room
        {
            if !self.send_next(connection, effects, now) {
                break;
            }
        }
        if self.queue.is_empty() && self.line.as_ref().is_none_or(|line| line.again_len() == 0) {
            self.line = None;
        } else {
            self.fetch(effects);
        }
    }

    /// Stored messages have come: `Some(true)`. The fetch has failed and is to be tried again later:
    /// `Some(false)`. Nobody waits for this answer: `None`.
    pub(crate) fn fetched(&mut self, fetched: Fetched) -> Option<bool> {
        self.line.as_mut()?.fetched(fetched)
    }

    /// The time to try a failed fetch again has come.
    pub(crate) fn rested(&mut self) {
        if let Some(line) = &mut self.line {
            line.rested();
        }
    }

    /// Sends the next message in line; whether there was one that could be sent.
    fn send_next(
        &mut self,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) -> bool {
        if let Some(packet_id) = self.line.as_ref().and_then(|line| line.first_again()) {
            return self.send_again(packet_id, connection, effects, now);
        }
        let Some(front) = self.queue.front() else {
            return false;
        };
        let (number, qos, group) = (front.kept.number(), front.load.qos(), front.group);
        let found = match number {
            Some(number) => match self.take_fetched(number) {
                Lookup::NotYet => return false,
                Lookup::Found(fetched) => Some(fetched),
                Lookup::Unknown => None,
            },
            None => None,
        };
        let Some(entry) = self.pop(effects) else {
            return false;
        };
        let (message, retain, identifiers) = match (found, entry.kept) {
            (Some(fetched), _) => (fetched.message, fetched.retain, fetched.identifiers),
            (None, Kept::Held(held)) => (held.message, held.retain, held.identifiers),
            (None, Kept::Stored(_) | Kept::Nothing) => return true,
        };
        if !connection.may_still_receive(&self.client_id, message.topic(), effects) {
            effects.metrics().deliveries_withheld.add(1);
            effects.settle(self.place.number, number);
            return true;
        }
        let terms = Terms { qos, retain, identifiers: &identifiers, number, group };
        let mut parcel = Parcel::owned(&message);
        if qos == QoS::AtMostOnce {
            // Such messages wait where the limits say so, and where a message was owed to another
            // member of the group, which had subscribed with more.
            deliver_at_most_once(connection, &mut parcel, terms, effects, now);
            effects.settle(self.place.number, number);
        } else {
            self.send(&mut parcel, terms, connection, effects, now);
        }
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
            effects.metrics().dropped_too_large.add(1);
            self.give_up(packet_id, qos, connection, effects);
            return true;
        };
        if !connection.may_still_receive(&self.client_id, held.message.topic(), effects) {
            effects.metrics().deliveries_withheld.add(1);
            self.give_up(packet_id, qos, connection, effects);
            return true;
        }
        let after = self.promised(effects);
        if qos == QoS::ExactlyOnce && connection.has_to_wait(after, effects) {
            connection.publish_later(packet_id, true, Box::new(held), after, effects);
            return true;
        }
        self.write(packet_id, true, qos, &held, connection, effects, now);
        true
    }

    /// Writes a message whose packet identifier is durable; whether it could be written.
    pub(crate) fn publish_deferred(
        &mut self,
        packet_id: PacketId,
        dup: bool,
        held: &Held,
        connection: &mut Connection,
        effects: &mut Effects,
        now: Instant,
    ) -> bool {
        if self.outbound.published_with(packet_id).is_none() {
            return false;
        }
        if !connection.may_still_receive(&self.client_id, held.message.topic(), effects) {
            effects.metrics().deliveries_withheld.add(1);
            if dup {
                self.give_up(packet_id, QoS::ExactlyOnce, connection, effects);
            } else {
                self.withdraw(packet_id, effects);
            }
            return false;
        }
        self.write(packet_id, dup, QoS::ExactlyOnce, held, connection, effects, now)
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
    ) -> bool {
        let writing = Writing {
            dup,
            delivery: delivery(qos, packet_id),
            retain: held.retain,
            identifiers: &held.identifiers,
        };
        let mut parcel = Parcel::owned(&held.message);
        let written = connection.publish(&mut parcel, writing, effects, now).is_ok();
        if !written {
            effects.metrics().dropped_too_large.add(1);
            if dup {
                self.give_up(packet_id, qos, connection, effects);
            } else {
                self.withdraw(packet_id, effects);
            }
        }
        written
    }

    /// A message cannot be sent again, or may not, that the client may have got. With QoS 2 the
    /// client remembers the packet identifier until PUBREL, and would take another message with it for
    /// this one.
    fn give_up(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        connection: &mut Connection,
        effects: &mut Effects,
    ) {
        if qos != QoS::ExactlyOnce {
            self.withdraw(packet_id, effects);
            return;
        }
        let Ok(Received::Message(sent)) = self.outbound.pubrec(packet_id, false) else {
            return;
        };
        let after = self.released(packet_id, &sent, effects);
        connection.reply(Reply::PubRel(packet_id, ReasonCode::Success), after, effects);
    }

    /// Asks for the next stored messages of the line, one window ahead.
    fn fetch(&mut self, effects: &mut Effects) {
        let line = self.line.get_or_insert_default();
        let Some(from) = line.fetch_from() else {
            return;
        };
        let again = line.again().filter_map(|packet_id| {
            let sent = &self.outbound.published_with(packet_id)?.message;
            Some((sent.kept.number()?, sent.load))
        });
        // No further than that: a transient session has nothing stored, however long its queue is.
        let queued = self
            .queue
            .iter()
            .take(2 * FETCH_WINDOW)
            .filter_map(|entry| Some((entry.kept.number()?, entry.load)));
        let mut bytes = 0;
        let messages: Vec<RecordNumber> = again
            .chain(queued)
            .skip(from)
            .take(FETCH_WINDOW)
            .take_while(|(_, load)| {
                let has_room = bytes < effects.limits.fetch_bytes;
                bytes += load.weight();
                has_room
            })
            .map(|(number, _)| number)
            .collect();
        line.fetch(self.place, messages, effects);
    }

    /// The fetched message at the front of the line.
    fn take_fetched(&mut self, number: RecordNumber) -> Lookup {
        self.line.as_mut().map_or(Lookup::NotYet, |line| line.take(number))
    }

    fn forget_first_again(&mut self) {
        if let Some(line) = &mut self.line {
            line.forget_first_again();
        }
    }
}
