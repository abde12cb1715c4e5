//! The suite's own writer and reader of MQTT packets.
//!
//! It shares nothing with the codec under test, on purpose. The writer writes whatever it is told,
//! right or wrong; the reader takes nothing that the specification forbids a server to send.

use crate::field::{Reader, string, take_variable_integer, variable_integer};
use crate::property::{self, Property};
use crate::verdict::{Failure, Verdict, ensure};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1.
    V3_1,
    /// MQTT 3.1.1.
    V3_1_1,
    /// MQTT 5.0.
    V5_0,
}

impl Version {
    pub(crate) fn is_v5(self) -> bool {
        self == Self::V5_0
    }

    /// How the version is written in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQTT 3.1",
            Self::V3_1_1 => "MQTT 3.1.1",
            Self::V5_0 => "MQTT 5.0",
        }
    }
}

/// The type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl Kind {
    /// The kinds that a server may send.
    const FROM_SERVER: [Self; 11] = [
        Self::ConnAck,
        Self::Publish,
        Self::PubAck,
        Self::PubRec,
        Self::PubRel,
        Self::PubComp,
        Self::SubAck,
        Self::UnsubAck,
        Self::PingResp,
        Self::Disconnect,
        Self::Auth,
    ];

    fn of(first_byte: u8) -> Verdict<Self> {
        Self::FROM_SERVER
            .into_iter()
            .find(|kind| *kind as u8 == first_byte >> 4)
            .ok_or_else(|| Failure::new(format!("a server may not send {first_byte:#04x}")))
    }

    /// The flags that the fixed header of this kind has to have; PUBLISH has free ones.
    pub(crate) fn flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }
}

/// A packet with these flags, whatever its body is.
pub(crate) fn packet_with_flags(kind: Kind, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![(kind as u8) << 4 | flags];
    bytes.extend(variable_integer(body.len()));
    bytes.extend_from_slice(body);
    bytes
}

/// A packet with the flags its kind demands.
pub(crate) fn packet(kind: Kind, body: &[u8]) -> Vec<u8> {
    packet_with_flags(kind, kind.flags(), body)
}

pub(crate) fn ping_request() -> Vec<u8> {
    packet(Kind::PingReq, &[])
}

/// The Properties of a packet of this version: nothing before 5.0.
fn properties_of(version: Version, properties: &[Property]) -> Vec<u8> {
    if version.is_v5() { property::block(properties) } else { Vec::new() }
}

/// A CONNECT packet to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) will: Option<Will>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) properties: Vec<Property>,
}

impl Connect {
    pub(crate) fn new(version: Version, client_id: impl Into<String>) -> Self {
        Self {
            version,
            client_id: client_id.into(),
            clean: true,
            keep_alive: 0,
            will: None,
            user_name: None,
            password: None,
            properties: Vec::new(),
        }
    }

    /// Goes on with the session that is there (3.1.1: and keeps it afterwards).
    pub(crate) fn resume(mut self) -> Self {
        self.clean = false;
        self
    }

    pub(crate) fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive = seconds;
        self
    }

    pub(crate) fn will(mut self, will: Will) -> Self {
        self.will = Some(will);
        self
    }

    pub(crate) fn with(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    /// The Connect Flags that fit the fields.
    pub(crate) fn flags(&self) -> u8 {
        let will =
            self.will.as_ref().map_or(0, |will| 0b100 | will.qos << 3 | u8::from(will.retain) << 5);
        u8::from(self.clean) << 1
            | will
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user_name.is_some()) << 7
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with_flags(self.flags())
    }

    /// The packet with other Connect Flags than its fields ask for.
    pub(crate) fn bytes_with_flags(&self, flags: u8) -> Vec<u8> {
        packet(Kind::Connect, &[self.header(flags), self.payload()].concat())
    }

    /// The packet with another payload than its fields ask for.
    pub(crate) fn bytes_with_payload(&self, payload: &[u8]) -> Vec<u8> {
        packet(Kind::Connect, &[&self.header(self.flags())[..], payload].concat())
    }

    /// The variable header.
    pub(crate) fn header(&self, flags: u8) -> Vec<u8> {
        let (name, level) = match self.version {
            Version::V3_1 => ("MQIsdp", 3),
            Version::V3_1_1 => ("MQTT", 4),
            Version::V5_0 => ("MQTT", 5),
        };
        self.header_for(name, level, flags)
    }

    /// The variable header with this protocol name and level.
    pub(crate) fn header_for(&self, name: &str, level: u8, flags: u8) -> Vec<u8> {
        [
            string(name),
            vec![level, flags],
            self.keep_alive.to_be_bytes().to_vec(),
            properties_of(self.version, &self.properties),
        ]
        .concat()
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = string(&self.client_id);
        if let Some(will) = &self.will {
            payload.extend(properties_of(self.version, &will.properties));
            payload.extend(string(&will.topic));
            payload.extend(string(&will.payload));
        }
        payload.extend(self.user_name.iter().flat_map(string));
        payload.extend(self.password.iter().flat_map(string));
        payload
    }
}

