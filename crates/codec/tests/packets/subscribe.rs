//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (sections 3.8 to 3.11).

use core::num::NonZeroU32;

use ferrymq_codec::Version::{V3_1, V3_1_1, V5};
use ferrymq_codec::{
    DecodeError, Packet, PacketId, PacketType, Properties, Property, QoS, ReasonCodes,
    RetainHandling, SubAck, Subscribe, SubscriptionFilters, SubscriptionOptions, TopicFilter,
    TopicFilters, Unsubscribe,
};

use crate::row::{Row, both, decodes, encodes, leak, properties, refused};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = subscribes();
    rows.extend(refused_subscribes());
    rows.extend(unsubscribes());
    rows.extend(refused_filters());
    rows.extend(subacks());
    rows.extend(unsubacks());
    rows.extend(long_filters());
    rows
}

fn subscribes() -> Vec<Row> {
    let at = |maximum_qos| SubscriptionOptions { maximum_qos, ..Default::default() };
    let two =
        subscribe(Properties::EMPTY, &[("a/+", at(QoS::AtLeastOnce)), ("#", at(QoS::ExactlyOnce))]);
    let all_options = SubscriptionOptions {
        maximum_qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let every = subscribe(
        properties(&[
            Property::SubscriptionIdentifier(NonZeroU32::new(200).expect("not zero")),
            Property::UserProperty(("a", "b")),
        ]),
        &[("a", all_options)],
    );
    let shared =
        SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..at(QoS::AtMostOnce) };
    vec![
        both("two filters", V3_1, "82 0C 000A 0003 'a/+' 01 0001 '#' 02", two),
        both("two filters", V3_1_1, "82 0C 000A 0003 'a/+' 01 0001 '#' 02", two),
        both("two filters", V5, "82 0D 000A 00 0003 'a/+' 01 0001 '#' 02", two),
        decodes("DUP of MQTT 3.1", V3_1, "8A 8C 00 000A 0003 'a/+' 01 0001 '#' 02", two),
        both(
            "every property, every option",
            V5,
            "82 11 000A
             0A                    ; property length
             0B C8 01              ; Subscription Identifier
             26 0001 'a' 0001 'b'  ; User Property
             0001 'a'
             2D                    ; QoS 1, No Local, Retain As Published, do not send",
            every,
        ),
        encodes("options left out", V3_1_1, "82 06 000A 0001 'a' 01", every),
        both(
            "shared subscription",
            V5,
            "82 11 000A 00 000B '$share/g/+/' 10",
            subscribe(Properties::EMPTY, &[("$share/g/+/", shared)]),
        ),
    ]
}

fn refused_subscribes() -> Vec<Row> {
    let options = |name, bits: u8, error| {
        refused(name, V5, &format!("82 07 000A 00 0001 'a' {bits:02x}"), error)
    };
    let old_options = |bits: u8| {
        let text = format!("82 06 000A 0001 'a' {bits:02x}");
        refused("reserved bits", V3_1_1, &text, DecodeError::ReservedSubscriptionOption)
    };
    vec![
        options("QoS 3", 0x03, DecodeError::InvalidMaximumQoS),
        options("Retain Handling 3", 0x30, DecodeError::InvalidRetainHandling),
        options("reserved bit 6", 0x40, DecodeError::ReservedSubscriptionOption),
        options("reserved bit 7", 0x80, DecodeError::ReservedSubscriptionOption),
        old_options(0x04),
        old_options(0x08),
        old_options(0x10),
        old_options(0x80),
        refused("QoS 3", V3_1_1, "82 06 000A 0001 'a' 03", DecodeError::InvalidMaximumQoS),
        refused("no filter", V3_1_1, "82 02 000A", DecodeError::MissingTopicFilters),
        refused("no filter", V5, "82 03 000A 00", DecodeError::MissingTopicFilters),
        refused("no options", V5, "82 06 000A 00 0001 'a'", DecodeError::Truncated),
        refused("no properties", V5, "82 02 000A", DecodeError::Truncated),
        refused("packet identifier 0", V5, "82 07 0000 00 0001 'a' 00", DecodeError::ZeroPacketId),
        refused("packet identifier 0", V3_1_1, "82 06 0000 0001 'a' 00", DecodeError::ZeroPacketId),
        refused(
            "No Local on a shared subscription",
            V5,
            "82 10 000A 00 000A '$share/g/a' 04",
            DecodeError::NoLocalOnSharedSubscription,
        ),
        refused(
            "Subscription Identifier 0",
            V5,
            "82 09 000A 02 0B 00 0001 'a' 00",
            DecodeError::ForbiddenPropertyValue,
        ),
        refused(
            "Subscription Identifier twice",
            V5,
            "82 0B 000A 04 0B 01 0B 02 0001 'a' 00",
            DecodeError::RepeatedProperty,
        ),
        refused(
            "Reason String",
            V5,
            "82 0A 000A 03 1F 0000 0001 'a' 00",
            DecodeError::PropertyNotInPacket,
        ),
    ]
}

