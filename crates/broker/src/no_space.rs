//! A log that has no space: what cannot be promised is refused, or held back, before it takes
//! effect, and everything else goes on.
//!
//! Refused are messages that a persistent session is to be owed or that are to be retained, new
//! persistent sessions and their subscriptions, each with "Quota exceeded". A publisher that cannot
//! be told so (before MQTT 5.0) is held back: it is not read from until there is space. QoS 0
//! promises nothing and goes on. What it retains is in memory at once and is written when there is
//! space; a crash before that brings back what was retained before.

use std::sync::Arc;

use ferrymq_codec::{Publish, QoS, TopicName};
use ferrymq_protocol::server::Link;

use crate::connection::Pause;
use crate::durability::{Durability, LogState};
use crate::identity::ConnectionId;
use crate::record::Record;
use crate::shard::Shard;

impl Shard {
    /// Whether a session, as it changes now, cannot be made durable.
    pub(crate) fn lacks_space(&self) -> bool {
        self.log == LogState::NoSpace && self.limits.durability != Durability::None
    }

    /// Whether a message could not be acknowledged before there is space, because it would have to
    /// be recorded.
    pub(crate) fn lacks_space_for(
        &mut self,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        slot: u32,
    ) -> bool {
        let published = publish.delivery.qos();
        let qos = self.limits.outgoing_qos(published);
        if self.log != LogState::NoSpace || published == QoS::AtMostOnce {
            return false;
        }
        let Some(session) = self.sessions.get(slot as usize) else {
            return false;
        };
        let (publisher, durable) = (session.place.number, session.durable);
        let route = self.route(topic);
        let durability = self.limits.with_qos(route.durability, qos);
        // The packet identifier is part of the publisher's session.
        (published == QoS::ExactlyOnce && durable && self.limits.durability != Durability::None)
            || (publish.retain && route.durability != Durability::None)
            || (durability != Durability::None && route.is_owed(publisher))
    }

    /// Whether a publisher can be told that its message was refused.
    pub(crate) fn tells_refusals(&self, id: ConnectionId) -> bool {
        let link = self.connections.get(id).and_then(|connection| connection.link.as_ref());
        link.is_some_and(Link::tells_refusals)
    }

    /// Does not read from a connection until there is space.
    pub(crate) fn hold_back(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.pause != Pause::NoSpace
        {
            connection.pause = Pause::NoSpace;
            self.held_back.push(id);
        }
    }

    /// Records a change of what is retained that nobody waits for, now or when there is space.
    pub(crate) fn record_lazily(&mut self, topic: &Arc<str>, change: Record) {
        let now = match self.log {
            LogState::NoSpace => self.unwritten.keep(topic, change, self.limits.unwritten_retained),
            LogState::Ready | LogState::Full | LogState::Failed => Some(change),
        };
        if let Some(change) = now {
            self.effects.record(change);
        }
    }

    /// Whether there is something to record that was left for later, and space for it.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.log == LogState::Ready && !self.unwritten.is_empty()
    }

    /// Records some of what was left for later, once there is space.
    pub(crate) fn record_unwritten(&mut self) {
        if self.log != LogState::Ready {
            return;
        }
        for _ in 0..self.limits.retained_per_turn {
            let Some(change) = self.unwritten.pop() else {
                return;
            };
            self.effects.record(change);
        }
    }
}
