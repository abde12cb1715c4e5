//! The limits of a broker. Everything that can grow has one, with a name and a default.

use std::time::Duration;

use ferrymq_codec::{QoS, TopicFilter, TopicName};
use ferrymq_protocol::limits::ServerLimits;

use crate::durability::Durability;
use crate::flapping::FlappingLimits;
use crate::pace::PaceLimits;
use crate::sleepers::{QueueLimits, Sleepers, SleepersIndex};

/// What a broker tolerates.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What is announced to and enforced at each connection.
    pub connection: ServerLimits,
    /// Bytes of payload of one message. Who sends more is told so and stays.
    pub payload_maximum: usize,
    /// Bytes of memory of the process. Beyond that messages and new sessions are refused. It holds
    /// where somebody measures: see [`Metrics::set_heap`](crate::Metrics::set_heap).
    pub memory_bytes: u64,
    /// How fast each client may send messages.
    pub client_pace: PaceLimits,
    /// How often each client may come.
    pub flapping: FlappingLimits,
    /// How long a connection may take until its CONNECT is complete.
    pub connect_timeout: Duration,
    /// How long an answer to a question of access may take; then it is taken for a no.
    pub answer_timeout: Duration,
    /// How long after a failure stored messages are asked for again.
    pub fetch_retry: Duration,
    /// Sessions, with and without a connection.
    pub sessions: usize,
    /// Messages that wait in one session.
    pub queued_messages: usize,
    /// Bytes of messages that wait in one session.
    pub queued_bytes: usize,
    /// Bytes of QoS 1 and 2 messages that are with one client before it has acknowledged them, and one
    /// message more.
    pub in_flight_bytes: usize,
    /// Whether QoS 0 messages too wait for the clients of persistent sessions. They are kept in
    /// memory only.
    pub queue_qos0_messages: bool,
    /// Whether messages are delivered with the quality of service of the subscription, also where
    /// they were published with a lower one.
    pub upgrade_outgoing_qos: bool,
    /// What sessions of clients that sleep are granted instead: the first rule that matches holds.
    pub sleepers: Vec<Sleepers>,
    /// Bytes that wait in one connection's output until QoS 0 messages are dropped.
    pub output_bytes: usize,
    /// Bytes that wait in one connection's output until QoS 1 and 2 messages are queued instead.
    pub output_room: usize,
    /// Bytes that wait in one connection's output until nothing more is read from it.
    pub output_stop: usize,
    /// Bytes of stored messages that one session asks for at once, and one message more.
    pub fetch_bytes: usize,
    /// Bytes of messages in the mail for one shard until the senders pause.
    pub mail_bytes: usize,
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Filters in one SUBSCRIBE that are decided on; the others are refused.
    pub filters_per_packet: usize,
    /// Topics with a retained message.
    pub retained_messages: usize,
    /// Bytes of all retained messages.
    pub retained_bytes: usize,
    /// Topics whose change of what is retained a shard remembers while the log has no space.
    pub unwritten_retained: usize,
    /// Topics of which a shard remembers who gets them.
    pub routes: usize,
    /// Bytes that this takes.
    pub route_bytes: usize,
    /// Verdicts of access on messages that a shard remembers.
    pub verdicts: usize,
    /// Deliveries made for one connection's packets in one turn.
    pub deliveries_per_turn: usize,
    /// Retained messages sent to one new subscription in one turn.
    pub retained_per_turn: usize,
    /// Sessions whose state is said again in one turn, for a log that frees its oldest records.
    pub round_sessions_per_turn: usize,
    /// Messages, subscriptions and retained messages that are looked at for that in one turn. What
    /// a session has under way with its client is looked at in one piece.
    pub round_entries_per_turn: usize,
    /// Bytes of messages that are said again in one turn, and one message more.
    pub round_bytes_per_turn: usize,
    /// How often `$SYS` is published; zero: never.
    pub sys_interval: Duration,
    /// What survives once it is acknowledged, and what.
    pub durability: Durability,
    /// The same for the messages of some topics, retained and queued: the first filter that matches
    /// decides.
    pub topic_durability: Vec<(Box<str>, Durability)>,
}

impl Limits {
    /// How durable a message is.
    pub(crate) fn durability_for(&self, topic: TopicName<'_>, qos: QoS) -> Durability {
        self.with_qos(self.durability_of(topic), qos)
    }

    /// How durable a message is whose topic's messages are that durable. One that must not come
    /// twice is at least as durable as sessions, which remember its packet identifier: we must not
    /// forget it and give it to another message.
    pub(crate) fn with_qos(&self, durability: Durability, qos: QoS) -> Durability {
        match qos {
            QoS::AtMostOnce | QoS::AtLeastOnce => durability,
            QoS::ExactlyOnce => durability.max(self.durability),
        }
    }

    /// The quality of service that a message is delivered with at most, if its publisher has chosen
    /// this one.
    pub(crate) const fn outgoing_qos(&self, published: QoS) -> QoS {
        if self.upgrade_outgoing_qos { QoS::ExactlyOnce } else { published }
    }

    /// How durable the messages of a topic are.
    pub(crate) fn durability_of(&self, topic: TopicName<'_>) -> Durability {
        self.topic_durability
            .iter()
            .find(|(filter, _)| TopicFilter::trusted(filter).matches(topic))
            .map_or(self.durability, |(_, durability)| *durability)
    }

    /// The first rule for clients that sleep that matches this one.
    pub(crate) fn sleepers_of(
        &self,
        client_id: &str,
        username: Option<&str>,
    ) -> Option<SleepersIndex> {
        SleepersIndex::of(&self.sleepers, client_id, username)
    }

    pub(crate) fn sleepers(&self, index: Option<SleepersIndex>) -> Option<&Sleepers> {
        index?.rule(&self.sleepers)
    }

    /// How much may wait in a session for which this rule holds.
    pub(crate) fn queue(&self, index: Option<SleepersIndex>) -> QueueLimits {
        let rule = self.sleepers(index);
        QueueLimits {
            messages: rule.and_then(|rule| rule.queued_messages).unwrap_or(self.queued_messages),
            bytes: rule.and_then(|rule| rule.queued_bytes).unwrap_or(self.queued_bytes),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connection: ServerLimits::default(),
            payload_maximum: usize::MAX,
            memory_bytes: u64::MAX,
            client_pace: PaceLimits::default(),
            flapping: FlappingLimits::default(),
            connect_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
            fetch_retry: Duration::from_secs(1),
            sessions: 4_000_000,
            queued_messages: 100_000,
            queued_bytes: 64 * 1024 * 1024,
            in_flight_bytes: usize::MAX,
            queue_qos0_messages: false,
            upgrade_outgoing_qos: false,
            sleepers: Vec::new(),
            output_bytes: 4 * 1024 * 1024,
            output_room: 256 * 1024,
            output_stop: 32 * 1024 * 1024,
            fetch_bytes: 1024 * 1024,
            mail_bytes: 1024 * 1024,
            subscriptions: 100_000,
            filters_per_packet: 8_192,
            retained_messages: 1_000_000,
            retained_bytes: 1024 * 1024 * 1024,
            unwritten_retained: 65_536,
            routes: 16_384,
            route_bytes: 32 * 1024 * 1024,
            verdicts: 16_384,
            deliveries_per_turn: 4_096,
            retained_per_turn: 256,
            round_sessions_per_turn: 256,
            round_entries_per_turn: 16_384,
            round_bytes_per_turn: 1024 * 1024,
            sys_interval: Duration::from_secs(10),
            durability: Durability::Power,
            topic_durability: Vec::new(),
        }
    }
}
