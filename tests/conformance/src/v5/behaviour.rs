//! MQTT 5.0, chapter 4 and 6: operational behaviour and WebSocket.

use crate::checks::{
    authentication, connect, delivery, disconnect, encoding, flow, matching, order, qos, session,
    shared, websocket,
};
use crate::row::{
    CLIENT, NEEDS_POLICY, NO_ENHANCED_AUTHENTICATION, Row, exception, row, websocket_row,
};

pub(super) const ROWS: &[Row] = &[
    row(
        "MQTT-4.1.0-1",
        "An open connection keeps the session",
        session::open_connection_keeps_the_session,
    ),
    row(
        "MQTT-4.1.0-2",
        "After the Session Expiry Interval the session is discarded",
        session::expired_session_is_discarded,
    ),
    row(
        "MQTT-4.2.0-1",
        "The transport is an ordered, lossless stream of bytes",
        connect::connect_is_acknowledged,
    ),
    row("MQTT-4.3.1-1", "QoS 0: sent with QoS 0 and without DUP", qos::qos_0_goes_out_once),
    row(
        "MQTT-4.3.2-1",
        "QoS 1: a new message has an unused Packet Identifier",
        encoding::server_uses_free_packet_identifiers,
    ),
    row(
        "MQTT-4.3.2-2",
        "QoS 1: it is first sent without DUP",
        qos::qos_1_is_first_sent_without_dup,
    ),
    row(
        "MQTT-4.3.2-3",
        "QoS 1: it is unacknowledged until PUBACK",
        qos::qos_1_is_sent_until_acknowledged,
    ),
    row("MQTT-4.3.2-4", "QoS 1: it is answered with PUBACK", qos::qos_1_is_acknowledged),
    row(
        "MQTT-4.3.2-5",
        "QoS 1: after PUBACK the Packet Identifier means a new message",
        qos::identifier_is_free_after_puback,
    ),
    row(
        "MQTT-4.3.3-1",
        "QoS 2: a new message has an unused Packet Identifier",
        encoding::server_uses_free_packet_identifiers,
    ),
    row(
        "MQTT-4.3.3-2",
        "QoS 2: it is first sent without DUP",
        qos::qos_2_is_first_sent_without_dup,
    ),
    row(
        "MQTT-4.3.3-3",
        "QoS 2: it is unacknowledged until PUBREC",
        qos::qos_2_is_sent_until_received,
    ),
    row(
        "MQTT-4.3.3-4",
        "QoS 2: PUBREL follows a PUBREC below 0x80",
        qos::pubrel_follows_a_successful_pubrec,
    ),
    row(
        "MQTT-4.3.3-5",
        "QoS 2: PUBREL is unacknowledged until PUBCOMP",
        qos::pubrel_is_sent_until_completed,
    ),
    row(
        "MQTT-4.3.3-6",
        "QoS 2: the PUBLISH is not sent again after PUBREL",
        qos::pubrel_is_sent_until_completed,
    ),
    row(
        "MQTT-4.3.3-7",
        "QoS 2: a message that was sent does not expire",
        qos::sent_message_does_not_expire,
    ),
    row("MQTT-4.3.3-8", "QoS 2: it is answered with PUBREC", qos::qos_2_is_acknowledged),
    exception(
        "MQTT-4.3.3-9",
        "QoS 2: after a refusing PUBREC the Packet Identifier means a new message",
        NEEDS_POLICY,
    ),
    row(
        "MQTT-4.3.3-10",
        "QoS 2: until PUBREL the same PUBLISH is answered but not delivered again",
        qos::repeated_qos_2_is_delivered_once,
    ),
    row("MQTT-4.3.3-11", "QoS 2: PUBREL is answered with PUBCOMP", qos::qos_2_is_acknowledged),
    row(
        "MQTT-4.3.3-12",
        "QoS 2: after PUBCOMP the Packet Identifier means a new message",
        qos::identifier_is_free_after_pubcomp,
    ),
    row(
        "MQTT-4.3.3-13",
        "QoS 2: the exchange goes on after the message has expired",
        qos::exchange_goes_on_after_expiry,
    ),
    row(
        "MQTT-4.4.0-1",
        "Unacknowledged PUBLISH and PUBREL come again after reconnecting, only then",
        qos::nothing_is_sent_again_but_after_reconnecting,
    ),
    row(
        "MQTT-4.4.0-2",
        "A PUBLISH that was refused is not sent again",
        qos::refused_message_is_not_sent_again,
    ),
    row(
        "MQTT-4.5.0-1",
        "A message is added to every session with a matching subscription",
        delivery::every_matching_session_gets_the_message,
    ),
    exception("MQTT-4.5.0-2", "The Client acknowledges every PUBLISH", CLIENT),
    exception("MQTT-4.6.0-1", "The Client sends PUBLISH again in order", CLIENT),
    exception("MQTT-4.6.0-2", "The Client sends PUBACK in order", CLIENT),
    exception("MQTT-4.6.0-3", "The Client sends PUBREC in order", CLIENT),
    exception("MQTT-4.6.0-4", "The Client sends PUBREL in order", CLIENT),
    row(
        "MQTT-4.6.0-5",
        "Messages of one Client, topic and QoS are delivered in order",
        order::messages_keep_their_order,
    ),
    row(
        "MQTT-4.6.0-6",
        "Every topic is ordered on subscriptions that are not shared",
        order::messages_come_again_in_their_order,
    ),
    row("MQTT-4.7.0-1", "Topic Names have no wildcards", matching::wildcards_in_topic_names_close),
    row(
        "MQTT-4.7.1-1",
        "# is the last character and a level of its own",
        matching::multi_level_wildcard_is_last_and_alone,
    ),
    row("MQTT-4.7.1-2", "+ is a level of its own", matching::single_level_wildcard_is_alone),
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
    row(
        "MQTT-4.8.2-1",
        "A shared filter starts with $share/ and a ShareName",
        shared::share_name_and_filter_have_to_be_there,
    ),
    row(
        "MQTT-4.8.2-2",
        "A ShareName has no wildcards and is followed by a filter",
        shared::share_name_has_no_wildcards,
    ),
    row("MQTT-4.8.2-3", "The granted QoS is respected", shared::granted_qos_is_respected),
    row(
        "MQTT-4.8.2-4",
        "A delivery at QoS 2 is completed when its Client returns",
        shared::delivery_is_completed_on_reconnect,
    ),
    row(
        "MQTT-4.8.2-5",
        "If its session ends instead, nobody else gets the message",
        shared::ended_session_takes_the_message_with_it,
    ),
    row(
        "MQTT-4.8.2-6",
        "A message that a member refuses goes to nobody else",
        shared::refused_message_goes_to_nobody_else,
    ),
    row(
        "MQTT-4.9.0-1",
        "The send quota starts within the Receive Maximum",
        flow::quota_starts_within_receive_maximum,
    ),
    row(
        "MQTT-4.9.0-2",
        "Without send quota there is no PUBLISH above QoS 0",
        flow::server_keeps_to_receive_maximum,
    ),
    row(
        "MQTT-4.9.0-3",
        "Without send quota all other packets go on",
        flow::the_rest_goes_on_without_quota,
    ),
    row(
        "MQTT-4.12.0-1",
        "An Authentication Method that is not supported closes",
        authentication::unknown_method_is_refused,
    ),
    exception(
        "MQTT-4.12.0-2",
        "The Server's AUTH has the Reason Code 0x18",
        NO_ENHANCED_AUTHENTICATION,
    ),
    exception("MQTT-4.12.0-3", "The Client's AUTH has the Reason Code 0x18", CLIENT),
    exception("MQTT-4.12.0-4", "A rejected authentication closes", NO_ENHANCED_AUTHENTICATION),
    exception(
        "MQTT-4.12.0-5",
        "AUTH and CONNACK have the Authentication Method of the CONNECT",
        NO_ENHANCED_AUTHENTICATION,
    ),
    row(
        "MQTT-4.12.0-6",
        "Without an Authentication Method in CONNECT there is none from the Server",
        authentication::no_authentication_unless_asked,
    ),
    exception("MQTT-4.12.0-7", "Without one the Client sends no AUTH", CLIENT),
    exception("MQTT-4.12.1-1", "The Client re-authenticates by the same method", CLIENT),
    exception("MQTT-4.12.1-2", "A failed re-authentication closes", NO_ENHANCED_AUTHENTICATION),
    row("MQTT-4.13.1-1", "A Malformed Packet or Protocol Error closes", disconnect::errors_close),
    row(
        "MQTT-4.13.2-1",
        "A Reason Code of 0x80 or more in CONNACK or DISCONNECT closes",
        disconnect::nothing_follows_a_disconnect,
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
];
