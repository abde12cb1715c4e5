//! A single property (section 2.2.2.2): its identifier, its value, and where it may occur.

use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use crate::error::{DecodeError, EncodeError};
use crate::primitives::{PacketType, QoS};
use crate::reader::Reader;
use crate::topic::TopicName;
use crate::writer::{put_binary, put_string, put_variable_byte_integer};

/// A property with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// Payload Format Indicator: whether the payload is UTF-8 text.
    PayloadFormatIndicator(bool),
    /// Message Expiry Interval in seconds.
    MessageExpiryInterval(u32),
    /// Content Type.
    ContentType(&'a str),
    /// Response Topic.
    ResponseTopic(TopicName<'a>),
    /// Correlation Data.
    CorrelationData(&'a [u8]),
    /// Subscription Identifier: 1 to 268,435,455.
    SubscriptionIdentifier(NonZeroU32),
    /// Session Expiry Interval in seconds; `u32::MAX` is for ever.
    SessionExpiryInterval(u32),
    /// Assigned Client Identifier.
    AssignedClientIdentifier(&'a str),
    /// Server Keep Alive in seconds.
    ServerKeepAlive(u16),
    /// Authentication Method.
    AuthenticationMethod(&'a str),
    /// Authentication Data.
    AuthenticationData(&'a [u8]),
    /// Request Problem Information.
    RequestProblemInformation(bool),
    /// Will Delay Interval in seconds.
    WillDelayInterval(u32),
    /// Request Response Information.
    RequestResponseInformation(bool),
    /// Response Information.
    ResponseInformation(&'a str),
    /// Server Reference.
    ServerReference(&'a str),
    /// Reason String.
    ReasonString(&'a str),
    /// Receive Maximum.
    ReceiveMaximum(NonZeroU16),
    /// Topic Alias Maximum.
    TopicAliasMaximum(u16),
    /// Topic Alias.
    TopicAlias(NonZeroU16),
    /// Maximum QoS: 0 or 1.
    MaximumQoS(QoS),
    /// Retain Available.
    RetainAvailable(bool),
    /// User Property: a name and a value; may be repeated.
    UserProperty((&'a str, &'a str)),
    /// Maximum Packet Size in bytes.
    MaximumPacketSize(NonZeroU32),
    /// Wildcard Subscription Available.
    WildcardSubscriptionAvailable(bool),
    /// Subscription Identifiers Available.
    SubscriptionIdentifierAvailable(bool),
    /// Shared Subscription Available.
    SharedSubscriptionAvailable(bool),
}

impl<'a> Property<'a> {
    /// The identifier.
    pub const fn id(&self) -> PropertyId {
        match self {
            Self::PayloadFormatIndicator(_) => PropertyId::PayloadFormatIndicator,
            Self::MessageExpiryInterval(_) => PropertyId::MessageExpiryInterval,
            Self::ContentType(_) => PropertyId::ContentType,
            Self::ResponseTopic(_) => PropertyId::ResponseTopic,
            Self::CorrelationData(_) => PropertyId::CorrelationData,
            Self::SubscriptionIdentifier(_) => PropertyId::SubscriptionIdentifier,
            Self::SessionExpiryInterval(_) => PropertyId::SessionExpiryInterval,
            Self::AssignedClientIdentifier(_) => PropertyId::AssignedClientIdentifier,
            Self::ServerKeepAlive(_) => PropertyId::ServerKeepAlive,
            Self::AuthenticationMethod(_) => PropertyId::AuthenticationMethod,
            Self::AuthenticationData(_) => PropertyId::AuthenticationData,
            Self::RequestProblemInformation(_) => PropertyId::RequestProblemInformation,
            Self::WillDelayInterval(_) => PropertyId::WillDelayInterval,
            Self::RequestResponseInformation(_) => PropertyId::RequestResponseInformation,
            Self::ResponseInformation(_) => PropertyId::ResponseInformation,
            Self::ServerReference(_) => PropertyId::ServerReference,
            Self::ReasonString(_) => PropertyId::ReasonString,
            Self::ReceiveMaximum(_) => PropertyId::ReceiveMaximum,
            Self::TopicAliasMaximum(_) => PropertyId::TopicAliasMaximum,
            Self::TopicAlias(_) => PropertyId::TopicAlias,
            Self::MaximumQoS(_) => PropertyId::MaximumQoS,
            Self::RetainAvailable(_) => PropertyId::RetainAvailable,
            Self::UserProperty(_) => PropertyId::UserProperty,
            Self::MaximumPacketSize(_) => PropertyId::MaximumPacketSize,
            Self::WildcardSubscriptionAvailable(_) => PropertyId::WildcardSubscriptionAvailable,
            Self::SubscriptionIdentifierAvailable(_) => PropertyId::SubscriptionIdentifierAvailable,
            Self::SharedSubscriptionAvailable(_) => PropertyId::SharedSubscriptionAvailable,
        }
    }

    /// Reads the value of the property with this identifier.
    pub(crate) fn read_value(id: PropertyId, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match id {
            PropertyId::PayloadFormatIndicator => Self::PayloadFormatIndicator(flag(reader)?),
            PropertyId::MessageExpiryInterval => Self::MessageExpiryInterval(reader.four_bytes()?),
            PropertyId::ContentType => Self::ContentType(reader.string()?),
            // [MQTT-3.3.2-13] [MQTT-3.3.2-14]
            PropertyId::ResponseTopic => Self::ResponseTopic(TopicName::parse(reader.text()?)?),
            PropertyId::CorrelationData => Self::CorrelationData(reader.binary()?),
            PropertyId::SubscriptionIdentifier => {
                Self::SubscriptionIdentifier(non_zero_u32(reader.variable_byte_integer()?)?)
            }
            PropertyId::SessionExpiryInterval => Self::SessionExpiryInterval(reader.four_bytes()?),
            PropertyId::AssignedClientIdentifier => {
                Self::AssignedClientIdentifier(reader.string()?)
            }
            PropertyId::ServerKeepAlive => Self::ServerKeepAlive(reader.two_bytes()?),
            PropertyId::AuthenticationMethod => Self::AuthenticationMethod(reader.string()?),
            PropertyId::AuthenticationData => Self::AuthenticationData(reader.binary()?),
            PropertyId::RequestProblemInformation => Self::RequestProblemInformation(flag(reader)?),
            PropertyId::WillDelayInterval => Self::WillDelayInterval(reader.four_bytes()?),
            PropertyId::RequestResponseInformation => {
                Self::RequestResponseInformation(flag(reader)?)
            }
            PropertyId::ResponseInformation => Self::ResponseInformation(reader.string()?),
            PropertyId::ServerReference => Self::ServerReference(reader.string()?),
            PropertyId::ReasonString => Self::ReasonString(reader.string()?),
            PropertyId::ReceiveMaximum => Self::ReceiveMaximum(non_zero_u16(reader.two_bytes()?)?),
            PropertyId::TopicAliasMaximum => Self::TopicAliasMaximum(reader.two_bytes()?),
            // [MQTT-3.3.2-8]
            PropertyId::TopicAlias => Self::TopicAlias(
                NonZeroU16::new(reader.two_bytes()?).ok_or(DecodeError::ZeroTopicAlias)?,
            ),
            PropertyId::MaximumQoS => Self::MaximumQoS(maximum_qos(reader)?),
            PropertyId::RetainAvailable => Self::RetainAvailable(flag(reader)?),
            PropertyId::UserProperty => Self::UserProperty((reader.string()?, reader.string()?)),
            PropertyId::MaximumPacketSize => {
                Self::MaximumPacketSize(non_zero_u32(reader.four_bytes()?)?)
            }
            PropertyId::WildcardSubscriptionAvailable => {
                Self::WildcardSubscriptionAvailable(flag(reader)?)
            }
            PropertyId::SubscriptionIdentifierAvailable => {
                Self::SubscriptionIdentifierAvailable(flag(reader)?)
            }
            PropertyId::SharedSubscriptionAvailable => {
                Self::SharedSubscriptionAvailable(flag(reader)?)
            }
        })
    }

    /// Appends the value.
    pub(crate) fn put_value(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => out.push(u8::from(value)),
            Self::ServerKeepAlive(value) | Self::TopicAliasMaximum(value) => {
                out.extend_from_slice(&value.to_be_bytes());
            }
            Self::ReceiveMaximum(value) | Self::TopicAlias(value) => {
                out.extend_from_slice(&value.get().to_be_bytes());
            }
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::ContentType(value)
            | Self::AssignedClientIdentifier(value)
            | Self::AuthenticationMethod(value)
            | Self::ResponseInformation(value)
            | Self::ServerReference(value)
            | Self::ReasonString(value) => put_string(value, out)?,
            Self::CorrelationData(value) | Self::AuthenticationData(value) => {
                put_binary(value, out)?;
            }
            Self::ResponseTopic(value) => put_string(value.as_str(), out)?,
            Self::SubscriptionIdentifier(value) => put_variable_byte_integer(value.get(), out)?,
            Self::MaximumQoS(value) => out.push(value.bits()),
            Self::UserProperty((name, value)) => {
                put_string(name, out)?;
                put_string(value, out)?;
            }
            Self::MaximumPacketSize(value) => out.extend_from_slice(&value.get().to_be_bytes()),
        }
        Ok(())
    }
}

/// The identifier of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are those of `Property`")]
pub enum PropertyId {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQoS = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifierAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
}

impl PropertyId {
    /// The identifier with this value. All known ones fit into one byte.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            0x01 => Self::PayloadFormatIndicator,
            0x02 => Self::MessageExpiryInterval,
            0x03 => Self::ContentType,
            0x08 => Self::ResponseTopic,
            0x09 => Self::CorrelationData,
            0x0B => Self::SubscriptionIdentifier,
            0x11 => Self::SessionExpiryInterval,
            0x12 => Self::AssignedClientIdentifier,
            0x13 => Self::ServerKeepAlive,
            0x15 => Self::AuthenticationMethod,
            0x16 => Self::AuthenticationData,
            0x17 => Self::RequestProblemInformation,
            0x18 => Self::WillDelayInterval,
            0x19 => Self::RequestResponseInformation,
            0x1A => Self::ResponseInformation,
            0x1C => Self::ServerReference,
            0x1F => Self::ReasonString,
            0x21 => Self::ReceiveMaximum,
            0x22 => Self::TopicAliasMaximum,
            0x23 => Self::TopicAlias,
            0x24 => Self::MaximumQoS,
            0x25 => Self::RetainAvailable,
            0x26 => Self::UserProperty,
            0x27 => Self::MaximumPacketSize,
            0x28 => Self::WildcardSubscriptionAvailable,
            0x29 => Self::SubscriptionIdentifierAvailable,
            0x2A => Self::SharedSubscriptionAvailable,
            _ => return None,
        })
    }

    /// The value on the wire.
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// Whether the property may occur there.
    pub const fn is_allowed_in(self, context: PropertyContext) -> bool {
        use PacketType::{
            Auth, ConnAck, Connect, Disconnect, PingReq, PingResp, Publish, Subscribe,
        };
        let packet_type = match context {
            PropertyContext::Will => return self.is_allowed_in_will(),
            PropertyContext::Packet(packet_type) => packet_type,
        };
        match self {
            Self::PayloadFormatIndicator
            | Self::MessageExpiryInterval
            | Self::ContentType
            | Self::ResponseTopic
            | Self::CorrelationData
            | Self::TopicAlias => matches!(packet_type, Publish),
            Self::SubscriptionIdentifier => matches!(packet_type, Publish | Subscribe),
            Self::SessionExpiryInterval => matches!(packet_type, Connect | ConnAck | Disconnect),
            Self::AuthenticationMethod | Self::AuthenticationData => {
                matches!(packet_type, Connect | ConnAck | Auth)
            }
            Self::RequestProblemInformation | Self::RequestResponseInformation => {
                matches!(packet_type, Connect)
            }
            Self::WillDelayInterval => false,
            Self::ServerReference => matches!(packet_type, ConnAck | Disconnect),
            Self::ReasonString => !matches!(
                packet_type,
                Connect | Publish | Subscribe | PacketType::Unsubscribe | PingReq | PingResp
            ),
            Self::ReceiveMaximum | Self::TopicAliasMaximum | Self::MaximumPacketSize => {
                matches!(packet_type, Connect | ConnAck)
            }
            Self::UserProperty => !matches!(packet_type, PingReq | PingResp),
            Self::AssignedClientIdentifier
            | Self::ServerKeepAlive
            | Self::ResponseInformation
            | Self::MaximumQoS
            | Self::RetainAvailable
            | Self::WildcardSubscriptionAvailable
            | Self::SubscriptionIdentifierAvailable
            | Self::SharedSubscriptionAvailable => matches!(packet_type, ConnAck),
        }
    }

    const fn is_allowed_in_will(self) -> bool {
        matches!(
            self,
            Self::WillDelayInterval
                | Self::PayloadFormatIndicator
                | Self::MessageExpiryInterval
                | Self::ContentType
                | Self::ResponseTopic
                | Self::CorrelationData
                | Self::UserProperty
        )
    }

    /// Whether the property may occur more than once there.
    pub(crate) const fn may_repeat_in(self, context: PropertyContext) -> bool {
        match self {
            Self::UserProperty => true,
            Self::SubscriptionIdentifier => {
                matches!(context, PropertyContext::Packet(PacketType::Publish))
            }
            _ => false,
        }
    }

    /// Reads past a value without looking at it.
    pub(crate) fn skip_value(self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match self {
            Self::PayloadFormatIndicator
            | Self::RequestProblemInformation
            | Self::RequestResponseInformation
            | Self::MaximumQoS
            | Self::RetainAvailable
            | Self::WildcardSubscriptionAvailable
            | Self::SubscriptionIdentifierAvailable
            | Self::SharedSubscriptionAvailable => reader.byte().map(drop),
            Self::MessageExpiryInterval
            | Self::SessionExpiryInterval
            | Self::WillDelayInterval
            | Self::MaximumPacketSize => reader.four_bytes().map(drop),
            Self::ContentType
            | Self::ResponseTopic
            | Self::AssignedClientIdentifier
            | Self::AuthenticationMethod
            | Self::ResponseInformation
            | Self::ServerReference
            | Self::ReasonString
            | Self::CorrelationData
            | Self::AuthenticationData => reader.binary().map(drop),
            Self::SubscriptionIdentifier => reader.variable_byte_integer().map(drop),
            Self::ServerKeepAlive
            | Self::ReceiveMaximum
            | Self::TopicAliasMaximum
            | Self::TopicAlias => reader.two_bytes().map(drop),
            Self::UserProperty => reader.binary().and_then(|_| reader.binary()).map(drop),
        }
    }
}

/// Where a block of properties stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PropertyContext {
    /// In the variable header of a packet of this type.
    Packet(PacketType),
    /// In front of the Will Topic of a CONNECT.
    Will,
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::ForbiddenPropertyValue),
    }
}

/// QoS 2 is the default and cannot be said.
fn maximum_qos(reader: &mut Reader<'_>) -> Result<QoS, DecodeError> {
    flag(reader).map(|at_least_once| if at_least_once { QoS::AtLeastOnce } else { QoS::AtMostOnce })
}

fn non_zero_u16(value: u16) -> Result<NonZeroU16, DecodeError> {
    NonZeroU16::new(value).ok_or(DecodeError::ForbiddenPropertyValue)
}

fn non_zero_u32(value: u32) -> Result<NonZeroU32, DecodeError> {
    NonZeroU32::new(value).ok_or(DecodeError::ForbiddenPropertyValue)
}
