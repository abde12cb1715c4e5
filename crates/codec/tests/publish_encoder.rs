//! The PUBLISH of a broker: a relayed block with what belongs to one delivery around it.

use core::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    Delivery, EncodeError, Frame, Framing, MAX_REMAINING_LENGTH, Packet, PacketId, Properties,
    Property, PropertyBuffer, Publish, PublishEncoder, TopicName, Version,
};
use proptest::prelude::*;

fn plain() -> PublishEncoder<'static> {
    PublishEncoder {
        dup: false,
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: "a/b",
        properties: Properties::EMPTY,
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        payload_length: 0,
    }
}

fn block(properties: &[Property<'_>]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in properties {
        buffer.push(*property).expect("the property is short");
    }
    buffer
}

fn decode(bytes: &[u8], version: Version) -> Publish<'_> {
    match Frame::parse(bytes, MAX_REMAINING_LENGTH) {
        Ok(Framing::Complete(frame)) => match frame.decode(version) {
            Ok(Packet::Publish(publish)) => publish,
            other => panic!("expected a PUBLISH: {other:?}"),
        },
        framing => panic!("expected a packet: {framing:?}"),
    }
}

/// Encodes, checks the lengths that were announced, and gives the packet's properties.
fn delivered(encoder: &PublishEncoder<'_>) -> PropertyBuffer {
    let payload = b"payload";
    let mut out = b"before".to_vec();
    encoder.encode(Version::V5, payload, &mut out).expect("the packet is short");
    let bytes = out.strip_prefix(b"before").expect("what was there stays");
    let encoder = PublishEncoder { payload_length: payload.len(), ..*encoder };
    assert_eq!(encoder.encoded_length(Version::V5), bytes.len());
    let mut head = Vec::new();
    let length = encoder.encode_head(Version::V5, &mut head).expect("the packet is short");
    assert_eq!(length, head.len());
    assert_eq!([&head, &payload[..]].concat(), bytes);
    let publish = decode(bytes, Version::V5);
    assert_eq!(publish.payload, payload);
    block(&publish.properties.iter().collect::<Vec<_>>())
}

#[test]
fn the_expiry_is_replaced_where_it_stands() {
    let before = Property::UserProperty(("a", "b"));
    let after = Property::ContentType("t");
    let relayed = block(&[before, Property::MessageExpiryInterval(100), after]);
    let encoder = PublishEncoder {
        properties: relayed.as_properties(),
        message_expiry_interval: Some(40),
        ..plain()
    };
    assert_eq!(delivered(&encoder), block(&[before, Property::MessageExpiryInterval(40), after]));
    let encoder = PublishEncoder { message_expiry_interval: None, ..encoder };
    assert_eq!(delivered(&encoder), relayed);
}

#[test]
fn an_expiry_that_the_publisher_did_not_set_comes_first() {
    let relayed = [Property::UserProperty(("a", "b")), Property::ContentType("t")];
    let [first, second] = relayed;
    let relayed = block(&relayed);
    let encoder = PublishEncoder {
        properties: relayed.as_properties(),
        message_expiry_interval: Some(40),
        ..plain()
    };
    let expected = block(&[Property::MessageExpiryInterval(40), first, second]);
    assert_eq!(delivered(&encoder), expected);
}

#[test]
fn alias_and_subscription_identifiers_stand_around_the_block() {
    let alias = NonZeroU16::new(300).expect("not zero");
    let largest = NonZeroU32::new(268_435_455).expect("not zero");
    let identifiers = [NonZeroU32::MIN, largest, NonZeroU32::MIN];
    let relayed = block(&[Property::ContentType("t")]);
    let encoder = PublishEncoder {
        topic: "",
        properties: relayed.as_properties(),
        topic_alias: Some(alias),
        subscription_identifiers: &identifiers,
        ..plain()
    };
    let expected = block(&[
        Property::TopicAlias(alias),
        Property::ContentType("t"),
        Property::SubscriptionIdentifier(NonZeroU32::MIN),
        Property::SubscriptionIdentifier(largest),
        Property::SubscriptionIdentifier(NonZeroU32::MIN),
    ]);
    assert_eq!(delivered(&encoder), expected);
}

#[test]
fn an_older_version_gets_the_message_alone() {
    let relayed = block(&[Property::MessageExpiryInterval(100)]);
    let encoder = PublishEncoder {
        delivery: Delivery::AtLeastOnce(PacketId::FIRST),
        properties: relayed.as_properties(),
        message_expiry_interval: Some(40),
        topic_alias: Some(NonZeroU16::MIN),
        subscription_identifiers: &[NonZeroU32::MIN],
        ..plain()
    };
    let mut out = Vec::new();
    encoder.encode(Version::V3_1_1, b"x", &mut out).expect("the packet is short");
    assert_eq!(out, b"\x32\x08\x00\x03a/b\x00\x01x");
}

