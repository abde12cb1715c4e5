//! PUBACK, PUBREC, PUBREL, PUBCOMP and PINGREQ: the small answers (sections 3.4 to 3.7, 3.12).

use ferrymq_codec::{Acknowledgement, ReasonCode};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::outbound;
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use crate::connection::Connection;
use crate::identity::ConnectionId;
use crate::notice::{Interests, Summary};
use crate::record::Record;
use crate::session::{InFlight, Session};
use crate::shard::Shard;

impl Shard {
    /// The client has a QoS 1 message.
    pub(crate) fn puback(
        &mut self,
        id: ConnectionId,
        ack: &Acknowledgement<'_>,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        let Some((session, _)) = self.pair(id) else {
            return Ok(());
        };
        if let Some(sent) = session.outbound.puback(ack.packet_id)? {
            self.settled(id, ack, &sent, now);
        }
        Ok(())
    }

    /// The client has a QoS 2 message, or refuses it.
    pub(crate) fn pubrec(
        &mut self,
        id: ConnectionId,
        ack: &Acknowledgement<'_>,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        let refused = ack.reason.is_error();
        let Some(slot) = self.connections.get(id).and_then(|connection| connection.session) else {
            return Ok(());
        };
        let (Some(session), Some(connection)) =
            (self.sessions.get_mut(slot as usize), self.connections.get_mut(id))
        else {
            return Ok(());
        };
        let packet_id = ack.packet_id;
        let (reason, after) = match session.outbound.pubrec(packet_id, refused)? {
            outbound::Received::Message(sent) if refused => {
                self.settled(id, ack, &sent, now);
                return Ok(());
            }
            outbound::Received::Message(sent) => {
                let released = session.released(packet_id, &sent, &mut self.effects);
                (ReasonCode::Success, released)
            }
            // What is said again may still wait for its record, written for an older connection.
            outbound::Received::Again => (ReasonCode::Success, session.promised(&self.effects)),
            outbound::Received::Unknown if refused => return Ok(()),
            outbound::Received::Unknown => {
                (ReasonCode::PacketIdentifierNotFound, session.promised(&self.effects))
            }
        };
        connection.reply(Reply::PubRel(packet_id, reason), after, &mut self.effects);
        Ok(())
    }

    /// The client releases a QoS 2 message that it has published.
    pub(crate) fn pubrel(&mut self, id: ConnectionId, ack: &Acknowledgement<'_>) {
        let Some(slot) = self.connections.get(id).and_then(|connection| connection.session) else {
            return;
        };
        let (Some(session), Some(connection)) =
            (self.sessions.get_mut(slot as usize), self.connections.get_mut(id))
        else {
            return;
        };
        let packet_id = ack.packet_id;
        let known = session.inbound.release(packet_id);
        if known && session.durable {
            let session = session.place.number;
            let done = self.effects.record(Record::ReceivedDone { session, packet_id });
            self.effects.promise(done);
        }
        let after = session.promised(&self.effects);
        let reason = match known {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        connection.reply(Reply::PubComp(packet_id, reason), after, &mut self.effects);
    }

    /// The exchange of a QoS 2 message is over.
    pub(crate) fn pubcomp(&mut self, id: ConnectionId, ack: &Acknowledgement<'_>, now: Instant) {
        let Some(slot) = self.connections.get(id).and_then(|connection| connection.session) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot as usize) else {
            return;
        };
        let packet_id = ack.packet_id;
        if !session.outbound.pubcomp(packet_id) {
            return;
        }
        if session.durable {
            let session = session.place.number;
            self.effects.record(Record::Completed { session, packet_id });
        }
        self.pump(slot, now);
    }

    /// The client asks whether we are there.
    pub(crate) fn pingreq(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.begin_writing(&mut self.effects);
            if let Some(link) = &connection.link {
                link.pingresp(connection.output.bytes());
                self.effects.metrics().packets_sent.add(1);
                if self.effects.notices.wants(Interests::PACKETS) {
                    self.effects.notices.sent(id, Summary::PingResp);
                }
            }
        }
    }

    /// Sends what is in line for a session, and what follows that.
    pub(crate) fn pump(&mut self, slot: u32, now: Instant) {
        if let Some(session) = self.sessions.get_mut(slot as usize) {
            session.pump(&mut self.connections, &mut self.effects, now);
            self.walk_on(slot);
        }
    }

    fn settled(
        &mut self,
        id: ConnectionId,
        ack: &Acknowledgement<'_>,
        sent: &InFlight,
        now: Instant,
    ) {
        let Some(slot) = self.connections.get(id).and_then(|connection| connection.session) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(slot as usize) {
            session.settle(ack.packet_id, sent, &mut self.effects);
            self.pump(slot, now);
        }
    }

    /// A connection and its session.
    fn pair(&mut self, id: ConnectionId) -> Option<(&mut Session, &mut Connection)> {
        let connection = self.connections.get_mut(id)?;
        let session = self.sessions.get_mut(connection.session? as usize)?;
        Some((session, connection))
    }
}
