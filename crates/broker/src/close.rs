//! The end of connections and sessions (sections 3.14, 4.1, 4.13).

use std::hash::BuildHasher;
use std::io;
use std::time::Duration;

use ferrymq_codec::{Disconnect, PacketType, ReasonCode, TopicFilter};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::server;
use ferrymq_protocol::time::Instant;

use crate::cause::Cause;
use crate::connection::Phase;
use crate::identity::{ConnectionId, RecordNumber, SessionRef};
use crate::notice::{Interests, Notice, Summary};
use crate::record::Record;
use crate::session::ConnectionRef;
use crate::shard::{Shard, session_of};

impl Shard {
    /// The peer has closed a connection, or it broke.
    pub fn peer_closed(&mut self, id: ConnectionId, error: Option<io::ErrorKind>, now: Instant) {
        self.end(id, Cause::Lost(error), now);
    }

    /// Ends all connections because the broker stops.
    pub fn shut_down(&mut self, now: Instant) {
        for id in self.connections.ids() {
            self.end(id, Cause::ShuttingDown, now);
        }
    }

    /// DISCONNECT came.
    pub(crate) fn disconnected(
        &mut self,
        id: ConnectionId,
        disconnect: &Disconnect<'_>,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        let asked = disconnect.properties.session_expiry_interval();
        let most = self.limits.connection.session_expiry_maximum;
        let slot = self.connections.get(id).and_then(|connection| connection.session);
        if let (Some(asked), Some(slot)) = (asked, slot)
            && let Some(session) = self.sessions.get_mut(slot as usize)
        {
            // An administrator's word counts more.
            let least =
                self.limits.sleepers(session.sleepers).map_or(0, |rule| rule.expiry_interval);
            let asked = asked.min(most).max(least);
            if session.expiry_interval == 0 && asked > 0 {
                return Err(ProtocolError::SessionExpiryFromZero);
            }
            session.expiry_interval = asked;
        }
        self.end(id, Cause::Goodbye(disconnect.reason), now);
        Ok(())
    }

    /// Ends a connection whose client has broken a rule.
    pub(crate) fn fail(&mut self, id: ConnectionId, error: ProtocolError, now: Instant) {
        self.end(id, Cause::Protocol(error), now);
    }

