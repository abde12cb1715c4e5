//! MQTT 5.0, sections 3.8 to 3.11: SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK.

use crate::checks::{limits, retain, subscribe, unsubscribe};
use crate::row::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-3.8.1-1",
        "Other flags of SUBSCRIBE than 0010 close",
        subscribe::reserved_flags_close,
    ),
    row("MQTT-3.8.3-1", "Topic Filters are UTF-8 strings", subscribe::filters_are_utf8),
    row("MQTT-3.8.3-2", "SUBSCRIBE has at least one filter", subscribe::no_filter_closes),
    row(
        "MQTT-3.8.3-3",
        "No Local spares the publisher its own messages",
        subscribe::no_local_spares_the_publisher,
    ),
    row(
        "MQTT-3.8.3-4",
        "No Local on a shared subscription is a Protocol Error",
        subscribe::no_local_on_a_shared_subscription_closes,
    ),
    row(
        "MQTT-3.8.3-5",
        "Reserved bits of the Subscription Options close",
        subscribe::reserved_bits_close,
    ),
    row("MQTT-3.8.4-1", "SUBSCRIBE is answered with SUBACK", subscribe::subscribe_is_answered),
    row(
        "MQTT-3.8.4-2",
        "SUBACK has the Packet Identifier of the SUBSCRIBE",
        subscribe::suback_has_the_packet_identifier,
    ),
    row(
        "MQTT-3.8.4-3",
        "An equal filter replaces the subscription",
        subscribe::equal_filter_replaces,
    ),
    row(
        "MQTT-3.8.4-4",
        "Replacing sends retained messages again and loses none",
        retain::replaced_subscription_gets_retained_again,
    ),
    row(
        "MQTT-3.8.4-5",
        "Several filters are several subscriptions with one SUBACK",
        subscribe::several_filters_are_several_subscriptions,
    ),
    row(
        "MQTT-3.8.4-6",
        "SUBACK has a Reason Code for each filter",
        subscribe::each_filter_has_a_reason_code,
    ),
    row(
        "MQTT-3.8.4-7",
        "It shows the granted QoS or that the subscription failed",
        subscribe::each_filter_has_a_reason_code,
    ),
    row(
        "MQTT-3.8.4-8",
        "A message has the smaller QoS of its own and the granted one",
        subscribe::qos_is_the_smaller_one,
    ),
    row(
        "MQTT-3.9.2-1",
        "A Reason String does not exceed the Maximum Packet Size in SUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.9.2-2",
        "User Properties do not exceed the Maximum Packet Size in SUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.9.3-1",
        "The Reason Codes of SUBACK are in the order of the filters",
        subscribe::several_filters_are_several_subscriptions,
    ),
    row("MQTT-3.9.3-2", "SUBACK uses Reason Codes of its table", subscribe::reason_codes_are_known),
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
        "UNSUBSCRIBE is answered with UNSUBACK",
        unsubscribe::unsubscribe_is_answered,
    ),
    row(
        "MQTT-3.10.4-5",
        "UNSUBACK has its Packet Identifier, and comes if nothing is deleted",
        unsubscribe::unknown_filter_is_answered_too,
    ),
    row(
        "MQTT-3.10.4-6",
        "Several filters are deleted with one UNSUBACK",
        unsubscribe::several_filters_are_answered_at_once,
    ),
    row(
        "MQTT-3.11.2-1",
        "A Reason String does not exceed the Maximum Packet Size in UNSUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.11.2-2",
        "User Properties do not exceed the Maximum Packet Size in UNSUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.11.3-1",
        "The Reason Codes of UNSUBACK are in the order of the filters",
        unsubscribe::several_filters_are_answered_at_once,
    ),
    row(
        "MQTT-3.11.3-2",
        "UNSUBACK uses Reason Codes of its table",
        unsubscribe::several_filters_are_answered_at_once,
    ),
];
