//! Clients that send faster than they may wait, and lose nothing by it.

mod world;

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits, ListenerProfile, PaceLimits, SharedPace};
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
fn clients_of_a_listener_share_its_pace_and_take_turns_on_all_shards() {
    let limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::with(2, limits, || Box::new(AllowAll));
    let listener = world.connect("listener", |_| {});
    world.subscribe(listener, "a", QoS::AtMostOnce);
    let pace = Arc::new(SharedPace::new(PaceLimits { messages: 5, bytes: 0 }));
    let profile = ListenerProfile { pace: Arc::clone(&pace), ..ListenerProfile::default() };
    world.profile = Arc::new(profile);
    let clients: Vec<Client> =
        (0..4).map(|number| world.connect(&format!("client-{number}"), |_| {})).collect();
    for client in &clients {
        send(&mut world, *client);
    }
    let mut got = world.payloads(listener);
    assert!(got.len() <= 5 + clients.len(), "{} in no time", got.len());
    for _ in 0..50 {
        world.pass(Duration::from_millis(100));
    }
    got.extend(world.payloads(listener));
    assert!(got.len() <= 5 + 25 + clients.len(), "{} in 5 s", got.len());
    let fifth = got.iter().filter(|payload| *payload == "5").count();
    assert_eq!(fifth, clients.len(), "each had its turn: {got:?}");
    pace.set_limits(PaceLimits::default());
    for _ in 0..50 {
        world.pass(Duration::from_millis(100));
    }
    got.extend(world.payloads(listener));
    assert_eq!(got.len(), clients.len() * usize::from(MESSAGES), "nothing is dropped");
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
