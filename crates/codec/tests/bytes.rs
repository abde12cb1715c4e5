//! What holds for all bytes: decoding never panics, never reads past the packet, is the same in any
//! chunking, and what was decoded survives encoding. And for all packets: they come back.

use ferrymq_codec::{
    DecodeError, EncodeError, Frame, Framing, MAX_REMAINING_LENGTH, Packet, PropertyBuffer,
    ReasonCode, SubscriptionFilters, SubscriptionOptions, TopicFilter, Version,
};
use proptest::prelude::*;

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

/// The version that the packet was decoded with: a CONNECT has its own.
fn version_of(packet: &Packet<'_>, version: Version) -> Version {
    match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    }
}

fn check_survives_encoding(packet: &Packet<'_>, version: Version) {
    let version = version_of(packet, version);
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("a packet that was decoded is encoded");
    let Ok(Framing::Complete(frame)) = Frame::parse(&bytes, usize::MAX) else {
        panic!("{packet:?} is encoded as {bytes:02x?}, which is no packet");
    };
    assert_eq!(frame.bytes(), bytes);
    assert_eq!(frame.packet_type(), packet.packet_type());
    assert_eq!(frame.decode(version).as_ref(), Ok(packet));
}

fn check_bytes(bytes: &[u8]) {
    let whole = Frame::parse(bytes, MAX_REMAINING_LENGTH);
    let (end, whole) = match whole {
        Ok(Framing::Incomplete { .. }) => return,
        Ok(Framing::Complete(frame)) => (frame.length(), Ok(frame)),
        Err(error) => (bytes.len(), Err(error)),
    };
    for length in 0..end {
        match Frame::parse(&bytes[..length], MAX_REMAINING_LENGTH) {
            Ok(Framing::Incomplete { needed: None }) => {}
            Ok(Framing::Incomplete { needed: Some(needed) }) => assert_eq!(needed, end),
            Ok(Framing::Complete(frame)) => panic!("{frame:?} is a part of {bytes:02x?}"),
            Err(error) => assert_eq!(Some(error), whole.err(), "after {length} bytes"),
        }
    }
    let Ok(frame) = whole else { return };
    for version in VERSIONS {
        if let Ok(packet) = frame.decode(version) {
            check_survives_encoding(&packet, version);
        }
    }
}

