//! How messages leave where the limits say something else than the default.

mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits};
use ferrymq_codec::{Delivery, QoS};
use world::{Client, Got, World, qos1};

fn world(shards: u16, change: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    change(&mut limits);
    World::with(shards, limits, || Box::new(AllowAll))
}

fn sleeper(world: &mut World) -> (Client, Vec<Got>) {
    world.connect_raw("sleeper", |with| {
        with.expiry(60);
    })
}

/// What a client that comes back has got with its CONNACK and gets while it acknowledges.
fn awake(world: &mut World, publish: impl FnOnce(&mut World)) -> Vec<String> {
    let (client, mut got) = sleeper(world);
    publish(world);
    got.extend(world.take(client));
    world.acknowledge(client, got)
}

#[test]
fn qos_0_messages_wait_for_a_persistent_session_where_the_limits_say_so() {
    for (waits, expected) in [(false, &["3"][..]), (true, &["1", "2", "3"])] {
        for shards in [1, 3] {
            let mut world = world(shards, |limits| limits.queue_qos0_messages = waits);
            let (client, _) = sleeper(&mut world);
            world.subscribe(client, "a", QoS::AtLeastOnce);
            world.cut(client);
            let sender = world.connect("sender", |_| {});
            for payload in ["1", "2"] {
                world.publish(sender, "a", payload, Delivery::AtMostOnce);
            }
            let payloads = awake(&mut world, |world| {
                world.publish(sender, "a", "3", Delivery::AtMostOnce);
            });
            assert_eq!(payloads, expected);
        }
    }
}

#[test]
fn qos_0_message_does_not_overtake_those_that_wait() {
    let mut world = world(1, |limits| {
        limits.queue_qos0_messages = true;
        limits.connection.send_maximum = 1;
    });
    let (client, _) = sleeper(&mut world);
    world.subscribe(client, "#", QoS::AtLeastOnce);
    world.cut(client);
    let sender = world.connect("sender", |_| {});
    for packet_id in [1, 2] {
        world.publish(sender, "b", "b", qos1(packet_id));
    }
    world.publish(sender, "a", "first", Delivery::AtMostOnce);
    let payloads = awake(&mut world, |world| {
        world.publish(sender, "a", "second", Delivery::AtMostOnce);
    });
    assert_eq!(payloads, ["b", "b", "first", "second"]);
}

#[test]
fn quality_of_service_is_raised_to_that_of_the_subscription_where_the_limits_say_so() {
    for shards in [1, 3] {
        let mut world = world(shards, |limits| limits.upgrade_outgoing_qos = true);
        let sender = world.connect("sender", |_| {});
        world.publish_with(sender, "a", "old", Delivery::AtMostOnce, true, &[]);
        let qualities = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let clients = qualities.map(|qos| {
            let client = world.connect(&format!("client {}", qos.bits()), |_| {});
            let got = world.subscribe(client, "a", qos);
            assert_eq!(published(&got), [qos]);
            client
        });
        world.publish(sender, "a", "new", Delivery::AtMostOnce);
        for (client, qos) in clients.into_iter().zip(qualities) {
            assert_eq!(published(&world.take(client)), [qos]);
        }
    }
}

#[test]
fn bytes_that_are_with_a_client_are_limited_but_for_one_message() {
    let mut world = world(1, |limits| limits.in_flight_bytes = 10);
    let client = world.connect("client", |_| {});
    world.subscribe(client, "a", QoS::AtLeastOnce);
    let sender = world.connect("sender", |_| {});
    for packet_id in 1..=4 {
        world.publish(sender, "a", "12345", qos1(packet_id));
    }
    // Six bytes each with the topic.
    let got = world.take(client);
    assert_eq!(published(&got).len(), 2);
    assert_eq!(world.acknowledge(client, got).len(), 4);
    world.publish(sender, "a", &"x".repeat(1000), qos1(5));
    assert_eq!(world.payloads(client).len(), 1);
}

/// The qualities of service of the messages that a client got.
fn published(got: &[Got]) -> Vec<QoS> {
    got.iter()
        .filter_map(|got| match got {
            Got::Publish(message) => Some(message.qos),
            _ => None,
        })
        .collect()
}
