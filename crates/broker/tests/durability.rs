//! What an acknowledgement promises, by topic, and what happens when the log cannot keep a promise.

mod world;

use std::num::NonZeroU16;
use std::time::Duration;

use ferrymq_broker::{AllowAll, Durability, Limits, LogState, Record, StoreCondition};
use ferrymq_codec::{Delivery, Packet, Property, QoS, ReasonCode, Version};
use world::{Client, Connecting, Got, Received, World, qos1, qos2};

const SHARDS: u16 = 3;
const NONE: [Got; 0] = [];

fn limits() -> Limits {
    let topic_durability = vec![
        (Box::from("held/stored"), Durability::Power),
        (Box::from("held/#"), Durability::None),
        (Box::from("written/#"), Durability::Process),
    ];
    Limits { sys_interval: Duration::ZERO, topic_durability, ..Limits::default() }
}

fn world() -> World {
    World::with(SHARDS, limits(), || Box::new(AllowAll))
}

fn lasting(with: &mut Connecting) {
    with.expiry(3600);
}

fn old(with: &mut Connecting) {
    with.version = Version::V3_1_1;
}

fn lasting_and_old(with: &mut Connecting) {
    with.version = Version::V3_1_1;
    with.clean_start = false;
}

/// A persistent session that is owed everything, and whose client is away.
fn sleeper(world: &mut World) {
    let sleeper = world.connect("sleeper", lasting);
    for filter in ["#", "/#"] {
        world.subscribe(sleeper, filter, QoS::ExactlyOnce);
    }
    world.cut(sleeper);
}

fn wake(world: &mut World) -> Vec<String> {
    let (client, got) = world.connect_raw("sleeper", lasting);
    world.acknowledge(client, got)
}

fn publishes(got: &[Got]) -> Vec<&Received> {
    got.iter()
        .filter_map(|got| match got {
            Got::Publish(received) => Some(&**received),
            _ => None,
        })
        .collect()
}

fn pubacks(numbers: &[u16]) -> Vec<Got> {
    numbers.iter().map(|number| Got::PubAck(*number, ReasonCode::Success)).collect()
}

mod levels {
    use super::*;