/// A whole packet: a first byte and a body that is mostly small numbers and short strings, so that
/// many bodies are almost right.
fn almost_packet() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        proptest::collection::vec(0..4_u8, 1..3),
        "[a-z/+#$]{0,4}".prop_map(|text| {
            let mut field = vec![0, u8::try_from(text.len()).expect("a short text")];
            field.extend_from_slice(text.as_bytes());
            field
        }),
        any::<u8>().prop_map(|byte| vec![byte]),
        Just(b"\x00\x04MQTT\x05\x02\x00\x0A".to_vec()),
        Just(b"\x00\x04MQTT\x04\xC6\x00\x0A".to_vec()),
        Just(b"\x26\x00\x01a\x00\x01b".to_vec()),
    ];
    let first = prop_oneof![
        0x30..0x40_u8,
        (1..16_u8).prop_map(|bits| bits << 4),
        Just(0x62),
        Just(0x82),
        Just(0xA2)
    ];
    (first, proptest::collection::vec(field, 0..8)).prop_map(|(first, fields)| {
        let body = fields.concat();
        let length = u8::try_from(body.len()).expect("a short body");
        [&[first, length][..], &body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        check_bytes(&bytes);
    }

    #[test]
    fn almost_packets(bytes in almost_packet()) {
        check_bytes(&bytes);
    }

    #[test]
    fn subscription_filters_come_back(
        filters in proptest::collection::vec(("[a-z]{1,8}(/[+])?", 0..3_u8, 0..2_u8, 0..2_u8, 0..3_u8), 1..5),
    ) {
        let filters: Vec<(TopicFilter<'_>, SubscriptionOptions)> = filters
            .iter()
            .map(|(filter, qos, no_local, as_published, handling)| {
                let bits = qos | no_local << 2 | as_published << 3 | handling << 4;
                let options = SubscriptionOptions::from_bits(bits).expect("known options");
                assert_eq!(options.bits(), bits);
                (TopicFilter::parse(filter).expect("a valid filter"), options)
            })
            .collect();
        let mut bytes = Vec::new();
        SubscriptionFilters::encode_into(filters.iter().copied(), &mut bytes).expect("short");
        let parsed = SubscriptionFilters::parse(&bytes, Version::V5).expect("valid filters");
        prop_assert_eq!(parsed.len(), filters.len());
        prop_assert_eq!(parsed.iter().collect::<Vec<_>>(), filters);
    }
}

#[test]
fn the_largest_packet_that_is_accepted() {
    let bytes = b"\x30\x08\x00\x03a/bxyz";
    assert!(
        matches!(Frame::parse(bytes, 10), Ok(Framing::Complete(frame)) if frame.length() == 10)
    );
    assert_eq!(Frame::parse(bytes, 9).err(), Some(DecodeError::PacketTooLarge));
    // Two bytes tell the length: the body is not waited for.
    assert_eq!(Frame::parse(&bytes[..2], 9).err(), Some(DecodeError::PacketTooLarge));
    assert_eq!(DecodeError::PacketTooLarge.reason(), ReasonCode::PacketTooLarge);
}

#[test]
fn a_packet_that_cannot_be_encoded_leaves_the_buffer_alone() {
    let long = "x".repeat(65_536);
    let mut out = b"before".to_vec();
    let filters = [(TopicFilter::trusted("a"), SubscriptionOptions::default())];
    let too_long = [(TopicFilter::trusted(&long), SubscriptionOptions::default())];
    let result = SubscriptionFilters::encode_into(filters.into_iter().chain(too_long), &mut out);
    assert_eq!(result, Err(EncodeError::FieldTooLong));
    assert_eq!(out, b"before");

    let properties = PropertyBuffer::new();
    let auth =
        ferrymq_codec::Auth { reason: ReasonCode::Success, properties: properties.as_properties() };
    let result = Packet::Auth(auth).encode(Version::V3_1_1, &mut out);
    assert_eq!(result, Err(EncodeError::NotInVersion));
    assert_eq!(out, b"before");

    let connect = ferrymq_codec::Connect {
        version: Version::V3_1_1,
        clean_start: true,
        keep_alive: 0,
        client_id: "c",
        will: None,
        username: None,
        password: Some(b"p"),
        properties: properties.as_properties(),
    };
    let result = Packet::Connect(connect).encode(Version::V3_1_1, &mut out);
    assert_eq!(result, Err(EncodeError::PasswordWithoutUserName));
    let connect = ferrymq_codec::Connect { client_id: &long, password: None, ..connect };
    let result = Packet::Connect(connect).encode(Version::V3_1_1, &mut out);
    assert_eq!(result, Err(EncodeError::FieldTooLong));
    assert_eq!(out, b"before");
}

#[test]
fn errors_give_the_reason_code_of_the_specification() {
    for (error, reason) in [
        (DecodeError::Truncated, ReasonCode::MalformedPacket),
        (DecodeError::InvalidUtf8, ReasonCode::MalformedPacket),
        (DecodeError::PropertyNotInPacket, ReasonCode::MalformedPacket),
        (DecodeError::InvalidReasonCode, ReasonCode::MalformedPacket),
        (DecodeError::RepeatedProperty, ReasonCode::ProtocolError),
        (DecodeError::ForbiddenPropertyValue, ReasonCode::ProtocolError),
        (DecodeError::ZeroPacketId, ReasonCode::ProtocolError),
        (DecodeError::MissingTopicFilters, ReasonCode::ProtocolError),
        (DecodeError::NoLocalOnSharedSubscription, ReasonCode::ProtocolError),
        (DecodeError::UnsupportedProtocolVersion, ReasonCode::UnsupportedProtocolVersion),
        (DecodeError::ZeroTopicAlias, ReasonCode::TopicAliasInvalid),
        (DecodeError::WildcardInTopicName, ReasonCode::TopicNameInvalid),
        (DecodeError::MisplacedWildcard, ReasonCode::TopicFilterInvalid),
        (DecodeError::InvalidShareName, ReasonCode::TopicFilterInvalid),
    ] {
        assert_eq!(error.reason(), reason, "{error}");
    }
}
