//! MQTT 3.1.1, chapters 4 to 7: operational behaviour, WebSocket, conformance.

use crate::checks::{
    connect, delivery, disconnect, encoding, matching, order, qos, session, websocket,
};
use crate::row::{CLIENT, Row, exception, row, websocket_row};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-4.1.0-1",
        "Session state is stored as long as the session lasts",
        session::messages_wait_for_the_session,
    ),
    row(
        "MQTT-4.1.0-2",
        "A session lasts at least as long as its connection",
        session::session_lasts_as_long_as_its_connection,
    ),
    row("MQTT-4.3.1-1", "QoS 0: sent with QoS 0 and without DUP", qos::qos_0_goes_out_once),
    row(
        "MQTT-4.3.2-1",
        "QoS 1: unused identifier, no DUP, unacknowledged until PUBACK",
        qos::sender_keeps_qos_1,
    ),
    row(
        "MQTT-4.3.2-2",
        "QoS 1: answered with PUBACK, then the identifier means a new message",
        qos::identifier_is_free_after_puback,
    ),
    row(
        "MQTT-4.3.3-1",
        "QoS 2: unused identifier, no DUP, PUBREL, unacknowledged until PUBCOMP",
        qos::sender_keeps_qos_2,
    ),
    row(
        "MQTT-4.3.3-2",
        "QoS 2: PUBREC, no duplicates until PUBREL, PUBCOMP, then a new message",
        qos::receiver_keeps_qos_2,
    ),
    row(
        "MQTT-4.4.0-1",
        "Unacknowledged PUBLISH and PUBREL come again after reconnecting",
        qos::unacknowledged_packets_come_again,
    ),
    row(
        "MQTT-4.5.0-1",
        "A message is added to every session with a matching subscription",
        delivery::every_matching_session_gets_the_message,
    ),
    exception("MQTT-4.5.0-2", "The Client acknowledges every PUBLISH", CLIENT),
    row(
        "MQTT-4.6.0-1",
        "PUBLISH packets are sent again in their order",
        order::messages_come_again_in_their_order,
    ),
    row(
        "MQTT-4.6.0-2",
        "PUBACK packets are in the order of their PUBLISH packets",
        order::puback_in_order,
    ),
    row(
        "MQTT-4.6.0-3",
        "PUBREC packets are in the order of their PUBLISH packets",
        order::pubrec_in_order,
    ),
    row(
        "MQTT-4.6.0-4",
        "PUBREL packets are in the order of their PUBREC packets",
        order::pubrel_in_order,
    ),
    row("MQTT-4.6.0-5", "Every topic is ordered", order::messages_keep_their_order),
    row(
        "MQTT-4.6.0-6",
        "Messages of one Client, topic and QoS are delivered in order",
        order::messages_keep_their_order,
    ),
    row("MQTT-4.7.1-1", "Topic Names have no wildcards", matching::wildcards_in_topic_names_close),
    row(
        "MQTT-4.7.1-2",
        "# is the last character and a level of its own",
        matching::multi_level_wildcard_is_last_and_alone,
    ),
    row("MQTT-4.7.1-3", "+ is a level of its own", matching::single_level_wildcard_is_alone),
    row(
        "MQTT-4.7.2-1",
        "Filters that start with a wildcard do not match topics that start with $",
        matching::dollar_topics_match_no_leading_wildcard,
    ),
    row(
        "MQTT-4.7.3-1",
        "Topics and filters have at least one character",
        matching::topics_have_at_least_one_character,
    ),
    row(
        "MQTT-4.7.3-2",
        "Topics and filters do not contain U+0000",
        encoding::null_character_in_topics_closes,
    ),
    row(
        "MQTT-4.7.3-3",
        "Topics and filters have at most 65,535 bytes",
        matching::topics_may_have_65535_bytes,
    ),
    row(
        "MQTT-4.7.3-4",
        "Topics are compared without normalization",
        matching::topics_are_not_normalized,
    ),
    row("MQTT-4.8.0-1", "A protocol violation closes", disconnect::errors_close),
    exception(
        "MQTT-4.8.0-2",
        "A transient error closes",
        "A server's transient errors cannot be brought about from outside.",
    ),
    websocket_row(
        "MQTT-6.0.0-1",
        "Packets are sent in binary data frames",
        websocket::packets_come_in_binary_frames,
    ),
    websocket_row(
        "MQTT-6.0.0-2",
        "Packets need not be aligned on frames",
        websocket::packets_need_not_fit_frames,
    ),
    exception("MQTT-6.0.0-3", "The Client offers the sub-protocol mqtt", CLIENT),
    websocket_row(
        "MQTT-6.0.0-4",
        "The Server selects the sub-protocol mqtt",
        websocket::server_selects_mqtt,
    ),
    exception(
        "MQTT-7.0.0-1",
        "A Server that connects to others is a Client as well",
        "Its outgoing connections are tested as those of a Client.",
    ),
    row(
        "MQTT-7.0.0-2",
        "No extension is required to interoperate",
        connect::connect_is_acknowledged,
    ),
    row(
        "MQTT-7.1.1-1",
        "The transport is an ordered, lossless stream of bytes",
        connect::connect_is_acknowledged,
    ),
    exception("MQTT-7.1.2-1", "The Client's transport is such a stream, too", CLIENT),
];
