//! From bytes to packets. [`Frame::parse`] finds where a packet ends (section 2.1) and refuses what
//! its first bytes already show to be wrong; [`Frame::decode`] reads the body.
//!
//! The body is read by a checked reader that holds this packet only, so one packet can neither
//! reach into the next nor depend on how the bytes arrived. Every body must be used up.

use crate::error::DecodeError;
use crate::packet::{
    Acknowledgement, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, ReasonCodes,
    SubAck, Subscribe, SubscriptionFilters, TopicFilters, Unsubscribe, Will,
};
use crate::primitives::{PacketType, QoS, Version};
use crate::properties::Properties;
use crate::property::PropertyContext;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::topic::TopicName;

/// What the front of a buffer holds.
#[derive(Clone, Copy, Debug)]
pub enum Framing<'a> {
    /// The beginning of a packet.
    Incomplete {
        /// The length of the whole packet, once its header is known.
        needed: Option<usize>,
    },
    /// A whole packet.
    Complete(Frame<'a>),
}

/// One whole packet that has not been decoded.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    packet_type: PacketType,
    flags: u8,
    bytes: &'a [u8],
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Finds the packet at the front of `bytes`. A packet longer than `maximum_packet_size`, and
    /// one with a wrong header, is refused as soon as the header is there.
    pub fn parse(bytes: &'a [u8], maximum_packet_size: usize) -> Result<Framing<'a>, DecodeError> {
        let Some((first, mut rest)) = bytes.split_first() else {
            return Ok(Framing::Incomplete { needed: None });
        };
        let (packet_type, flags) = split_first_byte(*first)?;
        let mut remaining_length: usize = 0;
        for shift in [0, 7, 14, 21] {
            let Some((byte, after)) = rest.split_first() else {
                return Ok(Framing::Incomplete { needed: None });
            };
            rest = after;
            remaining_length |= usize::from(byte & 0x7F) << shift;
            if *byte < 0x80 {
                let header = bytes.len().saturating_sub(rest.len());
                let length = header.saturating_add(remaining_length);
                // [MQTT-3.1.2-24]
                if length > maximum_packet_size {
                    return Err(DecodeError::PacketTooLarge);
                }
                return Ok(match (bytes.get(..length), rest.get(..remaining_length)) {
                    (Some(bytes), Some(body)) => {
                        Framing::Complete(Self { packet_type, flags, bytes, body })
                    }
                    _ => Framing::Incomplete { needed: Some(length) },
                });
            }
        }
        Err(DecodeError::VariableByteIntegerTooLong)
    }

    /// The type of the packet.
    pub const fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// The length of the whole packet, header included.
    pub const fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The whole packet, header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads the packet. A CONNECT names its version itself; for it `version` has no meaning.
    pub fn decode(self, version: Version) -> Result<Packet<'a>, DecodeError> {
        // Each packet is made in the place where it is returned. If they had their last check in
        // common the compiler would first put them together elsewhere, a byte at a time.
        match self.packet_type {
            PacketType::Connect => self.connect().map(Packet::Connect),
            PacketType::ConnAck => self.whole(version, connack).map(Packet::ConnAck),
            PacketType::Publish => self
                .whole(version, |reader, version| publish(reader, self.flags, version))
                .map(Packet::Publish),
            PacketType::PubAck => self.acknowledgement(version).map(Packet::PubAck),
            PacketType::PubRec => self.acknowledgement(version).map(Packet::PubRec),
            PacketType::PubRel => self.acknowledgement(version).map(Packet::PubRel),
            PacketType::PubComp => self.acknowledgement(version).map(Packet::PubComp),
            PacketType::Subscribe => self.whole(version, subscribe).map(Packet::Subscribe),
            PacketType::SubAck => self.whole(version, suback).map(Packet::SubAck),
            PacketType::Unsubscribe => self.whole(version, unsubscribe).map(Packet::Unsubscribe),
            PacketType::UnsubAck => self.whole(version, unsuback).map(Packet::UnsubAck),
            PacketType::PingReq => self.whole(version, |_, _| Ok(Packet::PingReq)),
            PacketType::PingResp => self.whole(version, |_, _| Ok(Packet::PingResp)),
            PacketType::Disconnect => self.whole(version, disconnect).map(Packet::Disconnect),
            PacketType::Auth => self.whole(version, auth).map(Packet::Auth),
        }
    }

    /// A body that is used up, behind a header as this version has it.
    fn whole<T>(
        self,
        version: Version,
        read: impl FnOnce(&mut Reader<'a>, Version) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::new(self.body);
        let body = read(&mut reader, version)?;
        self.check_header(version)?;
        reader.finish()?;
        Ok(body)
    }

    fn connect(self) -> Result<Connect<'a>, DecodeError> {
        let mut reader = Reader::new(self.body);
        let connect = connect(&mut reader)?;
        self.check_header(connect.version)?;
        reader.finish()?;
        Ok(connect)
    }

    /// What [`Frame::parse`] could not know without the version.
    fn check_header(&self, version: Version) -> Result<(), DecodeError> {
        // MQTT 3.1 allows DUP wherever it allows a repetition. [MQTT-3.6.1-1] [MQTT-3.8.1-1]
        // [MQTT-3.10.1-1]
        if self.flags == DUP_OF_3_1 && self.packet_type != PacketType::Publish {
            return if version == Version::V3_1 { Ok(()) } else { Err(DecodeError::ReservedFlags) };
        }
        // Older clients write Remaining Length into a field of fixed size. [MQTT-1.5.5-1]
        let minimal = match self.bytes.len().saturating_sub(self.body.len()) {
            0..=2 => true,
            3 => self.body.len() >= 1 << 7,
            4 => self.body.len() >= 1 << 14,
            _ => self.body.len() >= 1 << 21,
        };
        if version == Version::V5 && !minimal {
            return Err(DecodeError::VariableByteIntegerNotMinimal);
        }
        Ok(())
    }

    /// The layout of the four acknowledgements, which end early where there is no more to say.
    fn acknowledgement(self, version: Version) -> Result<Acknowledgement<'a>, DecodeError> {
        self.whole(version, |reader, version| {
            let packet_id = reader.packet_id()?;
            let mut reason = ReasonCode::Success;
            let mut properties = Properties::EMPTY;
            if version == Version::V5 && !reader.is_empty() {
                reason = reason_code(reader, self.packet_type)?;
                if !reader.is_empty() {
                    properties = packet_properties(reader, self.packet_type, version)?;
                }
            }
            Ok(Acknowledgement { packet_id, reason, properties })
        })
    }
}

