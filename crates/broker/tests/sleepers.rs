//! What an administrator grants to clients that sleep.

mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits, Sleepers};
use ferrymq_codec::{Packet, Property, QoS, ReasonCode, Version};
use world::{Connecting, Got, Received, World, qos1, qos2};

const HOUR: u32 = 3600;

fn world(rules: Vec<Sleepers>) -> World {
    let limits = Limits {
        sys_interval: Duration::ZERO,
        queued_messages: 2,
        sleepers: rules,
        ..Limits::default()
    };
    World::with(3, limits, || Box::new(AllowAll))
}

fn phones() -> Sleepers {
    let client = Some(Box::from("phone-*"));
    Sleepers { client, expiry_interval: HOUR, queued_messages: Some(4), ..Sleepers::default() }
}

fn clean_and_old(with: &mut Connecting) {
    with.version = Version::V3_1_1;
}

fn resumed(with: &mut Connecting) {
    clean_and_old(with);
    with.clean_start = false;
}

fn publishes(got: &[Got]) -> Vec<&Received> {
    got.iter()
        .filter_map(|got| match got {
            Got::Publish(received) => Some(&**received),
            _ => None,
        })
        .collect()
}

#[test]
fn session_outlives_its_connection_although_the_client_did_not_ask_for_it() {
    let mut world = world(vec![phones()]);
    for (client_id, kept) in [("phone-1", true), ("tablet", false)] {
        let client = world.connect(client_id, clean_and_old);
        world.subscribe(client, "t", QoS::AtLeastOnce);
        world.cut(client);
        world.pass(Duration::from_secs(u64::from(HOUR) - 1));
        let (_, got) = world.connect_raw(client_id, resumed);
        let reason = ReasonCode::Success;
        assert_eq!(got, [Got::ConnAck { session_present: kept, reason }], "{client_id}");
    }
}

#[test]
fn session_ends_when_the_granted_expiry_is_over() {
    let mut world = world(vec![phones()]);
    let client = world.connect("phone-1", clean_and_old);
    world.cut(client);
    world.pass(Duration::from_secs(u64::from(HOUR) + 1));
    assert_eq!(world.directory.metrics().sessions_expired(), 1);
}

#[test]
fn client_cannot_ask_for_less_when_it_leaves() {
    let mut world = world(vec![phones()]);
    let client = world.connect("phone-1", |_| {});
    world.disconnect_with(client, &[Property::SessionExpiryInterval(0)]);
    let (_, got) = world.connect_raw("phone-1", |with| with.clean_start = false);
    let reason = ReasonCode::Success;
    assert_eq!(got, [Got::ConnAck { session_present: true, reason }]);
}

#[test]
fn client_that_asks_for_more_gets_more() {
    let mut world = world(vec![phones()]);
    let client = world.connect("phone-1", |with| {
        with.expiry(2 * HOUR);
    });
    world.cut(client);
    world.pass(Duration::from_secs(u64::from(HOUR) + 1));
    assert_eq!(world.directory.metrics().sessions_expired(), 0);
}

#[test]
fn queue_has_limits_of_its_own() {
    let mut world = world(vec![phones()]);
    let publisher = world.connect("publisher", |_| {});
    for (client_id, most) in [("phone-1", 4), ("tablet", 2)] {
        let client = world.connect(client_id, |with| {
            with.expiry(HOUR);
        });
        world.subscribe(client, client_id, QoS::AtLeastOnce);
        world.cut(client);
        for number in 1..=6 {
            world.publish(publisher, client_id, "m", qos1(number));
        }
        let (client, got) = world.connect_raw(client_id, |with| {
            with.expiry(HOUR);
        });
        assert_eq!(world.acknowledge(client, got).len(), most, "{client_id}");
    }
}

#[test]
fn clean_start_discards_the_session_unless_it_is_to_be_resumed() {
    for resume in [false, true] {
        let mut world = world(vec![Sleepers { resume, ..phones() }]);
        let publisher = world.connect("publisher", |_| {});
        let client = world.connect("phone-1", clean_and_old);
        world.subscribe(client, "t", QoS::AtLeastOnce);
        world.cut(client);
        world.publish(publisher, "t", "m1", qos1(1));
        let (_, got) = world.connect_raw("phone-1", clean_and_old);
        let reason = ReasonCode::Success;
        assert_eq!(got[0], Got::ConnAck { session_present: false, reason });
        let payloads: Vec<&str> = publishes(&got).iter().map(|got| &*got.payload).collect();
        assert_eq!(payloads, if resume { vec!["m1"] } else { vec![] });
    }
}

#[test]
fn identifier_that_a_resumed_client_has_forgotten_is_new_when_it_is_used_again() {
    let mut world = world(vec![Sleepers { resume: true, ..phones() }]);
    let listener = world.connect("listener", |_| {});
    world.subscribe(listener, "t", QoS::AtMostOnce);
    for payload in ["m1", "m2"] {
        let client = world.connect("phone-1", clean_and_old);
        world.publish(client, "t", payload, qos2(1));
        assert_eq!(world.take(client), [Got::PubRec(1, ReasonCode::Success)]);
        world.cut(client);
    }
    assert_eq!(world.payloads(listener), ["m1", "m2"]);
    let client = world.connect("phone-1", resumed);
    world.ack(client, Packet::PubRel, 1);
    assert_eq!(world.take(client), [Got::PubComp(1, ReasonCode::Success)]);
}

#[test]
fn identifier_that_we_have_made_up_is_nobody_who_sleeps() {
    let mut world = world(vec![Sleepers { client: None, ..phones() }]);
    let client = world.connect("", clean_and_old);
    world.cut(client);
    assert_eq!(world.directory.metrics().sessions(), 0);
}

#[test]
fn user_decides_too() {
    let user = Some(Box::from("app"));
    let mut world = world(vec![Sleepers { user, ..phones() }]);
    for (client_id, username, sessions) in
        [("phone-1", None, 0), ("phone-2", Some("web"), 0), ("phone-3", Some("app"), 1)]
    {
        let client = world.connect(client_id, |with| with.username = username);
        world.cut(client);
        assert_eq!(world.directory.metrics().sessions(), sessions, "{client_id}");
    }
}

#[test]
fn queue_has_limits_of_its_own_also_after_a_restart() {
    let user = Some(Box::from("app"));
    let mut world = world(vec![Sleepers { user, ..phones() }]);
    let client = world.connect("phone-1", |with| with.username = Some("app"));
    world.subscribe(client, "t", QoS::AtLeastOnce);
    world.crash(2, 0);
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=6 {
        world.publish(publisher, "t", "m", qos1(number));
    }
    let (client, got) = world.connect_raw("phone-1", |with| {
        with.username = Some("app");
        with.clean_start = false;
    });
    assert_eq!(world.acknowledge(client, got).len(), 4);
}
