//! CONNECT and CONNACK (sections 3.1 and 3.2).

use core::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::Version::{V3_1, V3_1_1, V5};
use ferrymq_codec::{
    ConnAck, Connect, DecodeError, Packet, Properties, Property, QoS, ReasonCode, TopicName,
    Version, Will,
};

use crate::row::{Row, both, decodes, encodes, properties, refused};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = old_connects();
    rows.extend(new_connects());
    rows.extend(refused_names());
    rows.extend(refused_flags());
    rows.extend(refused_payloads());
    rows.extend(connacks());
    rows.extend(connack_return_codes());
    rows
}

fn old_connects() -> Vec<Row> {
    let plain = Connect {
        version: V3_1_1,
        clean_start: true,
        keep_alive: 60,
        client_id: "c",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    let full = Connect {
        clean_start: false,
        will: Some(will(QoS::AtLeastOnce, Properties::EMPTY)),
        username: Some("user"),
        password: Some(&[0, 0xFF]),
        ..plain
    };
    let of_3_1 = |connect| Connect { version: V3_1, ..connect };
    vec![
        both("least", V3_1_1, "10 0D 0004 'MQTT' 04 02 003C 0001 'c'", Packet::Connect(plain)),
        both(
            "least",
            V3_1,
            "10 0F 0006 'MQIsdp' 03 02 003C 0001 'c'",
            Packet::Connect(of_3_1(plain)),
        ),
        both(
            "empty Client Identifier",
            V3_1_1,
            "10 0C 0004 'MQTT' 04 00 0000 0000",
            Packet::Connect(Connect { client_id: "", keep_alive: 0, clean_start: false, ..plain }),
        ),
        both("most", V3_1_1, &format!("10 21 0004 'MQTT' 04 {OLD_FULL}"), Packet::Connect(full)),
        both(
            "most",
            V3_1,
            &format!("10 23 0006 'MQIsdp' 03 {OLD_FULL}"),
            Packet::Connect(of_3_1(full)),
        ),
        decodes(
            "User Name flag without User Name, as MQTT 3.1 allows",
            V3_1,
            "10 0F 0006 'MQIsdp' 03 C2 003C 0001 'c'",
            Packet::Connect(of_3_1(plain)),
        ),
        decodes(
            "unused flag of MQTT 3.1",
            V3_1,
            "10 8F 00 0006 'MQIsdp' 03 03 003C 0001 'c'",
            Packet::Connect(of_3_1(plain)),
        ),
        both(
            "longer than 23 characters",
            V3_1,
            "10 28 0006 'MQIsdp' 03 02 003C 001A 'abcdefghijklmnopqrstuvwxyz'",
            Packet::Connect(Connect { client_id: "abcdefghijklmnopqrstuvwxyz", ..of_3_1(plain) }),
        ),
    ]
}

const OLD_FULL: &str = "
    CC 003C      ; User Name, Password, Will at QoS 1; Keep Alive 60
    0001 'c'     ; Client Identifier
    0003 'w/t'   ; Will Topic
    0003 'bye'   ; Will Message
    0004 'user'  ; User Name
    0002 00FF    ; Password";

fn new_connects() -> Vec<Row> {
    let plain = Connect {
        version: V5,
        clean_start: true,
        keep_alive: 60,
        client_id: "c",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    let will_properties = properties(&[
        Property::WillDelayInterval(5),
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(6),
        Property::ContentType("t"),
        Property::ResponseTopic(TopicName::trusted("r")),
        Property::CorrelationData(&[9]),
        Property::UserProperty(("a", "b")),
    ]);
    vec![
        both("least", V5, "10 0E 0004 'MQTT' 05 02 003C 00 0001 'c'", Packet::Connect(plain)),
        both(
            "the version of the connection has no meaning",
            V3_1_1,
            "10 0E 0004 'MQTT' 05 02 003C 00 0001 'c'",
            Packet::Connect(plain),
        ),
        both(
            "Password without User Name",
            V5,
            "10 11 0004 'MQTT' 05 42 003C 00 0001 'c' 0001 'p'",
            Packet::Connect(Connect { password: Some(b"p"), ..plain }),
        ),
        both("every property", V5, EVERY_PROPERTY, Packet::Connect(every_property(plain))),
        both(
            "every property of a will",
            V5,
            EVERY_WILL_PROPERTY,
            Packet::Connect(Connect {
                will: Some(Will { retain: true, ..will(QoS::ExactlyOnce, will_properties) }),
                ..plain
            }),
        ),
        encodes(
            "properties left out",
            V3_1_1,
            "10 17 0004 'MQTT' 04 16 003C 0001 'c' 0003 'w/t' 0003 'bye'",
            Packet::Connect(Connect {
                version: V3_1_1,
                will: Some(will(QoS::ExactlyOnce, will_properties)),
                ..every_property(plain)
            }),
        ),
    ]
}

const EVERY_PROPERTY: &str = "
    10 39 0004 'MQTT' 05 02 003C
    2B                    ; property length
    11 FFFFFFFF           ; Session Expiry Interval
    21 000A               ; Receive Maximum
    27 00001000           ; Maximum Packet Size
    22 0014               ; Topic Alias Maximum
    19 01                 ; Request Response Information
    17 00                 ; Request Problem Information
    26 0001 'a' 0001 'b'  ; User Property
    26 0001 'a' 0001 'c'  ; User Property
    15 0001 'm'           ; Authentication Method
    16 0002 'dd'          ; Authentication Data
    0001 'c'";

fn every_property(plain: Connect<'static>) -> Connect<'static> {
    let properties = properties(&[
        Property::SessionExpiryInterval(u32::MAX),
        Property::ReceiveMaximum(NonZeroU16::new(10).expect("not zero")),
        Property::MaximumPacketSize(NonZeroU32::new(4096).expect("not zero")),
        Property::TopicAliasMaximum(20),
        Property::RequestResponseInformation(true),
        Property::RequestProblemInformation(false),
        Property::UserProperty(("a", "b")),
        Property::UserProperty(("a", "c")),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(b"dd"),
    ]);
    Connect { properties, ..plain }
}

const EVERY_WILL_PROPERTY: &str = "
    10 38 0004 'MQTT' 05 36 003C 00 0001 'c'
    1F                    ; Will property length
    18 00000005           ; Will Delay Interval
    01 01                 ; Payload Format Indicator
    02 00000006           ; Message Expiry Interval
    03 0001 't'           ; Content Type
    08 0001 'r'           ; Response Topic
    09 0001 09            ; Correlation Data
    26 0001 'a' 0001 'b'  ; User Property
    0003 'w/t' 0003 'bye'";

fn will(qos: QoS, properties: Properties<'static>) -> Will<'static> {
    Will { qos, retain: false, topic: TopicName::trusted("w/t"), payload: b"bye", properties }
}

fn refused_names() -> Vec<Row> {
    let row = |name, text: &str, error| refused(name, V5, text, error);
    vec![
        row(
            "level 6",
            "10 0E 0004 'MQTT' 06 02 003C 00 0001 'c'",
            DecodeError::UnsupportedProtocolVersion,
        ),
        row(
            "level 3 of MQTT",
            "10 0D 0004 'MQTT' 03 02 003C 0001 'c'",
            DecodeError::UnsupportedProtocolVersion,
        ),
        row(
            "level 4 of MQIsdp",
            "10 0F 0006 'MQIsdp' 04 02 003C 0001 'c'",
            DecodeError::UnsupportedProtocolVersion,
        ),
        row(
            "another name",
            "10 0D 0004 'mqtt' 04 02 003C 0001 'c'",
            DecodeError::UnknownProtocolName,
        ),
        row("empty name", "10 03 0000 04", DecodeError::UnknownProtocolName),
        row("no level", "10 06 0004 'MQTT'", DecodeError::Truncated),
        row("empty packet", "10 00", DecodeError::Truncated),
        row(
            "Remaining Length in two bytes instead of one",
            "10 8E 00 0004 'MQTT' 05 02 003C 00 0001 'c'",
            DecodeError::VariableByteIntegerNotMinimal,
        ),
    ]
}

fn refused_flags() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, flags, error) in [
        ("reserved flag", "03", DecodeError::ReservedConnectFlag),
        ("Will QoS 1 without a will", "0A", DecodeError::WillFlagsWithoutWill),
        ("Will QoS 3 without a will", "1A", DecodeError::WillFlagsWithoutWill),
        ("Will Retain without a will", "22", DecodeError::WillFlagsWithoutWill),
        ("Will QoS 3", "1E", DecodeError::InvalidQoS),
    ] {
        let old = format!("10 0D 0004 'MQTT' 04 {flags} 003C 0001 'c'");
        let new = format!("10 0E 0004 'MQTT' 05 {flags} 003C 00 0001 'c'");
        rows.push(refused(name, V3_1_1, &old, error));
        rows.push(refused(name, V5, &new, error));
    }
    rows.push(refused(
        "Password without User Name",
        V3_1_1,
        "10 10 0004 'MQTT' 04 42 003C 0001 'c' 0001 'p'",
        DecodeError::PasswordWithoutUserName,
    ));
    rows.push(refused(
        "Password without User Name",
        V3_1,
        "10 12 0006 'MQIsdp' 03 42 003C 0001 'c' 0001 'p'",
        DecodeError::PasswordWithoutUserName,
    ));
    rows
}

fn refused_payloads() -> Vec<Row> {
    // The fields behind Connect Flags and Keep Alive, their length, and what is wrong with them.
    let old = [
        ("ends before the Client Identifier", "02", 0, "", DecodeError::Truncated),
        ("Client Identifier cut off", "02", 3, "0002 'c'", DecodeError::Truncated),
        ("NUL in the Client Identifier", "02", 3, "0001 00", DecodeError::NullCharacter),
        ("Client Identifier is not UTF-8", "02", 3, "0001 FF", DecodeError::InvalidUtf8),
        ("surrogate U+D800", "02", 5, "0003 EDA080", DecodeError::InvalidUtf8),
        ("overlong U+0000", "02", 4, "0002 C080", DecodeError::InvalidUtf8),
        ("byte behind the Client Identifier", "02", 4, "0001 'c' 00", DecodeError::TrailingBytes),
        ("no Will Topic", "06", 2, "0000", DecodeError::Truncated),
        ("empty Will Topic", "06", 6, "0000 0000 0000", DecodeError::EmptyTopicName),
        (
            "wildcard in the Will Topic",
            "06",
            7,
            "0000 0001 '#' 0000",
            DecodeError::WildcardInTopicName,
        ),
        ("NUL in the Will Topic", "06", 7, "0000 0001 00 0000", DecodeError::NullCharacter),
        ("no Will Payload", "06", 5, "0000 0001 'w'", DecodeError::Truncated),
        ("no User Name", "82", 2, "0000", DecodeError::Truncated),
        ("NUL in the User Name", "82", 5, "0000 0001 00", DecodeError::NullCharacter),
        ("User Name is not UTF-8", "82", 5, "0000 0001 C0", DecodeError::InvalidUtf8),
        ("no Password", "C2", 5, "0000 0001 'u'", DecodeError::Truncated),
    ];
    let mut rows: Vec<Row> = old
        .into_iter()
        .map(|(name, flags, length, fields, error)| {
            let text = format!("10 {:02x} 0004 'MQTT' 04 {flags} 003C {fields}", 10 + length);
            refused(name, V3_1_1, &text, error)
        })
        .collect();
    let new = [
        ("Receive Maximum 0", "03 21 0000", DecodeError::ForbiddenPropertyValue),
        ("Maximum Packet Size 0", "05 27 00000000", DecodeError::ForbiddenPropertyValue),
        ("Request Response Information 2", "02 19 02", DecodeError::ForbiddenPropertyValue),
        ("Request Problem Information 2", "02 17 02", DecodeError::ForbiddenPropertyValue),
        ("Receive Maximum twice", "06 21 0001 21 0001", DecodeError::RepeatedProperty),
        (
            "Authentication Data alone",
            "04 16 0001 'd'",
            DecodeError::AuthenticationDataWithoutMethod,
        ),
        ("Will Delay Interval of a packet", "05 18 00000001", DecodeError::PropertyNotInPacket),
        ("Topic Alias", "03 23 0001", DecodeError::PropertyNotInPacket),
        ("unknown property", "02 04 00", DecodeError::UnknownProperty),
        ("unknown property in two bytes", "03 80 01 00", DecodeError::UnknownProperty),
        ("value cut off", "02 21 00", DecodeError::Truncated),
        ("length in two bytes instead of one", "80 00", DecodeError::VariableByteIntegerNotMinimal),
        ("length in five bytes", "80 80 80 80 01", DecodeError::VariableByteIntegerTooLong),
        ("longer than the packet", "7F", DecodeError::Truncated),
    ];
    rows.extend(new.into_iter().map(|(name, block, error)| {
        let length = 13 + crate::row::bytes(block).len();
        let text = format!("10 {length:02x} 0004 'MQTT' 05 02 003C {block} 0001 'c'");
        refused(name, V5, &text, error)
    }));
    rows.push(refused(
        "Topic Alias in a will",
        V5,
        "10 17 0004 'MQTT' 05 06 003C 00 0001 'c' 03 23 0001 0001 'w' 0000",
        DecodeError::PropertyNotInPacket,
    ));
    rows
}

fn connacks() -> Vec<Row> {
    let accepted = ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: Properties::EMPTY,
    };
    let present = ConnAck { session_present: true, ..accepted };
    let refusal = ConnAck { reason: ReasonCode::ServerBusy, ..present };
    vec![
        both("accepted", V3_1, "20 02 00 00", Packet::ConnAck(accepted)),
        both("accepted", V3_1_1, "20 02 00 00", Packet::ConnAck(accepted)),
        both("accepted", V5, "20 03 00 00 00", Packet::ConnAck(accepted)),
        both("session present", V3_1_1, "20 02 01 00", Packet::ConnAck(present)),
        both("session present", V5, "20 03 01 00 00", Packet::ConnAck(present)),
        encodes("no Session Present", V3_1, "20 02 00 00", Packet::ConnAck(present)),
        decodes("unused byte of MQTT 3.1", V3_1, "20 82 00 FF 00", Packet::ConnAck(accepted)),
        encodes("a refusal has no session", V3_1_1, "20 02 00 03", Packet::ConnAck(refusal)),
        encodes("a refusal has no session", V5, "20 03 00 89 00", Packet::ConnAck(refusal)),
        both("every property", V5, EVERY_CONNACK_PROPERTY, every_connack_property()),
        refused("reserved flag", V5, "20 03 02 00 00", DecodeError::ReservedConnectAcknowledgeFlag),
        refused(
            "reserved flag",
            V3_1_1,
            "20 02 80 00",
            DecodeError::ReservedConnectAcknowledgeFlag,
        ),
        refused("session of a refusal", V5, "20 03 01 87 00", DecodeError::SessionPresentOnRefusal),
        refused(
            "session of a refusal",
            V3_1_1,
            "20 02 01 05",
            DecodeError::SessionPresentOnRefusal,
        ),
        refused("return code 6", V3_1_1, "20 02 00 06", DecodeError::InvalidReasonCode),
        refused("reason of a PUBACK", V5, "20 03 00 10 00", DecodeError::InvalidReasonCode),
        refused("no properties", V5, "20 02 00 00", DecodeError::Truncated),
        refused("properties before MQTT 5.0", V3_1_1, "20 03 00 00 00", DecodeError::TrailingBytes),
        refused("Maximum QoS 2", V5, "20 05 00 00 02 24 02", DecodeError::ForbiddenPropertyValue),
        refused(
            "Retain Available 2",
            V5,
            "20 05 00 00 02 25 02",
            DecodeError::ForbiddenPropertyValue,
        ),
        refused(
            "Will Delay Interval",
            V5,
            "20 08 00 00 05 18 00000001",
            DecodeError::PropertyNotInPacket,
        ),
    ]
}

const EVERY_CONNACK_PROPERTY: &str = "
    20 3F 00 00
    3C                    ; property length
    11 0000003C           ; Session Expiry Interval
    21 0001               ; Receive Maximum
    24 01                 ; Maximum QoS
    25 00                 ; Retain Available
    27 00000400           ; Maximum Packet Size
    12 0001 'i'           ; Assigned Client Identifier
    22 0002               ; Topic Alias Maximum
    1F 0001 'r'           ; Reason String
    26 0001 'a' 0001 'b'  ; User Property
    28 00                 ; Wildcard Subscription Available
    29 01                 ; Subscription Identifiers Available
    2A 00                 ; Shared Subscription Available
    13 001E               ; Server Keep Alive
    1A 0001 'p'           ; Response Information
    1C 0001 's'           ; Server Reference
    15 0001 'm'           ; Authentication Method
    16 0001 'd'           ; Authentication Data";

fn every_connack_property() -> Packet<'static> {
    Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: properties(&[
            Property::SessionExpiryInterval(60),
            Property::ReceiveMaximum(NonZeroU16::MIN),
            Property::MaximumQoS(QoS::AtLeastOnce),
            Property::RetainAvailable(false),
            Property::MaximumPacketSize(NonZeroU32::new(1024).expect("not zero")),
            Property::AssignedClientIdentifier("i"),
            Property::TopicAliasMaximum(2),
            Property::ReasonString("r"),
            Property::UserProperty(("a", "b")),
            Property::WildcardSubscriptionAvailable(false),
            Property::SubscriptionIdentifierAvailable(true),
            Property::SharedSubscriptionAvailable(false),
            Property::ServerKeepAlive(30),
            Property::ResponseInformation("p"),
            Property::ServerReference("s"),
            Property::AuthenticationMethod("m"),
            Property::AuthenticationData(b"d"),
        ]),
    })
}

fn connack_return_codes() -> Vec<Row> {
    use ReasonCode::{
        BadUserNameOrPassword, Banned, ClientIdentifierNotValid, NotAuthorized, PacketTooLarge,
        QuotaExceeded, ServerBusy, ServerUnavailable, UnspecifiedError, UnsupportedProtocolVersion,
    };
    let row = |make: fn(&'static str, Version, &str, Packet<'static>) -> Row, code: u8, reason| {
        let properties = Properties::EMPTY;
        let packet = Packet::ConnAck(ConnAck { session_present: false, reason, properties });
        make("return code", V3_1_1, &format!("20 02 00 {code:02x}"), packet)
    };
    vec![
        row(both, 1, UnsupportedProtocolVersion),
        row(both, 2, ClientIdentifierNotValid),
        row(both, 3, ServerUnavailable),
        row(encodes, 3, ServerBusy),
        row(encodes, 3, QuotaExceeded),
        row(both, 4, BadUserNameOrPassword),
        row(both, 5, NotAuthorized),
        row(encodes, 5, Banned),
        row(encodes, 5, PacketTooLarge),
        row(encodes, 5, UnspecifiedError),
    ]
}
