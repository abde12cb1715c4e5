//! Blocks of properties: where each may stand, how it is read by name, and how a block is relayed.

use core::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{
    DecodeError, EncodeError, PacketType, Properties, Property, PropertyBuffer, PropertyContext,
    PropertyId, QoS, ReasonCode, TopicName,
};

/// The table of section 2.2.2.2: identifier, an example, the packets (`W` is a will).
fn table() -> Vec<(u8, Property<'static>, &'static str)> {
    let two = NonZeroU16::new(2).expect("not zero");
    let three = NonZeroU32::new(3).expect("not zero");
    vec![
        (0x01, Property::PayloadFormatIndicator(true), "PUBLISH W"),
        (0x02, Property::MessageExpiryInterval(7), "PUBLISH W"),
        (0x03, Property::ContentType("type"), "PUBLISH W"),
        (0x08, Property::ResponseTopic(TopicName::trusted("r")), "PUBLISH W"),
        (0x09, Property::CorrelationData(&[0, 1]), "PUBLISH W"),
        (0x0B, Property::SubscriptionIdentifier(three), "PUBLISH SUBSCRIBE"),
        (0x11, Property::SessionExpiryInterval(8), "CONNECT CONNACK DISCONNECT"),
        (0x12, Property::AssignedClientIdentifier("id"), "CONNACK"),
        (0x13, Property::ServerKeepAlive(9), "CONNACK"),
        (0x15, Property::AuthenticationMethod("method"), "CONNECT CONNACK AUTH"),
        (0x16, Property::AuthenticationData(&[2]), "CONNECT CONNACK AUTH"),
        (0x17, Property::RequestProblemInformation(false), "CONNECT"),
        (0x18, Property::WillDelayInterval(10), "W"),
        (0x19, Property::RequestResponseInformation(true), "CONNECT"),
        (0x1A, Property::ResponseInformation("info"), "CONNACK"),
        (0x1C, Property::ServerReference("server"), "CONNACK DISCONNECT"),
        (
            0x1F,
            Property::ReasonString("reason"),
            "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
        ),
        (0x21, Property::ReceiveMaximum(two), "CONNECT CONNACK"),
        (0x22, Property::TopicAliasMaximum(11), "CONNECT CONNACK"),
        (0x23, Property::TopicAlias(two), "PUBLISH"),
        (0x24, Property::MaximumQoS(QoS::AtLeastOnce), "CONNACK"),
        (0x25, Property::RetainAvailable(false), "CONNACK"),
        (
            0x26,
            Property::UserProperty(("name", "value")),
            "CONNECT CONNACK PUBLISH W PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE \
             UNSUBACK DISCONNECT AUTH",
        ),
        (0x27, Property::MaximumPacketSize(three), "CONNECT CONNACK"),
        (0x28, Property::WildcardSubscriptionAvailable(false), "CONNACK"),
        (0x29, Property::SubscriptionIdentifierAvailable(true), "CONNACK"),
        (0x2A, Property::SharedSubscriptionAvailable(false), "CONNACK"),
    ]
}

fn contexts() -> impl Iterator<Item = (PropertyContext, String)> {
    (1..=15)
        .map(|bits| {
            let packet_type = PacketType::from_bits(bits).expect("a packet type");
            (PropertyContext::Packet(packet_type), packet_type.to_string())
        })
        .chain([(PropertyContext::Will, "W".to_owned())])
}

