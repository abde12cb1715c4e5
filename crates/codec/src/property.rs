//! Properties (section 2.2.2.2): what MQTT 5.0 adds to a packet.
//!
//! A property block is checked once, when its packet is decoded, and then kept as it came:
//! [`Properties`] borrows the block and reads it again when asked, so that relaying a message
//! keeps the order in which the publisher sent its properties.

use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use crate::primitives::QoS;
use crate::topic::TopicName;

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

/// A checked block of properties, without its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
}

/// A block of properties in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
}
