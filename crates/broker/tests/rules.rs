//! Rules of the specification and of the house, one by one: the connection, subscriptions, shared
//! subscriptions, wills, retained messages, limits and access.

mod world;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits, LogState, Verdict};
use ferrymq_codec::{Delivery, Packet, Property, QoS, ReasonCode, RetainHandling, Version};
use world::access::AskLater;
use world::{Client, Connecting, Got, Received, World, qos1, qos2};

const SHARDS: u16 = 3;
const NONE: [&str; 0] = [];

fn limits() -> Limits {
    Limits { sys_interval: Duration::ZERO, ..Limits::default() }
}

fn lasting(with: &mut Connecting) {
    with.expiry(3600);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn publishes(got: &[Got]) -> Vec<&Received> {
    got.iter()
        .filter_map(|got| match got {
            Got::Publish(received) => Some(&**received),
            _ => None,
        })
        .collect()
}

fn at_most(qos: QoS) -> impl Fn(&mut ferrymq_codec::SubscriptionOptions) {
    move |options| options.maximum_qos = qos
}

mod subscriptions {
    use super::*;

    #[test]
    fn no_local_counts_only_for_the_subscriptions_that_have_it() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", |_| {});
        let no_local = |options: &mut ferrymq_codec::SubscriptionOptions| {
            options.maximum_qos = QoS::ExactlyOnce;
            options.no_local = true;
        };
        world.subscribe_with(client, "a/+", no_local, Some(1));
        world.subscribe_with(client, "a/b", at_most(QoS::AtLeastOnce), Some(2));
        world.subscribe_with(client, "b", no_local, Some(3));
        world.publish(client, "a/b", "own", qos1(1));
        world.publish(client, "b", "own", qos1(2));
        let got = world.take(client);
        let own = publishes(&got);
        assert_eq!(own.len(), 1, "{got:?}");
        assert_eq!((own[0].qos, own[0].identifiers.as_slice()), (QoS::AtLeastOnce, &[2][..]));
        let other = world.connect("other", |_| {});
        world.publish(other, "a/b", "other's", qos2(1));
        let got = world.take(client);
        let others = publishes(&got);
        assert_eq!(others.len(), 1, "{got:?}");
        let mut identifiers = others[0].identifiers.clone();
        identifiers.sort_unstable();
        assert_eq!((others[0].qos, identifiers.as_slice()), (QoS::ExactlyOnce, &[1, 2][..]));
    }

    #[test]
    fn retain_handling_and_retain_as_published() {
        let mut world = World::new(SHARDS);
        let publisher = world.connect("publisher", |_| {});
        world.publish_with(publisher, "r", "kept", Delivery::AtMostOnce, true, &[]);
        let client = world.connect("client", |_| {});
        let retained = |world: &mut World, handling, as_published| {
            let with = |options: &mut ferrymq_codec::SubscriptionOptions| {
                options.retain_handling = handling;
                options.retain_as_published = as_published;
            };
            let got = world.subscribe_with(client, "r", with, None);
            publishes(&got).len()
        };
        assert_eq!(retained(&mut world, RetainHandling::DoNotSend, false), 0);
        assert_eq!(retained(&mut world, RetainHandling::SendIfNew, false), 0, "it is not new");
        assert_eq!(retained(&mut world, RetainHandling::Send, false), 1);
        world.unsubscribe(client, "r");
        world.take(client);
        assert_eq!(retained(&mut world, RetainHandling::SendIfNew, true), 1);
        world.publish_with(publisher, "r", "new", Delivery::AtMostOnce, true, &[]);
        world.publish_with(publisher, "r", "live", Delivery::AtMostOnce, false, &[]);
        let got = world.take(client);
        let flags: Vec<bool> = publishes(&got).iter().map(|received| received.retain).collect();
        assert_eq!(flags, [true, false], "as published");
        retained(&mut world, RetainHandling::DoNotSend, false);
        world.publish_with(publisher, "r", "new", Delivery::AtMostOnce, true, &[]);
        let got = world.take(client);
        assert!(publishes(&got).iter().all(|received| !received.retain), "{got:?}");
    }

    #[test]
    fn hundred_thousand_filters_of_one_session_are_no_burden() {
        let limits = Limits { subscriptions: 1_000, filters_per_packet: 5, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        for number in 0..1_000 {
            let got = world.subscribe(client, &format!("f/{number}"), QoS::AtMostOnce);
            assert_eq!(got, [Got::SubAck(vec![ReasonCode::Success])]);
        }
        let full = world.subscribe(client, "f/1000", QoS::AtMostOnce);
        assert_eq!(full, [Got::SubAck(vec![ReasonCode::QuotaExceeded])]);
        let known = world.subscribe(client, "f/1", QoS::AtMostOnce);
        assert_eq!(known, [Got::SubAck(vec![ReasonCode::Success])], "it replaces itself");
        let many: Vec<String> = (0..7).map(|number| format!("f/{number}")).collect();
        let got = world.subscribe_many(client, &many);
        let mut reasons = vec![ReasonCode::Success; 5];
        reasons.extend([ReasonCode::QuotaExceeded; 2]);
        assert_eq!(got, [Got::SubAck(reasons)], "the limit of one packet");
        for number in 0..1_000 {
            world.unsubscribe(client, &format!("f/{number}"));
        }
        assert_eq!(world.directory.subscription_counts(), (0, 0));
    }

    #[test]
    fn retained_messages_go_on_at_the_next_connection_and_follow_what_is_said() {
        let limits = Limits { retained_per_turn: 1, output_room: 1, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let publisher = world.connect("publisher", |_| {});
        for number in 1..=6_u16 {
            let topic = format!("r/{number}");
            world.publish_with(publisher, &topic, &format!("m{number}"), qos1(1), true, &[]);
        }
        let client = world.connect("client", lasting);
        world.set_reading(client, false);
        world.subscribe(client, "r/+", QoS::AtLeastOnce);
        world.cut(client);
        world.publish_with(publisher, "r/5", "", qos1(1), true, &[]);
        world.publish_with(publisher, "r/6", "new", qos1(1), true, &[]);
        let (client, got) = world.connect_raw("client", lasting);
        let mut payloads = world.acknowledge(client, got);
        // What cleared the topic is a message too.
        payloads.retain(|payload| !payload.is_empty());
        payloads.sort();
        payloads.dedup();
        assert_eq!(payloads, ["m1", "m2", "m3", "m4", "new"]);
        assert_eq!(world.stored(), 0);
        let no_local = |options: &mut ferrymq_codec::SubscriptionOptions| options.no_local = true;
        let got = world.subscribe_with(publisher, "r/+", no_local, None);
        assert!(publishes(&got).is_empty(), "its own [MQTT-3.8.3-3]");
    }

    #[test]
    fn change_of_options_changes_what_retained_messages_are_still_sent() {
        let limits = Limits { retained_per_turn: 1, output_room: 1, ..limits() };
        let mut world = World::with(1, limits, || Box::new(AllowAll));
        let publisher = world.connect("publisher", |_| {});
        for topic in ["r/1", "r/2", "r/3"] {
            world.publish_with(publisher, topic, "v", qos2(1), true, &[]);
            world.ack(publisher, Packet::PubRel, 1);
        }
        let client = world.connect("client", |_| {});
        world.set_reading(client, false);
        world.subscribe(client, "r/+", QoS::ExactlyOnce);
        world.subscribe_with(
            client,
            "r/+",
            |options| {
                options.maximum_qos = QoS::AtMostOnce;
                options.retain_handling = RetainHandling::DoNotSend;
            },
            None,
        );
        world.set_reading(client, true);
        let got = world.take(client);
        let levels: Vec<QoS> = publishes(&got).iter().map(|received| received.qos).collect();
        assert_eq!(levels.len(), 3, "{got:?}");
        assert_eq!(levels.last(), Some(&QoS::AtMostOnce), "{got:?}");
    }
}

mod shared {
    use super::*;

    const GROUP: &str = "$share/g/t";

    #[test]
    fn what_a_durable_member_leaves_goes_to_others_with_no_more_than_they_asked_for() {
        for (asked, expected) in
            [(QoS::AtMostOnce, QoS::AtMostOnce), (QoS::AtLeastOnce, QoS::AtLeastOnce)]
        {
            let mut world = World::new(SHARDS);
            let member = world.connect("member", lasting);
            world.subscribe(member, GROUP, QoS::ExactlyOnce);
            world.cut(member);
            let publisher = world.connect("publisher", |_| {});
            for number in 1..=3 {
                world.publish(publisher, "t", &format!("m{number}"), qos2(number));
            }
            assert_eq!(world.stored(), 3);
            let other = world.connect("other", |_| {});
            world.subscribe(other, GROUP, asked);
            let ended = world.connect("member", |_| {});
            assert!(!world.is_closed(ended));
            let got = world.take(other);
            let levels: Vec<QoS> = publishes(&got).iter().map(|received| received.qos).collect();
            assert_eq!(levels, [expected; 3], "{got:?}");
            assert_eq!(world.acknowledge(other, got), ["m1", "m2", "m3"]);
            assert_eq!(world.stored(), 0);
        }
    }

    #[test]
    fn exactly_once_message_that_was_sent_ends_with_its_session() {
        let mut world = World::new(SHARDS);
        let first = world.connect("first", lasting);
        world.subscribe(first, GROUP, QoS::ExactlyOnce);
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "t", "m1", qos2(1));
        assert_eq!(publishes(&world.take(first)).len(), 1);
        let second = world.connect("second", lasting);
        world.subscribe(second, GROUP, QoS::ExactlyOnce);
        world.connect("first", |_| {});
        assert_eq!(world.payloads(second), NONE, "[MQTT-4.8.2-5]");
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn refused_message_goes_to_nobody_else() {
        let mut world = World::new(SHARDS);
        let members = ["one", "two"].map(|id| {
            let client = world.connect(id, |_| {});
            world.subscribe(client, GROUP, QoS::AtLeastOnce);
            client
        });
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "t", "m1", qos1(1));
        let got = members.map(|member| world.take(member));
        let refuser = usize::from(got[0].is_empty());
        world.ack_with(members[refuser], Packet::PubAck, 1, ReasonCode::UnspecifiedError);
        world.cut(members[refuser]);
        // [MQTT-4.8.2-6]
        assert_eq!(world.payloads(members[1 - refuser]), NONE);
    }

    #[test]
    fn messages_of_a_group_that_has_emptied_do_not_stay_in_the_store() {
        let mut world = World::new(SHARDS);
        let member = world.connect("member", lasting);
        world.subscribe(member, GROUP, QoS::AtLeastOnce);
        world.cut(member);
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "t", "m1", qos1(1));
        assert_eq!(world.stored(), 1);
        world.connect("member", |_| {});
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn own_subscription_and_group_owe_a_message_each_its_own_way() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", lasting);
        world.subscribe_with(client, "t", at_most(QoS::AtLeastOnce), Some(1));
        world.subscribe_with(client, GROUP, at_most(QoS::AtLeastOnce), Some(2));
        world.cut(client);
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "t", "m1", qos1(1));
        let (client, got) = world.connect_raw("client", lasting);
        let mut identifiers: Vec<Vec<u32>> =
            publishes(&got).iter().map(|received| received.identifiers.clone()).collect();
        identifiers.sort();
        assert_eq!(identifiers, [[1], [2]]);
        world.acknowledge(client, got);
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn members_come_and_go_and_each_message_is_delivered_once() {
        let mut world = World::new(SHARDS);
        let publisher = world.connect("publisher", |_| {});
        let mut members: Vec<Client> = Vec::new();
        let mut received = Vec::new();
        for round in 0..40_u16 {
            let id = format!("member-{}", round % 7);
            let member = world.connect(&id, lasting);
            world.subscribe(member, GROUP, QoS::AtLeastOnce);
            members.push(member);
            world.publish(publisher, "t", &format!("m{:03}", round + 1), qos1(round + 1));
            if round % 3 == 0 {
                world.unsubscribe(members[usize::from(round) / 2], GROUP);
            }
            for member in &members {
                received.extend(world.payloads(*member));
            }
        }
        received.sort();
        let sent: Vec<String> = (1..=40).map(|number| format!("m{number:03}")).collect();
        assert_eq!(received, sent);
    }
}

