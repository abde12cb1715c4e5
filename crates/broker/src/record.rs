//! What must survive: the records that a shard hands to the log, and how stored messages come back.
//!
//! Recovery is replay, so each record says what has become true, not what was asked. A record's
//! number is its place in its writer's sequence; acknowledgements wait until the log has made the
//! number durable. What a record means is written here; how it is kept is the store's concern.

use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{PacketId, QoS, SubscriptionOptions};
use ferrymq_protocol::time::Instant;

use crate::identity::{
    Epoch, GroupNumber, Partition, RecordNumber, SessionNumber, SessionRef, ShardIndex,
};
use crate::message::Message;

/// Something that has become true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A message is owed to persistent sessions.
    Message {
        /// The message, stored once.
        message: Arc<Message>,
        /// Who is owed it.
        targets: Vec<StoredTarget>,
    },
    /// A session is no longer owed a message: acknowledged, expired, or dropped by a limit.
    Settled {
        /// The session.
        session: SessionNumber,
        /// The message.
        message: RecordNumber,
    },
    /// A message of a shared subscription is owed to another member.
    Reassigned {
        /// The message.
        message: RecordNumber,
        /// The member that was owed it.
        from: SessionNumber,
        /// The member that is owed it now.
        to: StoredTarget,
        /// The message's length as it is counted against the limits of a queue.
        weight: u32,
    },
    /// A message was sent with this packet identifier.
    Sent {
        /// The session.
        session: SessionNumber,
        /// The message.
        message: RecordNumber,
        /// Its packet identifier until it is settled or completed.
        packet_id: PacketId,
    },
    /// The receiver of a QoS 2 message has it (PUBREC); only PUBREL is sent from here.
    Released {
        /// The session.
        session: SessionNumber,
        /// The message, which need not be kept any longer; nothing where that was said before and
        /// the session has forgotten it.
        message: Option<RecordNumber>,
        /// The packet identifier, which is in use until `Completed`.
        packet_id: PacketId,
    },
    /// The exchange of an outgoing QoS 2 message is over (PUBCOMP).
    Completed {
        /// The session.
        session: SessionNumber,
        /// The packet identifier.
        packet_id: PacketId,
    },
    /// A QoS 2 message with this packet identifier was taken over from the client.
    Received {
        /// The session.
        session: SessionNumber,
        /// The client's packet identifier.
        packet_id: PacketId,
    },
    /// The client has released the identifier (PUBREL).
    ReceivedDone {
        /// The session.
        session: SessionNumber,
        /// The client's packet identifier.
        packet_id: PacketId,
    },
    /// A persistent session exists and is in use.
    Session {
        /// Its number.
        session: SessionNumber,
        /// Whose it is.
        client_id: Box<str>,
        /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
        expiry_interval: u32,
        /// The user name of the client, if it is granted something because of that.
        username: Option<Box<str>>,
    },
    /// The client of a persistent session has gone; from now its expiry runs.
    Away {
        /// The session.
        session: SessionNumber,
        /// When the session ends; [`Instant::FAR_FUTURE`] if never.
        expires: Instant,
        /// When its will is published, if it waits to be.
        will_due: Option<Instant>,
    },
    /// A persistent session has ended, and with it everything that it was owed.
    Gone {
        /// The session.
        session: SessionNumber,
        /// What it was owed, for a store that has no index of it.
        messages: Vec<RecordNumber>,
    },
    /// A persistent session has subscribed.
    Subscribed {
        /// The session.
        session: SessionNumber,
        /// The filter, with its `$share` prefix.
        filter: Box<str>,
        /// The options.
        options: SubscriptionOptions,
        /// The Subscription Identifier.
        identifier: Option<NonZeroU32>,
        /// The group, if it is a shared subscription: a message that is owed to a member names it.
        group: Option<GroupNumber>,
    },
    /// A persistent session has unsubscribed.
    Unsubscribed {
        /// The session.
        session: SessionNumber,
        /// The filter, with its `$share` prefix.
        filter: Box<str>,
    },
    /// A topic's retained message has changed. Of several the highest version holds.
    Retained {
        /// The topic.
        topic: Arc<str>,
        /// The message, or nothing any more.
        message: Option<Arc<Message>>,
        /// Given under the lock of the table of retained messages.
        version: u64,
    },
    /// A session has a will. Its Message Expiry Interval, which begins to run when it is published,
    /// is among the message's properties.
    Will {
        /// The session.
        session: SessionNumber,
        /// The message.
        message: Arc<Message>,
        /// How long it waits after the connection has gone, in seconds.
        delay_interval: u32,
    },
    /// The session's will was published or dropped.
    WillDone {
        /// The session.
        session: SessionNumber,
    },
}

/// A session that is owed a message, and how it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTarget {
    /// The session.
    pub session: SessionNumber,
    /// The quality of service towards this session.
    pub qos: QoS,
    /// The RETAIN flag towards this session.
    pub retain: bool,
    /// The identifiers of the subscriptions that led here.
    pub identifiers: Arc<[NonZeroU32]>,
    /// The shared subscription through which it comes, whose other members may be owed it instead.
    pub group: Option<GroupNumber>,
}

/// The records of one turn, in order and without gaps.
#[derive(Debug)]
pub struct RecordBatch {
    /// Whose log they belong to.
    pub partition: Partition,
    /// The term in which they were made.
    pub epoch: Epoch,
    /// The shard that made them.
    pub writer: ShardIndex,
    /// When.
    pub at: Instant,
    /// The counter of the first; each further one counts one more.
    pub first: u64,
    /// Whether an answer waits until one of them survives the loss of power.
    pub needs_sync: bool,
    /// The records.
    pub records: Vec<Record>,
}

/// A session asks for the next messages that it may send.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Who asks.
    pub session: SessionRef,
    /// Which request of this session this is: an answer to an older one is ignored.
    pub request: u32,
    /// The messages, in the order in which they are wanted.
    pub messages: Vec<RecordNumber>,
}

/// The answer to a [`Fetch`].
#[derive(Debug)]
pub struct Fetched {
    /// Who asked.
    pub session: SessionRef,
    /// Which request is answered.
    pub request: u32,
    /// The messages in the order of the request, or nothing if they could not be read now. A
    /// message that the store does not know any more is left out.
    pub messages: Option<Vec<FetchedMessage>>,
}

/// A stored message, as one session is owed it.
#[derive(Clone, Debug)]
pub struct FetchedMessage {
    /// Its number.
    pub number: RecordNumber,
    /// The message.
    pub message: Arc<Message>,
    /// The RETAIN flag towards this session.
    pub retain: bool,
    /// The identifiers of the subscriptions that led here.
    pub identifiers: Arc<[NonZeroU32]>,
}
