//! One model of the sixteen packet types for every protocol version (chapter 3 of the
//! specification). All text and bytes are borrowed.

use alloc::vec::Vec;
use core::{fmt, iter};

use crate::error::{DecodeError, EncodeError};
use crate::primitives::{PacketId, PacketType, QoS, Version};
use crate::properties::Properties;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::topic::{SubscriptionOptions, TopicFilter, TopicName};
use crate::writer::{append, put_string};

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

impl Packet<'_> {
    /// The type of the packet.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// CONNECT: a client asks for a connection (section 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Without the password.
impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password", &self.password.map(|_| format_args!("..")))
            .field("properties", &self.properties)
            .finish()
    }
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
    bytes: &'a [u8],
}

impl<'a> SubscriptionFilters<'a> {
    /// Checks the payload of a SUBSCRIBE of this protocol version.
    pub fn parse(bytes: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        // [MQTT-3.8.3-2]
        if reader.is_empty() {
            return Err(DecodeError::MissingTopicFilters);
        }
        while !reader.is_empty() {
            // [MQTT-3.8.3-1]
            let filter = TopicFilter::parse(reader.text()?)?;
            let bits = reader.byte()?;
            // [MQTT-3.8.3-4] of MQTT 3.1.1
            if version < Version::V5 && bits & 0b1111_1100 != 0 {
                return Err(DecodeError::ReservedSubscriptionOption);
            }
            let options = SubscriptionOptions::from_bits(bits)?;
            // [MQTT-3.8.3-4]
            if options.no_local && filter.share().is_some() {
                return Err(DecodeError::NoLocalOnSharedSubscription);
            }
        }
        Ok(Self { bytes })
    }

    /// Takes bytes that were checked before or come from [`SubscriptionFilters::encode_into`].
    ///
    /// Other bytes are not refused here; iterating ends at the first wrong one.
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Appends filters and options as they stand in a SUBSCRIBE of MQTT 5.0. This is what
    /// [`SubscriptionFilters::trusted`] takes, whatever version the SUBSCRIBE is encoded for.
    ///
    /// # Errors
    ///
    /// A filter that is too long; `out` is left as before.
    pub fn encode_into<'f>(
        filters: impl IntoIterator<Item = (TopicFilter<'f>, SubscriptionOptions)>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        append(out, |out| {
            filters.into_iter().try_for_each(|(filter, options)| {
                put_string(filter.as_str(), out)?;
                out.push(options.bits());
                Ok(())
            })
        })
    }

    /// The bytes as they stand in a SUBSCRIBE.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of filters.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is none, which only trusted bytes can say.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// The filters with their options, in order.
    pub fn iter(self) -> impl Iterator<Item = (TopicFilter<'a>, SubscriptionOptions)> + Clone {
        let mut reader = Reader::new(self.bytes);
        iter::from_fn(move || {
            let filter = TopicFilter::trusted(reader.text().ok()?);
            Some((filter, SubscriptionOptions::from_bits(reader.byte().ok()?).ok()?))
        })
    }
}

/// The Topic Filters of an UNSUBSCRIBE: checked bytes, read by iterating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicFilters<'a> {
    bytes: &'a [u8],
}

impl<'a> TopicFilters<'a> {
    /// Checks the payload of an UNSUBSCRIBE.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        // [MQTT-3.10.3-2]
        if reader.is_empty() {
            return Err(DecodeError::MissingTopicFilters);
        }
        while !reader.is_empty() {
            // [MQTT-3.10.3-1]
            TopicFilter::parse(reader.text()?)?;
        }
        Ok(Self { bytes })
    }

    /// Takes bytes that were checked before or come from [`TopicFilters::encode_into`].
    ///
    /// Other bytes are not refused here; iterating ends at the first wrong one.
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Appends filters as they stand in an UNSUBSCRIBE.
    ///
    /// # Errors
    ///
    /// A filter that is too long; `out` is left as before.
    pub fn encode_into<'f>(
        filters: impl IntoIterator<Item = TopicFilter<'f>>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        append(out, |out| {
            filters.into_iter().try_for_each(|filter| put_string(filter.as_str(), out))
        })
    }

    /// The bytes as they stand in an UNSUBSCRIBE.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of filters.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is none, which only trusted bytes can say.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// The filters in order.
    pub fn iter(self) -> impl Iterator<Item = TopicFilter<'a>> + Clone {
        let mut reader = Reader::new(self.bytes);
        iter::from_fn(move || reader.text().ok().map(TopicFilter::trusted))
    }
}

/// The reason codes of a SUBACK or UNSUBACK: checked bytes, read by iterating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonCodes<'a> {
    bytes: &'a [u8],
}

impl<'a> ReasonCodes<'a> {
    /// No reason codes: an UNSUBACK before MQTT 5.0.
    pub const EMPTY: Self = Self { bytes: &[] };

    /// Checks that every byte is a reason code of this packet type.
    pub fn parse(bytes: &'a [u8], packet_type: PacketType) -> Result<Self, DecodeError> {
        // [MQTT-3.9.3-2] [MQTT-3.11.3-2]
        for byte in bytes {
            ReasonCode::from_u8(*byte)
                .filter(|reason| reason.is_valid_in(packet_type))
                .ok_or(DecodeError::InvalidReasonCode)?;
        }
        Ok(Self { bytes })
    }

    /// The bytes as they stand in the packet.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of reason codes.
    pub const fn len(self) -> usize {
        self.bytes.len()
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The reason codes, in the order of the filters that they answer.
    pub fn iter(self) -> impl ExactSizeIterator<Item = ReasonCode> + Clone {
        self.bytes
            .iter()
            .map(|byte| ReasonCode::from_u8(*byte).unwrap_or(ReasonCode::UnspecifiedError))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn password_is_not_shown() {
        let connect = Connect {
            version: Version::V5,
            clean_start: true,
            keep_alive: 0,
            client_id: "c",
            will: None,
            username: Some("u"),
            password: Some(b"secret"),
            properties: Properties::EMPTY,
        };
        let shown = format!("{:?}", Packet::Connect(connect));
        assert!(shown.contains(r#"username: Some("u"), password: Some(..)"#), "{shown}");
    }
}