mod wills {
    use super::*;

    fn watched() -> (World, Client) {
        let mut world = World::new(SHARDS);
        let watcher = world.connect("watcher", |_| {});
        world.subscribe(watcher, "w", QoS::AtLeastOnce);
        (world, watcher)
    }

    fn with_will(with: &mut Connecting, expiry: u32, delay: u32) {
        with.expiry(expiry);
        with.will = Some(("w", "gone"));
        with.will_delay = delay;
    }

    #[test]
    fn take_over_publishes_the_will_unless_its_session_goes_on_and_it_waits() {
        // (expiry of the old session, delay of its will, clean start of the new, published at once)
        for (expiry, delay, clean, published) in [
            (60, 0, false, true),
            (60, 10, false, false),
            (60, 10, true, true),
            (60, 0, true, true),
            (0, 10, false, true),
            (0, 10, true, true),
        ] {
            let (mut world, watcher) = watched();
            let old = world.connect("client", |with| with_will(with, expiry, delay));
            let (_, got) = world.connect_raw("client", |with| {
                with.expiry(60);
                with.clean_start = clean;
            });
            assert!(matches!(got[0], Got::ConnAck { reason: ReasonCode::Success, .. }));
            assert!(world.is_closed(old));
            let case = format!("expiry {expiry}, delay {delay}, clean start {clean}");
            assert_eq!(world.payloads(watcher).len(), usize::from(published), "{case}");
            world.pass(seconds(100));
            assert_eq!(world.payloads(watcher), NONE, "{case}: later");
        }
    }

