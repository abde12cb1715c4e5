//! One model of the sixteen packet types for every protocol version (chapter 3 of the
//! specification). All text and bytes are borrowed.

use crate::primitives::{PacketId, QoS, Version};
use crate::property::Properties;
use crate::reason::{ReasonCode, ReasonCodes};
use crate::topic::{SubscriptionOptions, TopicFilter, TopicName};

/// A control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the packets of the specification")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Acknowledgement<'a>),
    PubRec(Acknowledgement<'a>),
    PubRel(Acknowledgement<'a>),
    PubComp(Acknowledgement<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK carries the same as SUBACK; before MQTT 5.0 it has no reason codes.
    UnsubAck(SubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

/// The type of a control packet: the high nibble of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are the packets of the specification")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

/// CONNECT: a client asks for a connection (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol version that the rest of the connection speaks.
    pub version: Version,
    /// Discard a session that may exist (`clean_session` before MQTT 5.0).
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 turns it off.
    pub keep_alive: u16,
    /// The Client Identifier; empty asks the server to assign one.
    pub client_id: &'a str,
    /// The will, if there is one.
    pub will: Option<Will<'a>>,
    /// User Name.
    pub username: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// CONNECT properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// The will of a CONNECT (sections 3.1.2.5 and 3.1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// The quality of service that the message is published with.
    pub qos: QoS,
    /// Whether the message is retained.
    pub retain: bool,
    /// Where the message is published.
    pub topic: TopicName<'a>,
    /// What is published.
    pub payload: &'a [u8],
    /// Will properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// CONNACK: the server's answer to CONNECT (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server goes on with a stored session.
    pub session_present: bool,
    /// The result. Encoded as the nearest return code for MQTT 3.1 and 3.1.1.
    pub reason: ReasonCode,
    /// CONNACK properties; not encoded before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// PUBLISH: an application message (section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether this may be a repetition of an earlier delivery.
    pub dup: bool,
    /// The quality of service, with the packet identifier that it needs.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The topic; `None` (empty on the wire) leaves it to a Topic Alias, in MQTT 5.0 only.
    pub topic: Option<TopicName<'a>>,
    /// PUBLISH properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
    /// The payload.
    pub payload: &'a [u8],
}

/// How a PUBLISH is delivered: a packet identifier exists exactly where it has a meaning
/// [MQTT-2.2.1-2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are those of `QoS`")]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce(PacketId),
    ExactlyOnce(PacketId),
}

impl Delivery {
    /// The quality of service.
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce(_) => QoS::AtLeastOnce,
            Self::ExactlyOnce(_) => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier, if the quality of service has one.
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce(packet_id) | Self::ExactlyOnce(packet_id) => Some(packet_id),
        }
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP: one layout with four names (sections 3.4 to 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// Which PUBLISH this is about.
    pub packet_id: PacketId,
    /// The result; `Success` before MQTT 5.0.
    pub reason: ReasonCode,
    /// Properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// SUBSCRIBE: a request for messages (section 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Which request this is.
    pub packet_id: PacketId,
    /// SUBSCRIBE properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
    /// What is asked for: at least one filter [MQTT-3.8.3-2].
    pub filters: SubscriptionFilters<'a>,
}

/// UNSUBSCRIBE: the end of some subscriptions (section 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Which request this is.
    pub packet_id: PacketId,
    /// UNSUBSCRIBE properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
    /// Which subscriptions end: at least one filter [MQTT-3.10.3-2].
    pub filters: TopicFilters<'a>,
}

/// SUBACK or UNSUBACK: a result for each filter of the request, in its order (sections 3.9, 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Which request is answered.
    pub packet_id: PacketId,
    /// Properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
    /// A reason code per filter; empty in an UNSUBACK before MQTT 5.0.
    pub reasons: ReasonCodes<'a>,
}

/// DISCONNECT: the last packet of a connection (section 3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; `Success` (Normal disconnection) before MQTT 5.0.
    pub reason: ReasonCode,
    /// Properties; empty before MQTT 5.0.
    pub properties: Properties<'a>,
}

/// AUTH: a step of an extended authentication exchange (section 3.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// `Success`, `ContinueAuthentication` or `Reauthenticate`.
    pub reason: ReasonCode,
    /// AUTH properties.
    pub properties: Properties<'a>,
}

/// The Topic Filters of a SUBSCRIBE with their options: checked bytes, read by iterating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionFilters<'a> {
    pub(crate) bytes: &'a [u8],
}

/// The Topic Filters of an UNSUBSCRIBE: checked bytes, read by iterating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicFilters<'a> {
    pub(crate) bytes: &'a [u8],
}
