//! From packets to bytes, in the shortest form that the protocol version has.
//!
//! What a version cannot say is left out: properties and most reason codes before MQTT 5.0. If a
//! packet cannot be encoded, the buffer is left as it was.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::packet::{
    Acknowledgement, Auth, ConnAck, Connect, Disconnect, Packet, Publish, ReasonCodes, SubAck,
    Subscribe, Unsubscribe, Will,
};
use crate::primitives::{MAX_REMAINING_LENGTH, PacketId, PacketType, Version};
use crate::properties::Properties;
use crate::publish_encoder::PublishEncoder;
use crate::reason::ReasonCode;
use crate::topic::TopicName;
use crate::writer::{append, length_to_u32, put_binary, put_string, put_variable_byte_integer};

impl Packet<'_> {
    /// Appends the packet as this version writes it. A CONNECT names its version itself; for it
    /// `version` has no meaning.
    ///
    /// # Errors
    ///
    /// A field or the packet is too long, or the version has no such packet; `out` is left as
    /// before.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let packet_type = self.packet_type();
        match self {
            Self::Publish(publish) => put_publish(publish, version, out),
            Self::PubAck(acknowledgement)
            | Self::PubRec(acknowledgement)
            | Self::PubRel(acknowledgement)
            | Self::PubComp(acknowledgement) => {
                put_acknowledgement(packet_type, acknowledgement, version, out)
            }
            _ => put_packet(packet_type, out, |out| self.put_body(version, out)),
        }
    }

    fn put_body(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Connect(connect) => put_connect(connect, out),
            Self::ConnAck(connack) => put_connack(connack, version, out),
            Self::Subscribe(subscribe) => put_subscribe(subscribe, version, out),
            Self::SubAck(suback) => put_suback(suback, version, out),
            Self::Unsubscribe(unsubscribe) => put_unsubscribe(unsubscribe, version, out),
            Self::UnsubAck(unsuback) => put_unsuback(unsuback, version, out),
            Self::Disconnect(disconnect) => put_disconnect(disconnect, version, out),
            Self::Auth(auth) => put_auth(auth, version, out),
            Self::PingReq
            | Self::PingResp
            | Self::Publish(_)
            | Self::PubAck(_)
            | Self::PubRec(_)
            | Self::PubRel(_)
            | Self::PubComp(_) => Ok(()),
        }
    }
}

/// Appends a body and then moves it behind the header, whose length depends on it.
fn put_packet(
    packet_type: PacketType,
    out: &mut Vec<u8>,
    put_body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    append(out, |out| {
        put_body(out)?;
        let end = out.len();
        let remaining_length = end.saturating_sub(start);
        if remaining_length > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLarge);
        }
        out.push(packet_type.first_byte());
        put_variable_byte_integer(length_to_u32(remaining_length), out)?;
        let header = out.len().saturating_sub(end);
        if let Some(packet) = out.get_mut(start..) {
            packet.rotate_right(header);
        }
        Ok(())
    })
}

fn put_connect(connect: &Connect<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let version = connect.version;
    // [MQTT-3.1.2-22] of MQTT 3.1.1
    if version < Version::V5 && connect.password.is_some() && connect.username.is_none() {
        return Err(EncodeError::PasswordWithoutUserName);
    }
    put_string(version.protocol_name(), out)?;
    out.push(version.level());
    out.push(connect_flags(connect));
    out.extend_from_slice(&connect.keep_alive.to_be_bytes());
    put_properties(connect.properties, version, out)?;
    put_string(connect.client_id, out)?;
    if let Some(will) = &connect.will {
        put_will(will, version, out)?;
    }
    if let Some(username) = connect.username {
        put_string(username, out)?;
    }
    if let Some(password) = connect.password {
        put_binary(password, out)?;
    }
    Ok(())
}

fn connect_flags(connect: &Connect<'_>) -> u8 {
    let will = connect
        .will
        .map_or(0, |will| 0b0000_0100 | will.qos.bits() << 3 | u8::from(will.retain) << 5);
    will | u8::from(connect.clean_start) << 1
        | u8::from(connect.password.is_some()) << 6
        | u8::from(connect.username.is_some()) << 7
}

fn put_will(will: &Will<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put_properties(will.properties, version, out)?;
    put_string(will.topic.as_str(), out)?;
    put_binary(will.payload, out)
}

