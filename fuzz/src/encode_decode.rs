//! Packets that a program could make, from any data: what is encoded is what comes back.

use arbitrary::{Result, Unstructured};
use ferrymq_codec::{
    Acknowledgement, Auth, ConnAck, Connect, DecodeError, Delivery, Disconnect, Frame, Framing,
    Packet, PacketId, PacketType, Properties, Property, PropertyBuffer, PropertyContext,
    PropertyId, Publish, QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Version, Will,
};

/// A packet of MQTT 5.0 comes back as it was. Before MQTT 5.0 it may come back with less, but then
/// that comes back as it is.
///
/// # Panics
///
/// If it does not.
pub fn encode_decode(data: &[u8]) {
    let mut data = Unstructured::new(data);
    // Data that ends early is no case; what was made from the front of it has been tried.
    let _ = check_case(&mut data);
}

fn check_case(data: &mut Unstructured<'_>) -> Result<()> {
    let version = *data.choose(&[Version::V3_1, Version::V3_1_1, Version::V5])?;
    let packet_type = PacketType::from_bits(data.int_in_range(1..=15)?).expect("a packet type");
    let parts = Parts::arbitrary(data, packet_type)?;
    let packet = packet(data, packet_type, version, &parts)?;

    let mut encoded = b"before".to_vec();
    if packet.encode(version, &mut encoded).is_err() {
        assert_eq!(encoded, b"before", "an error leaves the buffer alone");
        let is_missing = matches!(packet, Packet::Publish(Publish { topic: None, .. }));
        assert!(version < Version::V5, "every packet has an encoding in MQTT 5.0");
        assert!(is_missing || matches!(packet, Packet::Auth(_) | Packet::Connect(_)), "{packet:?}");
        return Ok(());
    }
    let encoded = encoded.strip_prefix(b"before").expect("what was there stays");
    let decoded = match decode(encoded, version) {
        // The PUBLISH has neither a name nor an alias, which the encoder leaves to its caller.
        Err(DecodeError::MissingTopicName) => return Ok(()),
        decoded => decoded.unwrap_or_else(|error| panic!("{packet:?}: {error}")),
    };
    if version == Version::V5 {
        assert_eq!(decoded, packet, "a packet of MQTT 5.0 comes back as it was");
    }
    let mut again = Vec::new();
    decoded.encode(version, &mut again).expect("a decoded packet has an encoding");
    assert_eq!(again, encoded, "{packet:?} has one encoding");
    Ok(())
}

fn decode(bytes: &[u8], version: Version) -> core::result::Result<Packet<'_>, DecodeError> {
    match Frame::parse(bytes, usize::MAX)? {
        Framing::Complete(frame) => {
            assert_eq!(frame.bytes(), bytes, "one packet is encoded as one packet");
            frame.decode(version)
        }
        Framing::Incomplete { .. } => panic!("{bytes:02x?} is not a whole packet"),
    }
}

/// What a packet borrows.
struct Parts {
    properties: PropertyBuffer,
    will_properties: PropertyBuffer,
    subscription_filters: Vec<u8>,
    topic_filters: Vec<u8>,
    reasons: Vec<u8>,
}

