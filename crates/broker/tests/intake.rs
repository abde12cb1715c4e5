//! What is not taken although its sender may send it: messages that are too large, and whatever
//! would need memory while the process has no more.

mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits};
use ferrymq_codec::{Delivery, ReasonCode, Version};
use world::{Client, Connecting, Got, World, qos1, qos2};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];
const NONE: [&str; 0] = [];

fn world(limits: Limits) -> World {
    World::with(2, Limits { sys_interval: Duration::ZERO, ..limits }, || Box::new(AllowAll))
}

fn of(version: Version) -> impl Fn(&mut Connecting) {
    move |with| with.version = version
}

/// What a client is told of a message of each quality of service.
fn answers(version: Version, reason: ReasonCode) -> [(Delivery, Vec<Got>); 3] {
    let reason = if version == Version::V5 { reason } else { ReasonCode::Success };
    [
        (Delivery::AtMostOnce, vec![]),
        (qos1(1), vec![Got::PubAck(1, reason)]),
        (qos2(2), vec![Got::PubRec(2, reason)]),
    ]
}

#[test]
fn message_with_too_large_a_payload_is_refused_and_its_sender_stays() {
    for version in VERSIONS {
        let mut world = world(Limits { payload_maximum: 4, ..Limits::default() });
        let client = world.connect("client", of(version));
        world.subscribe(client, "#", ferrymq_codec::QoS::AtMostOnce);
        for (delivery, answer) in answers(version, ReasonCode::QuotaExceeded) {
            world.publish_with(client, "a", "12345", delivery, true, &[]);
            assert_eq!(world.take(client), answer, "{version}, {delivery:?}");
        }
        world.publish(client, "a", "1234", Delivery::AtMostOnce);
        assert_eq!(world.payloads(client), ["1234"], "{version}");
        let later = world.connect("later", |_| {});
        world.subscribe(later, "#", ferrymq_codec::QoS::AtMostOnce);
        assert_eq!(world.payloads(later), NONE, "{version}: nothing is retained");
    }
}

#[test]
fn client_whose_will_is_too_large_is_refused() {
    for (version, expected) in
        [(Version::V3_1_1, ReasonCode::NotAuthorized), (Version::V5, ReasonCode::PacketTooLarge)]
    {
        let mut world = world(Limits { payload_maximum: 4, ..Limits::default() });
        for (will, expected) in [("12345", expected), ("1234", ReasonCode::Success)] {
            let (_, got) = world.connect_raw("client", |with| {
                with.version = version;
                with.will = Some(("w", will));
            });
            assert_eq!(got, [Got::ConnAck { session_present: false, reason: expected }]);
        }
    }
}

mod memory {
    use super::*;

    const LIMIT: u64 = 1000;

    fn limited() -> World {
        world(Limits { memory_bytes: LIMIT, ..Limits::default() })
    }

    /// Somebody measures so many bytes.
    fn measure(world: &mut World, bytes: u64) {
        world.directory.metrics().set_heap(bytes);
        world.pass(Duration::ZERO);
    }

    fn listener(world: &mut World) -> Client {
        let client = world.connect("listener", |_| {});
        world.subscribe(client, "#", ferrymq_codec::QoS::AtMostOnce);
        client
    }

    #[test]
    fn messages_are_refused_until_there_is_less() {
        let mut world = limited();
        let listener = listener(&mut world);
        let client = world.connect("client", |_| {});
        measure(&mut world, LIMIT + 1);
        for (delivery, answer) in answers(Version::V5, ReasonCode::QuotaExceeded) {
            world.publish(client, "a", "x", delivery);
            assert_eq!(world.take(client), answer, "{delivery:?}");
        }
        assert_eq!(world.payloads(listener), NONE);
        measure(&mut world, LIMIT);
        world.publish(client, "a", "y", qos1(3));
        assert_eq!(world.take(client), [Got::PubAck(3, ReasonCode::Success)]);
        assert_eq!(world.payloads(listener), ["y"]);
    }

    #[test]
    fn sender_that_cannot_be_told_keeps_its_message_and_loses_its_connection() {
        for version in [Version::V3_1, Version::V3_1_1] {
            for (delivery, ends) in
                [(Delivery::AtMostOnce, false), (qos1(1), true), (qos2(1), true)]
            {
                let mut world = limited();
                let client = world.connect("client", of(version));
                measure(&mut world, LIMIT + 1);
                world.publish(client, "a", "x", delivery);
                assert_eq!(world.take(client), [], "{version}, {delivery:?}");
                assert_eq!(world.is_closed(client), ends, "{version}, {delivery:?}");
            }
        }
    }

    #[test]
    fn what_is_retained_can_be_cleared_while_there_is_too_little() {
        let mut world = limited();
        let client = world.connect("client", |_| {});
        world.publish_with(client, "a", "kept", Delivery::AtMostOnce, true, &[]);
        measure(&mut world, LIMIT + 1);
        world.publish_with(client, "a", "", qos1(1), true, &[]);
        let got = world.take(client);
        assert_eq!(got, [Got::PubAck(1, ReasonCode::NoMatchingSubscribers)]);
        assert_eq!(world.directory.retained_count(), 0);
    }

    #[test]
    fn who_comes_back_is_let_in_and_who_is_new_is_not() {
        let mut world = limited();
        let lasting = |with: &mut Connecting| {
            with.expiry(3600);
        };
        let old = world.connect("old", lasting);
        world.subscribe(old, "a", ferrymq_codec::QoS::AtLeastOnce);
        world.cut(old);
        let client = world.connect("client", |_| {});
        world.publish(client, "a", "waits", qos1(1));
        measure(&mut world, LIMIT + 1);
        for (version, reason) in [
            (Version::V3_1_1, ReasonCode::ServerUnavailable),
            (Version::V5, ReasonCode::QuotaExceeded),
        ] {
            let (_, got) = world.connect_raw("new", of(version));
            assert_eq!(got, [Got::ConnAck { session_present: false, reason }], "{version}");
        }
        let (old, mut got) = world.connect_raw("old", lasting);
        let welcome = Got::ConnAck { session_present: true, reason: ReasonCode::Success };
        assert_eq!(got.remove(0), welcome);
        assert_eq!(world.acknowledge(old, got), ["waits"]);
    }
}
