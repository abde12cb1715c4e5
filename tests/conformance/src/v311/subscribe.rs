//! MQTT 3.1.1, sections 3.8 to 3.14: SUBSCRIBE, UNSUBSCRIBE, PINGREQ and DISCONNECT.

use crate::checks::{disconnect, ping, subscribe, unsubscribe, will};
use crate::row::{CLIENT, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-3.8.1-1",
        "Other flags of SUBSCRIBE than 0010 close",
        subscribe::reserved_flags_close,
    ),
    row("MQTT-3.8.3-1", "Topic Filters are UTF-8 strings", subscribe::filters_are_utf8),
    row(
        "MQTT-3.8.3-2",
        "Filters with wildcards are served or refused",
        subscribe::wildcards_are_supported_or_refused,
    ),
    row("MQTT-3.8.3-3", "SUBSCRIBE has at least one filter", subscribe::no_filter_closes),
    row(
        "MQTT-3.8.3-4",
        "Reserved bits beside the QoS, and QoS 3, close",
        subscribe::reserved_bits_and_qos_3_close,
    ),
    row("MQTT-3.8.4-1", "SUBSCRIBE is answered with SUBACK", subscribe::subscribe_is_answered),
    row(
        "MQTT-3.8.4-2",
        "SUBACK has the Packet Identifier of the SUBSCRIBE",
        subscribe::suback_has_the_packet_identifier,
    ),
    row(
        "MQTT-3.8.4-3",
        "An equal filter replaces the subscription and brings retained messages again",
        subscribe::equal_filter_replaces_and_resends,
    ),
    row(
        "MQTT-3.8.4-4",
        "Several filters are several subscriptions with one SUBACK",
        subscribe::several_filters_are_several_subscriptions,
    ),
    row(
        "MQTT-3.8.4-5",
        "SUBACK shows for each filter the granted QoS or a failure",
        subscribe::each_filter_has_a_reason_code,
    ),
    row(
        "MQTT-3.8.4-6",
        "A message has the smaller QoS of its own and the granted one",
        subscribe::qos_is_the_smaller_one,
    ),
    row(
        "MQTT-3.9.3-1",
        "The return codes of SUBACK are in the order of the filters",
        subscribe::several_filters_are_several_subscriptions,
    ),
    row(
        "MQTT-3.9.3-2",
        "The return codes of SUBACK are 0, 1, 2 or 0x80",
        subscribe::reason_codes_are_known,
    ),
    row(
        "MQTT-3.10.1-1",
        "Other flags of UNSUBSCRIBE than 0010 close",
        unsubscribe::reserved_flags_close,
    ),
    row("MQTT-3.10.3-1", "Topic Filters are UTF-8 strings", unsubscribe::filters_are_utf8),
    row("MQTT-3.10.3-2", "UNSUBSCRIBE has at least one filter", unsubscribe::no_filter_closes),
    row(
        "MQTT-3.10.4-1",
        "Filters are compared character by character; an equal one is deleted",
        unsubscribe::filters_are_compared_by_character,
    ),
    row(
        "MQTT-3.10.4-2",
        "No new messages are added afterwards",
        unsubscribe::no_new_messages_afterwards,
    ),
    row(
        "MQTT-3.10.4-3",
        "Deliveries at QoS 1 and 2 that have started are completed",
        unsubscribe::started_deliveries_are_completed,
    ),
    row(
        "MQTT-3.10.4-4",
        "UNSUBSCRIBE is answered with UNSUBACK and its Packet Identifier",
        unsubscribe::unsubscribe_is_answered,
    ),
    row(
        "MQTT-3.10.4-5",
        "UNSUBACK comes if nothing is deleted, too",
        unsubscribe::unknown_filter_is_answered_too,
    ),
    row(
        "MQTT-3.10.4-6",
        "Several filters are deleted with one UNSUBACK",
        unsubscribe::several_filters_are_answered_at_once,
    ),
    row("MQTT-3.12.4-1", "PINGREQ is answered with PINGRESP", ping::ping_is_answered),
    row("MQTT-3.14.1-1", "Reserved flags of DISCONNECT close", disconnect::reserved_flags_close),
    exception("MQTT-3.14.4-1", "The Client closes after DISCONNECT", CLIENT),
    exception("MQTT-3.14.4-2", "The Client sends nothing after DISCONNECT", CLIENT),
    row(
        "MQTT-3.14.4-3",
        "DISCONNECT discards the Will Message",
        will::disconnect_discards_the_will,
    ),
];
