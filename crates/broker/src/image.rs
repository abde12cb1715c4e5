//! What a broker was when its log ended: the result of [`Replay`](crate::Replay), and what a new one
//! is restored from.

use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{PacketId, QoS, SubscriptionOptions};
use ferrymq_protocol::time::Instant;

use crate::identity::{GroupNumber, RecordNumber, SessionNumber, ShardIndex};
use crate::message::Message;
use crate::queue::Load;

/// Everything that a log says.
#[derive(Debug)]
pub struct Recovered {
    /// The persistent sessions, in no particular order.
    pub sessions: Vec<SessionImage>,
    /// What has to be ended for sessions that are no more.
    pub unfinished: Unfinished,
    /// What the shards share.
    pub directory: DirectoryImage,
    /// The highest counter of each writer that is mentioned anywhere. New records have higher ones.
    pub counters: Vec<(ShardIndex, u64)>,
    /// The time of the last record: whoever was connected then has been away since.
    pub last_time: Instant,
}

/// A persistent session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionImage {
    /// Its number.
    pub number: SessionNumber,
    /// Whose it is.
    pub client_id: Box<str>,
    /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
    pub expiry_interval: u32,
    /// The user name of its client, if it is granted something because of that.
    pub username: Option<Box<str>>,
    /// Since its client has gone; `None` if that was connected when the log ended.
    pub away: Option<Away>,
    /// Its subscriptions, in the order in which they were made.
    pub subscriptions: Vec<SubscriptionImage>,
    /// The messages that were sent and not acknowledged, in the order of sending.
    pub published: Vec<(PacketId, OwedMessage)>,
    /// The packet identifiers that wait for PUBCOMP, in the order of the PUBRECs.
    pub released: Vec<PacketId>,
    /// The client's packet identifiers that wait for PUBREL.
    pub received: Vec<PacketId>,
    /// The messages that wait to be sent, in their order.
    pub queue: Vec<OwedMessage>,
    /// Its will.
    pub will: Option<WillImage>,
}

/// What runs while a client is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// When the session ends; [`Instant::FAR_FUTURE`] if never.
    pub expires: Instant,
    /// When its will is published, if it waits to be.
    pub will_due: Option<Instant>,
}

/// A subscription of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionImage {
    /// The filter, with its `$share` prefix.
    pub filter: Box<str>,
    /// The options.
    pub options: SubscriptionOptions,
    /// The Subscription Identifier.
    pub identifier: Option<NonZeroU32>,
    /// The group, if it is a shared subscription.
    pub group: Option<GroupNumber>,
}

/// A stored message that a session is owed. Ten million of them fit in a quarter of a gibibyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwedMessage {
    /// What its place in the queue is decided by, before its number.
    pub order: u64,
    /// Its number; the log has the message.
    pub number: RecordNumber,
    /// The shared subscription that it came through.
    pub group: Option<GroupNumber>,
    pub(crate) load: Load,
}

impl OwedMessage {
    /// The quality of service towards the session.
    pub const fn qos(&self) -> QoS {
        self.load.qos()
    }

    /// The message's length as it is counted against the limits of a queue.
    pub const fn weight(&self) -> usize {
        self.load.weight()
    }
}

/// A will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WillImage {
    /// The message. Its expiry interval begins to run when it is published.
    pub message: Arc<Message>,
    /// How long it waits after the connection has gone, in seconds.
    pub delay_interval: u32,
}

/// What sessions have left behind that ended with the process or shortly before.
#[derive(Debug, Default)]
pub struct Unfinished {
    /// The wills of transient sessions. Their connections broke when the log ended.
    pub wills: Vec<(SessionNumber, WillImage)>,
    /// Messages of shared subscriptions that were owed to members which are no more. Another member
    /// gets them [MQTT-4.8.2-4].
    pub orphans: Vec<(SessionNumber, OwedMessage)>,
}

/// What the shards share.
#[derive(Debug)]
pub struct DirectoryImage {
    /// The retained messages and their versions, in no particular order.
    pub retained: Vec<(Arc<Message>, u64)>,
    /// The highest version that there was, also of what is no longer retained.
    pub retained_version: u64,
    /// The number of the next session.
    pub next_session: SessionNumber,
    /// The number of the next group.
    pub next_group: GroupNumber,
}

impl Default for DirectoryImage {
    fn default() -> Self {
        Self {
            retained: Vec::new(),
            retained_version: 0,
            next_session: SessionNumber(1),
            next_group: GroupNumber(NonZeroU32::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owed_message_has_24_bytes() {
        assert_eq!(size_of::<OwedMessage>(), 24);
    }
}