fn put_connack(
    connack: &ConnAck<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    // [MQTT-3.2.2-6]; MQTT 3.1 has no Session Present.
    let session_present =
        connack.session_present && connack.reason == ReasonCode::Success && version > Version::V3_1;
    out.push(u8::from(session_present));
    out.push(match version {
        Version::V5 => connack.reason.value(),
        Version::V3_1 | Version::V3_1_1 => connect_return_code(connack.reason),
    });
    put_properties(connack.properties, version, out)
}

/// The Connect Return Code of MQTT 3.1.1 that is nearest.
const fn connect_return_code(reason: ReasonCode) -> u8 {
    match reason {
        ReasonCode::Success => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy | ReasonCode::QuotaExceeded => 3,
        ReasonCode::BadUserNameOrPassword => 4,
        _ => 5,
    }
}

fn put_publish(
    publish: &Publish<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let encoder = PublishEncoder {
        dup: publish.dup,
        delivery: publish.delivery,
        retain: publish.retain,
        topic: publish.topic.map_or("", TopicName::as_str),
        properties: publish.properties,
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        payload_length: publish.payload.len(),
    };
    encoder.encode(version, publish.payload, out)
}

fn put_acknowledgement(
    packet_type: PacketType,
    acknowledgement: &Acknowledgement<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let Acknowledgement { packet_id, reason, properties } = *acknowledgement;
    let [high, low] = packet_id.get().to_be_bytes();
    let is_plain = reason == ReasonCode::Success && properties.is_empty();
    if is_plain || version < Version::V5 {
        out.extend_from_slice(&[packet_type.first_byte(), 2, high, low]);
        return Ok(());
    }
    put_packet(packet_type, out, |out| {
        out.extend_from_slice(&[high, low, reason.value()]);
        if properties.is_empty() { Ok(()) } else { put_properties(properties, version, out) }
    })
}

fn put_subscribe(
    subscribe: &Subscribe<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    put_packet_id(subscribe.packet_id, out);
    put_properties(subscribe.properties, version, out)?;
    if version == Version::V5 {
        out.extend_from_slice(subscribe.filters.as_bytes());
        return Ok(());
    }
    for (filter, options) in subscribe.filters.iter() {
        put_string(filter.as_str(), out)?;
        out.push(options.maximum_qos.bits());
    }
    Ok(())
}

fn put_suback(suback: &SubAck<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put_packet_id(suback.packet_id, out);
    put_properties(suback.properties, version, out)?;
    match version {
        Version::V5 => out.extend_from_slice(suback.reasons.as_bytes()),
        // [MQTT-3.9.3-2] of MQTT 3.1.1
        Version::V3_1 | Version::V3_1_1 => out.extend(
            suback.reasons.iter().map(|reason| reason.min(ReasonCode::UnspecifiedError).value()),
        ),
    }
    Ok(())
}

fn put_unsubscribe(
    unsubscribe: &Unsubscribe<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    put_packet_id(unsubscribe.packet_id, out);
    put_properties(unsubscribe.properties, version, out)?;
    out.extend_from_slice(unsubscribe.filters.as_bytes());
    Ok(())
}

fn put_unsuback(
    unsuback: &SubAck<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    put_packet_id(unsuback.packet_id, out);
    put_properties(unsuback.properties, version, out)?;
    let reasons = match version {
        Version::V5 => unsuback.reasons,
        Version::V3_1 | Version::V3_1_1 => ReasonCodes::EMPTY,
    };
    out.extend_from_slice(reasons.as_bytes());
    Ok(())
}

fn put_disconnect(
    disconnect: &Disconnect<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let Disconnect { reason, properties } = *disconnect;
    let is_plain = reason == ReasonCode::Success && properties.is_empty();
    if is_plain || version < Version::V5 {
        return Ok(());
    }
    out.push(reason.value());
    if properties.is_empty() { Ok(()) } else { put_properties(properties, version, out) }
}

fn put_auth(auth: &Auth<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if version < Version::V5 {
        return Err(EncodeError::NotInVersion);
    }
    if auth.reason == ReasonCode::Success && auth.properties.is_empty() {
        return Ok(());
    }
    out.push(auth.reason.value());
    put_properties(auth.properties, version, out)
}

fn put_packet_id(packet_id: PacketId, out: &mut Vec<u8>) {
    out.extend_from_slice(&packet_id.get().to_be_bytes());
}

/// Appends the length of the block and the block, in the version that has properties.
fn put_properties(
    properties: Properties<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if version < Version::V5 {
        return Ok(());
    }
    put_variable_byte_integer(length_to_u32(properties.len()), out)?;
    out.extend_from_slice(properties.as_bytes());
    Ok(())
}
