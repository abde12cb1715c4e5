//! What clients of a broker of three shards see, with a clock, a store and an access that the test
//! controls.

mod world;

use std::time::Duration;

use ferrymq_broker::{Limits, Verdict};
use ferrymq_codec::{Delivery, Packet, Property, QoS, ReasonCode, Version};
use std::num::NonZeroU16;
use world::access::AskLater;
use world::{Client, Connecting, Got, World, qos1, qos2};

const SHARDS: u16 = 3;

fn texts(count: u16) -> Vec<String> {
    (1..=count).map(|number| format!("m{number}")).collect()
}

#[test]
fn message_of_each_qos_reaches_subscribers_on_all_shards() {
    let mut world = World::new(SHARDS);
    let subscribers: Vec<Client> = (0..12)
        .map(|number| {
            let client = world.connect(&format!("subscriber-{number}"), |_| {});
            let suback = world.subscribe(client, "B/+/온도", QoS::ExactlyOnce);
            assert_eq!(suback, [Got::SubAck(vec![ReasonCode::GrantedQoS2])]);
            client
        })
        .collect();
    let publisher = world.connect("publisher", |_| {});
    world.publish(publisher, "B/다리/온도", "m1", Delivery::AtMostOnce);
    world.publish(publisher, "B/다리/온도", "m2", qos1(1));
    world.publish(publisher, "B/다리/온도", "m3", qos2(2));
    assert_eq!(
        world.take(publisher),
        [Got::PubAck(1, ReasonCode::Success), Got::PubRec(2, ReasonCode::Success)]
    );
    world.ack(publisher, Packet::PubRel, 2);
    assert_eq!(world.take(publisher), [Got::PubComp(2, ReasonCode::Success)]);
    for client in subscribers {
        assert_eq!(world.payloads(client), texts(3));
    }
}

#[test]
fn persistent_session_gets_what_it_missed_once_and_in_order() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut world = World::new(SHARDS);
        let persistent = |with: &mut Connecting| {
            with.version = version;
            with.clean_start = false;
            if version == Version::V5 {
                with.expiry(3600);
            }
        };
        let sleeper = world.connect("sleeper", persistent);
        world.subscribe(sleeper, "orders/#", QoS::ExactlyOnce);
        world.cut(sleeper);
        let publisher = world.connect("publisher", |_| {});
        for number in 1..=200u16 {
            let delivery = if number % 2 == 0 { qos1(number) } else { qos2(number) };
            world.publish(publisher, "orders/7", &format!("m{number}"), delivery);
            if number % 2 == 1 {
                world.ack(publisher, Packet::PubRel, number);
            }
        }
        let (sleeper, got) = world.connect_raw("sleeper", persistent);
        assert!(matches!(got[0], Got::ConnAck { session_present: true, .. }));
        let payloads = world.acknowledge(sleeper, got);
        // Order is kept for each topic and quality of service [MQTT-4.6.0-6].
        for parity in [0, 1] {
            let numbers = payloads.iter().map(|text| text[1..].parse::<u16>().expect("a number"));
            let seen: Vec<u16> = numbers.filter(|number| number % 2 == parity).collect();
            let sent: Vec<u16> = (1..=200).filter(|number| number % 2 == parity).collect();
            assert_eq!(seen, sent, "{version:?}");
        }
        assert_eq!(world.stored(), 0, "everything is settled");
    }
}

