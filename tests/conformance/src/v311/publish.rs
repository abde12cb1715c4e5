//! MQTT 3.1.1, sections 3.3 to 3.7: PUBLISH and its acknowledgements.

use crate::checks::{acknowledgement, delivery, encoding, matching, qos, retain};
use crate::row::{NEEDS_POLICY, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row("MQTT-3.3.1-1", "A PUBLISH that is sent again has DUP", qos::redelivery_has_dup),
    row("MQTT-3.3.1-2", "A message at QoS 0 has no DUP", qos::qos_0_goes_out_once),
    row("MQTT-3.3.1-3", "DUP is not passed on", qos::dup_is_not_passed_on),
    row("MQTT-3.3.1-4", "QoS 3 closes", qos::qos_3_closes),
    row(
        "MQTT-3.3.1-5",
        "RETAIN stores the message with its QoS",
        retain::retained_message_is_stored_with_its_qos,
    ),
    row(
        "MQTT-3.3.1-6",
        "A new subscription gets the last retained message of each topic",
        retain::new_subscription_gets_each_retained_message,
    ),
    row(
        "MQTT-3.3.1-7",
        "A retained message at QoS 0 discards the one before",
        retain::qos_0_replaces_the_retained_message,
    ),
    row(
        "MQTT-3.3.1-8",
        "Messages for a new subscription have RETAIN",
        retain::new_subscription_sees_the_retain_flag,
    ),
    row(
        "MQTT-3.3.1-9",
        "Messages for an established subscription have no RETAIN",
        retain::established_subscription_sees_no_retain_flag,
    ),
    row(
        "MQTT-3.3.1-10",
        "An empty payload with RETAIN is delivered and removes what is retained",
        retain::empty_payload_removes,
    ),
    row("MQTT-3.3.1-11", "An empty payload is not retained", retain::empty_payload_is_not_retained),
    row(
        "MQTT-3.3.1-12",
        "Without RETAIN nothing is stored, replaced or removed",
        retain::message_without_retain_changes_nothing,
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
        "MQTT-3.3.4-1",
        "PUBLISH is answered as its QoS demands",
        qos::publish_is_answered_by_its_qos,
    ),
    row(
        "MQTT-3.3.5-1",
        "Overlapping subscriptions get the highest of their QoS",
        delivery::overlapping_subscriptions_get_the_highest_qos,
    ),
    exception(
        "MQTT-3.3.5-2",
        "A PUBLISH that is not authorized is acknowledged or closes",
        NEEDS_POLICY,
    ),
    row(
        "MQTT-3.6.1-1",
        "Other flags of PUBREL than 0010 close",
        acknowledgement::reserved_flags_of_pubrel_close,
    ),
];