fn block(properties: &[Property<'_>]) -> PropertyBuffer {
    let mut buffer = PropertyBuffer::new();
    for property in properties {
        buffer.push(*property).expect("the property is short");
    }
    buffer
}

#[test]
fn a_property_stands_where_the_specification_allows_it() {
    for (id, property, packets) in table() {
        assert_eq!(property.id().value(), id);
        assert_eq!(PropertyId::from_u8(id), Some(property.id()));
        let buffer = block(&[property]);
        let bytes = buffer.as_properties().as_bytes();
        for (context, name) in contexts() {
            let expected = if !packets.split(' ').any(|packet| packet == name) {
                Err(DecodeError::PropertyNotInPacket)
            } else if property.id() == PropertyId::AuthenticationData {
                Err(DecodeError::AuthenticationDataWithoutMethod)
            } else {
                Ok(buffer.as_properties())
            };
            assert_eq!(Properties::parse(bytes, context), expected, "{property:?} in {name}");
        }
    }
}

#[test]
fn an_unknown_property_is_malformed() {
    let known: Vec<u8> = table().iter().map(|(id, _, _)| *id).collect();
    for id in (0..=u8::MAX).filter(|id| !known.contains(id)) {
        let bytes = [id, 0, 0];
        let found = Properties::parse(&bytes, PropertyContext::Will);
        assert_eq!(found, Err(DecodeError::UnknownProperty), "{id:#04x}");
    }
    assert_eq!(DecodeError::UnknownProperty.reason(), ReasonCode::MalformedPacket);
}

#[test]
fn a_property_occurs_once_but_for_two() {
    for (_, property, packets) in table() {
        let once = [Property::AuthenticationMethod("m"), property];
        let twice = [Property::AuthenticationMethod("m"), property, property];
        let needs_method = property.id() == PropertyId::AuthenticationData;
        let (once, twice) =
            if needs_method { (&once[..], &twice[..]) } else { (&once[1..], &twice[1..]) };
        for (context, name) in contexts() {
            if !packets.split(' ').any(|packet| packet == name) {
                continue;
            }
            let buffer = block(once);
            let bytes = buffer.as_properties().as_bytes();
            assert!(Properties::parse(bytes, context).is_ok(), "{property:?} once in {name}");
            let may_repeat = match property.id() {
                PropertyId::UserProperty => true,
                PropertyId::SubscriptionIdentifier => name == "PUBLISH",
                _ => false,
            };
            let buffer = block(twice);
            let found = Properties::parse(buffer.as_properties().as_bytes(), context);
            let expected = if may_repeat {
                Ok(buffer.as_properties())
            } else {
                Err(DecodeError::RepeatedProperty)
            };
            assert_eq!(found, expected, "{property:?} twice in {name}");
        }
    }
}

#[test]
fn every_property_is_read_back_in_order_and_by_name() {
    let all: Vec<Property<'_>> = table().into_iter().map(|(_, property, _)| property).collect();
    let buffer = block(&all);
    let properties = buffer.as_properties();
    assert_eq!(properties.iter().collect::<Vec<_>>(), all);

    let two = NonZeroU16::new(2);
    let three = NonZeroU32::new(3);
    assert_eq!(properties.payload_format_indicator(), Some(true));
    assert_eq!(properties.message_expiry_interval(), Some(7));
    assert_eq!(properties.content_type(), Some("type"));
    assert_eq!(properties.response_topic(), Some(TopicName::trusted("r")));
    assert_eq!(properties.correlation_data(), Some(&[0, 1][..]));
    assert_eq!(properties.subscription_identifiers().collect::<Vec<_>>(), Vec::from_iter(three));
    assert_eq!(properties.session_expiry_interval(), Some(8));
    assert_eq!(properties.assigned_client_identifier(), Some("id"));
    assert_eq!(properties.server_keep_alive(), Some(9));
    assert_eq!(properties.authentication_method(), Some("method"));
    assert_eq!(properties.authentication_data(), Some(&[2][..]));
    assert_eq!(properties.request_problem_information(), Some(false));
    assert_eq!(properties.will_delay_interval(), Some(10));
    assert_eq!(properties.request_response_information(), Some(true));
    assert_eq!(properties.response_information(), Some("info"));
    assert_eq!(properties.server_reference(), Some("server"));
    assert_eq!(properties.reason_string(), Some("reason"));
    assert_eq!(properties.receive_maximum(), two);
    assert_eq!(properties.topic_alias_maximum(), Some(11));
    assert_eq!(properties.topic_alias(), two);
    assert_eq!(properties.maximum_qos(), Some(QoS::AtLeastOnce));
    assert_eq!(properties.retain_available(), Some(false));
    assert_eq!(properties.user_properties().collect::<Vec<_>>(), [("name", "value")]);
    assert_eq!(properties.maximum_packet_size(), three);
    assert_eq!(properties.wildcard_subscription_available(), Some(false));
    assert_eq!(properties.subscription_identifier_available(), Some(true));
    assert_eq!(properties.shared_subscription_available(), Some(false));

    assert!(Properties::EMPTY.is_empty());
    assert_eq!(Properties::EMPTY.content_type(), None);
    assert_eq!(Properties::EMPTY.iter().next(), None);
    assert_eq!(Properties::EMPTY.user_properties().next(), None);
}

#[test]
fn what_belongs_to_one_connection_is_not_relayed() {
    let alias = Property::TopicAlias(NonZeroU16::MIN);
    let identifier = Property::SubscriptionIdentifier(NonZeroU32::MIN);
    let relayed = [
        Property::UserProperty(("a", "1")),
        Property::ContentType("t"),
        Property::UserProperty(("a", "1")),
        Property::PayloadFormatIndicator(false),
        Property::MessageExpiryInterval(1),
        Property::ResponseTopic(TopicName::trusted("r")),
        Property::CorrelationData(&[]),
        Property::UserProperty(("", "")),
    ];
    let [first, rest @ ..] = relayed;
    let sent: Vec<_> =
        [alias, first, identifier].into_iter().chain(rest).chain([identifier]).collect();
    let buffer = block(&sent);
    let copy = PropertyBuffer::relayed(buffer.as_properties());
    assert_eq!(copy, block(&relayed));

    let will: Vec<_> = [first, Property::WillDelayInterval(4)].into_iter().chain(rest).collect();
    let mut bytes = b"before".to_vec();
    block(&will).as_properties().copy_relayed_into(&mut bytes);
    assert_eq!(bytes.strip_prefix(b"before"), Some(copy.as_properties().as_bytes()));
}

#[test]
fn a_property_that_is_too_long_is_not_added() {
    let long = "x".repeat(65_536);
    let mut buffer = block(&[Property::ContentType("t")]);
    let before = buffer.clone();
    assert_eq!(buffer.push(Property::ReasonString(&long)), Err(EncodeError::FieldTooLong));
    assert_eq!(
        buffer.push(Property::UserProperty(("name", &long))),
        Err(EncodeError::FieldTooLong)
    );
    assert_eq!(
        buffer.push(Property::CorrelationData(long.as_bytes())),
        Err(EncodeError::FieldTooLong)
    );
    assert_eq!(
        buffer.push(Property::SubscriptionIdentifier(NonZeroU32::MAX)),
        Err(EncodeError::NumberTooLarge)
    );
    assert_eq!(buffer, before);
    buffer.push(Property::ReasonString(&long[..65_535])).expect("the longest string");
    assert_eq!(buffer.as_properties().reason_string().map(str::len), Some(65_535));
    buffer.clear();
    assert!(buffer.as_properties().is_empty());
}

#[test]
fn wrong_bytes_that_are_trusted_end_the_block() {
    let mut bytes = block(&[Property::ContentType("t")]).as_properties().as_bytes().to_vec();
    bytes.extend_from_slice(&[0x26, 0x00, 0x05, b'a']);
    let properties = Properties::trusted(&bytes);
    assert_eq!(properties.iter().collect::<Vec<_>>(), [Property::ContentType("t")]);
    assert_eq!(properties.user_properties().next(), None);
    assert_eq!(PropertyBuffer::relayed(properties), block(&[Property::ContentType("t")]));
}