/// The Will Message of a CONNECT packet.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<Property>,
}

impl Will {
    pub(crate) fn new(topic: impl Into<String>, payload: &str) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.as_bytes().to_vec(),
            qos: 0,
            retain: false,
            properties: Vec::new(),
        }
    }

    pub(crate) fn qos(mut self, qos: u8) -> Self {
        self.qos = qos;
        self
    }

    pub(crate) fn with(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }
}

/// A PUBLISH packet, sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Zero where QoS 0 leaves none.
    pub(crate) id: u16,
    pub(crate) properties: Vec<Property>,
}

impl Publish {
    pub(crate) fn new(topic: impl Into<String>, payload: impl AsRef<[u8]>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.as_ref().to_vec(),
            qos: 0,
            retain: false,
            dup: false,
            id: 0,
            properties: Vec::new(),
        }
    }

    pub(crate) fn qos(mut self, qos: u8) -> Self {
        self.qos = qos;
        self
    }

    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    pub(crate) fn duplicate(mut self) -> Self {
        self.dup = true;
        self
    }

    pub(crate) fn with(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    pub(crate) fn property(&self, id: u8) -> Option<&Property> {
        self.properties.iter().find(|property| property.id == id)
    }

    pub(crate) fn bytes(&self, version: Version) -> Vec<u8> {
        let flags = u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain);
        let id = if self.qos > 0 { self.id.to_be_bytes().to_vec() } else { Vec::new() };
        let properties = properties_of(version, &self.properties);
        let body = [string(&self.topic), id, properties, self.payload.clone()].concat();
        packet_with_flags(Kind::Publish, flags, &body)
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP in its short form.
pub(crate) fn acknowledgement(kind: Kind, id: u16) -> Vec<u8> {
    packet(kind, &id.to_be_bytes())
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP of 5.0 with a Reason Code.
pub(crate) fn acknowledgement_with_reason(kind: Kind, id: u16, reason: u8) -> Vec<u8> {
    packet(kind, &[&id.to_be_bytes()[..], &[reason]].concat())
}

/// A SUBSCRIBE packet: filters with their Subscription Options (before 5.0: the QoS).
pub(crate) fn subscribe(
    version: Version,
    id: u16,
    properties: &[Property],
    filters: &[(&str, u8)],
) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties_of(version, properties));
    for (filter, options) in filters {
        body.extend(string(filter));
        body.push(*options);
    }
    packet(Kind::Subscribe, &body)
}

pub(crate) fn unsubscribe(version: Version, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties_of(version, &[]));
    body.extend(filters.iter().flat_map(string));
    packet(Kind::Unsubscribe, &body)
}

/// A DISCONNECT packet; a Reason Code and Properties only where 5.0 has them.
pub(crate) fn disconnect(version: Version, reason: u8, properties: &[Property]) -> Vec<u8> {
    if version.is_v5() && (reason != 0 || !properties.is_empty()) {
        packet(Kind::Disconnect, &[vec![reason], property::block(properties)].concat())
    } else {
        packet(Kind::Disconnect, &[])
    }
}

/// A packet as it came, cut from the stream.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    flags: u8,
    pub(crate) body: Vec<u8>,
    /// The length of the whole packet in bytes.
    pub(crate) length: usize,
}