    #[test]
    fn message_is_acknowledged_when_it_is_as_durable_as_its_topic_is_to_be() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "held/a", "m1", qos1(1));
        assert_eq!(world.take(publisher), pubacks(&[1]), "it is in memory, and so it stays");
        world.publish(publisher, "written/a", "m2", qos1(2));
        assert_eq!(world.take(publisher), NONE, "it is not written");
        world.write_log();
        assert_eq!(world.take(publisher), pubacks(&[2]));
        world.publish(publisher, "a", "m3", qos1(3));
        world.write_log();
        assert_eq!(world.take(publisher), NONE, "it is not synced");
        world.make_durable();
        assert_eq!(world.take(publisher), pubacks(&[3]));
        assert_eq!(wake(&mut world), ["m1", "m2", "m3"]);
    }

    #[test]
    fn first_filter_that_matches_decides() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "held/stored", "m1", qos1(1));
        assert_eq!(world.take(publisher), NONE);
        assert_eq!(world.stored(), 1);
        world.make_durable();
        assert_eq!(world.take(publisher), pubacks(&[1]));
    }

    #[test]
    fn acknowledgements_keep_their_order_whatever_they_wait_for() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "a", "m1", qos1(1));
        world.publish(publisher, "written/a", "m2", qos1(2));
        world.publish(publisher, "held/a", "m3", qos1(3));
        world.write_log();
        assert_eq!(world.take(publisher), NONE, "the first is not synced");
        world.make_durable();
        assert_eq!(world.take(publisher), pubacks(&[1, 2, 3]));
        world.durable = false;
        world.publish(publisher, "written/a", "m4", qos1(4));
        world.publish(publisher, "a", "m5", qos1(5));
        world.publish(publisher, "written/a", "m6", qos1(6));
        world.write_log();
        assert_eq!(world.take(publisher), pubacks(&[4]));
        world.make_durable();
        assert_eq!(world.take(publisher), pubacks(&[5, 6]));
    }

    #[test]
    fn message_that_is_not_recorded_is_sent_again_over_the_next_connection() {
        let mut world = world();
        let client = world.connect("client", lasting);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        world.publish(publisher, "held/a", "m1", qos1(1));
        assert_eq!(world.stored(), 0);
        assert_eq!(publishes(&world.take(client)).len(), 1);
        world.cut(client);
        let (client, got) = world.connect_raw("client", lasting);
        let again = publishes(&got);
        assert!(again.len() == 1 && again[0].dup && again[0].payload == "m1", "{got:?}");
        world.acknowledge(client, got);
        world.cut(client);
        let (_, got) = world.connect_raw("client", lasting);
        assert_eq!(publishes(&got).len(), 0);
    }

    #[test]
    fn message_that_comes_once_is_recorded_because_its_identifier_must_be_remembered() {
        let mut world = world();
        let client = world.connect("client", lasting);
        world.subscribe(client, "#", QoS::ExactlyOnce);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "held/a", "m1", qos2(1));
        assert_eq!(world.stored(), 1);
        assert_eq!((world.take(client), world.take(publisher)), (vec![], vec![]));
        world.make_durable();
        assert_eq!(world.take(publisher), [Got::PubRec(1, ReasonCode::Success)]);
        assert_eq!(world.payloads(client), ["m1"]);
    }

    #[test]
    fn answer_that_is_repeated_waits_for_the_level_of_the_message() {
        let limits = Limits { durability: Durability::Process, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        sleeper(&mut world);
        let publisher = world.connect("publisher", lasting);
        world.durable = false;
        world.publish(publisher, "held/stored", "m1", qos2(1));
        world.cut(publisher);
        let publisher = world.connect("publisher", lasting);
        world.publish_again(publisher, "held/stored", "m1", qos2(1), false);
        world.write_log();
        assert_eq!(world.take(publisher), NONE, "the message is not synced");
        world.make_durable();
        assert_eq!(world.take(publisher), [Got::PubRec(1, ReasonCode::Success)]);
    }

    #[test]
    fn retained_message_is_as_durable_as_its_topic() {
        let mut world = world();
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish_with(publisher, "held/a", "m1", qos1(1), true, &[]);
        assert_eq!(publishes_of(&world.take_recorded()), 0);
        world.publish_with(publisher, "written/a", "m2", qos1(2), true, &[]);
        assert_eq!(publishes_of(&world.take_recorded()), 1);
        let reason = ReasonCode::NoMatchingSubscribers;
        assert_eq!(world.take(publisher), [Got::PubAck(1, reason)]);
        world.write_log();
        assert_eq!(world.take(publisher), [Got::PubAck(2, reason)]);
        world.durable = true;
        let client = world.connect("client", |_| {});
        world.subscribe(client, "+/a", QoS::AtLeastOnce);
        world.pass(Duration::ZERO);
        assert_eq!(world.directory.retained_count(), 2);
    }

    #[test]
    fn only_what_an_answer_waits_for_is_synced() {
        let mut world = world();
        let client = world.connect("client", lasting);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        world.take_syncs();
        world.publish(publisher, "a", "m1", qos1(1));
        assert_eq!(world.take_syncs(), 1);
        world.publish(publisher, "written/a", "m2", qos1(2));
        world.publish(publisher, "held/a", "m3", qos1(3));
        world.publish_with(publisher, "b", "m4", Delivery::AtMostOnce, true, &[]);
        assert_eq!(world.payloads(client), ["m1", "m2", "m3", "m4"]);
        assert_eq!(world.stored(), 0, "they are settled");
        world.cut(client);
        assert_eq!(world.take_syncs(), 0);
    }

    #[test]
    fn session_whose_expiry_changes_is_told_so_when_that_is_durable() {
        let mut world = world();
        let client = world.connect("client", lasting);
        world.cut(client);
        world.durable = false;
        let (client, got) = world.connect_raw("client", lasting);
        assert_eq!(got.len(), 1, "nothing has changed");
        world.cut(client);
        let (client, got) = world.connect_raw("client", |with| {
            with.expiry(7200);
        });
        assert_eq!(got, NONE);
        world.make_durable();
        assert_eq!(world.take(client).len(), 1);
    }

    #[test]
    fn client_without_a_session_is_told_so_when_its_last_one_has_durably_ended() {
        let mut world = world();
        let client = world.connect("client", lasting_and_old);
        world.cut(client);
        world.durable = false;
        // It leaves before it is told that its session was discarded.
        let (client, got) = world.connect_raw("client", old);
        assert_eq!(got, NONE);
        world.cut(client);
        let (client, got) = world.connect_raw("client", old);
        assert_eq!(got, NONE, "a crash now would bring the session back");
        world.make_durable();
        assert_eq!(world.take(client).len(), 1);
    }

    #[test]
    fn messages_in_memory_and_in_the_store_leave_the_line_one_by_one() {
        let mut world = world();
        let client = world.connect("client", lasting);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        for (number, topic) in (1..).zip(["held/a", "a", "a", "held/a", "a"]) {
            world.publish(publisher, topic, &format!("m{number}"), qos1(number));
        }
        assert_eq!(publishes(&world.take(client)).len(), 5);
        world.cut(client);
        let (client, got) = world.connect_raw("client", |with| {
            lasting(with);
            with.property(Property::ReceiveMaximum(NonZeroU16::MIN));
        });
        assert_eq!(publishes(&got).len(), 1);
        // It has had the second one before.
        world.ack(client, Packet::PubAck, 2);
        assert_eq!(world.acknowledge(client, got), ["m1", "m3", "m4", "m5"]);
        assert_eq!(world.stored(), 0);
    }

    fn publishes_of(records: &[Record]) -> usize {
        records.iter().filter(|record| matches!(record, Record::Retained { .. })).count()
    }
}