fn split_first_byte(first: u8) -> Result<(PacketType, u8), DecodeError> {
    let packet_type = PacketType::from_bits(first >> 4).ok_or(DecodeError::ReservedPacketType)?;
    let flags = first & 0x0F;
    match packet_type {
        PacketType::Publish => {
            // [MQTT-3.3.1-4]
            let qos = QoS::from_bits(flags >> 1 & 0b11).ok_or(DecodeError::InvalidQoS)?;
            // [MQTT-3.3.1-2]
            if qos == QoS::AtMostOnce && flags & DUP != 0 {
                return Err(DecodeError::DupAtMostOnce);
            }
        }
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe
            if flags == DUP_OF_3_1 => {}
        // [MQTT-2.1.3-1]
        _ if first != packet_type.first_byte() => return Err(DecodeError::ReservedFlags),
        _ => {}
    }
    Ok((packet_type, flags))
}

fn connect<'a>(reader: &mut Reader<'a>) -> Result<Connect<'a>, DecodeError> {
    let version = protocol_version(reader)?;
    let flags = ConnectFlags::read(reader, version)?;
    let keep_alive = reader.two_bytes()?;
    let properties = packet_properties(reader, PacketType::Connect, version)?;
    // A Client Identifier of MQTT 3.1 may be longer than the 23 characters of its specification,
    // because clients in use do not keep to it. [MQTT-3.1.3-3] [MQTT-3.1.3-4]
    let client_id = reader.string()?;
    let will = flags.will.map(|flags| will(reader, flags, version)).transpose()?;
    // In MQTT 3.1 the end of the packet takes precedence over the User Name flag.
    let ends_early = version == Version::V3_1 && reader.is_empty();
    let username = (flags.username && !ends_early).then(|| reader.string()).transpose()?;
    let ends_early = version == Version::V3_1 && reader.is_empty();
    let password = (flags.password && !ends_early).then(|| reader.binary()).transpose()?;
    let clean_start = flags.clean_start;
    Ok(Connect {
        version,
        clean_start,
        keep_alive,
        client_id,
        will,
        username,
        password,
        properties,
    })
}

