//! The encoder of PUBLISH (section 3.3). A broker writes little else, and it relays a block of
//! properties that it has checked before: the block is copied verbatim, and what belongs to this
//! one delivery is put around it. The length is known before the first byte is written, so the
//! buffer grows once.

use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use crate::error::EncodeError;
use crate::packet::Delivery;
use crate::primitives::{MAX_REMAINING_LENGTH, PacketType, QoS, Version};
use crate::properties::Properties;
use crate::property::PropertyId;
use crate::writer::{
    append, length_to_u32, put_string, put_variable_byte_integer, variable_byte_integer_length,
};

/// A PUBLISH about to be written, its payload apart.
#[derive(Clone, Copy, Debug)]
pub struct PublishEncoder<'a> {
    /// Whether this may be a repetition; not encoded at QoS 0.
    pub dup: bool,
    /// The quality of service, with the packet identifier that it needs.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The Topic Name; empty where a Topic Alias stands for it.
    pub topic: &'a str,
    /// The properties that are relayed as they are.
    pub properties: Properties<'a>,
    /// What remains of the Message Expiry Interval. It takes the place of the one in `properties`,
    /// or stands in front of them if there is none.
    pub message_expiry_interval: Option<u32>,
    /// The Topic Alias of this connection.
    pub topic_alias: Option<NonZeroU16>,
    /// The identifiers of the subscriptions that match.
    pub subscription_identifiers: &'a [NonZeroU32],
    /// The length of the payload that follows.
    pub payload_length: usize,
}

impl PublishEncoder<'_> {
    /// The length of the whole packet, payload included.
    pub fn encoded_length(&self, version: Version) -> usize {
        self.layout(version).packet_length()
    }

    /// Appends everything but the payload and returns the number of bytes.
    ///
    /// # Errors
    ///
    /// A field or the packet is too long; `out` is left as before.
    pub fn encode_head(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let layout = self.layout(version);
        let length = layout.packet_length().saturating_sub(self.payload_length);
        out.reserve(length);
        append(out, |out| self.put_head(&layout, out))?;
        Ok(length)
    }

    /// Appends the whole packet. The length of `payload` overrules `payload_length`.
    ///
    /// # Errors
    ///
    /// A field or the packet is too long; `out` is left as before.
    pub fn encode(
        &self,
        version: Version,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let publish = Self { payload_length: payload.len(), ..*self };
        let layout = publish.layout(version);
        out.reserve(layout.packet_length().min(MAX_REMAINING_LENGTH));
        append(out, |out| publish.put_head(&layout, out))?;
        out.extend_from_slice(payload);
        Ok(())
    }

    fn layout(&self, version: Version) -> Layout<'_> {
        let block = (version == Version::V5).then(|| self.block());
        let packet_id = if self.delivery.packet_id().is_some() { 2 } else { 0 };
        let remaining_length = self
            .topic
            .len()
            .saturating_add(2)
            .saturating_add(packet_id)
            .saturating_add(block.as_ref().map_or(0, Block::length_with_prefix))
            .saturating_add(self.payload_length);
        Layout { remaining_length, block }
    }

    fn block(&self) -> Block<'_> {
        let around_expiry = match self.message_expiry_interval {
            Some(_) => self.properties.split_at_message_expiry(),
            None => None,
        };
        let mut length = self.properties.len();
        if self.message_expiry_interval.is_some() && around_expiry.is_none() {
            length = length.saturating_add(5);
        }
        if self.topic_alias.is_some() {
            length = length.saturating_add(3);
        }
        for identifier in self.subscription_identifiers {
            let identifier = variable_byte_integer_length(identifier.get());
            length = length.saturating_add(1).saturating_add(identifier);
        }
        Block { length, around_expiry }
    }

    fn put_head(&self, layout: &Layout<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if layout.remaining_length > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLarge);
        }
        if self.topic.is_empty() && layout.block.is_none() {
            return Err(EncodeError::MissingTopicName);
        }
        out.push(self.first_byte());
        put_variable_byte_integer(length_to_u32(layout.remaining_length), out)?;
        put_string(self.topic, out)?;
        if let Some(packet_id) = self.delivery.packet_id() {
            out.extend_from_slice(&packet_id.get().to_be_bytes());
        }
        layout.block.as_ref().map_or(Ok(()), |block| self.put_block(block, out))
    }

    fn first_byte(&self) -> u8 {
        let qos = self.delivery.qos();
        // [MQTT-3.3.1-2]
        let dup = self.dup && qos != QoS::AtMostOnce;
        PacketType::Publish.first_byte()
            | u8::from(dup) << 3
            | qos.bits() << 1
            | u8::from(self.retain)
    }

    fn put_block(&self, block: &Block<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_variable_byte_integer(length_to_u32(block.length), out)?;
        if let Some(alias) = self.topic_alias {
            out.push(PropertyId::TopicAlias.value());
            out.extend_from_slice(&alias.get().to_be_bytes());
        }
        match (self.message_expiry_interval, block.around_expiry) {
            (Some(interval), Some((before, after))) => {
                out.extend_from_slice(before);
                out.extend_from_slice(&interval.to_be_bytes());
                out.extend_from_slice(after);
            }
            (Some(interval), None) => {
                out.push(PropertyId::MessageExpiryInterval.value());
                out.extend_from_slice(&interval.to_be_bytes());
                out.extend_from_slice(self.properties.as_bytes());
            }
            (None, _) => out.extend_from_slice(self.properties.as_bytes()),
        }
        for identifier in self.subscription_identifiers {
            out.push(PropertyId::SubscriptionIdentifier.value());
            put_variable_byte_integer(identifier.get(), out)?;
        }
        Ok(())
    }
}

/// The lengths of a PUBLISH.
struct Layout<'a> {
    remaining_length: usize,
    /// `None` before MQTT 5.0.
    block: Option<Block<'a>>,
}

impl Layout<'_> {
    fn packet_length(&self) -> usize {
        let remaining_length = variable_byte_integer_length(length_to_u32(self.remaining_length));
        self.remaining_length.saturating_add(remaining_length).saturating_add(1)
    }
}

/// The property block of a PUBLISH.
struct Block<'a> {
    /// Without the length itself.
    length: usize,
    /// The relayed properties before and after the value of Message Expiry Interval, where that
    /// value is replaced.
    around_expiry: Option<(&'a [u8], &'a [u8])>,
}

impl Block<'_> {
    fn length_with_prefix(&self) -> usize {
        self.length.saturating_add(variable_byte_integer_length(length_to_u32(self.length)))
    }
}
