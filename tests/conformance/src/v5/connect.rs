//! MQTT 5.0, sections 3.1 and 3.2: CONNECT and CONNACK.

use crate::checks::{alias, authentication, connect, limits, ping, session, will};
use crate::row::{CLIENT, NEEDS_POLICY, Row, exception, row};

const ALL_SUPPORTED: &str =
    "Binds a server without QoS 2 or retained messages; one that has both cannot break it.";

pub(super) const ROWS: &[Row] = &[
    row("MQTT-3.1.0-1", "The first packet is CONNECT", connect::first_packet_is_connect),
    row("MQTT-3.1.0-2", "A second CONNECT closes", connect::second_connect_closes),
    row("MQTT-3.1.2-1", "Another protocol name is not served", connect::other_protocol_name_closes),
    row(
        "MQTT-3.1.2-2",
        "A Protocol Version that is not served is refused and closed",
        connect::other_protocol_level_closes,
    ),
    row(
        "MQTT-3.1.2-3",
        "The reserved Connect Flag is checked",
        connect::reserved_connect_flag_closes,
    ),
    row(
        "MQTT-3.1.2-4",
        "Clean Start 1 discards the session",
        session::clean_start_discards_the_session,
    ),
    row(
        "MQTT-3.1.2-5",
        "Clean Start 0 resumes the session that is there",
        session::session_is_resumed,
    ),
    row(
        "MQTT-3.1.2-6",
        "Clean Start 0 creates a session where there is none",
        session::session_is_created,
    ),
    row(
        "MQTT-3.1.2-7",
        "The Will Message is stored with the session",
        will::will_waits_for_its_delay,
    ),
    row(
        "MQTT-3.1.2-8",
        "The Will Message is published unless a normal DISCONNECT deletes it",
        will::will_is_published_unless_disconnected,
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
        "Without the Will Flag, Will QoS is 0",
        connect::will_qos_without_will_flag_closes,
    ),
    row(
        "MQTT-3.1.2-12",
        "With the Will Flag, Will QoS is 0, 1 or 2",
        will::every_will_qos_is_taken,
    ),
    row(
        "MQTT-3.1.2-13",
        "Without the Will Flag, Will Retain is 0",
        connect::will_retain_without_will_flag_closes,
    ),
    row(
        "MQTT-3.1.2-14",
        "Without Will Retain the Will Message is not retained",
        will::will_without_retain_is_not_retained,
    ),
    row(
        "MQTT-3.1.2-15",
        "With Will Retain the Will Message is retained",
        will::will_with_retain_is_retained,
    ),
    row(
        "MQTT-3.1.2-16",
        "Without the User Name Flag there is no User Name",
        connect::user_name_without_flag_closes,
    ),
    row(
        "MQTT-3.1.2-17",
        "With the User Name Flag there is a User Name",
        connect::user_name_flag_without_user_name_closes,
    ),
    row(
        "MQTT-3.1.2-18",
        "Without the Password Flag there is no Password",
        connect::password_without_flag_closes,
    ),
    row(
        "MQTT-3.1.2-19",
        "With the Password Flag there is a Password",
        connect::password_flag_without_password_closes,
    ),
    exception("MQTT-3.1.2-20", "The Client sends PINGREQ within the Keep Alive", CLIENT),
    exception("MQTT-3.1.2-21", "The Client uses the Server Keep Alive", CLIENT),
    row(
        "MQTT-3.1.2-22",
        "Silence of one and a half times the Keep Alive closes",
        ping::silence_beyond_keep_alive_closes,
    ),
    row(
        "MQTT-3.1.2-23",
        "With a Session Expiry Interval above zero the session is kept",
        session::expiry_above_zero_keeps_the_session,
    ),
    row(
        "MQTT-3.1.2-24",
        "The Server keeps to the Maximum Packet Size",
        limits::too_large_packets_are_not_sent,
    ),
    row(
        "MQTT-3.1.2-25",
        "A message too large to send counts as delivered",
        limits::too_large_packets_count_as_delivered,
    ),
    row(
        "MQTT-3.1.2-26",
        "The Server keeps to the Topic Alias Maximum",
        alias::server_keeps_to_the_maximum,
    ),
    row(
        "MQTT-3.1.2-27",
        "Without a Topic Alias Maximum the Server sends no Topic Alias",
        alias::no_maximum_no_alias,
    ),
    row(
        "MQTT-3.1.2-28",
        "Response Information is returned only on request",
        connect::response_information_only_on_request,
    ),
    row(
        "MQTT-3.1.2-29",
        "Without Request Problem Information acknowledgements do not explain",
        limits::problems_are_not_explained_unless_wanted,
    ),
    exception(
        "MQTT-3.1.2-30",
        "While authenticating the Client sends only AUTH and DISCONNECT",
        CLIENT,
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
        "Clients with an empty Client Identifier are given unique ones",
        connect::empty_client_identifiers_are_told_apart,
    ),
    row(
        "MQTT-3.1.3-7",
        "The assigned Client Identifier is returned, and is the Client's",
        connect::assigned_client_identifier_is_the_clients,
    ),
    exception("MQTT-3.1.3-8", "A rejected Client Identifier closes", NEEDS_POLICY),
    row(
        "MQTT-3.1.3-9",
        "A connection within the Will Delay Interval cancels the Will Message",
        will::coming_back_cancels_a_delayed_will,
    ),
    row(
        "MQTT-3.1.3-10",
        "User Properties of the Will Message keep their order",
        will::user_properties_of_the_will_keep_their_order,
    ),
    row("MQTT-3.1.3-11", "The Will Topic is a UTF-8 string", connect::will_topic_is_utf8),
    row("MQTT-3.1.3-12", "The User Name is a UTF-8 string", connect::user_name_is_utf8),
    row(
        "MQTT-3.1.4-1",
        "A CONNECT that breaks section 3.1 closes",
        connect::malformed_connect_closes,
    ),
    row(
        "MQTT-3.1.4-2",
        "A CONNECT that fails a further check closes",
        authentication::unknown_method_is_refused,
    ),
    row(
        "MQTT-3.1.4-3",
        "A second connection of the Client closes the first (0x8E)",
        connect::second_connection_takes_over,
    ),
    row("MQTT-3.1.4-4", "Clean Start is processed", session::clean_start_discards_the_session),
    row("MQTT-3.1.4-5", "CONNECT is acknowledged with Success", connect::connect_is_acknowledged),
    row(
        "MQTT-3.1.4-6",
        "What follows a refused CONNECT is not processed",
        connect::refused_connect_takes_the_rest_with_it,
    ),
    row("MQTT-3.2.0-1", "CONNACK is the first packet", connect::connack_comes_first),
    row("MQTT-3.2.0-2", "There is one CONNACK for a connection", connect::there_is_one_connack),
    row("MQTT-3.2.2-1", "Reserved CONNACK flags are 0", connect::connack_flags_are_clean),
    row(
        "MQTT-3.2.2-2",
        "With Clean Start 1 Session Present is 0",
        session::clean_start_discards_the_session,
    ),
    row(
        "MQTT-3.2.2-3",
        "Otherwise Session Present tells whether there is a session",
        session::session_present_tells_the_truth,
    ),
    exception("MQTT-3.2.2-4", "The Client closes on an unexpected session", CLIENT),
    exception("MQTT-3.2.2-5", "The Client discards a session the Server lacks", CLIENT),
    row(
        "MQTT-3.2.2-6",
        "A refusal has Session Present 0",
        connect::refusal_says_no_session_and_closes,
    ),
    row("MQTT-3.2.2-7", "A refusal closes", connect::refusal_says_no_session_and_closes),
    row(
        "MQTT-3.2.2-8",
        "CONNACK uses a Reason Code of its table",
        connect::refusal_says_no_session_and_closes,
    ),
    row("MQTT-3.2.2-9", "A lower Maximum QoS is announced", connect::maximum_qos_is_announced),
    row(
        "MQTT-3.2.2-10",
        "SUBSCRIBE at QoS 0, 1 and 2 is accepted in any case",
        crate::checks::subscribe::each_filter_has_a_reason_code,
    ),
    exception("MQTT-3.2.2-11", "The Client keeps to the Maximum QoS", CLIENT),
    exception("MQTT-3.2.2-12", "A Will QoS above the Server's means is refused", ALL_SUPPORTED),
    exception(
        "MQTT-3.2.2-13",
        "Will Retain is refused by a Server without retained messages",
        ALL_SUPPORTED,
    ),
    exception("MQTT-3.2.2-14", "The Client keeps to Retain Available", CLIENT),
    exception("MQTT-3.2.2-15", "The Client keeps to the Maximum Packet Size", CLIENT),
    row(
        "MQTT-3.2.2-16",
        "An assigned Client Identifier is in use by no other session",
        connect::assigned_client_identifiers_are_new,
    ),
    exception("MQTT-3.2.2-17", "The Client keeps to the Topic Alias Maximum", CLIENT),
    exception("MQTT-3.2.2-18", "Without a maximum the Client sends no Topic Alias", CLIENT),
    row(
        "MQTT-3.2.2-19",
        "A Reason String does not exceed the Maximum Packet Size in CONNACK",
        limits::refusing_connack_fits_the_maximum_packet_size,
    ),
    row(
        "MQTT-3.2.2-20",
        "User Properties do not exceed the Maximum Packet Size in CONNACK",
        limits::refusing_connack_fits_the_maximum_packet_size,
    ),
    exception("MQTT-3.2.2-21", "The Client uses the Server Keep Alive", CLIENT),
    row(
        "MQTT-3.2.2-22",
        "Without a Server Keep Alive the Server uses the Client's",
        connect::server_keep_alive_binds_the_server,
    ),
];