fn protocol_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary()?;
    let level = reader.byte()?;
    // [MQTT-3.1.2-1] [MQTT-3.1.2-2]
    match (name, level) {
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT", 4) => Ok(Version::V3_1_1),
        (b"MQIsdp", 3) => Ok(Version::V3_1),
        (b"MQTT" | b"MQIsdp", _) => Err(DecodeError::UnsupportedProtocolVersion),
        _ => Err(DecodeError::UnknownProtocolName),
    }
}

/// Connect Flags: which fields the payload has.
#[derive(Clone, Copy)]
struct ConnectFlags {
    clean_start: bool,
    will: Option<WillFlags>,
    username: bool,
    password: bool,
}

#[derive(Clone, Copy)]
struct WillFlags {
    qos: QoS,
    retain: bool,
}

impl ConnectFlags {
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Self, DecodeError> {
        let bits = reader.byte()?;
        // MQTT 3.1 does not use the bit. [MQTT-3.1.2-3]
        if bits & 0b0000_0001 != 0 && version > Version::V3_1 {
            return Err(DecodeError::ReservedConnectFlag);
        }
        let will = if bits & 0b0000_0100 != 0 {
            // [MQTT-3.1.2-12]
            let qos = QoS::from_bits(bits >> 3 & 0b11).ok_or(DecodeError::InvalidQoS)?;
            Some(WillFlags { qos, retain: bits & 0b0010_0000 != 0 })
        } else if bits & 0b0011_1000 != 0 {
            // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
            return Err(DecodeError::WillFlagsWithoutWill);
        } else {
            None
        };
        let clean_start = bits & 0b0000_0010 != 0;
        let username = bits & 0b1000_0000 != 0;
        let password = bits & 0b0100_0000 != 0;
        // [MQTT-3.1.2-22] of MQTT 3.1.1
        if password && !username && version < Version::V5 {
            return Err(DecodeError::PasswordWithoutUserName);
        }
        Ok(Self { clean_start, will, username, password })
    }
}

fn will<'a>(
    reader: &mut Reader<'a>,
    WillFlags { qos, retain }: WillFlags,
    version: Version,
) -> Result<Will<'a>, DecodeError> {
    let properties = match version {
        Version::V5 => Properties::read(reader, PropertyContext::Will)?,
        Version::V3_1 | Version::V3_1_1 => Properties::EMPTY,
    };
    // [MQTT-3.1.3-11]
    let topic = TopicName::parse(reader.text()?)?;
    let payload = reader.binary()?;
    Ok(Will { qos, retain, topic, payload, properties })
}

fn connack<'a>(reader: &mut Reader<'a>, version: Version) -> Result<ConnAck<'a>, DecodeError> {
    let flags = reader.byte()?;
    // MQTT 3.1 does not use the byte. [MQTT-3.2.2-1]
    if flags & 0b1111_1110 != 0 && version > Version::V3_1 {
        return Err(DecodeError::ReservedConnectAcknowledgeFlag);
    }
    let session_present = flags & 1 != 0 && version > Version::V3_1;
    let reason = match version {
        Version::V5 => reason_code(reader, PacketType::ConnAck)?,
        Version::V3_1 | Version::V3_1_1 => match reader.byte()? {
            0 => ReasonCode::Success,
            1 => ReasonCode::UnsupportedProtocolVersion,
            2 => ReasonCode::ClientIdentifierNotValid,
            3 => ReasonCode::ServerUnavailable,
            4 => ReasonCode::BadUserNameOrPassword,
            5 => ReasonCode::NotAuthorized,
            _ => return Err(DecodeError::InvalidReasonCode),
        },
    };
    // [MQTT-3.2.2-6]
    if session_present && reason != ReasonCode::Success {
        return Err(DecodeError::SessionPresentOnRefusal);
    }
    let properties = packet_properties(reader, PacketType::ConnAck, version)?;
    Ok(ConnAck { session_present, reason, properties })
}

fn publish<'a>(
    reader: &mut Reader<'a>,
    flags: u8,
    version: Version,
) -> Result<Publish<'a>, DecodeError> {
    // [MQTT-3.3.2-1]
    let topic = reader.text()?;
    let delivery = match QoS::from_bits(flags >> 1 & 0b11).ok_or(DecodeError::InvalidQoS)? {
        // [MQTT-2.2.1-2]
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce(reader.packet_id()?),
        QoS::ExactlyOnce => Delivery::ExactlyOnce(reader.packet_id()?),
    };
    let properties = packet_properties(reader, PacketType::Publish, version)?;
    let topic = if topic.is_empty() && version == Version::V5 {
        if properties.topic_alias().is_none() {
            return Err(DecodeError::MissingTopicName);
        }
        None
    } else {
        Some(TopicName::parse(topic)?)
    };
    let dup = flags & DUP != 0;
    let retain = flags & RETAIN != 0;
    let payload = reader.take_rest();
    Ok(Publish { dup, delivery, retain, topic, properties, payload })
}

