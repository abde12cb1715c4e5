//! Bytes from a peer: a stream of packets until the first error.

use ferrymq_codec::{
    DecodeError, Frame, Framing, Packet, Properties, PropertyBuffer, ReasonCode, Version,
};

/// The bytes are decoded in every version without a panic; framing finds the same packet in any
/// chunking; what was decoded is the same after encoding and decoding.
///
/// # Panics
///
/// If one of these does not hold.
pub fn decode(data: &[u8]) {
    let mut rest = data;
    while let Some(length) = check_front(rest) {
        rest = &rest[length..];
    }
}

/// Checks the packet at the front and returns its length.
fn check_front(bytes: &[u8]) -> Option<usize> {
    let whole = Frame::parse(bytes, MAXIMUM_PACKET_SIZE);
    let (end, error) = match &whole {
        Ok(Framing::Complete(frame)) => (frame.length(), None),
        Ok(Framing::Incomplete { needed }) => (needed.unwrap_or(usize::MAX), None),
        Err(error) => (usize::MAX, Some(*error)),
    };
    check_beginnings(bytes, end, error);
    let Ok(Framing::Complete(frame)) = whole else { return None };
    assert_eq!(frame.bytes(), &bytes[..end], "a packet is the front of the bytes");
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        if let Ok(packet) = frame.decode(version) {
            read_all(&packet);
            check_encoded(&packet, version);
        }
    }
    Some(end)
}

/// Every beginning of the packet is incomplete or already shows the error of the whole.
fn check_beginnings(bytes: &[u8], end: usize, error: Option<DecodeError>) {
    for length in 0..bytes.len().min(end) {
        match Frame::parse(&bytes[..length], MAXIMUM_PACKET_SIZE) {
            Ok(Framing::Incomplete { needed: None }) => {}
            Ok(Framing::Incomplete { needed: Some(needed) }) => {
                assert_eq!(needed, end, "after {length} bytes");
            }
            Ok(Framing::Complete(frame)) => panic!("{frame:?} ends early"),
            Err(early) => assert_eq!(Some(early), error, "after {length} bytes"),
        }
    }
}

fn check_encoded(packet: &Packet<'_>, version: Version) {
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut encoded = Vec::new();
    packet.encode(version, &mut encoded).expect("a decoded packet has an encoding");
    let Ok(Framing::Complete(frame)) = Frame::parse(&encoded, usize::MAX) else {
        panic!("{packet:?} is encoded as {encoded:02x?}, which is no packet");
    };
    assert_eq!(frame.bytes(), encoded, "one packet is encoded as one packet");
    assert_eq!(frame.decode(version).as_ref(), Ok(packet), "a packet survives encoding");
}

/// Iterates everything that is read lazily: as many items come back as were checked.
fn read_all(packet: &Packet<'_>) {
    match packet {
        Packet::Connect(connect) => {
            read_properties(connect.properties);
            if let Some(will) = connect.will {
                read_properties(will.properties);
            }
        }
        Packet::ConnAck(connack) => read_properties(connack.properties),
        Packet::Publish(publish) => read_properties(publish.properties),
        Packet::PubAck(acknowledgement)
        | Packet::PubRec(acknowledgement)
        | Packet::PubRel(acknowledgement)
        | Packet::PubComp(acknowledgement) => read_properties(acknowledgement.properties),
        Packet::Subscribe(subscribe) => {
            read_properties(subscribe.properties);
            let length: usize =
                subscribe.filters.iter().map(|(filter, _)| filter.as_str().len() + 3).sum();
            assert_eq!(length, subscribe.filters.as_bytes().len(), "all filters are read");
        }
        Packet::Unsubscribe(unsubscribe) => {
            read_properties(unsubscribe.properties);
            let length: usize =
                unsubscribe.filters.iter().map(|filter| filter.as_str().len() + 2).sum();
            assert_eq!(length, unsubscribe.filters.as_bytes().len(), "all filters are read");
        }
        Packet::SubAck(suback) | Packet::UnsubAck(suback) => {
            read_properties(suback.properties);
            let reasons: Vec<u8> = suback.reasons.iter().map(ReasonCode::value).collect();
            assert_eq!(reasons, suback.reasons.as_bytes(), "all reason codes are read");
        }
        Packet::Disconnect(disconnect) => read_properties(disconnect.properties),
        Packet::Auth(auth) => read_properties(auth.properties),
        Packet::PingReq | Packet::PingResp => {}
    }
}

fn read_properties(properties: Properties<'_>) {
    let mut copy = PropertyBuffer::new();
    for property in properties.iter() {
        copy.push(property).expect("a decoded property has an encoding");
    }
    assert_eq!(copy.as_properties(), properties, "all properties are read, in their order");
    let mut relayed = Vec::new();
    properties.copy_relayed_into(&mut relayed);
    let mut again = Vec::new();
    Properties::trusted(&relayed).copy_relayed_into(&mut again);
    assert_eq!(relayed, again, "what is relayed is relayed again");
}

const MAXIMUM_PACKET_SIZE: usize = 1 << 20;
