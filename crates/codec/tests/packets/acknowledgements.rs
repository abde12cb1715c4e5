//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).

use ferrymq_codec::Version::{V3_1, V3_1_1, V5};
use ferrymq_codec::{
    Acknowledgement, DecodeError, Packet, PacketId, Properties, Property, ReasonCode,
};

use crate::row::{Row, both, decodes, encodes, properties, refused};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    // The first byte, and the second reason code of the type.
    for (first, reason, packet) in [
        (0x40, ReasonCode::NotAuthorized, Packet::PubAck as fn(_) -> _),
        (0x50, ReasonCode::QuotaExceeded, Packet::PubRec),
        (0x62, ReasonCode::PacketIdentifierNotFound, Packet::PubRel),
        (0x70, ReasonCode::PacketIdentifierNotFound, Packet::PubComp),
    ] {
        rows.extend(layout(first, reason, packet));
        rows.extend(refused_layouts(first));
    }
    rows.extend([
        both(
            "PUBACK: No matching subscribers",
            V5,
            "40 03 0001 10",
            Packet::PubAck(acknowledgement(1, ReasonCode::NoMatchingSubscribers)),
        ),
        refused("PUBREL: Not authorized", V5, "62 03 0001 87", DecodeError::InvalidReasonCode),
        refused("PUBCOMP: Quota exceeded", V5, "70 03 0001 97", DecodeError::InvalidReasonCode),
        refused("PUBACK: Not found", V5, "40 03 0001 92", DecodeError::InvalidReasonCode),
        decodes(
            "PUBREL with the DUP flag of MQTT 3.1",
            V3_1,
            "6A 82 00 0001",
            Packet::PubRel(acknowledgement(1, ReasonCode::Success)),
        ),
    ]);
    rows
}

fn layout(
    first: u8,
    reason: ReasonCode,
    packet: fn(Acknowledgement<'static>) -> Packet<'static>,
) -> Vec<Row> {
    let plain = packet(acknowledgement(0x1234, ReasonCode::Success));
    let failed = packet(acknowledgement(0x1234, reason));
    let explained = packet(Acknowledgement {
        properties: properties(&[
            Property::ReasonString("why"),
            Property::UserProperty(("a", "b")),
            Property::UserProperty(("a", "b")),
        ]),
        ..acknowledgement(0x1234, reason)
    });
    let reason = reason.value();
    let block = "
        14              ; property length
        1F 0003 'why'   ; Reason String
        26 0001 'a' 0001 'b'
        26 0001 'a' 0001 'b'";
    vec![
        both("packet identifier only", V3_1, &format!("{first:02x} 02 1234"), plain),
        both("packet identifier only", V3_1_1, &format!("{first:02x} 02 1234"), plain),
        both("packet identifier only", V5, &format!("{first:02x} 02 1234"), plain),
        decodes("with Success", V5, &format!("{first:02x} 03 1234 00"), plain),
        decodes("with Success, no properties", V5, &format!("{first:02x} 04 1234 00 00"), plain),
        both("with a reason", V5, &format!("{first:02x} 03 1234 {reason:02x}"), failed),
        decodes("no properties", V5, &format!("{first:02x} 04 1234 {reason:02x} 00"), failed),
        both("all", V5, &format!("{first:02x} 18 1234 {reason:02x} {block}"), explained),
        encodes("reason left out", V3_1_1, &format!("{first:02x} 02 1234"), explained),
        encodes("reason left out", V3_1, &format!("{first:02x} 02 1234"), failed),
    ]
}

/// What is wrong with any of the four.
fn refused_layouts(first: u8) -> Vec<Row> {
    vec![
        refused(
            "packet identifier 0",
            V5,
            &format!("{first:02x} 02 0000"),
            DecodeError::ZeroPacketId,
        ),
        refused(
            "packet identifier 0",
            V3_1_1,
            &format!("{first:02x} 02 0000"),
            DecodeError::ZeroPacketId,
        ),
        refused("half an identifier", V5, &format!("{first:02x} 01 12"), DecodeError::Truncated),
        refused("empty", V3_1_1, &format!("{first:02x} 00"), DecodeError::Truncated),
        refused(
            "reason before MQTT 5.0",
            V3_1_1,
            &format!("{first:02x} 03 1234 00"),
            DecodeError::TrailingBytes,
        ),
        refused(
            "unknown reason",
            V5,
            &format!("{first:02x} 03 1234 03"),
            DecodeError::InvalidReasonCode,
        ),
        refused(
            "property of another packet",
            V5,
            &format!("{first:02x} 07 1234 00 03 23 0001"),
            DecodeError::PropertyNotInPacket,
        ),
        refused(
            "Reason String twice",
            V5,
            &format!("{first:02x} 0C 1234 00 08 1F 0001 'a' 1F 0001 'a'"),
            DecodeError::RepeatedProperty,
        ),
        refused(
            "more than the properties",
            V5,
            &format!("{first:02x} 05 1234 00 00 00"),
            DecodeError::TrailingBytes,
        ),
    ]
}

fn acknowledgement(packet_id: u16, reason: ReasonCode) -> Acknowledgement<'static> {
    let packet_id = PacketId::new(packet_id).expect("not zero");
    Acknowledgement { packet_id, reason, properties: Properties::EMPTY }
}