    /// Ends a connection whose first packet is no CONNECT, or a malformed one. A client that seems
    /// to speak MQTT is told so in CONNACK [MQTT-3.1.4-1].
    pub(crate) fn refuse_malformed(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        error: ProtocolError,
        now: Instant,
    ) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.begin_writing(&mut self.effects);
            server::refuse_malformed(bytes, error, connection.output.bytes());
        }
        self.end(id, Cause::Protocol(error), now);
    }

    /// Ends a connection. Its session goes on without it, as long as it may.
    pub(crate) fn end(&mut self, id: ConnectionId, cause: Cause, now: Instant) {
        self.end_named(id, None, cause, now);
    }

    /// Ends a connection. `client_id` is what the client is called if it has no session.
    pub(crate) fn end_named(
        &mut self,
        id: ConnectionId,
        client_id: Option<&str>,
        cause: Cause,
        now: Instant,
    ) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.phase == Phase::Closing {
            return;
        }
        let phase = std::mem::replace(&mut connection.phase, Phase::Closing);
        connection.begin_writing(&mut self.effects);
        if let (Some(link), Some(reason)) = (&connection.link, cause.reason()) {
            let out = connection.output.bytes();
            if self.effects.notices.wants(Interests::PACKETS) && link.tells_refusals() {
                self.effects.notices.sent(id, Summary::Disconnect(reason));
            }
            match (phase, cause) {
                // Before CONNACK there is nothing to disconnect from.
                (Phase::Authenticating | Phase::Opening, _) => {
                    link.refuse(in_connack(reason), out);
                }
                (_, Cause::Protocol(error)) => link.disconnect(reason, Some(&error), out),
                _ => link.disconnect(reason, None, out),
            }
        } else if let (Some(link), Cause::Refused(reason), Phase::Authenticating) =
            (&connection.link, cause, phase)
        {
            link.refuse(reason, connection.output.bytes());
        }
        connection.waiting = None;
        connection.question = None;
        connection.connect = None;
        let slot = connection.session.take();
        self.effects.closing.push(id);
        self.count(cause);
        self.say_closed(id, slot, client_id, cause);
        if let Some(slot) = slot {
            self.note_goodbye(slot, cause, now);
            self.detach(slot, id, cause, now);
        }
    }

    /// Ends a session: its will is published [MQTT-3.1.2-8], its subscriptions end, and messages of
    /// shared subscriptions go to other members.
    pub(crate) fn end_session(&mut self, place: SessionRef, now: Instant) {
        self.publish_will(place, now);
        let Some(mut session) = self.remove_session(place) else {
            return;
        };
        for filter in session.subscriptions.iter() {
            self.directory.unsubscribe(TopicFilter::trusted(filter), place.number);
        }
        session.count_leaving(&self.effects);
        let mut messages: Vec<RecordNumber> = Vec::new();
        let orphans = session.dissolve(&mut messages);
        for orphan in orphans {
            self.reassign(orphan, place.number, now);
        }
        if session.durable || !messages.is_empty() {
            let gone = self.effects.record(Record::Gone { session: place.number, messages });
            if session.durable {
                self.effects.promise_end(gone);
            }
        }
    }

    /// Forgets a session's will.
    pub(crate) fn drop_will(&mut self, place: SessionRef) {
        if let Some(session) = session_of(&mut self.sessions, place)
            && session.will.take().is_some()
        {
            self.effects.record(Record::WillDone { session: place.number });
        }
    }

    /// Publishes a session's will, if it has one and its client may, and forgets it.
    pub(crate) fn publish_will(&mut self, place: SessionRef, now: Instant) {
        let may_publish = self.may_publish_will(place);
        let will = session_of(&mut self.sessions, place).and_then(|session| session.will.take());
        if let Some(will) = will {
            if may_publish {
                self.publish_internally(&will.publication(now), now);
            } else {
                self.effects.metrics().wills_withheld.add(1);
            }
            self.effects.record(Record::WillDone { session: place.number });
        }
    }

    /// Takes the connection away from its session.
    fn detach(&mut self, slot: u32, id: ConnectionId, cause: Cause, now: Instant) {
        let Some(session) = self.sessions.get_mut(slot as usize) else {
            return;
        };
        if session.connection != Some(ConnectionRef(id)) {
            return;
        }
        session.leave();
        let place = session.place;
        if let Some(connection) = self.connections.get(id) {
            let profiles = &self.effects.profiles;
            self.effects.permissions.note_origin(place.number, id, || connection.origin(profiles));
        }
        let expiry = session.expiry_interval;
        session.expires = match expiry {
            u32::MAX => Instant::FAR_FUTURE,
            seconds => now.saturating_add(Duration::from_secs(u64::from(seconds))),
        };
        let expires = session.expires;
        let durable = session.durable;
        self.effects.metrics().clients_connected.subtract(1);
        self.tell_groups(place, false);
        let will_due = if cause == Cause::Goodbye(ReasonCode::Success) {
            // [MQTT-3.14.4-3]
            self.drop_will(place);
            None
        } else {
            self.begin_will(place, expiry, now)
        };
        if durable {
            self.effects.record(Record::Away { session: place.number, expires, will_due });
        }
        if expiry == 0 {
            self.end_session(place, now);
        } else if expires < Instant::FAR_FUTURE {
            self.arm_session(place, expires);
        }
    }

    /// The connection has gone without a goodbye: the will is published, or due later, at the latest
    /// when the session ends [MQTT-3.1.3-9].
    fn begin_will(&mut self, place: SessionRef, expiry: u32, now: Instant) -> Option<Instant> {
        let will = session_of(&mut self.sessions, place)?.will.as_mut()?;
        let delay = will.delay_interval.min(expiry);
        if delay == 0 {
            self.publish_will(place, now);
            return None;
        }
        let due = now.saturating_add(Duration::from_secs(u64::from(delay)));
        will.due = Some(due);
        self.arm_session(place, due);
        Some(due)
    }

    /// A client that says goodbye may come back as often as it likes.
    fn note_goodbye(&mut self, slot: u32, cause: Cause, now: Instant) {
        if let (Cause::Goodbye(_), false, Some(session)) =
            (cause, self.flapping.is_empty(), self.sessions.get(slot as usize))
        {
            let client = self.hasher.hash_one(&*session.client_id);
            self.flapping.leaves(client, &self.limits.flapping, now);
        }
    }

    fn say_closed(
        &mut self,
        id: ConnectionId,
        slot: Option<u32>,
        client_id: Option<&str>,
        cause: Cause,
    ) {
        if !self.effects.notices.wants(Interests::CONNECTIONS) {
            return;
        }
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let session = slot.and_then(|slot| self.sessions.get(slot as usize));
        let client_id = session.map(|session| &*session.client_id).or(client_id);
        let listener = &*self.effects.profiles.terms(connection.profile).profile;
        let peer = connection.peer;
        self.effects.notices.say(&Notice::Closed { client_id, peer, listener, cause });
    }

    fn count(&self, cause: Cause) {
        let metrics = self.effects.metrics();
        match cause {
            Cause::Protocol(ProtocolError::Malformed(_)) => metrics.closed_malformed.add(1),
            Cause::Protocol(ProtocolError::KeepAliveTimeout) => metrics.closed_keep_alive.add(1),
            Cause::Protocol(_) => metrics.closed_protocol_error.add(1),
            Cause::ConnectTimeout => metrics.closed_connect_timeout.add(1),
            Cause::Refused(_) | Cause::Denied(_) => metrics.connections_refused.add(1),
            Cause::Goodbye(_) | Cause::Lost(_) | Cause::TakenOver | Cause::ShuttingDown => {}
        }
    }
}

/// The reason that a CONNACK can give instead of one that only DISCONNECT can.
const fn in_connack(reason: ReasonCode) -> ReasonCode {
    match reason {
        ReasonCode::SessionTakenOver => ReasonCode::ServerBusy,
        ReasonCode::ServerShuttingDown => ReasonCode::ServerUnavailable,
        reason if reason.is_valid_in(PacketType::ConnAck) => reason,
        _ => ReasonCode::UnspecifiedError,
    }
}
