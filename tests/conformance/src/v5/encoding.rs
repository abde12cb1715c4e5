//! MQTT 5.0, chapters 1 and 2: data representation and packet format.

use crate::checks::encoding;
use crate::row::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-1.5.4-1",
        "Strings are well-formed UTF-8, without surrogates",
        encoding::ill_formed_utf8_closes,
    ),
    row("MQTT-1.5.4-2", "Strings do not contain U+0000", encoding::null_character_closes),
    row("MQTT-1.5.4-3", "U+FEFF in a string is kept", encoding::byte_order_mark_is_kept),
    row(
        "MQTT-1.5.5-1",
        "Variable Byte Integers are as short as they can be",
        encoding::integers_are_as_short_as_can_be,
    ),
    row(
        "MQTT-1.5.7-1",
        "Both strings of a String Pair are proper strings",
        encoding::ill_formed_string_pair_closes,
    ),
    row(
        "MQTT-2.1.3-1",
        "Reserved flags of the fixed header have their listed values",
        encoding::reserved_flags_close,
    ),
    row(
        "MQTT-2.2.1-2",
        "PUBLISH at QoS 0 has no Packet Identifier",
        encoding::qos_0_has_no_packet_identifier,
    ),
    row(
        "MQTT-2.2.1-3",
        "The Client's SUBSCRIBE, UNSUBSCRIBE and PUBLISH have a non-zero Packet Identifier",
        encoding::packet_identifier_zero_closes,
    ),
    row(
        "MQTT-2.2.1-4",
        "The Server's PUBLISH has a non-zero Packet Identifier that is not in use",
        encoding::server_uses_free_packet_identifiers,
    ),
    row(
        "MQTT-2.2.1-5",
        "PUBACK, PUBREC, PUBREL and PUBCOMP have the Packet Identifier of the PUBLISH",
        encoding::acknowledgements_repeat_the_identifier,
    ),
    row(
        "MQTT-2.2.1-6",
        "SUBACK and UNSUBACK have the Packet Identifier of what they answer",
        encoding::subscription_answers_repeat_the_identifier,
    ),
    row(
        "MQTT-2.2.2-1",
        "A packet without Properties has a Property Length of zero",
        encoding::no_properties_are_a_length_of_zero,
    ),
];
