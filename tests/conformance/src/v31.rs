//! MQTT 3.1, which numbers no statements: what its clients rely on.

use crate::checks::{connect, delivery, encoding, ping, qos, retain, session};
use crate::checks::{subscribe, unsubscribe, will};
use crate::row::{Row, Table, row};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure_same};
use crate::wire::Version::{V3_1, V3_1_1, V5_0};
use crate::wire::{Connect, Kind, packet};

pub(crate) const TABLES: [Table; 1] = [Table::new("MQTT 3.1: the basics", V3_1, ROWS)];

const ROWS: &[Row] = &[
    row("connect", "MQIsdp with level 3 is accepted", connect::connect_is_acknowledged),
    row("connect-level", "MQIsdp with another level is refused with 0x01", other_level),
    row("connect-second", "A second connection takes over", connect::second_connection_takes_over),
    row("connect-will", "The will is published", will::will_is_published_after_a_protocol_error),
    row("connect-will-retain", "A retained will is retained", will::will_with_retain_is_retained),
    row("connect-keep-alive", "Silence closes", ping::silence_beyond_keep_alive_closes),
    row("session", "A session that is not clean is kept", session::session_is_resumed),
    row("session-messages", "Its messages wait", session::messages_wait_for_the_session),
    row("session-clean", "Clean discards", session::clean_start_discards_the_session),
    row("publish", "Each QoS has its exchange", qos::publish_is_answered_by_its_qos),
    row("publish-sender-1", "The Server keeps QoS 1", qos::sender_keeps_qos_1),
    row("publish-sender-2", "The Server keeps QoS 2", qos::sender_keeps_qos_2),
    row("publish-receiver-2", "QoS 2 is delivered once", qos::receiver_keeps_qos_2),
    row("publish-retain", "RETAIN retains", retain::new_subscription_gets_each_retained_message),
    row("publish-retain-empty", "An empty payload removes", retain::empty_payload_removes),
    row("publish-utf8", "Ill-formed UTF-8 closes", encoding::ill_formed_utf8_closes),
    row("subscribe", "SUBACK grants each QoS", subscribe::each_filter_has_a_reason_code),
    row("subscribe-qos", "The smaller QoS counts", subscribe::qos_is_the_smaller_one),
    row(
        "subscribe-match",
        "All matches receive",
        delivery::every_matching_session_gets_the_message,
    ),
    row("unsubscribe", "UNSUBACK, then silence", unsubscribe::no_new_messages_afterwards),
    row("ping", "PINGREQ is answered", ping::ping_is_answered),
    row("mixed", "Messages pass to and from MQTT 5.0", versions_share_messages),
];

fn other_level(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let header = connect.header_for("MQIsdp", 2, connect.flags());
    let mut peer = scene.open()?;
    peer.send(&packet(Kind::Connect, &[header, connect.payload()].concat()));
    ensure_same("the return code", peer.expect_closed()?, Some(1))
}

/// From each version to each other.
fn versions_share_messages(scene: &mut Scene) -> Verdict {
    let mut peers = Vec::new();
    for (name, version) in [("3", V3_1), ("4", V3_1_1), ("5", V5_0)] {
        scene.version = version;
        let mut peer = scene.connect_with(&Connect::new(version, scene.client_id(name)))?;
        peer.subscribe(&[(&scene.topic("#"), 2)])?;
        peers.push(peer);
    }
    for sender in 0..peers.len() {
        let text = sender.to_string();
        peers[sender].publish(scene.message("t", &text).qos(2))?;
        for peer in &mut peers {
            peer.expect_message(&text)?;
        }
    }
    Ok(())
}
