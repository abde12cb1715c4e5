//! Blocks of properties (section 2.2.2).
//!
//! A block is checked once, when its packet is decoded, and then kept as it came: [`Properties`]
//! borrows the block and reads it again when asked, so that relaying a message keeps the order in
//! which the publisher sent its properties. [`PropertyBuffer`] makes a new block.
//!
//! Reading never panics. A block that is not what it claims to be ends at its first wrong byte.

use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use crate::error::{DecodeError, EncodeError};
use crate::primitives::QoS;
use crate::property::{Property, PropertyContext, PropertyId};
use crate::reader::Reader;
use crate::topic::TopicName;

/// A checked block of properties, without its length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    bytes: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self { bytes: &[] };

    /// Checks a block, given without its length, that stands in this place.
    pub fn parse(bytes: &'a [u8], context: PropertyContext) -> Result<Self, DecodeError> {
        // One bit for each identifier; the highest is 0x2A.
        let mut seen: u64 = 0;
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let id = PropertyId::from_u8(reader.byte()?).ok_or(DecodeError::UnknownProperty)?;
            if !id.is_allowed_in(context) {
                return Err(DecodeError::PropertyNotInPacket);
            }
            let bit = 1 << id.value();
            if seen & bit != 0 && !id.may_repeat_in(context) {
                return Err(DecodeError::RepeatedProperty);
            }
            seen |= bit;
            Property::read_value(id, &mut reader)?;
        }
        let data = seen & 1 << PropertyId::AuthenticationData.value() != 0;
        let method = seen & 1 << PropertyId::AuthenticationMethod.value() != 0;
        if data && !method {
            return Err(DecodeError::AuthenticationDataWithoutMethod);
        }
        Ok(Self { bytes })
    }

    /// Reads the length of a block and checks the block.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        context: PropertyContext,
    ) -> Result<Self, DecodeError> {
        let length = reader.variable_byte_integer()?;
        let length = usize::try_from(length).map_err(|_| DecodeError::Truncated)?;
        Self::parse(reader.take(length)?, context)
    }

    /// Takes bytes that were checked before: those of [`Properties::as_bytes`] or
    /// [`Properties::copy_relayed_into`].
    ///
    /// Other bytes are not refused here and give some properties, or none.
    pub const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The length of the block in bytes, without the length that precedes it on the wire.
    pub const fn len(self) -> usize {
        self.bytes.len()
    }

    /// The block as it came.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The properties in their order.
    pub fn iter(self) -> impl Iterator<Item = Property<'a>> + Clone {
        self.entries().map_while(Entry::property)
    }

    /// Every User Property in its order.
    pub fn user_properties(self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
        self.values(PropertyId::UserProperty).filter_map(|property| match property {
            Property::UserProperty(pair) => Some(pair),
            _ => None,
        })
    }

    /// Every Subscription Identifier in its order; a SUBSCRIBE has at most one.
    pub fn subscription_identifiers(self) -> impl Iterator<Item = NonZeroU32> + Clone {
        self.values(PropertyId::SubscriptionIdentifier).filter_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }

    /// Appends the properties that belong to the message and travel with it, in their order: of a
    /// PUBLISH all but Topic Alias and Subscription Identifier, of a will all but Will Delay
    /// Interval.
    pub fn copy_relayed_into(self, out: &mut Vec<u8>) {
        out.reserve(self.bytes.len());
        for entry in self.entries() {
            if !matches!(
                entry.id,
                PropertyId::TopicAlias
                    | PropertyId::SubscriptionIdentifier
                    | PropertyId::WillDelayInterval
            ) {
                // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17]
                // [MQTT-3.3.2-18] [MQTT-3.3.2-20]
                out.extend_from_slice(entry.bytes);
            }
        }
    }

    /// The block around the value of its Message Expiry Interval: what is before and what is after
    /// the value.
    pub(crate) fn split_at_message_expiry(self) -> Option<(&'a [u8], &'a [u8])> {
        let mut entries = self.entries();
        loop {
            let start = self.bytes.len().checked_sub(entries.rest.len())?;
            if entries.next()?.id == PropertyId::MessageExpiryInterval {
                let (before, _) = self.bytes.split_at_checked(start.checked_add(1)?)?;
                return Some((before, entries.rest));
            }
        }
    }

    fn values(self, id: PropertyId) -> impl Iterator<Item = Property<'a>> + Clone {
        self.entries().filter(move |entry| entry.id == id).map_while(Entry::property)
    }

    const fn entries(self) -> Entries<'a> {
        Entries { rest: self.bytes }
    }
}