#[test]
fn unacknowledged_messages_are_sent_again_with_dup_and_the_same_id() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |with| {
        with.expiry(60);
    });
    world.subscribe(client, "t", QoS::ExactlyOnce);
    let publisher = world.connect("publisher", |_| {});
    world.publish(publisher, "t", "one", qos1(1));
    world.publish(publisher, "t", "two", qos2(2));
    world.publish(publisher, "t", "three", qos2(3));
    let first = world.take(client);
    assert_eq!(first.len(), 3);
    world.ack(client, Packet::PubRec, 2);
    assert_eq!(world.take(client), [Got::PubRel(2, ReasonCode::Success)]);
    world.cut(client);
    let (client, got) = world.connect_raw("client", |with| {
        with.expiry(60);
    });
    let again: Vec<(u16, bool, &str)> = got
        .iter()
        .filter_map(|got| match got {
            Got::Publish(received) => {
                Some((received.packet_id?, received.dup, received.payload.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(again, [(1, true, "one"), (3, true, "three")]);
    assert!(got.contains(&Got::PubRel(2, ReasonCode::Success)));
    world.ack(client, Packet::PubComp, 2);
    world.ack(client, Packet::PubAck, 1);
    world.ack(client, Packet::PubRec, 3);
    world.ack(client, Packet::PubComp, 3);
    assert_eq!(world.stored(), 0);
}

#[test]
fn acknowledgement_waits_until_its_record_is_durable_and_keeps_its_place() {
    let mut world = World::new(SHARDS);
    let sleeper = world.connect("sleeper", |with| {
        with.expiry(60);
    });
    world.subscribe(sleeper, "kept", QoS::AtLeastOnce);
    world.cut(sleeper);
    let publisher = world.connect("publisher", |_| {});
    world.durable = false;
    world.publish(publisher, "kept", "x", qos1(1));
    world.publish(publisher, "nobody", "y", qos1(2));
    assert_eq!(world.take(publisher), [], "nothing may overtake the first acknowledgement");
    world.durable = true;
    world.publish(publisher, "kept", "z", qos1(3));
    assert_eq!(
        world.take(publisher),
        [
            Got::PubAck(1, ReasonCode::Success),
            Got::PubAck(2, ReasonCode::NoMatchingSubscribers),
            Got::PubAck(3, ReasonCode::Success),
        ]
    );
}

#[test]
fn late_and_failed_fetches_lose_nothing() {
    let mut world = World::new(SHARDS);
    let with = |with: &mut Connecting| {
        with.expiry(60);
    };
    let sleeper = world.connect("sleeper", with);
    world.subscribe(sleeper, "t", QoS::AtLeastOnce);
    world.cut(sleeper);
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=100 {
        world.publish(publisher, "t", &format!("m{number}"), qos1(number));
    }
    world.fetches = false;
    let sleeper = world.connect("sleeper", with);
    assert_eq!(world.waiting_fetches(), 1);
    world.publish(publisher, "t", "m101", qos1(101));
    world.answer_fetches(false);
    assert_eq!(world.take(sleeper), []);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.waiting_fetches(), 1, "it is tried again");
    let mut payloads = Vec::new();
    while world.waiting_fetches() > 0 {
        world.answer_fetches(true);
        payloads.extend(world.payloads(sleeper));
    }
    assert_eq!(payloads, texts(101));
    assert_eq!(world.stored(), 0);
}

#[test]
fn take_over_tells_the_old_connection_and_keeps_the_session() {
    let mut world = World::new(SHARDS);
    let with = |with: &mut Connecting| {
        with.expiry(60);
    };
    let old = world.connect("client", with);
    world.subscribe(old, "t", QoS::AtLeastOnce);
    let (new, got) = world.connect_raw("client", with);
    assert!(matches!(got[..], [Got::ConnAck { session_present: true, .. }]));
    assert_eq!(world.take(old), [Got::Disconnect(ReasonCode::SessionTakenOver)]);
    assert!(world.is_closed(old));
    let publisher = world.connect("publisher", |_| {});
    world.publish(publisher, "t", "m1", qos1(1));
    assert_eq!(world.payloads(new), texts(1));
}

#[test]
fn pipelined_connect_subscribe_publish_works_wherever_the_home_is() {
    for number in 0..12 {
        let mut world = World::new(SHARDS);
        let client = world.open(0, Version::V3_1_1);
        let id = format!("c{number}");
        let length = u8::try_from(id.len()).expect("a short identifier");
        let mut bytes = vec![0x10, 12 + length, 0, 4];
        bytes.extend(b"MQTT");
        bytes.extend([4, 2, 0, 60, 0, length]);
        bytes.extend(id.as_bytes());
        bytes.extend([0x82, 6, 0, 1, 0, 1, b't', 0]);
        bytes.extend([0x30, 5, 0, 1, b't', b'h', b'i']);
        world.send_bytes(client, &bytes);
        let got = world.take(client);
        assert!(
            matches!(&got[..], [Got::ConnAck { .. }, Got::SubAck(_), Got::Publish(received)]
                if received.payload == "hi"),
            "{id}: {got:?}"
        );
    }
}

#[test]
fn shared_subscription_takes_turns_and_redelivers_when_a_member_ends() {
    let mut world = World::new(SHARDS);
    let members: Vec<Client> = ["a", "b", "c"]
        .into_iter()
        .map(|id| {
            let client = world.connect(id, |_| {});
            world.subscribe(client, "$share/group/work/#", QoS::AtLeastOnce);
            client
        })
        .collect();
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=9 {
        world.publish(publisher, "work/x", &format!("m{number}"), qos1(number));
    }
    let unacknowledged = world.take(members[0]);
    assert_eq!(unacknowledged.len(), 3, "each member gets a third");
    world.cut(members[0]);
    let mut payloads: Vec<String> =
        members[1..].iter().flat_map(|member| world.payloads(*member)).collect();
    payloads.sort();
    assert_eq!(payloads, texts(9));
}

#[test]
fn will_is_published_after_its_delay_unless_the_session_goes_on() {
    let mut world = World::new(SHARDS);
    let watcher = world.connect("watcher", |_| {});
    world.subscribe(watcher, "wills/#", QoS::AtLeastOnce);
    let with = |with: &mut Connecting| {
        with.expiry(60);
        with.will = Some(("wills/c", "gone"));
        with.will_delay = 10;
    };
    let client = world.connect("client", with);
    world.cut(client);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.payloads(watcher), [] as [String; 0]);
    let client = world.connect("client", with);
    world.pass(Duration::from_secs(30));
    assert_eq!(world.payloads(watcher), [] as [String; 0], "it came back in time");
    world.cut(client);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.payloads(watcher), ["gone"]);
    let client = world.connect("client", with);
    world.disconnect(client, ReasonCode::Success);
    world.pass(Duration::from_secs(100));
    assert_eq!(world.payloads(watcher), [] as [String; 0], "it has said goodbye");
}

#[test]
fn session_expires_and_messages_expire() {
    let mut world = World::new(SHARDS);
    let with = |with: &mut Connecting| {
        with.expiry(20);
    };
    let client = world.connect("client", with);
    world.subscribe(client, "t", QoS::AtLeastOnce);
    world.cut(client);
    let publisher = world.connect("publisher", |_| {});
    let expiry = [Property::MessageExpiryInterval(10)];
    world.publish_with(
        publisher,
        "t",
        "short",
        qos1(1),
        false,
        &[Property::MessageExpiryInterval(3)],
    );
    world.publish_with(publisher, "t", "long", qos1(2), false, &expiry);
    world.pass(Duration::from_secs(4));
    let (client, got) = world.connect_raw("client", with);
    assert!(matches!(got[0], Got::ConnAck { session_present: true, .. }));
    let Got::Publish(received) = &got[1] else { panic!("{got:?}") };
    assert_eq!((received.payload.as_str(), received.expiry), ("long", Some(6)));
    assert_eq!(got.len(), 2);
    world.cut(client);
    world.pass(Duration::from_secs(21));
    assert_eq!(world.stored(), 0, "an expired session owes nothing");
    let (_, got) = world.connect_raw("client", with);
    assert_eq!(got, [Got::ConnAck { session_present: false, reason: ReasonCode::Success }]);
}

#[test]
fn overlapping_subscriptions_deliver_once_with_all_identifiers() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |_| {});
    world.subscribe_with(client, "a/+", |options| options.maximum_qos = QoS::AtMostOnce, Some(1));
    world.subscribe_with(client, "a/b", |options| options.maximum_qos = QoS::AtLeastOnce, Some(2));
    world.subscribe_with(client, "#", |options| options.maximum_qos = QoS::AtMostOnce, None);
    let publisher = world.connect("publisher", |_| {});
    world.publish(publisher, "a/b", "x", qos1(1));
    let got = world.take(client);
    let [Got::Publish(received)] = &got[..] else { panic!("{got:?}") };
    assert_eq!(received.qos, QoS::AtLeastOnce);
    let mut identifiers = received.identifiers.clone();
    identifiers.sort_unstable();
    assert_eq!(identifiers, [1, 2]);
}

