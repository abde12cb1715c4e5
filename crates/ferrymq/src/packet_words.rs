//! `-d`: the packets of a client, in the words of Mosquitto's clients and, as theirs, on standard
//! output.

use std::fmt::Write as _;
use std::io::Write as _;

use ferrymq_client::Direction;
use ferrymq_client::packet::{
    Acknowledgement, Delivery, Packet, Publish, Subscribe, SubscriptionOptions, TopicFilter,
    Unsubscribe,
};

/// Says what is sent or received; for a subscriber, also what was granted.
pub(crate) fn print(
    is_subscriber: bool,
    direction: Direction,
    client_id: &str,
    packet: &Packet<'_>,
) {
    let mut lines = String::new();
    let client_id = if client_id.is_empty() { "(null)" } else { client_id };
    let (verb, words) = match direction {
        Direction::Sent => ("sending", sent(packet)),
        Direction::Received => ("received", vec![received(packet)]),
    };
    for words in words {
        // A string takes everything.
        let _ = writeln!(lines, "Client {client_id} {verb} {words}");
    }
    if let (true, Packet::SubAck(suback)) = (is_subscriber, packet) {
        let granted: Vec<String> =
            suback.reasons.iter().map(|reason| reason.value().to_string()).collect();
        let packet_id = suback.packet_id.get();
        let _ = writeln!(lines, "Subscribed (mid: {packet_id}): {}", granted.join(", "));
    }
    // Who reads no more misses nothing.
    let _ = std::io::stdout().lock().write_all(lines.as_bytes());
}

fn sent(packet: &Packet<'_>) -> Vec<String> {
    match packet {
        Packet::Connect(_) => vec!["CONNECT".into()],
        Packet::Publish(publish) => vec![format!("PUBLISH ({})", describe(publish))],
        Packet::PubAck(ack) => vec![format!("PUBACK ({})", numbers(ack))],
        Packet::PubRec(ack) => vec![format!("PUBREC ({})", numbers(ack))],
        Packet::PubRel(ack) => vec![format!("PUBREL (m{})", ack.packet_id.get())],
        Packet::PubComp(ack) => vec![format!("PUBCOMP (m{})", ack.packet_id.get())],
        Packet::Subscribe(subscribe) => subscribed(subscribe),
        Packet::Unsubscribe(unsubscribe) => unsubscribed(unsubscribe),
        Packet::PingReq => vec!["PINGREQ".into()],
        Packet::Disconnect(_) => vec!["DISCONNECT".into()],
        packet => vec![format!("{:?}", packet.packet_type())],
    }
}

fn received(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(connack) => format!("CONNACK ({})", connack.reason.value()),
        Packet::Publish(publish) => format!("PUBLISH ({})", describe(publish)),
        Packet::PubAck(ack) => format!("PUBACK ({})", acknowledged(ack)),
        Packet::PubRec(ack) => format!("PUBREC (Mid: {})", ack.packet_id.get()),
        Packet::PubRel(ack) => format!("PUBREL (Mid: {})", ack.packet_id.get()),
        Packet::PubComp(ack) => format!("PUBCOMP ({})", acknowledged(ack)),
        Packet::SubAck(_) => "SUBACK".into(),
        Packet::UnsubAck(_) => "UNSUBACK".into(),
        Packet::PingResp => "PINGRESP".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT ({})", disconnect.reason.value()),
        packet => format!("{:?}", packet.packet_type()),
    }
}

fn describe(publish: &Publish<'_>) -> String {
    let (qos, packet_id) = match publish.delivery {
        Delivery::AtMostOnce => (0, 0),
        Delivery::AtLeastOnce(packet_id) => (1, packet_id.get()),
        Delivery::ExactlyOnce(packet_id) => (2, packet_id.get()),
    };
    format!(
        "d{}, q{qos}, r{}, m{packet_id}, '{}', ... ({} bytes)",
        u8::from(publish.dup),
        u8::from(publish.retain),
        publish.topic.map_or("", |topic| topic.as_str()),
        publish.payload.len(),
    )
}

fn numbers(ack: &Acknowledgement<'_>) -> String {
    format!("m{}, rc{}", ack.packet_id.get(), ack.reason.value())
}

fn acknowledged(ack: &Acknowledgement<'_>) -> String {
    format!("Mid: {}, RC:{}", ack.packet_id.get(), ack.reason.value())
}

/// A line for each filter.
fn subscribed(subscribe: &Subscribe<'_>) -> Vec<String> {
    let packet_id = subscribe.packet_id.get();
    let line = |(filter, options): (TopicFilter<'_>, SubscriptionOptions)| {
        let qos = options.maximum_qos as u8;
        let others = options.bits() & !3;
        let filter = filter.as_str();
        format!(
            "SUBSCRIBE (Mid: {packet_id}, Topic: {filter}, QoS: {qos}, Options: 0x{others:02x})"
        )
    };
    subscribe.filters.iter().map(line).collect()
}

fn unsubscribed(unsubscribe: &Unsubscribe<'_>) -> Vec<String> {
    let packet_id = unsubscribe.packet_id.get();
    let line = |filter: TopicFilter<'_>| {
        format!("UNSUBSCRIBE (Mid: {packet_id}, Topic: {})", filter.as_str())
    };
    unsubscribe.filters.iter().map(line).collect()
}
