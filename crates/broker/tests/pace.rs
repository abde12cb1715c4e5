//! Clients that send faster than they may wait, and lose nothing by it.

mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits, PaceLimits};
use ferrymq_codec::QoS;
use world::{Client, World, qos1};

const MESSAGES: u16 = 20;

fn world(messages: u64, bytes: u64) -> World {
    let client_pace = PaceLimits { messages, bytes };
    let limits = Limits { sys_interval: Duration::ZERO, client_pace, ..Limits::default() };
    World::with(2, limits, || Box::new(AllowAll))
}

fn send(world: &mut World, client: Client) {
    for number in 1..=MESSAGES {
        world.publish(client, "a", &number.to_string(), qos1(number));
    }
}

fn all() -> Vec<String> {
    (1..=MESSAGES).map(|number| number.to_string()).collect()
}

#[test]
fn client_that_is_too_fast_is_read_from_at_its_pace_and_loses_nothing() {
    let mut world = world(5, 0);
    let listener = world.connect("listener", |_| {});
    world.subscribe(listener, "a", QoS::AtMostOnce);
    let client = world.connect("client", |_| {});
    send(&mut world, client);
    let mut got = world.payloads(listener);
    assert_eq!(got.len(), 6, "a second's worth, and the one that is too much");
    for seconds in 1..=2 {
        world.pass(Duration::from_secs(1));
        got.extend(world.payloads(listener));
        assert!(got.len() <= 6 + 5 * seconds, "after {seconds} s: {}", got.len());
    }
    for _ in 0..20 {
        world.pass(Duration::from_millis(200));
    }
    got.extend(world.payloads(listener));
    assert_eq!(got, all());
    assert!(world.directory.metrics().paced() > 0);
}

#[test]
fn others_do_not_wait_for_one_that_is_too_fast() {
    let mut world = world(5, 0);
    let listener = world.connect("listener", |_| {});
    world.subscribe(listener, "b", QoS::AtMostOnce);
    let fast = world.connect("fast", |_| {});
    send(&mut world, fast);
    let other = world.connect("other", |_| {});
    world.publish(other, "b", "other's", qos1(1));
    assert_eq!(world.payloads(listener), ["other's"]);
}

#[test]
fn keep_alive_stands_still_while_a_client_waits() {
    let mut world = world(0, 10);
    let client = world.connect("client", |with| with.keep_alive = 1);
    world.publish(client, "a", &"x".repeat(100), qos1(1));
    let silence = Duration::from_millis(500);
    for _ in 0..18 {
        world.pass(silence);
        assert!(!world.is_closed(client), "it waits, as we have made it");
    }
    for _ in 0..10 {
        world.pass(silence);
    }
    assert!(world.is_closed(client), "then its silence is its own");
}

#[test]
fn client_is_as_fast_as_it_likes_where_nothing_is_said() {
    let mut world = world(0, 0);
    let listener = world.connect("listener", |_| {});
    world.subscribe(listener, "a", QoS::AtMostOnce);
    let client = world.connect("client", |_| {});
    send(&mut world, client);
    assert_eq!(world.payloads(listener), all());
    assert_eq!(world.directory.metrics().paced(), 0);
}