/// Filters that are wrong in SUBSCRIBE and UNSUBSCRIBE of every version.
fn refused_filters() -> Vec<Row> {
    let deep = format!("'{}'", "/".repeat(200));
    let mut rows = Vec::new();
    for (name, filter, error) in [
        ("empty", "", DecodeError::EmptyTopicFilter),
        ("NUL", "'a' 00", DecodeError::NullCharacter),
        ("not UTF-8", "FE", DecodeError::InvalidUtf8),
        ("# in a level", "'a#'", DecodeError::MisplacedWildcard),
        ("# not last", "'#/a'", DecodeError::MisplacedWildcard),
        ("# twice", "'#/#'", DecodeError::MisplacedWildcard),
        ("+ in a level", "'a/b+/c'", DecodeError::MisplacedWildcard),
        ("++", "'++'", DecodeError::MisplacedWildcard),
        ("+#", "'+#'", DecodeError::MisplacedWildcard),
        ("too many levels", &deep, DecodeError::TooManyTopicFilterLevels),
        ("empty Share Name", "'$share//a'", DecodeError::InvalidShareName),
        ("nothing behind $share/", "'$share/'", DecodeError::InvalidShareName),
        ("+ in a Share Name", "'$share/g+/a'", DecodeError::InvalidShareName),
        ("# in a Share Name", "'$share/#/a'", DecodeError::InvalidShareName),
        ("no shared filter", "'$share/g'", DecodeError::MissingSharedFilter),
        ("empty shared filter", "'$share/g/'", DecodeError::MissingSharedFilter),
        ("shared filter", "'$share/g/a#'", DecodeError::MisplacedWildcard),
        ("share in a share", "'$share/g/$share/h/a'", DecodeError::NestedSharedSubscription),
    ] {
        let length = crate::row::bytes(filter).len();
        let filter = format!("{length:04x} {filter}");
        for (version, fixed, properties) in [(V3_1, 4, ""), (V3_1_1, 4, ""), (V5, 5, "00")] {
            let encoded = remaining_length(length + fixed + 1);
            let text = format!("82 {encoded} 0001 {properties} {filter} 00");
            rows.push(refused(name, version, &text, error));
            let encoded = remaining_length(length + fixed);
            let text = format!("A2 {encoded} 0001 {properties} {filter}");
            rows.push(refused(name, version, &text, error));
        }
    }
    rows
}

fn remaining_length(length: usize) -> String {
    match length {
        0..0x80 => format!("{length:02x}"),
        _ => format!("{:02x} {:02x}", length % 0x80 + 0x80, length / 0x80),
    }
}

fn unsubscribes() -> Vec<Row> {
    let two = unsubscribe(Properties::EMPTY, &["a/b", "$share/g/#"]);
    let every = unsubscribe(properties(&[Property::UserProperty(("a", "b"))]), &["a"]);
    vec![
        both("two filters", V3_1, "A2 13 000A 0003 'a/b' 000A '$share/g/#'", two),
        both("two filters", V3_1_1, "A2 13 000A 0003 'a/b' 000A '$share/g/#'", two),
        both("two filters", V5, "A2 14 000A 00 0003 'a/b' 000A '$share/g/#'", two),
        decodes("DUP of MQTT 3.1", V3_1, "AA 93 00 000A 0003 'a/b' 000A '$share/g/#'", two),
        both("every property", V5, "A2 0D 000A 07 26 0001 'a' 0001 'b' 0001 'a'", every),
        encodes("properties left out", V3_1_1, "A2 05 000A 0001 'a'", every),
        refused("no filter", V3_1_1, "A2 02 000A", DecodeError::MissingTopicFilters),
        refused("no filter", V5, "A2 03 000A 00", DecodeError::MissingTopicFilters),
        refused("filter cut off", V5, "A2 06 000A 00 0002 'a'", DecodeError::Truncated),
        refused("packet identifier 0", V5, "A2 06 0000 00 0001 'a'", DecodeError::ZeroPacketId),
        refused(
            "Subscription Identifier",
            V5,
            "A2 08 000A 02 0B 01 0001 'a'",
            DecodeError::PropertyNotInPacket,
        ),
    ]
}

/// Packets with a header of three and of four bytes.
fn long_filters() -> Vec<Row> {
    let medium: &str = "x".repeat(200).leak();
    let long: &str = "x".repeat(20_000).leak();
    vec![
        both(
            "200 bytes",
            V3_1_1,
            &format!("A2 CC 01 000A 00C8 '{medium}'"),
            unsubscribe(Properties::EMPTY, &[medium]),
        ),
        both(
            "200 bytes",
            V5,
            &format!("A2 CD 01 000A 00 00C8 '{medium}'"),
            unsubscribe(Properties::EMPTY, &[medium]),
        ),
        both(
            "20,000 bytes",
            V5,
            &format!("82 A6 9C 01 000A 00 4E20 '{long}' 00"),
            subscribe(Properties::EMPTY, &[(long, SubscriptionOptions::default())]),
        ),
    ]
}

