//! PUBLISH (section 3.3).

use core::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::Version::{V3_1, V3_1_1, V5};
use ferrymq_codec::{
    DecodeError, Delivery, Packet, PacketId, Properties, Property, Publish, TopicName,
};

use crate::row::{Row, both, encodes, leak, properties, refused};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = headers();
    rows.extend(properties_rows());
    rows.extend(refused_topics());
    rows.extend(refused_properties());
    rows.extend(lengths());
    rows
}

fn headers() -> Vec<Row> {
    let id = PacketId::new(10).expect("not zero");
    let plain = publish(Delivery::AtMostOnce, b"hello");
    let mut rows = Vec::new();
    for (name, dup, retain, delivery, first, packet_id) in [
        ("QoS 0", false, false, Delivery::AtMostOnce, 0x30, ""),
        ("QoS 0, RETAIN", false, true, Delivery::AtMostOnce, 0x31, ""),
        ("QoS 1", false, false, Delivery::AtLeastOnce(id), 0x32, "000A"),
        ("QoS 1, DUP, RETAIN", true, true, Delivery::AtLeastOnce(id), 0x3B, "000A"),
        ("QoS 2", false, false, Delivery::ExactlyOnce(id), 0x34, "000A"),
        ("QoS 2, DUP", true, false, Delivery::ExactlyOnce(id), 0x3C, "000A"),
    ] {
        let packet = Packet::Publish(Publish { dup, retain, delivery, ..plain });
        let length = 10 + packet_id.len() / 2;
        let old = format!("{first:02x} {length:02x} 0003 'a/b' {packet_id} 'hello'");
        let new = format!("{first:02x} {:02x} 0003 'a/b' {packet_id} 00 'hello'", length + 1);
        rows.push(both(name, V3_1, &old, packet));
        rows.push(both(name, V3_1_1, &old, packet));
        rows.push(both(name, V5, &new, packet));
    }
    rows.extend([
        encodes(
            "no DUP at QoS 0",
            V3_1_1,
            "30 0A 0003 'a/b' 'hello'",
            Packet::Publish(Publish { dup: true, ..plain }),
        ),
        both(
            "empty payload",
            V3_1_1,
            "30 05 0003 'a/b'",
            Packet::Publish(Publish { payload: b"", ..plain }),
        ),
        both(
            "one separator",
            V3_1_1,
            "30 03 0001 '/'",
            Packet::Publish(Publish { topic: Some(name("/")), payload: b"", ..plain }),
        ),
        both(
            "U+FEFF is kept",
            V3_1_1,
            "30 05 0003 EFBBBF",
            Packet::Publish(Publish { topic: Some(name("\u{FEFF}")), payload: b"", ..plain }),
        ),
        refused("packet identifier 0", V5, "32 08 0003 'a/b' 0000 00", DecodeError::ZeroPacketId),
        refused("packet identifier 0", V3_1_1, "34 07 0003 'a/b' 0000", DecodeError::ZeroPacketId),
        refused("no packet identifier", V3_1_1, "32 05 0003 'a/b'", DecodeError::Truncated),
    ]);
    rows
}

fn properties_rows() -> Vec<Row> {
    let plain = publish(Delivery::AtMostOnce, b"");
    let every = properties(&[
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(3600),
        Property::TopicAlias(NonZeroU16::new(7).expect("not zero")),
        Property::ResponseTopic(TopicName::trusted("r/t")),
        Property::CorrelationData(&[1, 2]),
        Property::UserProperty(("a", "b")),
        Property::UserProperty(("a", "b")),
        Property::SubscriptionIdentifier(NonZeroU32::MIN),
        Property::SubscriptionIdentifier(NonZeroU32::new(268_435_455).expect("not zero")),
        Property::ContentType("t"),
    ]);
    let alias = properties(&[Property::TopicAlias(NonZeroU16::MAX)]);
    let text = properties(&[Property::PayloadFormatIndicator(true)]);
    vec![
        both(
            "every property",
            V5,
            "30 34 0003 'a/b'
             2E                    ; property length
             01 01                 ; Payload Format Indicator
             02 00000E10           ; Message Expiry Interval
             23 0007               ; Topic Alias
             08 0003 'r/t'         ; Response Topic
             09 0002 0102          ; Correlation Data
             26 0001 'a' 0001 'b'  ; User Property
             26 0001 'a' 0001 'b'  ; User Property
             0B 01                 ; Subscription Identifier
             0B FFFFFF7F           ; Subscription Identifier
             03 0001 't'           ; Content Type",
            Packet::Publish(Publish { properties: every, ..plain }),
        ),
        encodes(
            "properties left out",
            V3_1_1,
            "30 05 0003 'a/b'",
            Packet::Publish(Publish { properties: every, ..plain }),
        ),
        both(
            "alias instead of a name",
            V5,
            "30 06 0000 03 23 FFFF",
            Packet::Publish(Publish { topic: None, properties: alias, ..plain }),
        ),
        both(
            "the payload is not checked",
            V5,
            "30 09 0003 'a/b' 02 01 01 FF",
            Packet::Publish(Publish { properties: text, payload: &[0xFF], ..plain }),
        ),
    ]
}

