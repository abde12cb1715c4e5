//! What is not taken although its sender may send it: messages that are too large, and whatever would
//! need memory while the process has no more. And what is taken later, because its sender is faster
//! than it may be.
//!
//! Who clears what is retained gives memory back, and is heard in any case; so is who comes back to
//! a session, because what waits there leaves with it.

use std::sync::Arc;

use ferrymq_codec::{Publish, QoS, ReasonCode, TopicName};
use ferrymq_protocol::time::Instant;

use crate::cause::Cause;
use crate::connection::Pause;
use crate::identity::ConnectionId;
use crate::notice::{Interests, Notice};
use crate::shard::Shard;

/// Why a message is not taken, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwelcome {
    /// Only the broker itself publishes there.
    Reserved,
    /// Its payload is too large.
    TooLarge,
    /// The process has too little memory.
    Memory,
}

impl Unwelcome {
    /// What its sender is told.
    pub(crate) const fn reason(self) -> ReasonCode {
        match self {
            Self::Reserved => ReasonCode::NotAuthorized,
            // "Packet too large" is no reason of PUBACK and PUBREC [MQTT-3.4.2-1], [MQTT-3.5.2-1].
            Self::TooLarge | Self::Memory => ReasonCode::QuotaExceeded,
        }
    }
}

impl Shard {
    /// Why a message is not to be taken, whoever sends it.
    pub(crate) fn unwelcome(
        &self,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
    ) -> Option<Unwelcome> {
        if topic.as_str().starts_with("$SYS/") {
            return Some(Unwelcome::Reserved);
        }
        if publish.payload.len() > self.limits.payload_maximum {
            return Some(Unwelcome::TooLarge);
        }
        let clears = publish.retain && publish.payload.is_empty();
        (self.memory_is_short && !clears).then_some(Unwelcome::Memory)
    }

    /// Counts a message that was denied. Whether its connection ends with that: a message that may
    /// be taken later must not seem to be taken over, and its sender cannot be told otherwise.
    pub(crate) fn ends_with(
        &mut self,
        id: ConnectionId,
        unwelcome: Option<Unwelcome>,
        qos: QoS,
        now: Instant,
    ) -> bool {
        let metrics = self.effects.metrics();
        match unwelcome {
            None | Some(Unwelcome::Reserved) => metrics.publishes_denied.add(1),
            Some(Unwelcome::TooLarge) => metrics.publishes_too_large.add(1),
            Some(Unwelcome::Memory) => metrics.memory_refused.add(1),
        }
        let ends = unwelcome == Some(Unwelcome::Memory)
            && qos != QoS::AtMostOnce
            && !self.tells_refusals(id);
        if ends {
            self.end(id, Cause::Denied(ReasonCode::QuotaExceeded), now);
        }
        ends
    }

    /// Looks whether the process has memory left, as it was measured last.
    pub(crate) fn note_memory(&mut self) {
        let (bytes, _) = self.directory.metrics().heap();
        self.memory_is_short = bytes > self.limits.memory_bytes;
    }

    /// A message of this length was taken from a connection. If that was faster than it may be, it
    /// is not read from for a while.
    pub(crate) fn pay(&mut self, id: ConnectionId, length: usize, now: Instant) {
        if self.limits.client_pace.is_open() && !self.effects.profiles.are_paced() {
            return;
        }
        let Some(shared) = self.profile(id).map(|profile| Arc::clone(&profile.pace)) else {
            return;
        };
        let limits = self.limits.client_pace;
        let Some(until) = self.paces.spend(id, limits, &shared, length, now) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(id)
            && connection.pause == Pause::None
        {
            connection.pause = Pause::Pace;
            self.effects.metrics().paced.add(1);
            self.arm_connection(id, until);
            if self.paces.waits_first(id) && self.effects.notices.wants(Interests::CONNECTIONS) {
                let client_id = self.client_id_of(id);
                self.effects.notices.say(&Notice::Paced { client_id: &client_id });
            }
        }
    }

    /// A connection that was too fast has waited. Until when it has to wait on, if it has not waited
    /// long enough.
    pub(crate) fn end_of_wait(&mut self, id: ConnectionId, now: Instant) -> Option<Instant> {
        let shared = Arc::clone(&self.profile(id)?.pace);
        let until = self.paces.wait(id, self.limits.client_pace, &shared, now);
        if until.is_none() {
            self.read_on(id, Pause::Pace, now);
        }
        until
    }
}
