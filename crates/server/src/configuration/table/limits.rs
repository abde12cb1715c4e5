//! How much of everything, in Mosquitto's words.

use super::kinds::{INT, LARGEST_PAYLOAD, SWITCH, bytes, count};
use crate::configuration::option::{Group, OptionDefinition, Section, State, global, noted};
use crate::configuration::value::{BYTES, Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    global("max_packet_size", Group::Limits, bytes(20, LARGEST_PAYLOAD + 5), |global| {
        &mut global.limits.connection.maximum_packet_size
    })
    .everyday()
    .does("The largest packet that a client may send. Who sends a larger one is disconnected."),
    global("message_size_limit", Group::Limits, bytes(0, LARGEST_PAYLOAD), |global| {
        &mut global.message_size_limit
    })
    .instead("use max_packet_size")
    .does(
        "The largest payload. 0: whatever fits into a packet. A message with a larger one is \
         refused, and its sender stays connected; before MQTT 5.0 it cannot be told so.",
    ),
    global("max_inflight_messages", Group::Limits, INFLIGHT, |global| {
        &mut global.max_inflight_messages
    })
    .does(
        "QoS 1 and 2 messages that are under way to one client at a time, and from it. 0: as many \
         as there are packet identifiers. 1: strictly one after the other.",
    ),
    global("receive_maximum", Group::Limits, MAXIMUM, |global| &mut global.receive_maximum)
        .ours()
        .does("The same for what comes from a client, where it is to be another number."),
    global("max_inflight_bytes", Group::Limits, SIZE, |global| &mut global.max_inflight_bytes)
        .does(
            "Bytes of QoS 1 and 2 messages that are under way to one client at a time; one message \
             always is. 0: no limit.",
        ),
    global("max_queued_messages", Group::Limits, count("messages", INT), |global| {
        &mut global.max_queued_messages
    })
    .does("Messages that wait in one session. More are dropped. 0: no limit."),
    global("max_queued_bytes", Group::Limits, SIZE, |global| &mut global.max_queued_bytes)
        .does("The same in bytes. 0: no limit."),
    global("queue_qos0_messages", Group::Limits, SWITCH, |global| {
        &mut global.limits.queue_qos0_messages
    })
    .does("Whether QoS 0 messages wait too, for clients that are away."),
    global("upgrade_outgoing_qos", Group::Limits, SWITCH, |global| {
        &mut global.limits.upgrade_outgoing_qos
    })
    .does(
        "Whether a message goes out with the quality of service of its subscription, although it \
         was published with a lower one.",
    ),
    global("max_keepalive", Group::Limits, count("seconds", 65_535), |global| {
        &mut global.limits.connection.keep_alive_maximum
    })
    .does(
        "The longest keep alive. A client of MQTT 5.0 that asks for more, or for none, is given \
         this. 0: no limit.",
    ),
    global("persistent_client_expiration", Group::Limits, LIFETIME, |global| {
        &mut global.persistent_client_expiration
    })
    .does("How long the session of a client that is away is kept at most. Without it: as asked."),
    global("retain_available", Group::Limits, SWITCH, |global| {
        &mut global.limits.connection.retain_available
    })
    .does("Whether messages can be retained. Who tries although they cannot is disconnected."),
    noted("retain_expiry_interval", Group::Limits, MINUTES, Section::Global)
        .state_is(State::Accepted("all are looked through all the time, some each second"))
        .does("After how many minutes retained messages are looked for that have expired."),
    global("global_max_clients", Group::Limits, NUMBER_OR_ALL, |global| {
        &mut global.global_max_clients
    })
    .does("Sessions, with and without a connection. -1: the limit named sessions."),
    global("global_max_connections", Group::Limits, NUMBER_OR_ALL, |global| {
        &mut global.global_max_connections
    })
    .does("Connections at a time. -1: as many as the process may open."),
    global("memory_limit", Group::Limits, bytes(0, i64::MAX), |global| &mut global.memory_limit)
        .does(
            "The memory of the process as the system counts it (resident set), measured ten times a \
             second, from which on messages and new sessions are refused until it is less. Who \
             comes back to a session is let in, and what is retained can be cleared. Without effect \
             where the system does not say it, which is logged. 0: no limit.",
        ),
    noted("allow_duplicate_messages", Group::Limits, SWITCH, Section::Global)
        .state_is(State::Accepted("a session gets a message once"))
        .instead("take it out")
        .does("Whether overlapping subscriptions give a message several times."),
    noted("retry_interval", Group::Limits, Kind::Anything, Section::Global)
        .state_is(State::Accepted("messages are sent again when a client comes back"))
        .instead("take it out")
        .does("How often what is not acknowledged is sent again."),
];

const SIZE: Kind = Kind::Whole(Whole::of(BYTES, INT).raised());
const INFLIGHT: Kind = Kind::Whole(Whole::of("messages", 65_535).raised());
const MAXIMUM: Kind = Kind::Whole(Whole::of("messages", 65_535).from(1));
const MINUTES: Kind = Kind::Whole(Whole::of("minutes", 10_000_000).from(1));
const LIFETIME: Kind = Kind::Form("number and s, h, d, w, m (month) or y");
/// Whatever is negative is -1.
const NUMBER_OR_ALL: Kind = Kind::Whole(Whole::of("clients", INT).from(-1).raised());
