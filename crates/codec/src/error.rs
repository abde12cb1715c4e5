//! What can be wrong with bytes: [`DecodeError`] with received ones, [`EncodeError`] with a packet
//! that is to become bytes. Both say one cause and read as a sentence in a log line.

use crate::reason::ReasonCode;

/// Why bytes are not a packet, or text is not a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "every variant displays itself as a sentence")]
pub enum DecodeError {
    #[error("the packet type 0 is reserved")]
    ReservedPacketType,
    #[error("the flags in the first byte are not those of the packet type")]
    ReservedFlags,
    #[error("the QoS is 3")]
    InvalidQoS,
    #[error("the DUP flag is set at QoS 0")]
    DupAtMostOnce,
    #[error("a Variable Byte Integer is longer than four bytes")]
    VariableByteIntegerTooLong,
    #[error("a Variable Byte Integer uses more bytes than it needs")]
    VariableByteIntegerNotMinimal,
    #[error("the packet is larger than the receiver accepts")]
    PacketTooLarge,
    #[error("the packet ends in the middle of a field")]
    Truncated,
    #[error("the packet goes on after its last field")]
    TrailingBytes,
    #[error("a string is not well-formed UTF-8")]
    InvalidUtf8,
    #[error("a string contains the null character")]
    NullCharacter,
    #[error("the Packet Identifier is zero")]
    ZeroPacketId,
    #[error("the packet type does not exist in the protocol version of the connection")]
    NotInVersion,
    #[error("the Protocol Name is not that of MQTT")]
    UnknownProtocolName,
    #[error("the Protocol Version is not supported")]
    UnsupportedProtocolVersion,
    #[error("the reserved Connect Flag is set")]
    ReservedConnectFlag,
    #[error("the Connect Flags give a QoS or RETAIN to a Will that does not exist")]
    WillFlagsWithoutWill,
    #[error("there is a Password without a User Name")]
    PasswordWithoutUserName,
    #[error("a reserved Connect Acknowledge Flag is set")]
    ReservedConnectAcknowledgeFlag,
    #[error("Session Present is set although the connection is refused")]
    SessionPresentOnRefusal,
    #[error("the reason code is unknown or not one of the packet type")]
    InvalidReasonCode,
    #[error("the reason codes are missing")]
    MissingReasonCodes,
    #[error("there is no Topic Filter")]
    MissingTopicFilters,
    #[error("a reserved Subscription Option is set")]
    ReservedSubscriptionOption,
    #[error("the Maximum QoS of a subscription is 3")]
    InvalidMaximumQoS,
    #[error("the Retain Handling is 3")]
    InvalidRetainHandling,
    #[error("No Local is set on a shared subscription")]
    NoLocalOnSharedSubscription,
    #[error("the property is unknown")]
    UnknownProperty,
    #[error("the property is not one of the packet type")]
    PropertyNotInPacket,
    #[error("a property occurs twice")]
    RepeatedProperty,
    #[error("the value of a property is forbidden")]
    ForbiddenPropertyValue,
    #[error("the Topic Alias is zero")]
    ZeroTopicAlias,
    #[error("there is Authentication Data without an Authentication Method")]
    AuthenticationDataWithoutMethod,
    #[error("there is neither a Topic Name nor a Topic Alias")]
    MissingTopicName,
    #[error("the Topic Name is empty")]
    EmptyTopicName,
    #[error("the Topic Name contains a wildcard")]
    WildcardInTopicName,
    #[error("the Topic Name is longer than 65,535 bytes")]
    TopicNameTooLong,
    #[error("the Topic Name has too many levels")]
    TooManyTopicNameLevels,
    #[error("the Topic Filter is empty")]
    EmptyTopicFilter,
    #[error("a wildcard of the Topic Filter does not stand for a whole level, or # is not last")]
    MisplacedWildcard,
    #[error("the Topic Filter is longer than 65,535 bytes")]
    TopicFilterTooLong,
    #[error("the Topic Filter has too many levels")]
    TooManyTopicFilterLevels,
    #[error("the Share Name is empty or contains a wildcard")]
    InvalidShareName,
    #[error("the shared subscription has no Topic Filter")]
    MissingSharedFilter,
    #[error("the Topic Filter of the shared subscription is one of a shared subscription itself")]
    NestedSharedSubscription,
}

impl DecodeError {
    /// The reason code that tells the peer about the error.
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::ReservedPacketType
            | Self::ReservedFlags
            | Self::InvalidQoS
            | Self::DupAtMostOnce
            | Self::VariableByteIntegerTooLong
            | Self::VariableByteIntegerNotMinimal
            | Self::Truncated
            | Self::TrailingBytes
            | Self::InvalidUtf8
            | Self::NullCharacter
            | Self::NotInVersion
            | Self::UnknownProtocolName
            | Self::ReservedConnectFlag
            | Self::WillFlagsWithoutWill
            | Self::PasswordWithoutUserName
            | Self::ReservedConnectAcknowledgeFlag
            | Self::InvalidReasonCode
            | Self::ReservedSubscriptionOption
            // Section 2.2.2.2 calls the two a Malformed Packet, not a Protocol Error.
            | Self::UnknownProperty
            | Self::PropertyNotInPacket => ReasonCode::MalformedPacket,
            Self::ZeroPacketId
            | Self::SessionPresentOnRefusal
            | Self::MissingReasonCodes
            | Self::MissingTopicFilters
            | Self::InvalidMaximumQoS
            | Self::InvalidRetainHandling
            | Self::NoLocalOnSharedSubscription
            | Self::RepeatedProperty
            | Self::ForbiddenPropertyValue
            | Self::AuthenticationDataWithoutMethod
            | Self::MissingTopicName => ReasonCode::ProtocolError,
            Self::UnsupportedProtocolVersion => ReasonCode::UnsupportedProtocolVersion,
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::ZeroTopicAlias => ReasonCode::TopicAliasInvalid,
            Self::EmptyTopicName
            | Self::WildcardInTopicName
            | Self::TopicNameTooLong
            | Self::TooManyTopicNameLevels => ReasonCode::TopicNameInvalid,
            Self::EmptyTopicFilter
            | Self::MisplacedWildcard
            | Self::TopicFilterTooLong
            | Self::TooManyTopicFilterLevels
            | Self::InvalidShareName
            | Self::MissingSharedFilter
            | Self::NestedSharedSubscription => ReasonCode::TopicFilterInvalid,
        }
    }
}

/// Why a packet cannot become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "every variant displays itself as a sentence")]
pub enum EncodeError {
    #[error("a string or binary field is longer than 65,535 bytes")]
    FieldTooLong,
    #[error("a number is larger than the 268,435,455 of a Variable Byte Integer")]
    NumberTooLarge,
    #[error("the packet is larger than the protocol allows")]
    PacketTooLarge,
    #[error("the packet type does not exist in the protocol version")]
    NotInVersion,
    #[error("the Topic Name is missing, and the protocol version has no Topic Alias")]
    MissingTopicName,
    #[error("there is a Password without a User Name, which needs MQTT 5.0")]
    PasswordWithoutUserName,
}

impl EncodeError {
    /// The reason code for an operation that fails because of the error.
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::PacketTooLarge => ReasonCode::PacketTooLarge,
            Self::FieldTooLong
            | Self::NumberTooLarge
            | Self::NotInVersion
            | Self::MissingTopicName
            | Self::PasswordWithoutUserName => ReasonCode::ImplementationSpecificError,
        }
    }
}