fn refused_topics() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, length, topic, error) in [
        ("wildcard +", 3, "0001 '+'", DecodeError::WildcardInTopicName),
        ("wildcard #", 5, "0003 'a/#'", DecodeError::WildcardInTopicName),
        ("wildcard in a level", 4, "0002 'a+'", DecodeError::WildcardInTopicName),
        ("NUL", 5, "0003 'a' 00 'b'", DecodeError::NullCharacter),
        ("not UTF-8", 4, "0002 C3 28", DecodeError::InvalidUtf8),
        ("surrogate U+DFFF", 5, "0003 ED BF BF", DecodeError::InvalidUtf8),
        ("above U+10FFFF", 6, "0004 F4 90 80 80", DecodeError::InvalidUtf8),
    ] {
        rows.push(refused(name, V3_1_1, &format!("30 {length:02x} {topic}"), error));
        rows.push(refused(name, V5, &format!("30 {:02x} {topic} 00", length + 1), error));
    }
    rows.extend([
        refused("empty name", V3_1_1, "30 02 0000", DecodeError::EmptyTopicName),
        refused("empty name", V3_1, "30 02 0000", DecodeError::EmptyTopicName),
        refused("neither name nor alias", V5, "30 03 0000 00", DecodeError::MissingTopicName),
        refused("name longer than the packet", V5, "30 04 0003 'a/'", DecodeError::Truncated),
        refused("half a length", V5, "30 01 00", DecodeError::Truncated),
        refused("empty packet", V5, "30 00", DecodeError::Truncated),
        refused("no property length", V5, "30 03 0001 'a'", DecodeError::Truncated),
        refused(
            "too many levels",
            V3_1_1,
            &format!("30 CA 01 00C8 '{}'", "/".repeat(200)),
            DecodeError::TooManyTopicNameLevels,
        ),
    ]);
    rows
}

fn refused_properties() -> Vec<Row> {
    [
        ("Payload Format Indicator 2", "02 01 02", DecodeError::ForbiddenPropertyValue),
        ("Payload Format Indicator twice", "04 01 00 01 00", DecodeError::RepeatedProperty),
        ("Message Expiry twice", "0A 02 00000001 02 00000001", DecodeError::RepeatedProperty),
        ("Topic Alias 0", "03 23 0000", DecodeError::ZeroTopicAlias),
        ("Topic Alias twice", "06 23 0001 23 0001", DecodeError::RepeatedProperty),
        ("wildcard in Response Topic", "04 08 0001 '#'", DecodeError::WildcardInTopicName),
        ("empty Response Topic", "03 08 0000", DecodeError::EmptyTopicName),
        ("Response Topic twice", "08 08 0001 'a' 08 0001 'a'", DecodeError::RepeatedProperty),
        ("Correlation Data twice", "06 09 0000 09 0000", DecodeError::RepeatedProperty),
        ("Content Type twice", "06 03 0000 03 0000", DecodeError::RepeatedProperty),
        ("NUL in Content Type", "04 03 0001 00", DecodeError::NullCharacter),
        ("NUL in a User Property", "06 26 0000 0001 00", DecodeError::NullCharacter),
        ("User Property without value", "03 26 0000", DecodeError::Truncated),
        ("Subscription Identifier 0", "02 0B 00", DecodeError::ForbiddenPropertyValue),
        (
            "Subscription Identifier in five bytes",
            "06 0B 80 80 80 80 01",
            DecodeError::VariableByteIntegerTooLong,
        ),
        (
            "Subscription Identifier with a byte too much",
            "03 0B 81 00",
            DecodeError::VariableByteIntegerNotMinimal,
        ),
        ("Session Expiry Interval", "05 11 00000001", DecodeError::PropertyNotInPacket),
        ("Reason String", "03 1F 0000", DecodeError::PropertyNotInPacket),
        ("unknown property", "02 7F 00", DecodeError::UnknownProperty),
    ]
    .into_iter()
    .map(|(name, block, error)| {
        let length = 3 + crate::row::bytes(block).len();
        refused(name, V5, &format!("30 {length:02x} 0001 'a' {block}"), error)
    })
    .collect()
}

/// Remaining Length around the lengths at which it takes another byte.
fn lengths() -> Vec<Row> {
    [
        ("127", 127, "7F"),
        ("128", 128, "80 01"),
        ("16,383", 16_383, "FF 7F"),
        ("16,384", 16_384, "80 80 01"),
        ("2,097,151", 2_097_151, "FF FF 7F"),
        ("2,097,152", 2_097_152, "80 80 80 01"),
    ]
    .into_iter()
    .flat_map(|(name, length, encoded)| {
        [(V3_1_1, "", 5), (V5, "00", 6)].map(|(version, properties, fixed)| {
            let payload = leak(vec![b'x'; length - fixed]);
            let text = format!("30 {encoded} 0003 'a/b' {properties}");
            let packet = Packet::Publish(publish(Delivery::AtMostOnce, payload));
            let mut row = both(name, version, &text, packet);
            row.bytes.extend_from_slice(payload);
            row
        })
    })
    .collect()
}

fn publish(delivery: Delivery, payload: &'static [u8]) -> Publish<'static> {
    Publish {
        dup: false,
        delivery,
        retain: false,
        topic: Some(name("a/b")),
        properties: Properties::EMPTY,
        payload,
    }
}

fn name(text: &'static str) -> TopicName<'static> {
    TopicName::parse(text).expect("a valid name")
}
