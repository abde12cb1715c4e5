//! MQTT 3.1.1, sections 3.1 and 3.2: CONNECT and CONNACK.

use crate::checks::{connect, ping, retain, session, will};
use crate::row::{CLIENT, Row, exception, row};

pub(super) const ROWS: &[Row] = &[
    row("MQTT-3.1.0-1", "The first packet is CONNECT", connect::first_packet_is_connect),
    row("MQTT-3.1.0-2", "A second CONNECT closes", connect::second_connect_closes),
    row(
        "MQTT-3.1.2-1",
        "Another protocol name is not served by this specification",
        connect::other_protocol_name_closes,
    ),
    row(
        "MQTT-3.1.2-2",
        "A Protocol Level that is not served is answered with 0x01 and closed",
        connect::other_protocol_level_is_answered,
    ),
    row(
        "MQTT-3.1.2-3",
        "The reserved Connect Flag is checked",
        connect::reserved_connect_flag_closes,
    ),
    row(
        "MQTT-3.1.2-4",
        "CleanSession 0 resumes the session, or creates and keeps it",
        session::session_is_created_kept_and_resumed,
    ),
    row(
        "MQTT-3.1.2-5",
        "Messages at QoS 1 and 2 wait for the session",
        session::messages_wait_for_the_session,
    ),
    row(
        "MQTT-3.1.2-6",
        "CleanSession 1 discards the session and leaves none",
        session::clean_session_leaves_nothing,
    ),
    row(
        "MQTT-3.1.2-7",
        "Retained messages outlive the session",
        retain::retained_message_outlives_the_session,
    ),
    row(
        "MQTT-3.1.2-8",
        "The Will Message is published unless a DISCONNECT deletes it",
        will::will_is_published_after_a_protocol_error,
    ),
    row(
        "MQTT-3.1.2-9",
        "With the Will Flag the Will fields are in the payload",
        connect::will_fields_have_to_be_there,
    ),
    row(
        "MQTT-3.1.2-10",
        "The Will Message is removed when published or disconnected",
        will::will_is_removed,
    ),
    row(
        "MQTT-3.1.2-11",
        "Without the Will Flag there are no Will fields",
        connect::will_fields_without_will_flag_close,
    ),
    row("MQTT-3.1.2-12", "Without the Will Flag nothing is published", will::no_will_flag_no_will),
    row(
        "MQTT-3.1.2-13",
        "Without the Will Flag, Will QoS is 0",
        connect::will_qos_without_will_flag_closes,
    ),
    row(
        "MQTT-3.1.2-14",
        "With the Will Flag, Will QoS is 0, 1 or 2",
        will::every_will_qos_is_taken,
    ),
    row(
        "MQTT-3.1.2-15",
        "Without the Will Flag, Will Retain is 0",
        connect::will_retain_without_will_flag_closes,
    ),
    row(
        "MQTT-3.1.2-16",
        "Without Will Retain the Will Message is not retained",
        will::will_without_retain_is_not_retained,
    ),
    row(
        "MQTT-3.1.2-17",
        "With Will Retain the Will Message is retained",
        will::will_with_retain_is_retained,
    ),
    row(
        "MQTT-3.1.2-18",
        "Without the User Name Flag there is no User Name",
        connect::user_name_without_flag_closes,
    ),
    row(
        "MQTT-3.1.2-19",
        "With the User Name Flag there is a User Name",
        connect::user_name_flag_without_user_name_closes,
    ),
    row(
        "MQTT-3.1.2-20",
        "Without the Password Flag there is no Password",
        connect::password_without_flag_closes,
    ),
    row(
        "MQTT-3.1.2-21",
        "With the Password Flag there is a Password",
        connect::password_flag_without_password_closes,
    ),
    row(
        "MQTT-3.1.2-22",
        "Without the User Name Flag the Password Flag is 0",
        connect::password_without_user_name_closes,
    ),
    exception("MQTT-3.1.2-23", "The Client sends PINGREQ within the Keep Alive", CLIENT),
    row(
        "MQTT-3.1.2-24",
        "Silence of one and a half times the Keep Alive closes",
        ping::silence_beyond_keep_alive_closes,
    ),
    row(
        "MQTT-3.1.3-1",
        "The fields of the payload are in their order",
        connect::payload_fields_are_in_order,
    ),
    row(
        "MQTT-3.1.3-2",
        "The Client Identifier names the session",
        session::client_identifier_names_the_session,
    ),
    row(
        "MQTT-3.1.3-3",
        "The Client Identifier is present and comes first",
        connect::client_identifier_has_to_be_there,
    ),
    row(
        "MQTT-3.1.3-4",
        "The Client Identifier is a UTF-8 string",
        connect::client_identifier_is_utf8,
    ),
    row(
        "MQTT-3.1.3-5",
        "Client Identifiers of 1 to 23 letters and digits are allowed",
        connect::plain_client_identifiers_are_allowed,
    ),
    row(
        "MQTT-3.1.3-6",
        "Clients with an empty Client Identifier are told apart",
        connect::empty_client_identifiers_are_told_apart,
    ),
    exception(
        "MQTT-3.1.3-7",
        "The Client sets CleanSession with an empty Client Identifier",
        CLIENT,
    ),
    row(
        "MQTT-3.1.3-8",
        "If it does not, it is answered with 0x02 and closed",
        connect::empty_client_identifier_of_a_session_is_rejected,
    ),
    row(
        "MQTT-3.1.3-9",
        "A rejected Client Identifier is answered with 0x02 and closed",
        connect::empty_client_identifier_of_a_session_is_rejected,
    ),
    row("MQTT-3.1.3-10", "The Will Topic is a UTF-8 string", connect::will_topic_is_utf8),
    row("MQTT-3.1.3-11", "The User Name is a UTF-8 string", connect::user_name_is_utf8),
    row(
        "MQTT-3.1.4-1",
        "A CONNECT that breaks section 3.1 closes without a CONNACK",
        connect::malformed_connect_closes_without_connack,
    ),
    row(
        "MQTT-3.1.4-2",
        "A second connection of the Client closes the first",
        connect::second_connection_takes_over,
    ),
    row("MQTT-3.1.4-3", "CleanSession is processed", session::clean_session_leaves_nothing),
    row("MQTT-3.1.4-4", "CONNECT is acknowledged with 0", connect::connect_is_acknowledged),
    row(
        "MQTT-3.1.4-5",
        "What follows a refused CONNECT is not processed",
        connect::refused_connect_takes_the_rest_with_it,
    ),
    row("MQTT-3.2.0-1", "CONNACK is the first packet", connect::connack_comes_first),
    row(
        "MQTT-3.2.2-1",
        "With CleanSession 1 Session Present is 0",
        session::clean_start_discards_the_session,
    ),
    row(
        "MQTT-3.2.2-2",
        "Otherwise Session Present tells whether there is a session",
        session::session_present_tells_the_truth,
    ),
    row("MQTT-3.2.2-3", "Where there is none, Session Present is 0", session::session_is_created),
    row(
        "MQTT-3.2.2-4",
        "A refusal has Session Present 0",
        connect::empty_client_identifier_of_a_session_is_rejected,
    ),
    row(
        "MQTT-3.2.2-5",
        "A refusal closes",
        connect::empty_client_identifier_of_a_session_is_rejected,
    ),
    row(
        "MQTT-3.2.2-6",
        "Where no return code fits, the connection closes without a CONNACK",
        connect::malformed_connect_closes_without_connack,
    ),
];
