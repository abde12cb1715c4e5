//! PINGREQ, PINGRESP, DISCONNECT and AUTH (sections 3.12 to 3.15).

use ferrymq_codec::Version::{V3_1, V3_1_1, V5};
use ferrymq_codec::{Auth, DecodeError, Disconnect, Packet, Properties, Property, ReasonCode};

use crate::row::{Row, both, decodes, encodes, properties, refused};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = disconnect();
    rows.extend(auth());
    for version in [V3_1, V3_1_1, V5] {
        rows.push(both("PINGREQ", version, "C0 00", Packet::PingReq));
        rows.push(both("PINGRESP", version, "D0 00", Packet::PingResp));
    }
    rows
}

fn disconnect() -> Vec<Row> {
    let packet = |reason, properties| Packet::Disconnect(Disconnect { reason, properties });
    let normal = packet(ReasonCode::Success, Properties::EMPTY);
    let taken_over = packet(ReasonCode::SessionTakenOver, Properties::EMPTY);
    vec![
        both("Normal disconnection", V3_1, "E0 00", normal),
        both("Normal disconnection", V3_1_1, "E0 00", normal),
        both("Normal disconnection", V5, "E0 00", normal),
        decodes("Normal disconnection in one byte", V5, "E0 01 00", normal),
        decodes("Normal disconnection in full", V5, "E0 02 00 00", normal),
        both("Session taken over", V5, "E0 01 8E", taken_over),
        decodes("Session taken over in full", V5, "E0 02 8E 00", taken_over),
        encodes("reason left out", V3_1_1, "E0 00", taken_over),
        both(
            "Disconnect with Will Message",
            V5,
            "E0 01 04",
            packet(ReasonCode::DisconnectWithWill, Properties::EMPTY),
        ),
        both(
            "every property",
            V5,
            "E0 1B 00 19          ; property length
             11 0000000A          ; Session Expiry Interval
             1F 0001 'r'          ; Reason String
             26 0001 'a' 0001 'b' ; User Property
             1C 0006 'other:'     ; Server Reference",
            packet(
                ReasonCode::Success,
                properties(&[
                    Property::SessionExpiryInterval(10),
                    Property::ReasonString("r"),
                    Property::UserProperty(("a", "b")),
                    Property::ServerReference("other:"),
                ]),
            ),
        ),
        refused("reason before MQTT 5.0", V3_1_1, "E0 01 00", DecodeError::TrailingBytes),
        refused("reason of a CONNACK", V5, "E0 01 85", DecodeError::InvalidReasonCode),
        refused(
            "Session Expiry Interval twice",
            V5,
            "E0 0C 00 0A 11 00000001 11 00000001",
            DecodeError::RepeatedProperty,
        ),
        refused("Receive Maximum", V5, "E0 05 00 03 21 0001", DecodeError::PropertyNotInPacket),
        refused("properties cut off", V5, "E0 03 00 05 11", DecodeError::Truncated),
        refused("more than the properties", V5, "E0 03 00 00 00", DecodeError::TrailingBytes),
    ]
}

fn auth() -> Vec<Row> {
    let packet = |reason, properties| Packet::Auth(Auth { reason, properties });
    let success = packet(ReasonCode::Success, Properties::EMPTY);
    vec![
        both("Success", V5, "F0 00", success),
        decodes("Success in full", V5, "F0 02 00 00", success),
        both(
            "Continue authentication, every property",
            V5,
            "F0 19 18 17          ; property length
             15 0001 'm'          ; Authentication Method
             16 0003 000102       ; Authentication Data
             1F 0003 'why'        ; Reason String
             26 0001 'a' 0001 'b' ; User Property",
            packet(
                ReasonCode::ContinueAuthentication,
                properties(&[
                    Property::AuthenticationMethod("m"),
                    Property::AuthenticationData(&[0, 1, 2]),
                    Property::ReasonString("why"),
                    Property::UserProperty(("a", "b")),
                ]),
            ),
        ),
        both(
            "Re-authenticate",
            V5,
            "F0 06 19 04 15 0001 'm'",
            packet(ReasonCode::Reauthenticate, properties(&[Property::AuthenticationMethod("m")])),
        ),
        refused("reason without properties", V5, "F0 01 18", DecodeError::Truncated),
        refused("reason of a DISCONNECT", V5, "F0 02 04 00", DecodeError::InvalidReasonCode),
        refused(
            "Authentication Data without Method",
            V5,
            "F0 06 18 04 16 0001 'd'",
            DecodeError::AuthenticationDataWithoutMethod,
        ),
        refused("AUTH", V3_1_1, "F0 00", DecodeError::NotInVersion),
        refused("AUTH", V3_1, "F0 00", DecodeError::NotInVersion),
    ]
}
