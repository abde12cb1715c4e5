//! MQTT 3.1.1, chapters 1 and 2: data representation and packet format.

use crate::checks::encoding;
use crate::row::{CLIENT, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-1.5.3-1",
        "Strings that are not well-formed UTF-8 close",
        encoding::ill_formed_utf8_closes,
    ),
    row("MQTT-1.5.3-2", "U+0000 in a string closes", encoding::null_character_closes),
    row("MQTT-1.5.3-3", "U+FEFF in a string is kept", encoding::byte_order_mark_is_kept),
    row(
        "MQTT-2.2.2-1",
        "Reserved flags of the fixed header have their listed values",
        encoding::reserved_flags_close,
    ),
    row("MQTT-2.2.2-2", "Invalid flags close", encoding::reserved_flags_close),
    row(
        "MQTT-2.3.1-1",
        "SUBSCRIBE, UNSUBSCRIBE and PUBLISH have a non-zero Packet Identifier",
        encoding::packet_identifier_zero_closes,
    ),
    exception("MQTT-2.3.1-2", "The Client's Packet Identifier is not in use", CLIENT),
    exception("MQTT-2.3.1-3", "The Client sends again with the same identifier", CLIENT),
    row(
        "MQTT-2.3.1-4",
        "The same holds for PUBLISH packets of the Server",
        encoding::server_uses_free_packet_identifiers,
    ),
    row(
        "MQTT-2.3.1-5",
        "PUBLISH at QoS 0 has no Packet Identifier",
        encoding::qos_0_has_no_packet_identifier,
    ),
    row(
        "MQTT-2.3.1-6",
        "PUBACK, PUBREC and PUBREL have the Packet Identifier of the PUBLISH",
        encoding::acknowledgements_repeat_the_identifier,
    ),
    row(
        "MQTT-2.3.1-7",
        "SUBACK and UNSUBACK have the Packet Identifier of what they answer",
        encoding::subscription_answers_repeat_the_identifier,
    ),
];