#[test]
fn what_cannot_be_encoded_leaves_the_buffer_alone() {
    let long = "x".repeat(65_536);
    let too_long = PublishEncoder { topic: &long, ..plain() };
    let too_large = PublishEncoder { payload_length: MAX_REMAINING_LENGTH - 4, ..plain() };
    let nameless = PublishEncoder { topic: "", ..plain() };
    let wrong_identifier =
        PublishEncoder { subscription_identifiers: &[NonZeroU32::MAX], ..plain() };
    for (encoder, version, error) in [
        (too_long, Version::V5, EncodeError::FieldTooLong),
        (too_large, Version::V3_1_1, EncodeError::PacketTooLarge),
        (nameless, Version::V3_1_1, EncodeError::MissingTopicName),
        (wrong_identifier, Version::V5, EncodeError::NumberTooLarge),
        (
            PublishEncoder { payload_length: usize::MAX, ..plain() },
            Version::V5,
            EncodeError::PacketTooLarge,
        ),
    ] {
        let mut out = b"before".to_vec();
        assert_eq!(encoder.encode_head(version, &mut out), Err(error));
        assert_eq!(out, b"before");
    }
    let largest = PublishEncoder { payload_length: MAX_REMAINING_LENGTH - 5, ..plain() };
    assert_eq!(largest.encoded_length(Version::V3_1_1), MAX_REMAINING_LENGTH + 5);
    let mut out = Vec::new();
    assert_eq!(largest.encode_head(Version::V3_1_1, &mut out), Ok(10));
    assert_eq!(out, b"\x30\xFF\xFF\xFF\x7F\x00\x03a/b");
}

#[test]
fn lengths_are_right_where_they_take_another_byte() {
    let text = "x".repeat(65_535);
    for length in [0x7F, 0x80, 0x3FFF, 0x4000, 0x1F_FFFF, 0x20_0000_usize] {
        // The whole of Remaining Length is a payload, and the whole of a block is properties.
        let payload = vec![0; length - 5];
        let mut out = Vec::new();
        plain().encode(Version::V3_1_1, &payload, &mut out).expect("the packet is short");
        let encoder = PublishEncoder { payload_length: payload.len(), ..plain() };
        assert_eq!(encoder.encoded_length(Version::V3_1_1), out.len());

        let mut relayed = PropertyBuffer::new();
        while relayed.as_properties().len() < length {
            let left = length - relayed.as_properties().len();
            // A User Property takes at least five bytes, and what is left must be enough for one.
            let value = if left > 65_540 { 65_000 } else { left - 5 };
            let property = Property::UserProperty(("", &text[..value]));
            relayed.push(property).expect("the property is short");
        }
        assert_eq!(relayed.as_properties().len(), length);
        let encoder = PublishEncoder { properties: relayed.as_properties(), ..plain() };
        let mut out = Vec::new();
        encoder.encode(Version::V5, b"", &mut out).expect("the packet is short");
        assert_eq!(encoder.encoded_length(Version::V5), out.len());
        assert_eq!(decode(&out, Version::V5).properties, relayed.as_properties());
    }
}

proptest! {
    #[test]
    fn the_packet_says_what_the_encoder_was_told(
        dup: bool,
        retain: bool,
        qos in 0..3_u8,
        packet_id in 1..=u16::MAX,
        topic in "[a-z/]{1,200}",
        text in ".{0,300}",
        published in proptest::option::of(any::<u32>()),
        remaining in proptest::option::of(any::<u32>()),
        alias in proptest::option::of(1..=u16::MAX),
        identifiers in proptest::collection::vec(1..=268_435_455_u32, 0..5),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let packet_id = PacketId::new(packet_id).expect("not zero");
        let delivery = match qos {
            0 => Delivery::AtMostOnce,
            1 => Delivery::AtLeastOnce(packet_id),
            _ => Delivery::ExactlyOnce(packet_id),
        };
        let text = text.replace('\0', "");
        let mut relayed = block(&[Property::UserProperty((&text, ""))]);
        if let Some(interval) = published {
            relayed.push(Property::MessageExpiryInterval(interval)).expect("short");
        }
        relayed.push(Property::ContentType(&text)).expect("short");
        let identifiers: Vec<NonZeroU32> =
            identifiers.into_iter().filter_map(NonZeroU32::new).collect();
        let encoder = PublishEncoder {
            dup,
            delivery,
            retain,
            topic: &topic,
            properties: relayed.as_properties(),
            message_expiry_interval: remaining,
            topic_alias: alias.and_then(NonZeroU16::new),
            subscription_identifiers: &identifiers,
            payload_length: payload.len(),
        };
        for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
            let mut out = Vec::new();
            encoder.encode(version, &payload, &mut out).expect("the packet is short");
            prop_assert_eq!(encoder.encoded_length(version), out.len());
            let publish = decode(&out, version);
            prop_assert_eq!(publish.dup, dup && delivery != Delivery::AtMostOnce);
            prop_assert_eq!(publish.delivery, delivery);
            prop_assert_eq!(publish.retain, retain);
            prop_assert_eq!(publish.topic.map(TopicName::as_str), Some(topic.as_str()));
            prop_assert_eq!(publish.payload, &payload);
            let properties = publish.properties;
            if version < Version::V5 {
                prop_assert!(properties.is_empty());
                continue;
            }
            prop_assert_eq!(properties.message_expiry_interval(), remaining.or(published));
            prop_assert_eq!(properties.topic_alias(), encoder.topic_alias);
            prop_assert_eq!(properties.content_type(), Some(text.as_str()));
            prop_assert_eq!(properties.user_properties().collect::<Vec<_>>(), [(text.as_str(), "")]);
            let found: Vec<NonZeroU32> = properties.subscription_identifiers().collect();
            prop_assert_eq!(&found, &identifiers);
        }
    }
}