impl Parts {
    fn arbitrary(data: &mut Unstructured<'_>, packet_type: PacketType) -> Result<Self> {
        let filters = (0..data.int_in_range(1..=4)?)
            .map(|_| Ok((filter(data)?, options(data)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut subscription_filters = Vec::new();
        let all = filters.iter().map(|(filter, options)| {
            // [MQTT-3.8.3-4]
            let no_local = options.no_local && filter.share().is_none();
            (*filter, SubscriptionOptions { no_local, ..*options })
        });
        SubscriptionFilters::encode_into(all, &mut subscription_filters).expect("short filters");
        let mut topic_filters = Vec::new();
        let all = filters.iter().map(|(filter, _)| *filter);
        TopicFilters::encode_into(all, &mut topic_filters).expect("short filters");
        Ok(Self {
            properties: properties(data, PropertyContext::Packet(packet_type))?,
            will_properties: properties(data, PropertyContext::Will)?,
            subscription_filters,
            topic_filters,
            reasons: (0..data.int_in_range(1..=4)?)
                .map(|_| Ok(reason(data, packet_type)?.value()))
                .collect::<Result<_>>()?,
        })
    }
}

fn packet<'a, 'data: 'a>(
    data: &mut Unstructured<'data>,
    packet_type: PacketType,
    version: Version,
    parts: &'a Parts,
) -> Result<Packet<'a>> {
    let properties = parts.properties.as_properties();
    Ok(match packet_type {
        PacketType::Connect => Packet::Connect(connect(data, version, parts)?),
        PacketType::ConnAck => {
            let reason = reason(data, packet_type)?;
            let session_present = reason == ReasonCode::Success && data.arbitrary()?;
            Packet::ConnAck(ConnAck { session_present, reason, properties })
        }
        PacketType::Publish => Packet::Publish(publish(data, properties)?),
        PacketType::PubAck => Packet::PubAck(acknowledgement(data, packet_type, properties)?),
        PacketType::PubRec => Packet::PubRec(acknowledgement(data, packet_type, properties)?),
        PacketType::PubRel => Packet::PubRel(acknowledgement(data, packet_type, properties)?),
        PacketType::PubComp => Packet::PubComp(acknowledgement(data, packet_type, properties)?),
        PacketType::Subscribe => {
            let filters = SubscriptionFilters::trusted(&parts.subscription_filters);
            Packet::Subscribe(Subscribe { packet_id: packet_id(data)?, properties, filters })
        }
        PacketType::Unsubscribe => {
            let filters = TopicFilters::trusted(&parts.topic_filters);
            Packet::Unsubscribe(Unsubscribe { packet_id: packet_id(data)?, properties, filters })
        }
        PacketType::SubAck => Packet::SubAck(suback(data, packet_type, parts)?),
        PacketType::UnsubAck => Packet::UnsubAck(suback(data, packet_type, parts)?),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => {
            Packet::Disconnect(Disconnect { reason: reason(data, packet_type)?, properties })
        }
        PacketType::Auth => Packet::Auth(Auth { reason: reason(data, packet_type)?, properties }),
    })
}

fn connect<'a, 'data: 'a>(
    data: &mut Unstructured<'data>,
    version: Version,
    parts: &'a Parts,
) -> Result<Connect<'a>> {
    let will = if data.arbitrary()? {
        Some(Will {
            qos: qos(data)?,
            retain: data.arbitrary()?,
            topic: name(data)?,
            payload: data.arbitrary()?,
            properties: parts.will_properties.as_properties(),
        })
    } else {
        None
    };
    Ok(Connect {
        version,
        clean_start: data.arbitrary()?,
        keep_alive: data.arbitrary()?,
        client_id: text(data)?,
        will,
        username: if data.arbitrary()? { Some(text(data)?) } else { None },
        password: data.arbitrary()?,
        properties: parts.properties.as_properties(),
    })
}

fn publish<'a, 'data: 'a>(
    data: &mut Unstructured<'data>,
    properties: Properties<'a>,
) -> Result<Publish<'a>> {
    let delivery = match qos(data)? {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce(packet_id(data)?),
        QoS::ExactlyOnce => Delivery::ExactlyOnce(packet_id(data)?),
    };
    Ok(Publish {
        dup: delivery != Delivery::AtMostOnce && data.arbitrary()?,
        delivery,
        retain: data.arbitrary()?,
        topic: if data.arbitrary()? { Some(name(data)?) } else { None },
        properties,
        payload: data.arbitrary()?,
    })
}

fn acknowledgement<'a>(
    data: &mut Unstructured<'_>,
    packet_type: PacketType,
    properties: Properties<'a>,
) -> Result<Acknowledgement<'a>> {
    let packet_id = packet_id(data)?;
    Ok(Acknowledgement { packet_id, reason: reason(data, packet_type)?, properties })
}

fn suback<'a>(
    data: &mut Unstructured<'_>,
    packet_type: PacketType,
    parts: &'a Parts,
) -> Result<SubAck<'a>> {
    Ok(SubAck {
        packet_id: packet_id(data)?,
        properties: parts.properties.as_properties(),
        reasons: ReasonCodes::parse(&parts.reasons, packet_type).expect("codes of the packet"),
    })
}

/// Some properties that may stand there, Authentication Data only behind its method.
fn properties(data: &mut Unstructured<'_>, context: PropertyContext) -> Result<PropertyBuffer> {
    let allowed: Vec<PropertyId> = (0..=u8::MAX)
        .filter_map(PropertyId::from_u8)
        .filter(|id| id.is_allowed_in(context))
        .collect();
    let mut buffer = PropertyBuffer::new();
    if allowed.is_empty() {
        return Ok(buffer);
    }
    for _ in 0..data.int_in_range(0..=6)? {
        let id = *data.choose(&allowed)?;
        let property = property(data, id)?;
        let mut longer = buffer.clone();
        longer.push(property).expect("the property is short");
        // Which may be repeated is for the decoder to say; that it says so is tested elsewhere.
        match Properties::parse(longer.as_properties().as_bytes(), context) {
            Ok(_) => buffer = longer,
            Err(DecodeError::RepeatedProperty | DecodeError::AuthenticationDataWithoutMethod) => {}
            Err(error) => panic!("{property:?}: {error}"),
        }
    }
    Ok(buffer)
}