impl Packet {
    /// Takes the first packet off the front of these bytes, if all of it is there.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Verdict<Option<Self>> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let kind = Kind::of(first)?;
        let flags = first & 0x0F;
        ensure(
            kind == Kind::Publish || flags == kind.flags(),
            format!("{kind:?} has the reserved flags {flags:#06b}"),
        )?;
        let Some((remaining, used)) = take_variable_integer(&bytes[1..])? else { return Ok(None) };
        let length = 1 + used + remaining;
        if bytes.len() < length {
            return Ok(None);
        }
        let body = bytes[1 + used..length].to_vec();
        bytes.drain(..length);
        Ok(Some(Self { kind, flags, body, length }))
    }

    pub(crate) fn connack(&self, version: Version) -> Verdict<ConnAck> {
        let mut body = Reader::new(&self.body);
        let flags = body.byte()?;
        let reason = body.byte()?;
        // A server that refuses the version answers in the form that every version shares.
        let properties =
            if version.is_v5() && !body.is_empty() { properties(&mut body)? } else { Vec::new() };
        body.end()?;
        Ok(ConnAck { flags, reason, properties })
    }

    pub(crate) fn publish(&self, version: Version) -> Verdict<Publish> {
        let mut body = Reader::new(&self.body);
        let qos = self.flags >> 1 & 0b11;
        ensure(qos < 3, "a PUBLISH has QoS 3")?;
        let topic = body.text()?;
        let id = if qos > 0 { body.two()? } else { 0 };
        ensure(qos == 0 || id != 0, "a PUBLISH has the Packet Identifier 0")?;
        let properties = if version.is_v5() { properties(&mut body)? } else { Vec::new() };
        Ok(Publish {
            topic,
            payload: body.rest().to_vec(),
            qos,
            retain: self.flags & 1 == 1,
            dup: self.flags >> 3 == 1,
            id,
            properties,
        })
    }

    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK or UNSUBACK.
    pub(crate) fn acknowledgement(&self, version: Version) -> Verdict<Acknowledgement> {
        let mut body = Reader::new(&self.body);
        let id = body.two()?;
        let lists = matches!(self.kind, Kind::SubAck | Kind::UnsubAck);
        let mut found = Acknowledgement { id, reasons: Vec::new(), properties: Vec::new() };
        if lists {
            if version.is_v5() {
                found.properties = properties(&mut body)?;
            }
            found.reasons = body.rest().to_vec();
            return Ok(found);
        }
        if version.is_v5() && !body.is_empty() {
            found.reasons.push(body.byte()?);
            if !body.is_empty() {
                found.properties = properties(&mut body)?;
            }
        } else {
            found.reasons.push(0);
        }
        body.end()?;
        Ok(found)
    }

    /// The Reason Code and the Properties of a DISCONNECT.
    pub(crate) fn disconnect(&self) -> Verdict<(u8, Vec<Property>)> {
        let mut body = Reader::new(&self.body);
        let reason = if body.is_empty() { 0 } else { body.byte()? };
        let properties = if body.is_empty() { Vec::new() } else { properties(&mut body)? };
        body.end()?;
        Ok((reason, properties))
    }
}

/// A CONNACK packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnAck {
    pub(crate) flags: u8,
    pub(crate) reason: u8,
    pub(crate) properties: Vec<Property>,
}

impl ConnAck {
    pub(crate) fn session_present(&self) -> bool {
        self.flags & 1 == 1
    }

    pub(crate) fn property(&self, id: u8) -> Option<&Property> {
        self.properties.iter().find(|property| property.id == id)
    }
}

/// A packet that answers another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) id: u16,
    /// One for each filter in SUBACK and UNSUBACK, exactly one otherwise.
    pub(crate) reasons: Vec<u8>,
    pub(crate) properties: Vec<Property>,
}

impl Acknowledgement {
    pub(crate) fn reason(&self) -> u8 {
        self.reasons.first().copied().unwrap_or_default()
    }
}

fn properties(reader: &mut Reader<'_>) -> Verdict<Vec<Property>> {
    let length = reader.variable_integer()?;
    property::read(reader.take(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &[u8]) -> Verdict<Option<Packet>> {
        Packet::take(&mut bytes.to_vec())
    }

    #[test]
    fn take_waits_for_the_whole_packet() {
        let mut bytes = Publish::new("a/b", "x".repeat(200)).bytes(Version::V5_0);
        let whole = bytes.len();
        bytes.extend([0xD0, 0x00]);
        for length in 0..whole {
            assert!(matches!(take(&bytes[..length]), Ok(None)), "{length} bytes");
        }
        let packet = Packet::take(&mut bytes).unwrap().unwrap();
        assert_eq!((packet.kind, packet.length), (Kind::Publish, whole));
        assert_eq!(bytes, [0xD0, 0x00]);
    }

    #[test]
    fn take_refuses_what_a_server_may_not_send() {
        for (case, bytes) in [
            ("a SUBSCRIBE", &[0x82, 0x00][..]),
            ("flags on a PINGRESP", &[0xD1, 0x00]),
            ("a PUBREL without its flags", &[0x60, 0x02, 0, 1]),
            ("a length that is longer than needed", &[0xD0, 0x80, 0x00]),
            ("a length of five bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] {
            assert!(take(bytes).is_err(), "{case}");
        }
    }

    #[test]
    fn publish_is_read_as_it_was_written() {
        for version in [Version::V3_1_1, Version::V5_0] {
            let mut publish = Publish::new("a", "x").qos(1).id(7).retained().duplicate();
            if version.is_v5() {
                publish = publish
                    .with(property::four(property::MESSAGE_EXPIRY_INTERVAL, 70_000))
                    .with(property::subscription_identifier(300))
                    .with(property::user("n", "v"));
            }
            let packet = take(&publish.bytes(version)).unwrap().unwrap();
            assert_eq!(packet.publish(version), Ok(publish));
        }
    }

    #[test]
    fn publish_refuses_qos_3_and_identifier_0() {
        for bytes in [&[0x36, 0x05, 0, 1, b'a', 0, 1][..], &[0x32, 0x05, 0, 1, b'a', 0, 0]] {
            let packet = take(bytes).unwrap().unwrap();
            assert!(packet.publish(Version::V3_1_1).is_err(), "{bytes:02x?}");
        }
    }
}