    #[test]
    fn end_of_the_session_publishes_a_will_that_waits() {
        let (mut world, watcher) = watched();
        let client = world.connect("client", |with| with_will(with, 5, 100));
        world.cut(client);
        world.pass(seconds(4));
        assert_eq!(world.payloads(watcher), NONE);
        world.pass(seconds(2));
        assert_eq!(world.payloads(watcher), ["gone"], "[MQTT-3.1.3-9]");
        let client = world.connect("client", |with| with_will(with, 60, 50));
        world.cut(client);
        world.connect("client", |_| {});
        assert_eq!(world.payloads(watcher), ["gone"], "a clean start ends the session");
    }

    #[test]
    fn will_of_a_session_that_has_expired_unnoticed_is_not_lost() {
        let (mut world, watcher) = watched();
        let client = world.connect("client", |with| with_will(with, 5, 100));
        world.cut(client);
        // The timer is rounded up, so that CONNECT comes before it.
        world.now = world.now.saturating_add(seconds(5));
        let (_, got) = world.connect_raw("client", lasting);
        assert!(matches!(got[..], [Got::ConnAck { session_present: false, .. }]), "{got:?}");
        assert_eq!(world.payloads(watcher), ["gone"]);
    }

    #[test]
    fn only_a_plain_goodbye_drops_the_will() {
        for (reason, published) in [
            (Some(ReasonCode::Success), false),
            (Some(ReasonCode::DisconnectWithWill), true),
            (Some(ReasonCode::UnspecifiedError), true),
            (None, true),
        ] {
            let (mut world, watcher) = watched();
            let client = world.connect("client", |with| with_will(with, 0, 0));
            match reason {
                Some(reason) => world.disconnect(client, reason),
                // A second CONNECT breaks a rule.
                None => world.send_connect(client, "client", &Connecting::default()),
            }
            assert_eq!(world.payloads(watcher).len(), usize::from(published), "{reason:?}");
        }
    }