macro_rules! accessors {
    ($($name:ident: $property:ident($value:ty),)*) => {
        /// The properties that occur at most once, by name; `None` where one is absent.
        impl<'a> Properties<'a> {
            $(
                #[doc = concat!("The value of [`Property::", stringify!($property), "`].")]
                pub fn $name(self) -> Option<$value> {
                    match self.values(PropertyId::$property).next()? {
                        Property::$property(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

accessors! {
    payload_format_indicator: PayloadFormatIndicator(bool),
    message_expiry_interval: MessageExpiryInterval(u32),
    content_type: ContentType(&'a str),
    response_topic: ResponseTopic(TopicName<'a>),
    correlation_data: CorrelationData(&'a [u8]),
    session_expiry_interval: SessionExpiryInterval(u32),
    assigned_client_identifier: AssignedClientIdentifier(&'a str),
    server_keep_alive: ServerKeepAlive(u16),
    authentication_method: AuthenticationMethod(&'a str),
    authentication_data: AuthenticationData(&'a [u8]),
    request_problem_information: RequestProblemInformation(bool),
    will_delay_interval: WillDelayInterval(u32),
    request_response_information: RequestResponseInformation(bool),
    response_information: ResponseInformation(&'a str),
    server_reference: ServerReference(&'a str),
    reason_string: ReasonString(&'a str),
    receive_maximum: ReceiveMaximum(NonZeroU16),
    topic_alias_maximum: TopicAliasMaximum(u16),
    topic_alias: TopicAlias(NonZeroU16),
    maximum_qos: MaximumQoS(QoS),
    retain_available: RetainAvailable(bool),
    maximum_packet_size: MaximumPacketSize(NonZeroU32),
    wildcard_subscription_available: WildcardSubscriptionAvailable(bool),
    subscription_identifier_available: SubscriptionIdentifierAvailable(bool),
    shared_subscription_available: SharedSubscriptionAvailable(bool),
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A block of properties in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
}

impl PropertyBuffer {
    /// An empty block.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// The properties that belong to the message and travel with it; see
    /// [`Properties::copy_relayed_into`].
    pub fn relayed(properties: Properties<'_>) -> Self {
        let mut bytes = Vec::new();
        properties.copy_relayed_into(&mut bytes);
        Self { bytes }
    }

    /// Adds a property at the end. Whether it may occur, and how often, is for the caller to know.
    ///
    /// # Errors
    ///
    /// A value that is too long for its field; the block stays as it was.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), EncodeError> {
        let length = self.bytes.len();
        self.bytes.push(property.id().value());
        let result = property.put_value(&mut self.bytes);
        if result.is_err() {
            self.bytes.truncate(length);
        }
        result
    }

    /// Removes all properties and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The block.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { bytes: &self.bytes }
    }
}

/// The properties of a block with the bytes that they take, values unread.
#[derive(Clone)]
struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mut reader = Reader::new(self.rest);
        let id = PropertyId::from_u8(reader.byte().ok()?)?;
        id.skip_value(&mut reader).ok()?;
        let length = self.rest.len().checked_sub(reader.rest().len())?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Entry { id, bytes })
    }
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    id: PropertyId,
    /// The whole property, identifier included.
    bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    fn property(self) -> Option<Property<'a>> {
        let mut reader = Reader::new(self.bytes);
        reader.byte().ok()?;
        Property::read_value(self.id, &mut reader).ok()
    }
}