fn property<'a>(data: &mut Unstructured<'a>, id: PropertyId) -> Result<Property<'a>> {
    Ok(match id {
        PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(data.arbitrary()?),
        PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(data.arbitrary()?),
        PropertyId::ContentType => Property::ContentType(text(data)?),
        PropertyId::ResponseTopic => Property::ResponseTopic(name(data)?),
        PropertyId::CorrelationData => Property::CorrelationData(data.arbitrary()?),
        PropertyId::SubscriptionIdentifier => {
            let identifier = data.int_in_range(1..=268_435_455_u32)?;
            Property::SubscriptionIdentifier(identifier.try_into().expect("not zero"))
        }
        PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(data.arbitrary()?),
        PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(text(data)?),
        PropertyId::ServerKeepAlive => Property::ServerKeepAlive(data.arbitrary()?),
        PropertyId::AuthenticationMethod => Property::AuthenticationMethod(text(data)?),
        PropertyId::AuthenticationData => Property::AuthenticationData(data.arbitrary()?),
        PropertyId::RequestProblemInformation => {
            Property::RequestProblemInformation(data.arbitrary()?)
        }
        PropertyId::WillDelayInterval => Property::WillDelayInterval(data.arbitrary()?),
        PropertyId::RequestResponseInformation => {
            Property::RequestResponseInformation(data.arbitrary()?)
        }
        PropertyId::ResponseInformation => Property::ResponseInformation(text(data)?),
        PropertyId::ServerReference => Property::ServerReference(text(data)?),
        PropertyId::ReasonString => Property::ReasonString(text(data)?),
        PropertyId::ReceiveMaximum => Property::ReceiveMaximum(data.arbitrary()?),
        PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(data.arbitrary()?),
        PropertyId::TopicAlias => Property::TopicAlias(data.arbitrary()?),
        PropertyId::MaximumQoS => {
            Property::MaximumQoS(*data.choose(&[QoS::AtMostOnce, QoS::AtLeastOnce])?)
        }
        PropertyId::RetainAvailable => Property::RetainAvailable(data.arbitrary()?),
        PropertyId::UserProperty => Property::UserProperty((text(data)?, text(data)?)),
        PropertyId::MaximumPacketSize => Property::MaximumPacketSize(data.arbitrary()?),
        PropertyId::WildcardSubscriptionAvailable => {
            Property::WildcardSubscriptionAvailable(data.arbitrary()?)
        }
        PropertyId::SubscriptionIdentifierAvailable => {
            Property::SubscriptionIdentifierAvailable(data.arbitrary()?)
        }
        PropertyId::SharedSubscriptionAvailable => {
            Property::SharedSubscriptionAvailable(data.arbitrary()?)
        }
    })
}

fn text<'a>(data: &mut Unstructured<'a>) -> Result<&'a str> {
    let text: &str = data.arbitrary()?;
    Ok(text.split('\0').next().unwrap_or_default())
}

fn name<'a>(data: &mut Unstructured<'a>) -> Result<TopicName<'a>> {
    Ok(TopicName::parse(text(data)?).unwrap_or(TopicName::trusted("a/b")))
}

fn filter<'a>(data: &mut Unstructured<'a>) -> Result<TopicFilter<'a>> {
    let fallback = *data.choose(&["a", "+/b", "$share/g/#"])?;
    Ok(TopicFilter::parse(text(data)?).unwrap_or(TopicFilter::trusted(fallback)))
}

fn options(data: &mut Unstructured<'_>) -> Result<SubscriptionOptions> {
    Ok(SubscriptionOptions::from_bits(data.arbitrary()?).unwrap_or_default())
}

fn qos(data: &mut Unstructured<'_>) -> Result<QoS> {
    data.choose(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]).copied()
}

fn packet_id(data: &mut Unstructured<'_>) -> Result<PacketId> {
    Ok(PacketId::new(data.arbitrary()?).unwrap_or(PacketId::FIRST))
}

fn reason(data: &mut Unstructured<'_>, packet_type: PacketType) -> Result<ReasonCode> {
    let reason = ReasonCode::from_u8(data.arbitrary()?);
    Ok(reason.filter(|reason| reason.is_valid_in(packet_type)).unwrap_or(ReasonCode::Success))
}
