//! How much of everything, where Mosquitto has no word for it. What these limits mean is in the page
//! about limits, where they have the same names.

use super::kinds::{INT, LARGEST_PAYLOAD, bytes, count, seconds};
use crate::configuration::option::{Group, OptionDefinition, global};
use crate::configuration::value::{BYTES, Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    global("maximum_connect_size", Group::Bounds, bytes(64, LARGEST_PAYLOAD), |global| {
        &mut global.limits.connection.maximum_connect_size
    })
    .ours()
    .does("The largest CONNECT."),
    global("session_expiry_maximum", Group::Bounds, seconds(u32::MAX as i64), |global| {
        &mut global.limits.connection.session_expiry_maximum
    })
    .ours()
    .does("The longest session expiry. A client that asks for more is given this."),
    global(
        "client_id_maximum",
        Group::Bounds,
        Kind::Whole(Whole::of(BYTES, 65_535).from(1)),
        |global| &mut global.limits.connection.client_id_maximum,
    )
    .ours()
    .does("The longest client identifier."),
    global("client_messages_per_second", Group::Bounds, count("messages", i64::MAX), |global| {
        &mut global.limits.client_pace.messages
    })
    .ours()
    .does(
        "Messages that each client may send in a second. Who sends more is read from more slowly, and \
         nothing is dropped. 0: no limit.",
    ),
    global("client_bytes_per_second", Group::Bounds, bytes(0, i64::MAX), |global| {
        &mut global.limits.client_pace.bytes
    })
    .ours()
    .does("The same in bytes of PUBLISH packets. 0: no limit."),
    global("flapping_connects", Group::Bounds, count("connections", INT), |global| {
        &mut global.limits.flapping.connects
    })
    .ours()
    .does(
        "How often a client may connect in a flapping_window without a DISCONNECT in between. More \
         often: two devices have the same client identifier, most likely. The one that comes is \
         refused for a flapping_ban, and the one that is connected stays. 0: no limit.",
    ),
    global("flapping_window", Group::Bounds, TIME, |global| &mut global.limits.flapping.window)
        .ours()
        .does("In how many seconds that is counted."),
    global("flapping_ban", Group::Bounds, TIME, |global| &mut global.limits.flapping.ban)
        .ours()
        .does("For how long such a client is refused."),
    global("flapping_clients", Group::Bounds, number("clients"), |global| {
        &mut global.limits.flapping.clients
    })
    .ours()
    .does("Clients that a shard remembers for that."),
    global("connect_timeout", Group::Bounds, TIME, |global| &mut global.limits.connect_timeout)
        .ours()
        .does("How long a connection may take until its CONNECT is complete."),
    global("answer_timeout", Group::Bounds, TIME, |global| &mut global.limits.answer_timeout)
        .ours()
        .does("How long an answer to a question of access may take; then it is no."),
    global("fetch_retry", Group::Bounds, TIME, |global| &mut global.limits.fetch_retry)
        .ours()
        .does("How long after a failure stored messages are asked for again."),
    global("sessions", Group::Bounds, number("sessions"), |global| &mut global.limits.sessions)
        .ours()
        .does("Sessions, with and without a connection."),
    global("output_bytes", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.output_bytes
    })
    .ours()
    .does("Output that waits for one connection until QoS 0 messages are dropped."),
    global("output_room", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.output_room
    })
    .ours()
    .does("Output that waits for one connection until QoS 1 and 2 messages wait in the session."),
    global("output_stop", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.output_stop
    })
    .ours()
    .does("Output that waits for one connection until nothing more is read from it."),
    global("fetch_bytes", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.fetch_bytes
    })
    .ours()
    .does("Stored messages that one session asks for at once."),
    global("mail_bytes", Group::Bounds, bytes(1, i64::MAX), |global| &mut global.limits.mail_bytes)
        .ours()
        .does("Messages in the mail for one shard until the senders pause."),
    global("subscriptions", Group::Bounds, number("subscriptions"), |global| {
        &mut global.limits.subscriptions
    })
    .ours()
    .does("Subscriptions of one session."),
    global("filters_per_packet", Group::Bounds, number("filters"), |global| {
        &mut global.limits.filters_per_packet
    })
    .ours()
    .does("Filters in one SUBSCRIBE."),
    global("retained_messages", Group::Bounds, number("topics"), |global| {
        &mut global.limits.retained_messages
    })
    .ours()
    .does("Topics with a retained message."),
    global("retained_bytes", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.retained_bytes
    })
    .ours()
    .does("Bytes of all retained messages."),
    global("unwritten_retained", Group::Bounds, number("topics"), |global| {
        &mut global.limits.unwritten_retained
    })
    .ours()
    .does("Topics whose retained message has changed while the disk is full."),
    global("routes", Group::Bounds, number("topics"), |global| &mut global.limits.routes)
        .ours()
        .does("Topics whose subscribers a shard remembers."),
    global("route_bytes", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.route_bytes
    })
    .ours()
    .does("Bytes that this takes."),
    global("deliveries_per_turn", Group::Bounds, number("deliveries"), |global| {
        &mut global.limits.deliveries_per_turn
    })
    .ours()
    .does("Deliveries for one connection's packets in one turn."),
    global("retained_per_turn", Group::Bounds, number("messages"), |global| {
        &mut global.limits.retained_per_turn
    })
    .ours()
    .does("Retained messages looked up for one subscription in one turn."),
    global("round_sessions_per_turn", Group::Bounds, number("sessions"), |global| {
        &mut global.limits.round_sessions_per_turn
    })
    .ours()
    .does("Sessions recorded again in one turn, for a log that frees its oldest records."),
    global("round_entries_per_turn", Group::Bounds, number("entries"), |global| {
        &mut global.limits.round_entries_per_turn
    })
    .ours()
    .does("The same in messages, subscriptions and retained messages."),
    global("round_bytes_per_turn", Group::Bounds, bytes(1, i64::MAX), |global| {
        &mut global.limits.round_bytes_per_turn
    })
    .ours()
    .does("The same in bytes."),
    global("address_connections_per_second", Group::Bounds, count("connections", INT), |global| {
        &mut global.sockets.address_connections_per_second
    })
    .ours()
    .does(
        "Connections of one address, or IPv6 network of 64 bits, that are let in in a second. More \
         are closed. Addresses of this machine and of proxies that tell whom they speak for have no \
         such limit. 0: no limit.",
    ),
    global("addresses_remembered", Group::Bounds, number("addresses"), |global| {
        &mut global.sockets.addresses_remembered
    })
    .ours()
    .does("Addresses that are remembered for that."),
    global(
        "backlog",
        Group::Bounds,
        Kind::Whole(Whole::of("connections", 65_535).from(1)),
        |global| &mut global.sockets.backlog,
    )
    .ours()
    .at_start()
    .does("Connections that wait in the kernel until they are accepted."),
    global("linger", Group::Bounds, TIME, |global| &mut global.sockets.linger)
        .ours()
        .does("How long a client may take to read our last words."),
    global("lingering", Group::Bounds, number("connections"), |global| {
        &mut global.sockets.lingering
    })
    .ours()
    .does("Such clients at a time on one shard."),
    global("handshakes", Group::Bounds, number("handshakes"), |global| {
        &mut global.sockets.handshakes
    })
    .ours()
    .does("Handshakes of TLS, WebSocket and PROXY under way at a time on one shard."),
    global("shut_down", Group::Bounds, TIME, |global| &mut global.sockets.shut_down)
        .ours()
        .does("How long the end of the broker may take."),
];

/// A limit of which there must be at least one.
const fn number(unit: &'static str) -> Kind {
    Kind::Whole(Whole::of(unit, i64::MAX).from(1))
}

/// Up to a day.
const TIME: Kind = Kind::Whole(Whole::of("seconds", 86_400).from(1));