#[test]
fn retained_messages_are_sent_by_page_with_the_retain_flag() {
    let mut world = World::new(SHARDS);
    let publisher = world.connect("publisher", |_| {});
    for number in 0..1000u16 {
        let topic = format!("r/{number:04}");
        world.publish_with(publisher, &topic, "v", Delivery::AtMostOnce, true, &[]);
    }
    let client = world.connect("client", |_| {});
    let got = world.subscribe(client, "r/+", QoS::AtLeastOnce);
    let retained =
        got.iter().filter(|got| matches!(got, Got::Publish(received) if received.retain)).count();
    assert_eq!(retained, 1000);
    world.publish_with(publisher, "r/0001", "", Delivery::AtMostOnce, true, &[]);
    let again = world.subscribe(client, "r/0001", QoS::AtLeastOnce);
    assert!(again.iter().all(|got| !matches!(got, Got::Publish(received) if received.retain)));
}

#[test]
fn receive_maximum_of_the_client_holds_messages_back() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |with| {
        with.property(Property::ReceiveMaximum(NonZeroU16::new(2).expect("not zero")));
    });
    world.subscribe(client, "t", QoS::AtLeastOnce);
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=5 {
        world.publish(publisher, "t", &format!("m{number}"), qos1(number));
    }
    let got = world.take(client);
    assert_eq!(got.len(), 2, "{got:?}");
    world.ack(client, Packet::PubAck, 1);
    assert_eq!(world.take(client).len(), 1);
}

#[test]
fn client_that_exceeds_our_receive_maximum_is_disconnected() {
    let mut limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    limits.connection.receive_maximum = 3;
    let mut world = World::with(SHARDS, limits, || Box::new(ferrymq_broker::AllowAll));
    let client = world.connect("client", |_| {});
    for number in 1..=4 {
        world.publish(client, "t", "x", qos2(number));
    }
    let got = world.take(client);
    assert_eq!(got.last(), Some(&Got::Disconnect(ReasonCode::ReceiveMaximumExceeded)));
    assert!(world.is_closed(client));
}

