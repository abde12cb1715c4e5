//! Clients that come again and again, and what keeps them out.

mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, FlappingLimits, Limits};
use ferrymq_codec::{QoS, ReasonCode, Version};
use world::{Got, World};

const FLAPPING: FlappingLimits = FlappingLimits {
    connects: 3,
    window: Duration::from_mins(1),
    ban: Duration::from_secs(30),
    clients: 100,
};

fn world() -> World {
    let limits = Limits { sys_interval: Duration::ZERO, flapping: FLAPPING, ..Limits::default() };
    World::with(2, limits, || Box::new(AllowAll))
}

fn reason(got: &[Got]) -> ReasonCode {
    match got {
        [Got::ConnAck { reason, .. }, ..] => *reason,
        other => panic!("no CONNACK: {other:?}"),
    }
}

fn bans(world: &World) -> u64 {
    world.directory.metrics().bans()
}

#[test]
fn of_two_devices_with_one_client_identifier_one_stays_and_the_other_is_refused_for_a_while() {
    for version in [Version::V5, Version::V3_1_1] {
        let mut world = world();
        let mut last = None;
        for _ in 0..3 {
            last = Some(world.connect("device", |with| with.version = version));
        }
        let last = last.expect("some came");
        for _ in 0..5 {
            let (late, got) = world.connect_raw("device", |with| with.version = version);
            // MQTT 3.1.1 has a return code for "come again", which is Server unavailable.
            let refused = [ReasonCode::QuotaExceeded, ReasonCode::ServerUnavailable];
            assert!(refused.contains(&reason(&got)), "{version:?}: {got:?}");
            assert!(world.is_closed(late) && !world.is_closed(last));
        }
        assert_eq!(bans(&world), 1);
        world.subscribe(last, "a", QoS::AtMostOnce);
        world.connect("other", |_| {});
        world.pass(FLAPPING.ban + Duration::from_secs(1));
        assert_eq!(bans(&world), 0);
        world.connect("device", |with| with.version = version);
        let metrics = world.directory.metrics();
        assert_eq!((metrics.logins_banned(), metrics.logins_accepted()), (5, 5));
    }
}

#[test]
fn client_that_says_goodbye_comes_as_often_as_it_likes() {
    let mut world = world();
    for _ in 0..20 {
        let client = world.connect("script", |_| {});
        world.disconnect(client, ReasonCode::Success);
    }
    assert_eq!(bans(&world), 0);
}

#[test]
fn client_that_is_given_its_identifier_is_another_each_time() {
    let mut world = world();
    for _ in 0..20 {
        let client = world.connect("", |_| {});
        world.cut(client);
    }
    assert_eq!(bans(&world), 0);
}