    #[test]
    fn nobody_leaves_a_will_in_the_name_of_the_broker() {
        let (mut world, _) = watched();
        let (client, got) =
            world.connect_raw("client", |with| with.will = Some(("$SYS/broker/version", "mine")));
        let refused = Got::ConnAck { session_present: false, reason: ReasonCode::NotAuthorized };
        assert_eq!(got, [refused]);
        assert!(world.is_closed(client));
    }
}

mod flow {
    use super::*;

    #[test]
    fn deferred_message_that_is_too_large_gives_its_place_to_the_next() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", |with| {
            lasting(with);
            with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
            with.property(Property::MaximumPacketSize(NonZeroU32::new(100).expect("not 0")));
        });
        world.subscribe(client, "t", QoS::ExactlyOnce);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "t", &"x".repeat(200), qos2(1));
        world.publish(publisher, "t", "m2", qos2(2));
        assert_eq!(publishes(&world.take(client)).len(), 0);
        world.make_durable();
        assert_eq!(world.payloads(client), ["m2"]);
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn late_answer_to_a_fetch_of_an_earlier_line_is_ignored() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", |with| {
            lasting(with);
            with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
        });
        world.subscribe(client, "t", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "t", "m1", qos1(1));
        world.take(client);
        world.cut(client);
        world.fetches = false;
        let client = world.connect("client", |with| {
            lasting(with);
            with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
        });
        // It has had the message, says so, and the line for which it was fetched is no more.
        world.ack(client, Packet::PubAck, 1);
        for number in 2..=4 {
            world.publish(publisher, "t", &format!("m{number}"), qos1(number));
        }
        let mut payloads = world.payloads(client);
        while world.waiting_fetches() > 0 {
            world.answer_fetches(true);
            payloads.extend(world.payloads(client));
        }
        assert_eq!(payloads, ["m2", "m3", "m4"]);
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn message_acknowledged_before_it_is_sent_again_leaves_the_line() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", lasting);
        world.subscribe(client, "t", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        for number in 1..=5 {
            world.publish(publisher, "t", &format!("m{number}"), qos1(number));
        }
        assert_eq!(publishes(&world.take(client)).len(), 5);
        world.cut(client);
        let (client, got) = world.connect_raw("client", |with| {
            lasting(with);
            with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
        });
        assert_eq!(publishes(&got).len(), 1, "all are fetched, and one is sent");
        world.ack(client, Packet::PubAck, 3);
        for number in 6..=8 {
            world.publish(publisher, "t", &format!("m{number}"), qos1(number));
        }
        let payloads = world.acknowledge(client, got);
        assert_eq!(payloads, ["m1", "m2", "m4", "m5", "m6", "m7", "m8"]);
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn message_on_its_way_to_a_session_that_ends_is_settled() {
        let mut world = World::new(SHARDS);
        let clients: Vec<Client> = (0..9)
            .map(|number| {
                let client = world.connect(&format!("client-{number}"), lasting);
                world.subscribe(client, "t", QoS::AtLeastOnce);
                client
            })
            .collect();
        let publisher = world.connect("publisher", |_| {});
        world.hold_mail(true);
        world.publish(publisher, "t", "m1", qos1(1));
        for (number, client) in clients.into_iter().enumerate() {
            world.cut(client);
            world.connect_raw(&format!("client-{number}"), |_| {});
        }
        assert_eq!(world.stored(), 1);
        world.hold_mail(false);
        assert_eq!(world.stored(), 0);
    }

    #[test]
    fn repeated_packets_wait_for_the_record_of_the_first() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", lasting);
        world.durable = false;
        world.publish(client, "nobody", "m1", qos2(1));
        world.cut(client);
        let client = world.connect("client", lasting);
        world.publish_again(client, "nobody", "m1", qos2(1), false);
        assert_eq!(world.take(client), [], "PUBREC before its record is durable");
        world.make_durable();
        assert_eq!(world.take(client), [Got::PubRec(1, ReasonCode::Success)]);
        world.durable = false;
        world.ack(client, Packet::PubRel, 1);
        world.cut(client);
        let client = world.connect("client", lasting);
        world.ack(client, Packet::PubRel, 1);
        assert_eq!(world.take(client), [], "PUBCOMP before its record is durable");
        world.make_durable();
        assert_eq!(world.take(client), [Got::PubComp(1, ReasonCode::PacketIdentifierNotFound)]);
    }

    #[test]
    fn session_that_was_never_announced_is_not_present_before_it_is_durable() {
        let mut world = World::new(SHARDS);
        world.durable = false;
        let (client, got) = world.connect_raw("client", lasting);
        assert_eq!(got, []);
        world.cut(client);
        let (client, got) = world.connect_raw("client", lasting);
        assert_eq!(got, []);
        world.make_durable();
        assert!(matches!(world.take(client)[..], [Got::ConnAck { session_present: true, .. }]));
    }

    #[test]
    fn message_sent_again_after_it_has_expired_does_not_live_longer() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", lasting);
        world.subscribe(client, "t", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        let expiry = [Property::MessageExpiryInterval(10)];
        world.publish_with(publisher, "t", "m1", qos1(1), false, &expiry);
        world.pass(seconds(4));
        world.take(client);
        world.cut(client);
        world.pass(seconds(20));
        let (_, got) = world.connect_raw("client", lasting);
        assert_eq!(publishes(&got)[0].expiry, Some(0), "[MQTT-3.3.2-6]");
    }

    #[test]
    fn congestion_pauses_and_loses_nothing() {
        let mut world = World::new(SHARDS);
        let client = world.connect("client", |with| with.keep_alive = 10);
        world.subscribe(client, "t", QoS::AtLeastOnce);
        world.set_log(LogState::Full);
        world.publish(client, "t", "m1", qos1(1));
        assert!(world.unread(client) > 0);
        world.pass(seconds(60));
        assert!(!world.is_closed(client), "its keep alive stands still");
        world.set_log(LogState::Ready);
        assert_eq!(world.unread(client), 0);
        assert_eq!(world.payloads(client), ["m1"]);
        world.pass(seconds(14));
        assert!(!world.is_closed(client), "its silence begins anew");
        world.pass(seconds(2));
        assert!(world.is_closed(client));
    }

    #[test]
    fn connection_that_has_had_its_share_goes_on_in_the_next_turn() {
        let limits = Limits { deliveries_per_turn: 2, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        world.subscribe(client, "t", QoS::AtMostOnce);
        let publish = [0x30, 5, 0, 1, b't', 0, b'x'];
        world.send_bytes(client, &publish.repeat(50));
        assert_eq!(world.payloads(client).len(), 50);
        assert!(world.put_off(client) >= 10, "its packets were taken in one turn");
    }

    #[test]
    fn mail_of_a_slow_shard_pauses_who_writes_to_it_until_it_has_room() {
        let limits = Limits { mail_bytes: 1_000, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        world.subscribe(client, "t", QoS::AtLeastOnce);
        world.set_mail_waiting(1_000);
        world.publish(client, "t", "m1", qos1(1));
        assert!(world.unread(client) > 0);
        world.set_mail_waiting(0);
        assert_eq!(world.unread(client), 0);
        assert_eq!(world.payloads(client), ["m1"]);
    }

    #[test]
    fn client_that_does_not_read_is_not_read_from() {
        let limits = Limits { output_stop: 1_000, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        world.set_reading(client, false);
        for _ in 0..1_000 {
            world.send(client, &Packet::PingReq);
        }
        assert_eq!(world.unread(client), 1_000, "500 answers of two bytes wait");
        world.set_reading(client, true);
        assert_eq!(world.unread(client), 0);
        assert_eq!(world.take(client).len(), 1_000);
    }

    #[test]
    fn topic_aliases_belong_to_one_connection() {
        let mut world = World::new(SHARDS);
        let with = |with: &mut Connecting| {
            with.expiry(60);
            with.property(Property::TopicAliasMaximum(1));
        };
        let client = world.connect("client", with);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        for (number, topic) in (1..).zip(["a", "a", "b", "a"]) {
            world.publish(publisher, topic, "x", qos1(number));
        }
        let got = world.take(client);
        let topics: Vec<&str> = publishes(&got).iter().map(|received| &*received.topic).collect();
        assert_eq!(topics, ["a", "", "b", ""]);
        world.cut(client);
        let (_, got) = world.connect_raw("client", with);
        let topics: Vec<&str> = publishes(&got).iter().map(|received| &*received.topic).collect();
        assert_eq!(topics, ["a", "", "b", ""], "a new connection knows no alias");
    }
}

mod limits_and_access {
    use super::*;

    #[test]
    fn sessions_beyond_the_limit_are_refused_and_known_ones_are_not() {
        let mut world = World::with(1, Limits { sessions: 2, ..limits() }, || Box::new(AllowAll));
        let first = world.connect("first", lasting);
        world.connect("second", |_| {});
        let (_, got) = world.connect_raw("third", |_| {});
        let refused = Got::ConnAck { session_present: false, reason: ReasonCode::QuotaExceeded };
        assert_eq!(got, [refused]);
        world.cut(first);
        let (_, got) = world.connect_raw("first", lasting);
        assert!(matches!(got[..], [Got::ConnAck { session_present: true, .. }]));
    }

    #[test]
    fn retained_messages_beyond_the_limit_are_delivered_but_not_kept() {
        let limits = Limits { retained_messages: 2, retained_bytes: 1_000, ..limits() };
        let mut world = World::with(1, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        world.subscribe(client, "#", QoS::AtMostOnce);
        let mut retain = |topic: &str, payload: &str| {
            world.publish_with(client, topic, payload, Delivery::AtMostOnce, true, &[]);
            let delivered = world.payloads(client).len();
            (delivered, world.directory.retained_count())
        };
        let large = "x".repeat(1_000);
        assert_eq!(retain("a", "1"), (1, 1));
        assert_eq!(retain("b", "1"), (1, 2));
        assert_eq!(retain("c", "1"), (1, 2), "too many");
        assert_eq!(retain("a", "2"), (1, 2), "one takes the place of another");
        assert_eq!(retain("a", &large), (1, 1), "too large, and the old one no longer holds");
        assert_eq!(retain("b", ""), (1, 0));
        assert_eq!(retain("c", "1"), (1, 1), "its bytes were given back");
        assert_eq!(world.directory.metrics().retained_refused(), 2);
    }

    #[test]
    fn answers_that_come_twice_or_too_late_do_nothing() {
        let mut world = World::with(SHARDS, limits(), || Box::new(AskLater));
        let client = world.open(0, Version::V5);
        world.send_connect(client, "client", &Connecting::default());
        let ask = world.asks.remove(0);
        world.answer(&ask, Verdict::YES);
        world.answer(&ask, Verdict::Deny(ReasonCode::NotAuthorized));
        assert!(matches!(world.take(client)[..], [Got::ConnAck { .. }]));
        world.publish(client, "t", "x", qos1(1));
        world.answer(&ask, Verdict::Deny(ReasonCode::Banned));
        assert_eq!(world.take(client), [], "that was the answer to another question");
        let ask = world.asks.remove(0);
        world.cut(client);
        world.answer(&ask, Verdict::YES);
        let next = world.open(0, Version::V5);
        world.answer(&ask, Verdict::YES);
        assert_eq!(world.take(next), [], "not even for who has the place now");
    }

    #[test]
    fn each_filter_of_a_subscribe_is_asked_for() {
        let mut world = World::with(1, limits(), || Box::new(AskLater));
        let client = world.open(0, Version::V5);
        world.send_connect(client, "client", &Connecting::default());
        let ask = world.asks.remove(0);
        world.answer(&ask, Verdict::YES);
        world.take(client);
        let filters = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(world.subscribe_many(client, &filters), []);
        for verdict in [Verdict::YES, Verdict::Deny(ReasonCode::NotAuthorized), Verdict::YES] {
            let ask = world.asks.remove(0);
            assert!(world.asks.is_empty(), "one question at a time");
            world.answer(&ask, verdict);
        }
        let reasons = [ReasonCode::Success, ReasonCode::NotAuthorized, ReasonCode::Success];
        assert_eq!(world.take(client), [Got::SubAck(reasons.to_vec())]);
        assert_eq!(world.directory.subscription_counts(), (2, 0));
    }

    #[test]
    fn shutdown_before_connack_is_said_in_connack() {
        let mut world = World::new(SHARDS);
        world.durable = false;
        let (client, got) = world.connect_raw("client", lasting);
        assert_eq!(got, []);
        world.shut_down();
        let refused =
            Got::ConnAck { session_present: false, reason: ReasonCode::ServerUnavailable };
        assert_eq!(world.take(client), [refused]);
    }

    #[test]
    fn keep_alives_and_expiries_of_those_who_have_gone_are_forgotten_soon() {
        // The first shard always has something to do.
        let mut world = World::new(2);
        let clients: Vec<Client> = (0..20)
            .map(|number| {
                world.connect(&format!("client-{number}"), |with| with.keep_alive = u16::MAX)
            })
            .collect();
        // So long may CONNECT take; from then on it is the keep alive that is waited for.
        world.pass(seconds(31));
        for client in clients {
            world.cut(client);
        }
        world.pass(seconds(60));
        world.pass(seconds(60));
        assert!(!world.has_deadlines_beyond(seconds(2)), "the wheel still keeps their timers");
    }
}
