//! Notices: what a log wants to know, as values. Whoever keeps the log finds the words for them.
//!
//! A notice is lent, never kept: nothing is copied for it, and what nobody is interested in is not
//! made. An [`Observer`] must not take long, because the shard waits for it.

use std::time::Duration;

use ferrymq_codec::{Delivery, Packet, PacketId, QoS, ReasonCode, Version};
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use crate::cause::Cause;
use crate::listener_profile::ListenerProfile;
use crate::peer::Peer;

/// Is told what happens in a shard.
pub trait Observer: Send {
    /// A turn begins: what is to be told of it.
    fn begin_turn(&mut self, now: Instant) -> Interests;

    /// Something of interest has happened.
    fn notice(&mut self, notice: &Notice<'_>);
}

/// Kinds of notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interests(u8);

impl Interests {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Connections and sessions that begin and end.
    pub const CONNECTIONS: Self = Self(1);
    /// Subscriptions that begin and end.
    pub const SUBSCRIPTIONS: Self = Self(2);
    /// Each packet in both directions.
    pub const PACKETS: Self = Self(4);

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of the others are among these.
    pub const fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A connection was accepted.
    Opened {
        /// Where it comes from, as far as that is known.
        peer: Peer,
        /// What it has come to.
        listener: &'a ListenerProfile,
    },
    /// A CONNECT was accepted; CONNACK follows.
    Connected(Connected<'a>),
    /// A connection has ended.
    Closed {
        /// The client identifier, if a CONNECT has said one.
        client_id: Option<&'a str>,
        /// Where it came from.
        peer: Peer,
        /// What it had come to.
        listener: &'a ListenerProfile,
        /// Why.
        cause: Cause,
    },
    /// A session has ended because its client was away for too long.
    SessionExpired {
        /// The client identifier.
        client_id: &'a str,
    },
    /// A question of access was not answered in time, and so with no.
    Unanswered {
        /// Where the connection comes from that had to wait.
        peer: Peer,
    },
    /// A client comes again and again, without saying goodbye, and is kept out for a while.
    Flapping {
        /// The client identifier.
        client_id: &'a str,
        /// Where it came from last.
        peer: Peer,
        /// How long it is kept out.
        ban: Duration,
    },
    /// A client has sent messages faster than it may, and has to wait. Said once of a connection.
    Paced {
        /// The client identifier.
        client_id: &'a str,
    },
    /// Messages for a client are dropped because too many wait for it. Said once until there is
    /// room again.
    Dropping {
        /// The client identifier.
        client_id: &'a str,
    },
    /// A client wants to subscribe, and this is what it is told.
    Subscribed {
        /// The client identifier.
        client_id: &'a str,
        /// The filter, with its mount point.
        filter: &'a str,
        /// The quality of service that it asked for.
        qos: QoS,
        /// The reason in SUBACK.
        reason: ReasonCode,
    },
    /// A client no longer wants to be subscribed.
    Unsubscribed {
        /// The client identifier.
        client_id: &'a str,
        /// The filter, with its mount point.
        filter: &'a str,
        /// The reason in UNSUBACK.
        reason: ReasonCode,
    },
    /// A packet was received.
    Received {
        /// The client identifier.
        client_id: &'a str,
        /// The packet.
        packet: Summary<'a>,
    },
    /// A message was received and will reach nobody.
    Denied {
        /// The client identifier.
        client_id: &'a str,
        /// The PUBLISH.
        packet: Summary<'a>,
        /// Why.
        reason: ReasonCode,
    },
    /// A packet is being sent.
    Sent {
        /// The client identifier.
        client_id: &'a str,
        /// The packet.
        packet: Summary<'a>,
    },
}

/// A client whose CONNECT was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Connected<'a> {
    /// The client identifier.
    pub client_id: &'a str,
    /// Where it comes from.
    pub peer: Peer,
    /// What it has come to.
    pub listener: &'a ListenerProfile,
    /// The protocol version that it speaks.
    pub version: Version,
    /// Whether it has asked for a clean start.
    pub clean_start: bool,
    /// The keep alive that it was granted, in seconds.
    pub keep_alive: u16,
    /// The session expiry interval that it was granted, in seconds.
    pub session_expiry_interval: u32,
    /// Whether a stored session goes on.
    pub session_present: bool,
    /// The user name.
    pub username: Option<&'a str>,
    /// The will.
    pub will: Option<WillSummary<'a>>,
}

/// A client's will, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WillSummary<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The length of the payload in bytes.
    pub payload_length: usize,
    /// Whether it is to be retained.
    pub retain: bool,
    /// The quality of service.
    pub qos: QoS,
}

/// A packet, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants and fields are those of the specification")]
pub enum Summary<'a> {
    ConnAck {
        session_present: bool,
        reason: ReasonCode,
    },
    /// The topic is the one that is matched: without an alias, with the mount point of a publisher.
    Publish {
        dup: bool,
        delivery: Delivery,
        retain: bool,
        topic: &'a str,
        payload_length: usize,
    },
    PubAck(PacketId, ReasonCode),
    PubRec(PacketId, ReasonCode),
    PubRel(PacketId, ReasonCode),
    PubComp(PacketId, ReasonCode),
    Subscribe(PacketId),
    SubAck(PacketId),
    Unsubscribe(PacketId),
    UnsubAck(PacketId),
    PingReq,
    PingResp,
    Disconnect(ReasonCode),
    Auth(ReasonCode),
}

impl<'a> Summary<'a> {
    /// A received packet that is taken as soon as it is read. PUBLISH, SUBSCRIBE and UNSUBSCRIBE may
    /// have to wait and be read again.
    pub(crate) fn of_simple(packet: &Packet<'a>) -> Option<Self> {
        Some(match packet {
            Packet::PubAck(ack) => Self::PubAck(ack.packet_id, ack.reason),
            Packet::PubRec(ack) => Self::PubRec(ack.packet_id, ack.reason),
            Packet::PubRel(ack) => Self::PubRel(ack.packet_id, ack.reason),
            Packet::PubComp(ack) => Self::PubComp(ack.packet_id, ack.reason),
            Packet::PingReq => Self::PingReq,
            Packet::Disconnect(disconnect) => Self::Disconnect(disconnect.reason),
            _ => return None,
        })
    }
}

impl From<&Reply> for Summary<'_> {
    fn from(reply: &Reply) -> Self {
        match reply {
            Reply::ConnAck(welcome) => Self::ConnAck {
                session_present: welcome.session_present,
                reason: ReasonCode::Success,
            },
            Reply::PubAck(packet_id, reason) => Self::PubAck(*packet_id, *reason),
            Reply::PubRec(packet_id, reason) => Self::PubRec(*packet_id, *reason),
            Reply::PubRel(packet_id, reason) => Self::PubRel(*packet_id, *reason),
            Reply::PubComp(packet_id, reason) => Self::PubComp(*packet_id, *reason),
            Reply::SubAck(packet_id, _) => Self::SubAck(*packet_id),
            Reply::UnsubAck(packet_id, _) => Self::UnsubAck(*packet_id),
        }
    }
}
