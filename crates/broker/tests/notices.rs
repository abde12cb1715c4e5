//! What the observer of a shard is told.

mod world;

use std::sync::mpsc::{self, Receiver, Sender};

use ferrymq_broker::{Cause, Connected, Interests, Notice, Observer, Summary};
use ferrymq_codec::{QoS, ReasonCode};
use ferrymq_protocol::time::Instant;
use world::{World, qos1};

/// Writes down what it is told of.
struct Scribe {
    interests: Interests,
    pages: Sender<String>,
}

impl Observer for Scribe {
    fn begin_turn(&mut self, _now: Instant) -> Interests {
        self.interests
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.pages.send(in_short(notice)).expect("the test reads");
    }
}

fn in_short(notice: &Notice<'_>) -> String {
    match *notice {
        Notice::Opened { peer, listener } => format!("opened {peer} port {}", listener.port),
        Notice::Connected(Connected {
            client_id, version, clean_start, keep_alive, will, ..
        }) => {
            let will = will.map_or("", |will| will.topic);
            format!("connected {client_id} {version} c{clean_start} k{keep_alive} w'{will}'")
        }
        Notice::Closed { client_id, cause, .. } => {
            format!("closed {}: {cause}", client_id.unwrap_or("nobody"))
        }
        Notice::Subscribed { client_id, filter, qos, reason } => {
            format!("subscribed {client_id} {} {filter} {reason:?}", qos as u8)
        }
        Notice::Unsubscribed { client_id, filter, reason } => {
            format!("unsubscribed {client_id} {filter} {reason:?}")
        }
        Notice::Received { client_id, packet } => format!("from {client_id} {}", name(&packet)),
        Notice::Denied { client_id, packet, reason } => {
            format!("denied {client_id} {} {reason:?}", name(&packet))
        }
        Notice::Sent { client_id, packet } => format!("to {client_id} {}", name(&packet)),
        Notice::SessionExpired { client_id } => format!("expired {client_id}"),
        Notice::Dropping { client_id } => format!("dropping {client_id}"),
        ref other => format!("{other:?}"),
    }
}

fn name(packet: &Summary<'_>) -> String {
    match packet {
        Summary::Publish { topic, payload_length, .. } => {
            format!("PUBLISH {topic} {payload_length}")
        }
        other => format!("{other:?}"),
    }
}

fn observed(interests: Interests) -> (World, Receiver<String>) {
    let mut world = World::new(1);
    let (pages, written) = mpsc::channel();
    world.set_observer(0, Box::new(Scribe { interests, pages }));
    (world, written)
}

fn read(written: &Receiver<String>) -> Vec<String> {
    written.try_iter().collect()
}

#[test]
fn connections_are_told_from_beginning_to_end() {
    let (mut world, written) = observed(Interests::CONNECTIONS);
    let client = world.connect("phone", |with| {
        with.keep_alive = 60;
        with.will = Some(("gone", "x"));
    });
    world.publish(client, "a", "1", qos1(1));
    let expected = ["opened unix socket port 1883", "connected phone MQTT 5.0 ctrue k60 w'gone'"];
    assert_eq!(read(&written), expected);
    let again = world.connect("phone", |_| {});
    let expected = [
        "opened unix socket port 1883",
        "closed phone: closed: the same client identifier has connected again",
        "connected phone MQTT 5.0 ctrue k0 w''",
    ];
    assert_eq!(read(&written), expected);
    world.disconnect(again, ReasonCode::Success);
    let stranger = world.open(0, ferrymq_codec::Version::V5);
    world.cut(stranger);
    let lost = Cause::Lost(None);
    let expected = [
        "closed phone: disconnected".to_owned(),
        "opened unix socket port 1883".to_owned(),
        format!("closed nobody: {lost}"),
    ];
    assert_eq!(read(&written), expected);
}

#[test]
fn packets_and_subscriptions_are_told_in_their_order() {
    let (mut world, written) = observed(Interests::PACKETS.with(Interests::SUBSCRIPTIONS));
    let client = world.connect("phone", |_| {});
    world.subscribe(client, "a", QoS::AtMostOnce);
    world.publish(client, "a", "hello", qos1(7));
    world.publish(client, "$SYS/a", "no", qos1(8));
    world.unsubscribe(client, "a");
    let success = ReasonCode::Success;
    let one = ferrymq_codec::PacketId::new(1).expect("not zero");
    let of = |number| ferrymq_codec::PacketId::new(number).expect("not zero");
    let written = read(&written);
    let expected = [
        format!("to phone {:?}", Summary::ConnAck { session_present: false, reason: success }),
        format!("from phone {:?}", Summary::Subscribe(one)),
        "subscribed phone 0 a Success".to_owned(),
        format!("to phone {:?}", Summary::SubAck(one)),
        "from phone PUBLISH a 5".to_owned(),
        "to phone PUBLISH a 5".to_owned(),
        format!("to phone {:?}", Summary::PubAck(of(7), success)),
        "denied phone PUBLISH $SYS/a 2 NotAuthorized".to_owned(),
        format!("to phone {:?}", Summary::PubAck(of(8), ReasonCode::NotAuthorized)),
    ];
    assert_eq!(written[..expected.len()], expected);
    let rest: Vec<&str> =
        written[expected.len()..].iter().filter_map(|line| line.split('(').next()).collect();
    let expected = ["from phone Unsubscribe", "unsubscribed phone a Success", "to phone UnsubAck"];
    assert_eq!(rest, expected);
}

#[test]
fn observer_that_comes_later_knows_who_is_connected() {
    let mut world = World::new(1);
    let client = world.connect("phone", |_| {});
    let (pages, written) = mpsc::channel();
    world.set_observer(0, Box::new(Scribe { interests: Interests::PACKETS, pages }));
    world.publish(client, "a", "1", qos1(1));
    assert_eq!(read(&written)[0], "from phone PUBLISH a 1");
}
