//! A broker that ends without a word and begins anew with its log: what goes on as if nothing had
//! happened, and what the end of every connection means.

mod world;

use std::time::Duration;

use ferrymq_codec::{Delivery, Packet, QoS, ReasonCode};
use world::{Connecting, Got, World, qos1, qos2};

const NONE: [&str; 0] = [];

fn lasting(with: &mut Connecting) {
    with.expiry(3600);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The process ends with everything in its log, and another begins with more shards.
fn restart(world: &mut World) {
    world.crash(3, 0);
}

/// A subscriber of everything, whose session goes on.
fn watch(world: &mut World) {
    let watcher = world.connect("watcher", lasting);
    world.subscribe(watcher, "#", QoS::ExactlyOnce);
    world.cut(watcher);
}

/// What the watcher has got since it last came.
fn seen(world: &mut World) -> Vec<String> {
    let (watcher, got) = world.connect_raw("watcher", lasting);
    assert_eq!(got[0], Got::ConnAck { session_present: true, reason: ReasonCode::Success });
    let payloads = world.acknowledge(watcher, got);
    world.cut(watcher);
    payloads
}

#[test]
fn queue_goes_on_in_its_order() {
    let mut world = World::new(2);
    watch(&mut world);
    let publisher = world.connect("publisher", |_| {});
    for (id, payload) in (1..).zip(["one", "two", "three"]) {
        world.publish(publisher, "a", payload, qos1(id));
    }
    restart(&mut world);
    let publisher = world.connect("publisher", |_| {});
    world.publish(publisher, "a", "four", qos1(1));
    restart(&mut world);
    assert_eq!(seen(&mut world), ["one", "two", "three", "four"]);
    restart(&mut world);
    assert_eq!(seen(&mut world), NONE);
}

#[test]
fn what_was_sent_is_sent_again_with_its_identifier() {
    let mut world = World::new(2);
    let client = world.connect("client", lasting);
    world.subscribe(client, "#", QoS::ExactlyOnce);
    let publisher = world.connect("publisher", |_| {});
    let payloads = ["first", "second", "third"];
    for (id, payload) in (1..).zip(payloads) {
        world.publish(publisher, "a", payload, qos2(id));
    }
    // The first is released, and the second acknowledged as received.
    world.take(client);
    world.ack(client, Packet::PubRec, 1);
    world.ack(client, Packet::PubRec, 2);
    world.ack(client, Packet::PubComp, 1);
    restart(&mut world);
    let (client, got) = world.connect_raw("client", lasting);
    assert_eq!(got.len(), 3, "{got:?}");
    assert_eq!(got[1], Got::PubRel(2, ReasonCode::Success));
    let Got::Publish(third) = &got[2] else {
        panic!("not sent again: {got:?}");
    };
    assert_eq!((third.payload.as_str(), third.packet_id, third.dup), ("third", Some(3), true));
    assert_eq!(world.acknowledge(client, got), ["third"]);
    world.publish(client, "a", "fourth", qos1(9));
    let got = world.take(client);
    assert!(
        got.iter().any(|got| matches!(got, Got::Publish(new) if new.packet_id == Some(4))),
        "identifiers go on from the last: {got:?}"
    );
}

#[test]
fn identifier_that_was_taken_over_is_not_taken_over_again() {
    let mut world = World::new(2);
    watch(&mut world);
    let publisher = world.connect("publisher", lasting);
    world.publish(publisher, "a", "once", qos2(7));
    restart(&mut world);
    let publisher = world.connect("publisher", lasting);
    world.publish_again(publisher, "a", "once", qos2(7), false);
    assert_eq!(world.take(publisher), [Got::PubRec(7, ReasonCode::Success)]);
    world.ack(publisher, Packet::PubRel, 7);
    restart(&mut world);
    let publisher = world.connect("publisher", lasting);
    world.publish(publisher, "a", "another", qos2(7));
    assert_eq!(seen(&mut world), ["once", "another"]);
}

#[test]
fn retained_messages_stay_and_what_was_cleared_stays_cleared() {
    let mut world = World::new(2);
    let publisher = world.connect("publisher", |_| {});
    for (topic, payload) in [("a", "old"), ("b", "gone"), ("a", "new"), ("b", "")] {
        world.publish_with(publisher, topic, payload, Delivery::AtMostOnce, true, &[]);
    }
    restart(&mut world);
    let reader = world.connect("reader", |_| {});
    let got = world.subscribe(reader, "#", QoS::AtMostOnce);
    let retained: Vec<&str> = got
        .iter()
        .filter_map(|got| match got {
            Got::Publish(received) => Some(received.payload.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(retained, ["new"]);
}

#[test]
fn session_expires_while_there_is_no_broker() {
    for (away, is_present) in [(3500, true), (3700, false)] {
        let mut world = World::new(2);
        let client = world.connect("client", lasting);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        world.now = world.now.saturating_add(seconds(away));
        restart(&mut world);
        world.pass(seconds(1));
        let (_, got) = world.connect_raw("client", lasting);
        let reason = ReasonCode::Success;
        assert_eq!(got[0], Got::ConnAck { session_present: is_present, reason }, "{away}");
    }
}

#[test]
fn expiry_that_runs_goes_on() {
    let mut world = World::new(2);
    let client = world.connect("client", lasting);
    world.cut(client);
    world.pass(seconds(3000));
    restart(&mut world);
    world.pass(seconds(700));
    let (_, got) = world.connect_raw("client", lasting);
    assert_eq!(got[0], Got::ConnAck { session_present: false, reason: ReasonCode::Success });
}

#[test]
fn will_is_published_as_if_the_connection_had_broken() {
    // (expiry of the session, delay of its will, time without a broker, what is published at once)
    for (expiry, delay, away, now) in [
        (0, 0, 0, true),
        (0, 60, 0, true),
        (100, 0, 0, true),
        (100, 60, 0, false),
        (100, 60, 61, true),
    ] {
        let mut world = World::new(2);
        watch(&mut world);
        world.connect("client", |with| {
            with.will = Some(("w", "gone"));
            with.will_delay = delay;
            with.expiry(expiry);
        });
        world.now = world.now.saturating_add(seconds(away));
        restart(&mut world);
        world.pass(seconds(1));
        assert_eq!(seen(&mut world).len(), usize::from(now), "{expiry} {delay} {away}");
        world.pass(seconds(200));
        assert_eq!(seen(&mut world).len(), usize::from(!now), "{expiry} {delay} {away}");
        restart(&mut world);
        world.pass(seconds(200));
        assert_eq!(seen(&mut world), NONE, "a will is published once");
    }
}

#[test]
fn will_that_was_due_is_published_though_its_client_comes_back_before_the_timers() {
    for (away, expected) in [(59, &[][..]), (61, &["gone"])] {
        let mut world = World::new(2);
        watch(&mut world);
        let leave_a_will = |with: &mut Connecting| {
            with.will = Some(("w", "gone"));
            with.will_delay = 60;
            with.expiry(100);
        };
        let client = world.connect("client", leave_a_will);
        world.cut(client);
        restart(&mut world);
        world.now = world.now.saturating_add(seconds(away));
        let (_, got) = world.connect_raw("client", leave_a_will);
        assert_eq!(got[0], Got::ConnAck { session_present: true, reason: ReasonCode::Success });
        assert_eq!(seen(&mut world), expected, "{away} seconds");
    }
}

#[test]
fn will_that_waits_is_published_when_it_is_due_wherever_the_broker_ends() {
    let mut world = World::new(2);
    watch(&mut world);
    let client = world.connect("client", |with| {
        with.will = Some(("w", "gone"));
        with.will_delay = 60;
        with.expiry(100);
    });
    world.cut(client);
    world.pass(seconds(40));
    restart(&mut world);
    world.pass(seconds(15));
    assert_eq!(seen(&mut world), NONE);
    world.pass(seconds(6));
    assert_eq!(seen(&mut world), ["gone"]);
}

#[test]
fn message_of_a_group_goes_to_another_member_when_its_own_is_no_more() {
    let mut world = World::new(2);
    let lasting_member = world.connect("lasting", lasting);
    world.subscribe(lasting_member, "$share/group/a", QoS::AtLeastOnce);
    let other = world.connect("other", lasting);
    world.subscribe(other, "$share/group/a", QoS::AtLeastOnce);
    world.cut(lasting_member);
    world.cut(other);
    let publisher = world.connect("publisher", |_| {});
    for (id, payload) in (1..).zip(["one", "two"]) {
        world.publish(publisher, "a", payload, qos1(id));
    }
    // A transient member takes over what the other was owed, and ends with the process.
    let transient = world.connect("transient", |_| {});
    world.subscribe(transient, "$share/group/a", QoS::AtLeastOnce);
    world.connect("other", |with| with.clean_start = true);
    assert_eq!(world.take(transient).len(), 1, "it is sent and not acknowledged");
    restart(&mut world);
    world.pass(seconds(1));
    let (lasting_member, got) = world.connect_raw("lasting", lasting);
    let mut payloads = world.acknowledge(lasting_member, got);
    payloads.sort_unstable();
    assert_eq!(payloads, ["one", "two"]);
}
