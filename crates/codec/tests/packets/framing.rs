//! The fixed header: first byte and Remaining Length (section 2.1).

use ferrymq_codec::DecodeError;
use ferrymq_codec::Packet;
use ferrymq_codec::Version::{V3_1, V3_1_1, V5};

use crate::row::{Row, decodes, refused, refused_early};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        refused_early("type 0 is reserved", "00", DecodeError::ReservedPacketType),
        refused_early(
            "five bytes of Remaining Length",
            "30 80 80 80 80",
            DecodeError::VariableByteIntegerTooLong,
        ),
        refused_early("PUBLISH with QoS 3", "36", DecodeError::InvalidQoS),
        refused_early("PUBLISH with QoS 3 and DUP", "3E", DecodeError::InvalidQoS),
        refused_early("PUBLISH with DUP at QoS 0", "38", DecodeError::DupAtMostOnce),
        refused_early("larger than accepted", "30 FF FF FF 7F", DecodeError::PacketTooLarge),
        refused(
            "Remaining Length in two bytes instead of one",
            V5,
            "C0 80 00",
            DecodeError::VariableByteIntegerNotMinimal,
        ),
        decodes("Remaining Length of fixed size", V3_1_1, "C0 80 00", Packet::PingReq),
        decodes("Remaining Length of fixed size", V3_1, "C0 80 80 80 00", Packet::PingReq),
        refused("body of a PINGREQ", V5, "C0 01 00", DecodeError::TrailingBytes),
        refused("body of a PINGRESP", V3_1_1, "D0 01 00", DecodeError::TrailingBytes),
        refused("DUP on PUBREL", V5, "6A 02 0001", DecodeError::ReservedFlags),
        refused("DUP on PUBREL", V3_1_1, "6A 02 0001", DecodeError::ReservedFlags),
        refused("DUP on SUBSCRIBE", V3_1_1, "8A 06 0001 0001 'a' 00", DecodeError::ReservedFlags),
        refused("DUP on UNSUBSCRIBE", V3_1_1, "AA 05 0001 0001 'a'", DecodeError::ReservedFlags),
    ];
    rows.extend(reserved_flags());
    rows
}

/// Every first byte that the specification does not know, PUBLISH apart.
fn reserved_flags() -> impl Iterator<Item = Row> {
    (0x10..=0xFF_u8).filter(|first| first >> 4 != 3 && !is_known(*first)).map(|first| {
        let text = format!("{first:02x}");
        refused_early("reserved flags", &text, DecodeError::ReservedFlags)
    })
}

fn is_known(first: u8) -> bool {
    match first {
        // PUBREL, SUBSCRIBE and UNSUBSCRIBE, with the DUP flag of MQTT 3.1 too.
        0x62 | 0x82 | 0xA2 | 0x6A | 0x8A | 0xAA => true,
        _ => first.is_multiple_of(16) && !matches!(first >> 4, 6 | 8 | 10),
    }
}
