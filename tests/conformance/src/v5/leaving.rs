//! MQTT 5.0, sections 3.12 to 3.15: PINGREQ, DISCONNECT and AUTH.

use crate::checks::{authentication, disconnect, limits, ping, will};
use crate::row::{NO_ENHANCED_AUTHENTICATION, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row("MQTT-3.12.4-1", "PINGREQ is answered with PINGRESP", ping::ping_is_answered),
    row(
        "MQTT-3.14.0-1",
        "No DISCONNECT before a CONNACK with Success",
        disconnect::no_disconnect_before_connack,
    ),
    row(
        "MQTT-3.14.1-1",
        "Reserved flags of DISCONNECT close (0x81)",
        disconnect::reserved_flags_close,
    ),
    row(
        "MQTT-3.14.2-1",
        "DISCONNECT uses a Reason Code of its table",
        disconnect::reason_codes_are_known,
    ),
    row(
        "MQTT-3.14.2-2",
        "The Server sends no Session Expiry Interval with DISCONNECT",
        disconnect::server_sends_no_session_expiry,
    ),
    row(
        "MQTT-3.14.2-3",
        "A Reason String does not exceed the Maximum Packet Size in DISCONNECT",
        limits::disconnect_fits_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.14.2-4",
        "User Properties do not exceed the Maximum Packet Size in DISCONNECT",
        limits::disconnect_fits_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.14.4-1",
        "Nothing is sent after DISCONNECT",
        disconnect::nothing_follows_a_disconnect,
    ),
    row(
        "MQTT-3.14.4-2",
        "The connection is closed after DISCONNECT",
        disconnect::nothing_follows_a_disconnect,
    ),
    row(
        "MQTT-3.14.4-3",
        "A normal DISCONNECT discards the Will Message",
        will::disconnect_discards_the_will,
    ),
    row(
        "MQTT-3.15.1-1",
        "Reserved flags of AUTH close",
        authentication::reserved_flags_of_auth_close,
    ),
    exception("MQTT-3.15.2-1", "AUTH uses a Reason Code of its table", NO_ENHANCED_AUTHENTICATION),
    exception(
        "MQTT-3.15.2-2",
        "A Reason String does not exceed the Maximum Packet Size in AUTH",
        NO_ENHANCED_AUTHENTICATION,
    ),
    exception(
        "MQTT-3.15.2-3",
        "User Properties do not exceed the Maximum Packet Size in AUTH",
        NO_ENHANCED_AUTHENTICATION,
    ),
];
