//! MQTT 5.0, sections 3.3 to 3.7: PUBLISH, PUBACK, PUBREC, PUBREL and PUBCOMP.

use crate::checks::{
    acknowledgement, alias, delivery, encoding, flow, forwarding, limits, matching, qos, retain,
};
use crate::row::{CLIENT, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row("MQTT-3.3.1-1", "A PUBLISH that is sent again has DUP", qos::redelivery_has_dup),
    row("MQTT-3.3.1-2", "A message at QoS 0 has no DUP", qos::qos_0_goes_out_once),
    row("MQTT-3.3.1-3", "DUP is not passed on", qos::dup_is_not_passed_on),
    row("MQTT-3.3.1-4", "QoS 3 closes", qos::qos_3_closes),
    row(
        "MQTT-3.3.1-5",
        "RETAIN replaces what is retained, with its QoS",
        retain::retained_message_is_stored_with_its_qos,
    ),
    row(
        "MQTT-3.3.1-6",
        "An empty payload with RETAIN removes what is retained",
        retain::empty_payload_removes,
    ),
    row("MQTT-3.3.1-7", "An empty payload is not retained", retain::empty_payload_is_not_retained),
    row(
        "MQTT-3.3.1-8",
        "Without RETAIN nothing is stored, replaced or removed",
        retain::message_without_retain_changes_nothing,
    ),
    row(
        "MQTT-3.3.1-9",
        "Retain Handling 0 sends retained messages",
        retain::retain_handling_0_sends_each_time,
    ),
    row(
        "MQTT-3.3.1-10",
        "Retain Handling 1 sends them to new subscriptions",
        retain::retain_handling_1_sends_to_new_subscriptions,
    ),
    row("MQTT-3.3.1-11", "Retain Handling 2 sends none", retain::retain_handling_2_sends_nothing),
    row(
        "MQTT-3.3.1-12",
        "Without Retain As Published RETAIN is cleared",
        retain::retain_flag_is_cleared,
    ),
    row(
        "MQTT-3.3.1-13",
        "With Retain As Published RETAIN is kept",
        retain::retain_as_published_keeps_the_flag,
    ),
    row("MQTT-3.3.2-1", "The Topic Name is a UTF-8 string", encoding::ill_formed_utf8_closes),
    row(
        "MQTT-3.3.2-2",
        "The Topic Name has no wildcards",
        matching::wildcards_in_topic_names_close,
    ),
    row(
        "MQTT-3.3.2-3",
        "The Topic Name of a delivery matches the subscription",
        delivery::topic_name_matches_the_filter,
    ),
    row(
        "MQTT-3.3.2-4",
        "The Payload Format Indicator is passed on unaltered",
        forwarding::payload_format_indicator_is_unaltered,
    ),
    row(
        "MQTT-3.3.2-5",
        "An expired message is not delivered",
        forwarding::expired_message_is_not_delivered,
    ),
    row(
        "MQTT-3.3.2-6",
        "The time in the Server is deducted from the Message Expiry Interval",
        forwarding::time_in_the_server_is_deducted,
    ),
    row(
        "MQTT-3.3.2-7",
        "Topic Aliases end with the connection",
        alias::aliases_end_with_the_connection,
    ),
    row("MQTT-3.3.2-8", "Topic Alias 0 does not exist", alias::alias_zero_closes),
    exception("MQTT-3.3.2-9", "The Client keeps to the Topic Alias Maximum", CLIENT),
    exception("MQTT-3.3.2-10", "The Client accepts the Topic Aliases it offers", CLIENT),
    row(
        "MQTT-3.3.2-11",
        "The Server keeps to the Topic Alias Maximum",
        alias::server_keeps_to_the_maximum,
    ),
    row(
        "MQTT-3.3.2-12",
        "The Server accepts the Topic Aliases it offers",
        alias::every_offered_alias_is_accepted,
    ),
    row(
        "MQTT-3.3.2-13",
        "The Response Topic is a UTF-8 string",
        encoding::ill_formed_text_properties_close,
    ),
    row(
        "MQTT-3.3.2-14",
        "The Response Topic has no wildcards",
        forwarding::wildcards_in_the_response_topic_close,
    ),
    row(
        "MQTT-3.3.2-15",
        "The Response Topic is passed on unaltered",
        forwarding::response_topic_is_unaltered,
    ),
    row(
        "MQTT-3.3.2-16",
        "Correlation Data is passed on unaltered",
        forwarding::correlation_data_is_unaltered,
    ),
    row(
        "MQTT-3.3.2-17",
        "User Properties are passed on unaltered",
        forwarding::user_properties_are_unaltered,
    ),
    row(
        "MQTT-3.3.2-18",
        "User Properties keep their order",
        forwarding::user_properties_keep_their_order,
    ),
    row(
        "MQTT-3.3.2-19",
        "The Content Type is a UTF-8 string",
        encoding::ill_formed_text_properties_close,
    ),
    row(
        "MQTT-3.3.2-20",
        "The Content Type is passed on unaltered",
        forwarding::content_type_is_unaltered,
    ),
    row(
        "MQTT-3.3.4-1",
        "PUBLISH is answered as its QoS demands",
        qos::publish_is_answered_by_its_qos,
    ),
    row(
        "MQTT-3.3.4-2",
        "Overlapping subscriptions get the highest of their QoS",
        delivery::overlapping_subscriptions_get_the_highest_qos,
    ),
    row(
        "MQTT-3.3.4-3",
        "Subscription Identifiers of overlapping subscriptions are sent",
        delivery::subscription_identifiers_are_sent,
    ),
    row(
        "MQTT-3.3.4-4",
        "A single copy has the identifiers of all matching subscriptions",
        delivery::single_copy_has_all_subscription_identifiers,
    ),
    row(
        "MQTT-3.3.4-5",
        "Each of several copies has the identifier of its subscription",
        delivery::each_copy_has_its_subscription_identifier,
    ),
    row(
        "MQTT-3.3.4-6",
        "PUBLISH of a Client has no Subscription Identifier",
        delivery::client_may_not_send_subscription_identifiers,
    ),
    exception("MQTT-3.3.4-7", "The Client keeps to the Receive Maximum", CLIENT),
    exception("MQTT-3.3.4-8", "The Client delays nothing but PUBLISH", CLIENT),
    row(
        "MQTT-3.3.4-9",
        "The Server keeps to the Receive Maximum",
        flow::server_keeps_to_receive_maximum,
    ),
    row(
        "MQTT-3.3.4-10",
        "The Server delays nothing but PUBLISH",
        flow::the_rest_goes_on_without_quota,
    ),
    row(
        "MQTT-3.4.2-1",
        "PUBACK uses a Reason Code of its table",
        acknowledgement::puback_has_a_known_reason,
    ),
    row(
        "MQTT-3.4.2-2",
        "A Reason String does not exceed the Maximum Packet Size in PUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.4.2-3",
        "User Properties do not exceed the Maximum Packet Size in PUBACK",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.5.2-1",
        "PUBREC uses a Reason Code of its table",
        acknowledgement::pubrec_has_a_known_reason,
    ),
    row(
        "MQTT-3.5.2-2",
        "A Reason String does not exceed the Maximum Packet Size in PUBREC",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.5.2-3",
        "User Properties do not exceed the Maximum Packet Size in PUBREC",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.6.1-1",
        "Other flags of PUBREL than 0010 close",
        acknowledgement::reserved_flags_of_pubrel_close,
    ),
    row(
        "MQTT-3.6.2-1",
        "PUBREL uses a Reason Code of its table",
        acknowledgement::pubrel_has_a_known_reason,
    ),
    row(
        "MQTT-3.6.2-2",
        "A Reason String does not exceed the Maximum Packet Size in PUBREL",
        limits::server_pubrel_fits_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.6.2-3",
        "User Properties do not exceed the Maximum Packet Size in PUBREL",
        limits::server_pubrel_fits_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.7.2-1",
        "PUBCOMP uses a Reason Code of its table",
        acknowledgement::pubcomp_has_a_known_reason,
    ),
    row(
        "MQTT-3.7.2-2",
        "A Reason String does not exceed the Maximum Packet Size in PUBCOMP",
        limits::answers_fit_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.7.2-3",
        "User Properties do not exceed the Maximum Packet Size in PUBCOMP",
        limits::answers_fit_the_maximum_packet_size,
    ),
];