fn subscribe<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Subscribe<'a>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = packet_properties(reader, PacketType::Subscribe, version)?;
    let filters = SubscriptionFilters::parse(reader.take_rest(), version)?;
    Ok(Subscribe { packet_id, properties, filters })
}

fn suback<'a>(reader: &mut Reader<'a>, version: Version) -> Result<SubAck<'a>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = packet_properties(reader, PacketType::SubAck, version)?;
    let reasons = reason_codes(reader, PacketType::SubAck)?;
    // [MQTT-3.9.3-2] of MQTT 3.1.1
    if version < Version::V5 && reasons.as_bytes().iter().any(|byte| *byte > FAILURE_OF_3_1_1) {
        return Err(DecodeError::InvalidReasonCode);
    }
    Ok(SubAck { packet_id, properties, reasons })
}

fn unsubscribe<'a>(
    reader: &mut Reader<'a>,
    version: Version,
) -> Result<Unsubscribe<'a>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = packet_properties(reader, PacketType::Unsubscribe, version)?;
    let filters = TopicFilters::parse(reader.take_rest())?;
    Ok(Unsubscribe { packet_id, properties, filters })
}

fn unsuback<'a>(reader: &mut Reader<'a>, version: Version) -> Result<SubAck<'a>, DecodeError> {
    let packet_id = reader.packet_id()?;
    let properties = packet_properties(reader, PacketType::UnsubAck, version)?;
    let reasons = match version {
        Version::V5 => reason_codes(reader, PacketType::UnsubAck)?,
        Version::V3_1 | Version::V3_1_1 => ReasonCodes::EMPTY,
    };
    Ok(SubAck { packet_id, properties, reasons })
}

fn disconnect<'a>(
    reader: &mut Reader<'a>,
    version: Version,
) -> Result<Disconnect<'a>, DecodeError> {
    let mut reason = ReasonCode::Success;
    let mut properties = Properties::EMPTY;
    if version == Version::V5 && !reader.is_empty() {
        reason = reason_code(reader, PacketType::Disconnect)?;
        if !reader.is_empty() {
            properties = packet_properties(reader, PacketType::Disconnect, version)?;
        }
    }
    Ok(Disconnect { reason, properties })
}

fn auth<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Auth<'a>, DecodeError> {
    if version < Version::V5 {
        return Err(DecodeError::NotInVersion);
    }
    // Unlike a DISCONNECT, an AUTH is empty or whole.
    if reader.is_empty() {
        return Ok(Auth { reason: ReasonCode::Success, properties: Properties::EMPTY });
    }
    let reason = reason_code(reader, PacketType::Auth)?;
    let properties = packet_properties(reader, PacketType::Auth, version)?;
    Ok(Auth { reason, properties })
}

fn packet_properties<'a>(
    reader: &mut Reader<'a>,
    packet_type: PacketType,
    version: Version,
) -> Result<Properties<'a>, DecodeError> {
    match version {
        Version::V5 => Properties::read(reader, PropertyContext::Packet(packet_type)),
        Version::V3_1 | Version::V3_1_1 => Ok(Properties::EMPTY),
    }
}

fn reason_code(
    reader: &mut Reader<'_>,
    packet_type: PacketType,
) -> Result<ReasonCode, DecodeError> {
    ReasonCode::from_u8(reader.byte()?)
        .filter(|reason| reason.is_valid_in(packet_type))
        .ok_or(DecodeError::InvalidReasonCode)
}

fn reason_codes<'a>(
    reader: &mut Reader<'a>,
    packet_type: PacketType,
) -> Result<ReasonCodes<'a>, DecodeError> {
    if reader.is_empty() {
        return Err(DecodeError::MissingReasonCodes);
    }
    ReasonCodes::parse(reader.take_rest(), packet_type)
}

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;
/// The flags of a repeated PUBREL, SUBSCRIBE or UNSUBSCRIBE of MQTT 3.1.
const DUP_OF_3_1: u8 = 0b1010;
/// The only return code of a SUBACK for failure before MQTT 5.0.
const FAILURE_OF_3_1_1: u8 = 0x80;