mod no_space {
    use super::*;

    #[test]
    fn message_for_a_persistent_session_is_refused_and_reaches_nobody() {
        let mut world = world();
        sleeper(&mut world);
        let listener = world.connect("listener", |_| {});
        world.subscribe(listener, "#", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m1", qos1(1));
        world.publish(publisher, "a", "m2", qos2(2));
        let full = ReasonCode::QuotaExceeded;
        assert_eq!(world.take(publisher), [Got::PubAck(1, full), Got::PubRec(2, full)]);
        assert_eq!(world.take(listener), NONE);
        assert_eq!(world.directory.metrics().no_space_refused(), 2);
        world.set_log(LogState::Ready);
        world.publish(publisher, "a", "m3", qos1(1));
        world.publish(publisher, "a", "m4", qos2(2));
        assert_eq!(wake(&mut world), ["m3", "m4"]);
        assert_eq!(world.payloads(listener), ["m3", "m4"]);
    }

    #[test]
    fn publisher_that_cannot_be_told_is_held_back() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", |with| {
            old(with);
            with.keep_alive = 10;
        });
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m1", qos1(1));
        world.publish(publisher, "a", "m2", qos2(2));
        world.publish(publisher, "a", "m3", Delivery::AtMostOnce);
        world.pass(Duration::from_mins(1));
        assert!(!world.is_closed(publisher), "its keep alive stands still");
        assert_eq!(world.take(publisher), NONE);
        world.set_log(LogState::Full);
        assert_eq!(world.take(publisher), NONE);
        world.set_log(LogState::Ready);
        let answers = [pubacks(&[1]), vec![Got::PubRec(2, ReasonCode::Success)]].concat();
        assert_eq!(world.take(publisher), answers);
        assert_eq!(wake(&mut world), ["m1", "m2"]);
    }

    #[test]
    fn publisher_that_leaves_while_it_is_held_back_leaves_nothing_behind() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", old);
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m1", qos1(1));
        world.cut(publisher);
        world.set_log(LogState::Ready);
        assert_eq!((wake(&mut world), world.connections()), (vec![], 1));
    }

    #[test]
    fn what_needs_no_record_goes_on() {
        let mut world = world();
        let listener = world.connect("listener", |_| {});
        world.subscribe(listener, "#", QoS::ExactlyOnce);
        let member = world.connect("member", lasting);
        world.subscribe(member, "$share/group/other", QoS::AtLeastOnce);
        let publisher = world.connect("publisher", |_| {});
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m1", Delivery::AtMostOnce);
        world.publish(publisher, "a", "m2", qos1(2));
        world.publish(publisher, "a", "m3", qos2(3));
        world.publish_with(publisher, "held/a", "m4", qos1(4), true, &[]);
        world.publish(publisher, "other", "m5", Delivery::AtMostOnce);
        let reason = ReasonCode::Success;
        let answers = [Got::PubAck(2, reason), Got::PubRec(3, reason), Got::PubAck(4, reason)];
        assert_eq!(world.take(publisher), answers);
        assert_eq!(world.payloads(listener), ["m1", "m2", "m3", "m4", "m5"]);
        assert_eq!(world.payloads(member), ["m5"]);
        world.publish(publisher, "other", "m6", qos1(5));
        assert_eq!(world.take(publisher), [Got::PubAck(5, ReasonCode::QuotaExceeded)]);
    }

    #[test]
    fn publisher_whose_identifiers_are_persistent_is_refused() {
        let mut world = world();
        let publisher = world.connect("publisher", lasting);
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m1", qos2(1));
        assert_eq!(world.take(publisher), [Got::PubRec(1, ReasonCode::QuotaExceeded)]);
        world.set_log(LogState::Ready);
        world.publish(publisher, "a", "m1", qos2(1));
        assert_eq!(world.take(publisher), [Got::PubRec(1, ReasonCode::NoMatchingSubscribers)]);
    }

    #[test]
    fn retained_message_is_refused_unless_nobody_waits_for_it() {
        let mut world = world();
        let publisher = world.connect("publisher", |_| {});
        world.set_log(LogState::NoSpace);
        world.take_recorded();
        world.publish_with(publisher, "a", "m1", qos1(1), true, &[]);
        assert_eq!(world.take(publisher), [Got::PubAck(1, ReasonCode::QuotaExceeded)]);
        assert_eq!(world.directory.retained_count(), 0);
        for payload in ["m2", "m3"] {
            world.publish_with(publisher, "b", payload, Delivery::AtMostOnce, true, &[]);
        }
        world.publish_with(publisher, "c", "m4", Delivery::AtMostOnce, true, &[]);
        world.publish_with(publisher, "c", "", Delivery::AtMostOnce, true, &[]);
        assert_eq!(world.directory.retained_count(), 1);
        assert_eq!(world.take_recorded(), [], "the log's buffer stays small");
        world.set_log(LogState::Ready);
        let recorded = world.take_recorded();
        let payloads: Vec<Option<&[u8]>> = recorded
            .iter()
            .map(|record| match record {
                Record::Retained { message, .. } => {
                    message.as_ref().map(|message| message.publication().payload)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(payloads, [Some(&b"m3"[..]), None], "the last change of each topic");
    }

    #[test]
    fn changes_beyond_the_limit_are_recorded_at_once() {
        let limits = Limits { unwritten_retained: 1, ..limits() };
        let mut world = World::with(1, limits, || Box::new(AllowAll));
        let publisher = world.connect("publisher", |_| {});
        world.take_recorded();
        world.set_log(LogState::NoSpace);
        for topic in ["a", "a", "b", "b"] {
            world.publish_with(publisher, topic, "m", Delivery::AtMostOnce, true, &[]);
        }
        assert_eq!(world.take_recorded().len(), 2);
    }

    #[test]
    fn session_that_would_be_created_changed_or_discarded_is_refused() {
        let mut world = world();
        let client = world.connect("known", lasting);
        world.subscribe(client, "#", QoS::AtLeastOnce);
        world.set_log(LogState::NoSpace);
        let refused = |reason| [Got::ConnAck { session_present: false, reason }];
        let full = refused(ReasonCode::QuotaExceeded);
        assert_eq!(world.connect_raw("new", lasting).1, full);
        let unavailable = refused(ReasonCode::ServerUnavailable);
        assert_eq!(world.connect_raw("new", lasting_and_old).1, unavailable, "0x03");
        assert_eq!(world.connect_raw("known", |_| {}).1, full);
        assert!(!world.is_closed(client), "its connection is not taken over");
        world.connect("transient", |_| {});
        let (client, got) = world.connect_raw("known", lasting);
        let reason = ReasonCode::Success;
        assert_eq!(got, [Got::ConnAck { session_present: true, reason }]);
        assert_eq!(world.payloads(client), [""; 0]);
        world.set_log(LogState::Ready);
        world.connect("new", lasting);
    }

    #[test]
    fn subscription_of_a_persistent_session_is_refused() {
        let mut world = world();
        let clients =
            [world.connect("client", lasting), world.connect("older client", lasting_and_old)];
        let transient = world.connect("transient", |_| {});
        let publisher = world.connect("publisher", |_| {});
        world.set_log(LogState::NoSpace);
        let reasons = [ReasonCode::QuotaExceeded, ReasonCode::UnspecifiedError];
        for (client, reason) in clients.into_iter().zip(reasons) {
            assert_eq!(world.subscribe(client, "#", QoS::AtLeastOnce), [Got::SubAck(vec![reason])]);
        }
        let granted = [Got::SubAck(vec![ReasonCode::GrantedQoS1])];
        assert_eq!(world.subscribe(transient, "#", QoS::AtLeastOnce), granted);
        world.publish(publisher, "a", "m1", Delivery::AtMostOnce);
        assert_eq!(world.take(clients[0]), NONE);
        world.set_log(LogState::Ready);
        assert_eq!(world.subscribe(clients[0], "#", QoS::AtLeastOnce), granted);
    }

    #[test]
    fn refusal_does_not_overtake_an_acknowledgement_that_waits() {
        let mut world = world();
        sleeper(&mut world);
        let publisher = world.connect("publisher", |_| {});
        world.durable = false;
        world.publish(publisher, "a", "m1", qos1(1));
        world.set_log(LogState::NoSpace);
        world.publish(publisher, "a", "m2", qos1(2));
        assert_eq!(world.take(publisher), NONE, "nothing was promised");
        world.set_log(LogState::Ready);
        world.make_durable();
        let answers = [pubacks(&[1]), vec![Got::PubAck(2, ReasonCode::QuotaExceeded)]].concat();
        assert_eq!(world.take(publisher), answers);
        assert_eq!(wake(&mut world), ["m1"]);
    }

    #[test]
    fn nothing_is_refused_where_nothing_is_promised() {
        let limits = Limits { durability: Durability::None, ..limits() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        world.durable = false;
        sleeper(&mut world);
        let publisher = world.connect("publisher", lasting_and_old);
        world.set_log(LogState::NoSpace);
        world.publish_with(publisher, "a", "m1", qos1(1), true, &[]);
        world.publish(publisher, "a", "m2", qos2(2));
        let answers = [pubacks(&[1]), vec![Got::PubRec(2, ReasonCode::Success)]].concat();
        assert_eq!(world.take(publisher), answers);
        assert_eq!((wake(&mut world).len(), world.take_syncs()), (2, 0));
    }
}

fn assert_silent(world: &mut World, client: Client) {
    assert_eq!(world.take(client), NONE);
}

#[test]
fn log_that_has_failed_acknowledges_nothing() {
    let mut world = world();
    sleeper(&mut world);
    let publisher = world.connect("publisher", |_| {});
    world.durable = false;
    world.publish(publisher, "a", "m1", qos1(1));
    world.set_log(LogState::Failed);
    world.publish(publisher, "a", "m2", qos1(2));
    assert_silent(&mut world, publisher);
    world.shut_down();
    assert_eq!(world.take(publisher), [Got::Disconnect(ReasonCode::ServerShuttingDown)]);
}

mod sys {
    use super::*;

    fn said(world: &mut World, client: Client) -> Vec<(String, String)> {
        world.pass(Duration::from_secs(11));
        topics(&world.take(client))
    }

    fn topics(got: &[Got]) -> Vec<(String, String)> {
        publishes(got).into_iter().map(|got| (got.topic.clone(), got.payload.clone())).collect()
    }

    #[test]
    fn store_says_how_it_is_and_what_to_do() {
        let limits = Limits { durability: Durability::Process, ..Limits::default() };
        let mut world = World::with(SHARDS, limits, || Box::new(AllowAll));
        let client = world.connect("client", |_| {});
        let got = world.subscribe(client, "$SYS/ferrymq/store/#", QoS::AtMostOnce);
        let memory = [("$SYS/ferrymq/store/durability".to_owned(), "none".to_owned())];
        assert_eq!(topics(&got), memory, "there is no log");
        let store = world.directory.metrics().store();
        store.set_condition(StoreCondition::NoSpace);
        store.commit_p99_us.set(1_250);
        let said_then = said(&mut world, client);
        for (topic, value) in [
            ("durability", "process"),
            ("state", "no space"),
            ("advice", StoreCondition::NoSpace.advice()),
            ("commit/p99", "1250"),
            ("records/unsynced", "0"),
        ] {
            let topic = format!("$SYS/ferrymq/store/{topic}");
            assert!(said_then.contains(&(topic, value.to_owned())), "{value}: {said_then:?}");
        }
        world.directory.metrics().store().set_condition(StoreCondition::Ready);
        let said_now = said(&mut world, client);
        assert_eq!(said_now.len(), 2, "what has changed: {said_now:?}");
        assert!(said_now.contains(&("$SYS/ferrymq/store/advice".to_owned(), String::new())));
    }
}