fn subacks() -> Vec<Row> {
    let old = suback(Properties::EMPTY, &[0, 1, 2, 0x80], PacketType::SubAck);
    let every_property =
        properties(&[Property::ReasonString("r"), Property::UserProperty(("a", "b"))]);
    let new = suback(
        every_property,
        &[0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
        PacketType::SubAck,
    );
    let old_bytes = "90 06 000A 00 01 02 80";
    vec![
        both("every return code", V3_1, old_bytes, Packet::SubAck(old)),
        both("every return code", V3_1_1, old_bytes, Packet::SubAck(old)),
        both(
            "every reason, every property",
            V5,
            "90 1A 000A
             0B                    ; property length
             1F 0001 'r'           ; Reason String
             26 0001 'a' 0001 'b'  ; User Property
             00 01 02 80 83 87 8F 91 97 9E A1 A2",
            Packet::SubAck(new),
        ),
        encodes(
            "reasons become failure",
            V3_1_1,
            "90 0E 000A 00 01 02 80 80 80 80 80 80 80 80 80",
            Packet::SubAck(new),
        ),
        refused("return code 3", V3_1_1, "90 03 000A 03", DecodeError::InvalidReasonCode),
        refused("return code 0x87", V3_1_1, "90 03 000A 87", DecodeError::InvalidReasonCode),
        refused("reason of an UNSUBACK", V5, "90 04 000A 00 11", DecodeError::InvalidReasonCode),
        refused("no reason", V5, "90 03 000A 00", DecodeError::MissingReasonCodes),
        refused("no return code", V3_1_1, "90 02 000A", DecodeError::MissingReasonCodes),
        refused("packet identifier 0", V5, "90 04 0000 00 00", DecodeError::ZeroPacketId),
    ]
}

fn unsubacks() -> Vec<Row> {
    let old = suback(Properties::EMPTY, &[], PacketType::UnsubAck);
    let new = suback(
        properties(&[Property::ReasonString("r"), Property::UserProperty(("a", "b"))]),
        &[0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
        PacketType::UnsubAck,
    );
    vec![
        both("packet identifier only", V3_1, "B0 02 000A", Packet::UnsubAck(old)),
        both("packet identifier only", V3_1_1, "B0 02 000A", Packet::UnsubAck(old)),
        both(
            "every reason, every property",
            V5,
            "B0 15 000A
             0B                    ; property length
             1F 0001 'r'           ; Reason String
             26 0001 'a' 0001 'b'  ; User Property
             00 11 80 83 87 8F 91",
            Packet::UnsubAck(new),
        ),
        encodes("reasons left out", V3_1_1, "B0 02 000A", Packet::UnsubAck(new)),
        refused("reasons", V3_1_1, "B0 03 000A 00", DecodeError::TrailingBytes),
        refused("reason of a SUBACK", V5, "B0 04 000A 00 01", DecodeError::InvalidReasonCode),
        refused("no reason", V5, "B0 03 000A 00", DecodeError::MissingReasonCodes),
        refused("packet identifier 0", V5, "B0 04 0000 00 00", DecodeError::ZeroPacketId),
    ]
}

fn subscribe(
    properties: Properties<'static>,
    filters: &[(&str, SubscriptionOptions)],
) -> Packet<'static> {
    let mut bytes = Vec::new();
    let filters = filters
        .iter()
        .map(|(filter, options)| (TopicFilter::parse(filter).expect("a valid filter"), *options));
    SubscriptionFilters::encode_into(filters, &mut bytes).expect("short filters");
    let filters = SubscriptionFilters::trusted(leak(bytes));
    Packet::Subscribe(Subscribe { packet_id: packet_id(), properties, filters })
}

fn unsubscribe(properties: Properties<'static>, filters: &[&str]) -> Packet<'static> {
    let mut bytes = Vec::new();
    let filters = filters.iter().map(|filter| TopicFilter::parse(filter).expect("a valid filter"));
    TopicFilters::encode_into(filters, &mut bytes).expect("short filters");
    let filters = TopicFilters::trusted(leak(bytes));
    Packet::Unsubscribe(Unsubscribe { packet_id: packet_id(), properties, filters })
}

fn suback(
    properties: Properties<'static>,
    reasons: &'static [u8],
    packet_type: PacketType,
) -> SubAck<'static> {
    let reasons = ReasonCodes::parse(reasons, packet_type).expect("valid reasons");
    SubAck { packet_id: packet_id(), properties, reasons }
}

fn packet_id() -> PacketId {
    PacketId::new(10).expect("not zero")
}