#[test]
fn late_answers_of_access_park_the_packet_and_what_follows() {
    let limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::with(SHARDS, limits, || Box::new(AskLater));
    let client = world.open(0, Version::V5);
    world.send_connect(client, "client", &Connecting::default());
    world.publish(client, "t", "x", qos1(1));
    world.send(client, &Packet::PingReq);
    assert_eq!(world.take(client), []);
    let ask = world.asks.remove(0);
    world.answer(&ask, Verdict::YES);
    let got = world.take(client);
    assert!(matches!(got[..], [Got::ConnAck { .. }]), "{got:?}");
    let ask = world.asks.remove(0);
    world.answer(&ask, Verdict::Deny(ReasonCode::NotAuthorized));
    assert_eq!(world.take(client), [Got::PubAck(1, ReasonCode::NotAuthorized), Got::PingResp]);
}

#[test]
fn missing_answer_of_access_is_a_no() {
    let limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::with(SHARDS, limits, || Box::new(AskLater));
    let client = world.open(0, Version::V5);
    world.send_connect(client, "client", &Connecting::default());
    world.pass(Duration::from_secs(11));
    assert_eq!(
        world.take(client),
        [Got::ConnAck { session_present: false, reason: ReasonCode::ServerUnavailable }]
    );
    assert!(world.is_closed(client));
}

#[test]
fn silence_ends_a_connection_after_one_and_a_half_keep_alives() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |with| with.keep_alive = 10);
    world.pass(Duration::from_secs(14));
    world.send(client, &Packet::PingReq);
    assert_eq!(world.take(client), [Got::PingResp]);
    world.pass(Duration::from_secs(14));
    assert!(!world.is_closed(client));
    world.pass(Duration::from_secs(2));
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::KeepAliveTimeout)]);
    assert!(world.is_closed(client));
}

#[test]
fn connection_without_connect_is_closed_in_time() {
    let mut world = World::new(SHARDS);
    let silent = world.open(1, Version::V5);
    let half = world.open(2, Version::V5);
    world.send_bytes(half, &[0x10, 30, 0, 4]);
    world.pass(Duration::from_secs(31));
    assert!(world.is_closed(silent));
    assert!(world.is_closed(half));
}

#[test]
fn shutdown_tells_clients() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |_| {});
    world.shut_down();
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::ServerShuttingDown)]);
}

#[test]
fn queue_keeps_the_oldest_up_to_its_limit() {
    let limits = Limits { queued_messages: 5, sys_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::with(SHARDS, limits, || Box::new(ferrymq_broker::AllowAll));
    let with = |with: &mut Connecting| {
        with.expiry(60);
    };
    let client = world.connect("client", with);
    world.subscribe(client, "t", QoS::AtLeastOnce);
    world.cut(client);
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=8 {
        world.publish(publisher, "t", &format!("m{number}"), qos1(number));
    }
    assert_eq!(world.stored(), 5);
    let (_, got) = world.connect_raw("client", with);
    assert_eq!(got.len(), 6, "CONNACK and the five oldest");
}

#[test]
fn message_without_an_answer_of_access_is_not_acknowledged() {
    for (version, expected) in
        [(Version::V3_1_1, None), (Version::V5, Some(Got::PubAck(1, ReasonCode::UnspecifiedError)))]
    {
        let limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
        let mut world = World::with(SHARDS, limits, || Box::new(AskLater));
        let client = world.open(0, version);
        let connecting = Connecting { version, ..Connecting::default() };
        world.send_connect(client, "client", &connecting);
        let ask = world.asks.remove(0);
        world.answer(&ask, Verdict::YES);
        world.take(client);
        world.publish(client, "t", "x", qos1(1));
        world.pass(Duration::from_secs(11));
        assert_eq!(world.take(client), Vec::from_iter(expected.clone()), "{version:?}");
        assert_eq!(world.is_closed(client), expected.is_none(), "{version:?}");
    }
}

#[test]
fn long_queue_of_a_transient_session_drains_in_order() {
    let mut world = World::new(SHARDS);
    let client = world.connect("client", |with| {
        with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
    });
    world.subscribe(client, "t", QoS::AtLeastOnce);
    let publisher = world.connect("publisher", |_| {});
    for number in 1..=20_000 {
        world.publish(publisher, "t", &format!("m{number}"), qos1(number));
    }
    let payloads = world.payloads(client);
    let wrong = payloads.iter().zip(texts(20_000)).position(|(got, sent)| *got != sent);
    assert_eq!((wrong, payloads.len()), (None, 20_000));
}
