//! What is due in time: keep alive, answers that are missing, expiry, wills that wait, `$SYS`.
//!
//! Timers are never cancelled. One that fires asks whether what it was set for still holds, and is
//! set again where that lies further ahead. None is set far ahead, so that those which have lost
//! their meaning do not gather.

use std::time::Duration;

use ferrymq_codec::{Properties, QoS, ReasonCode, TopicName};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::server;
use ferrymq_protocol::time::Instant;

use crate::access::{Answer, Verdict};
use crate::cause::Cause;
use crate::connection::{Pause, Phase};
use crate::identity::{ConnectionId, SessionNumber, SessionRef};
use crate::message::Publication;
use crate::notice::{Interests, Notice};
use crate::shard::{SWEEP_INTERVAL, Shard, Timer, session_of};

impl Shard {
    /// A timer of a connection has fired.
    pub(crate) fn connection_timer(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.timer = Instant::FAR_FUTURE;
        let expires = connection.expires();
        if connection.phase == Phase::Open && expires <= now {
            self.end(id, Cause::Denied(ReasonCode::NotAuthorized), now);
            return;
        }
        let question = connection.question.as_deref().filter(|question| question.open.is_some());
        if let Some(question) = question {
            let (request, deadline) = (question.open, question.deadline);
            if let (Some(request), true) = (request, deadline <= now) {
                self.effects.metrics().answers_missed.add(1);
                if self.effects.notices.wants(Interests::CONNECTIONS) {
                    self.effects.notices.say(&Notice::Unanswered { peer: connection.peer });
                }
                let verdict = Verdict::Deny(ReasonCode::ServerUnavailable);
                self.answered(Answer { connection: id, request, verdict });
            }
            let next = if deadline <= now { now.saturating_add(RECHECK) } else { deadline };
            self.arm_connection(id, next);
            return;
        }
        if matches!(connection.pause, Pause::Congestion | Pause::NoSpace) {
            // That it is silent is our doing.
            self.arm_connection(id, now.saturating_add(RECHECK));
            return;
        }
        if connection.pause == Pause::Pace
            && let Some(until) = self.end_of_wait(id, now)
        {
            self.arm_connection(id, until);
            return;
        }
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let (deadline, cause) = match connection.phase {
            Phase::AwaitingConnect | Phase::Arrived | Phase::Authenticating => {
                let deadline = connection.opened.saturating_add(self.limits.connect_timeout);
                (Some(deadline), Cause::ConnectTimeout)
            }
            Phase::Open => {
                let deadline = connection.link.as_ref().and_then(server::Link::keep_alive_deadline);
                (deadline, Cause::Protocol(ProtocolError::KeepAliveTimeout))
            }
            Phase::Opening | Phase::Closing => (None, Cause::ConnectTimeout),
        };
        match deadline {
            Some(deadline) if deadline <= now => self.end(id, cause, now),
            Some(deadline) => self.arm_connection(id, deadline.min(expires)),
            None if expires < Instant::FAR_FUTURE => self.arm_connection(id, expires),
            None => {}
        }
    }

    /// A timer of a session has fired.
    pub(crate) fn session_timer(&mut self, place: SessionRef, now: Instant) {
        let Some(session) = session_of(&mut self.sessions, place) else {
            return;
        };
        session.timer = Instant::FAR_FUTURE;
        session.rested();
        if session.connection.is_some() {
            self.pump(place.slot, now);
            return;
        }
        let expires = session.expires;
        let due = session.will.as_ref().and_then(|will| will.due);
        if expires <= now {
            self.effects.metrics().sessions_expired.add(1);
            if let Some(session) = session_of(&mut self.sessions, place)
                && self.effects.notices.wants(Interests::CONNECTIONS)
            {
                let client_id = &*session.client_id;
                self.effects.notices.say(&Notice::SessionExpired { client_id });
            }
            self.end_session(place, now);
            return;
        }
        match due {
            Some(due) if due <= now => self.publish_will(place, now),
            Some(due) => self.arm_session(place, due),
            None => {}
        }
        if expires < Instant::FAR_FUTURE {
            self.arm_session(place, expires);
        }
    }

    /// Publishes a message of the broker itself, such as a line of its log, below `$SYS`. It is not
    /// retained, and lives for 20 seconds. A topic that is not below `$SYS` is not published.
    pub fn publish_sys(&mut self, topic: &str, payload: &[u8], now: Instant) {
        let topic = TopicName::parse(topic).ok();
        let Some(topic) = topic.filter(|topic| topic.as_str().starts_with("$SYS/")) else {
            return;
        };
        let publication = Publication {
            topic,
            properties: Properties::EMPTY,
            payload,
            qos: QoS::ExactlyOnce,
            retain: false,
            expires: now.saturating_add(LIFE_OF_NEWS),
            publisher: SessionNumber::BROKER,
        };
        self.publish_internally(&publication, now);
    }

    /// Publishes the numbers below `$SYS`, and plans the next time.
    pub(crate) fn publish_numbers(&mut self, now: Instant) {
        self.sys.is_armed = !self.limits.sys_interval.is_zero();
        if !self.sys.is_armed {
            return;
        }
        for (topic, value) in self.sys.changed(&self.directory, self.limits.durability, now) {
            let publication = Publication {
                topic: TopicName::trusted(topic),
                properties: Properties::EMPTY,
                payload: value.as_bytes(),
                qos: QoS::AtMostOnce,
                retain: true,
                expires: Instant::FAR_FUTURE,
                publisher: SessionNumber::BROKER,
            };
            self.publish_internally(&publication, now);
        }
        self.timers.insert(now.saturating_add(self.limits.sys_interval), Timer::Sys);
    }

    /// Sees to it that `$SYS` is published, if it is to be and this is the shard that does it.
    pub(crate) fn arm_sys(&mut self) {
        if self.index.0 == 0 && !self.limits.sys_interval.is_zero() && !self.sys.is_armed {
            self.sys.is_armed = true;
            self.timers.insert(self.timers.time(), Timer::Sys);
        }
    }

    /// Forgets retained messages that have expired.
    pub(crate) fn sweep_retained(&mut self, now: Instant) {
        self.sweep = self.directory.sweep_retained(self.sweep.as_ref(), now);
        self.timers.insert(now.saturating_add(SWEEP_INTERVAL), Timer::Sweep);
    }
}

/// How long a message that is published below `$SYS` is worth delivering.
const LIFE_OF_NEWS: Duration = Duration::from_secs(20);
/// How soon a connection is looked at again that cannot be judged now.
const RECHECK: Duration = Duration::from_secs(1);
