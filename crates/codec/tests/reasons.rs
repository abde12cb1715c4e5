//! The table of reason codes (section 2.4), read by code where the crate reads it by packet.

use ferrymq_codec::{PacketType, ReasonCode};

use PacketType::{Auth, ConnAck, Disconnect, PubAck, PubComp, PubRec, PubRel, SubAck, UnsubAck};

const ALL_TYPES: [PacketType; 9] =
    [ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect, Auth];

const TABLE: &[(u8, &str, &[PacketType])] = &[
    (0x00, "Success", &ALL_TYPES),
    (0x01, "Granted QoS 1", &[SubAck]),
    (0x02, "Granted QoS 2", &[SubAck]),
    (0x04, "Disconnect with Will Message", &[Disconnect]),
    (0x10, "No matching subscribers", &[PubAck, PubRec]),
    (0x11, "No subscription existed", &[UnsubAck]),
    (0x18, "Continue authentication", &[Auth]),
    (0x19, "Re-authenticate", &[Auth]),
    (0x80, "Unspecified error", &[ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect]),
    (0x81, "Malformed Packet", &[ConnAck, Disconnect]),
    (0x82, "Protocol Error", &[ConnAck, Disconnect]),
    (
        0x83,
        "Implementation specific error",
        &[ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect],
    ),
    (0x84, "Unsupported Protocol Version", &[ConnAck]),
    (0x85, "Client Identifier not valid", &[ConnAck]),
    (0x86, "Bad User Name or Password", &[ConnAck]),
    (0x87, "Not authorized", &[ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect]),
    (0x88, "Server unavailable", &[ConnAck]),
    (0x89, "Server busy", &[ConnAck, Disconnect]),
    (0x8A, "Banned", &[ConnAck]),
    (0x8B, "Server shutting down", &[Disconnect]),
    (0x8C, "Bad authentication method", &[ConnAck, Disconnect]),
    (0x8D, "Keep Alive timeout", &[Disconnect]),
    (0x8E, "Session taken over", &[Disconnect]),
    (0x8F, "Topic Filter invalid", &[SubAck, UnsubAck, Disconnect]),
    (0x90, "Topic Name invalid", &[ConnAck, PubAck, PubRec, Disconnect]),
    (0x91, "Packet Identifier in use", &[PubAck, PubRec, SubAck, UnsubAck]),
    (0x92, "Packet Identifier not found", &[PubRel, PubComp]),
    (0x93, "Receive Maximum exceeded", &[Disconnect]),
    (0x94, "Topic Alias invalid", &[Disconnect]),
    (0x95, "Packet too large", &[ConnAck, Disconnect]),
    (0x96, "Message rate too high", &[Disconnect]),
    (0x97, "Quota exceeded", &[ConnAck, PubAck, PubRec, SubAck, Disconnect]),
    (0x98, "Administrative action", &[Disconnect]),
    (0x99, "Payload format invalid", &[ConnAck, PubAck, PubRec, Disconnect]),
    (0x9A, "Retain not supported", &[ConnAck, Disconnect]),
    (0x9B, "QoS not supported", &[ConnAck, Disconnect]),
    (0x9C, "Use another server", &[ConnAck, Disconnect]),
    (0x9D, "Server moved", &[ConnAck, Disconnect]),
    (0x9E, "Shared Subscriptions not supported", &[SubAck, Disconnect]),
    (0x9F, "Connection rate exceeded", &[ConnAck, Disconnect]),
    (0xA0, "Maximum connect time", &[Disconnect]),
    (0xA1, "Subscription Identifiers not supported", &[SubAck, Disconnect]),
    (0xA2, "Wildcard Subscriptions not supported", &[SubAck, Disconnect]),
];

#[test]
fn every_code_has_its_name_and_its_packets() {
    for value in 0..=u8::MAX {
        let row = TABLE.iter().find(|(code, _, _)| *code == value);
        let reason = ReasonCode::from_u8(value);
        let Some((_, name, packets)) = row else {
            assert_eq!(reason, None, "{value:#04x} is not in the specification");
            continue;
        };
        let reason = reason.unwrap_or_else(|| panic!("{value:#04x} is in the specification"));
        assert_eq!(reason.value(), value);
        assert_eq!(reason.to_string(), *name);
        assert_eq!(reason.is_error(), value >= 0x80);
        for bits in 1..=15 {
            let packet_type = PacketType::from_bits(bits).expect("a packet type");
            assert_eq!(
                reason.is_valid_in(packet_type),
                packets.contains(&packet_type),
                "{reason} in {packet_type}"
            );
        }
    }
}
