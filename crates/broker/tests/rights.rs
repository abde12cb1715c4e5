//! Who may do what: each verb, allowed and denied, in each version and quality of service; and what
//! happens to those whose rights change.

#![expect(clippy::unnecessary_wraps, reason = "rules are functions that may leave a question open")]

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrymq_broker::{
    Admission, Asker, Limits, ListenerProfile, Principal, Question, Verdict, WillCheck,
};
use ferrymq_codec::{Delivery, Packet, Property, QoS, ReasonCode, Version};
use ferrymq_protocol::time::Instant;
use world::access::Judge;
use world::{Client, Connecting, Got, World, qos1, qos2};

const DENIED: Verdict = Verdict::Deny(ReasonCode::NotAuthorized);
const NONE: [&str; 0] = [];
const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Nobody may do with a topic what its first level says.
fn rules(_: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    Some(match question {
        Question::Publish { topic, .. } if topic.starts_with("unpublished/") => DENIED,
        Question::Receive { topic } if topic.starts_with("unreceived/") => DENIED,
        Question::Subscribe { filter, .. } if filter.starts_with("unsubscribed/") => DENIED,
        Question::Unsubscribe { filter } if filter.starts_with("kept/") => DENIED,
        _ => Verdict::YES,
    })
}

/// The same, once more is denied.
fn stricter_rules(asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    match question {
        Question::Publish { topic, .. } | Question::Receive { topic } if *topic == "lost" => {
            Some(DENIED)
        }
        _ => rules(asker, question),
    }
}

fn judged(
    shards: u16,
    decide: fn(&Asker<'_>, &Question<'_>) -> Option<Verdict>,
) -> (World, Arc<AtomicUsize>) {
    let mut world = World::new(shards);
    let asked = Arc::new(AtomicUsize::new(0));
    world.set_access(|| Judge { asked: Arc::clone(&asked), ..Judge::new(decide) });
    (world, asked)
}

/// A world for each number of shards, with a version and a quality of service.
fn each_world(check: impl Fn(&mut World, Version, QoS)) {
    for shards in [1, 3] {
        for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
            for qos in QOS {
                check(&mut judged(shards, rules).0, version, qos);
            }
        }
    }
}

fn speaking(version: Version) -> impl Fn(&mut Connecting) {
    move |with| with.version = version
}

fn lasting(version: Version) -> impl Fn(&mut Connecting) {
    move |with| {
        with.version = version;
        with.clean_start = false;
        if version == Version::V5 {
            with.expiry(3600);
        }
    }
}

fn delivery(qos: QoS) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => qos1(1),
        QoS::ExactlyOnce => qos2(1),
    }
}

/// Publishes and completes the exchange.
fn publish(world: &mut World, client: Client, topic: &str, payload: &str, qos: QoS) -> Vec<Got> {
    world.publish(client, topic, payload, delivery(qos));
    let got = world.take(client);
    if got == [Got::PubRec(1, ReasonCode::Success)] {
        world.ack(client, Packet::PubRel, 1);
        world.take(client);
    }
    got
}

#[test]
fn message_that_its_publisher_may_not_publish_reaches_nobody() {
    each_world(|world, version, qos| {
        let receiver = world.connect("receiver", |_| {});
        world.subscribe(receiver, "#", QoS::ExactlyOnce);
        let publisher = world.connect("publisher", speaking(version));
        // Twice, because a verdict may be remembered.
        for _ in 0..2 {
            let got = publish(world, publisher, "unpublished/a", "no", qos);
            let reason = match version {
                Version::V5 => ReasonCode::NotAuthorized,
                _ => ReasonCode::Success,
            };
            let expected = match qos {
                QoS::AtMostOnce => vec![],
                QoS::AtLeastOnce => vec![Got::PubAck(1, reason)],
                QoS::ExactlyOnce => vec![Got::PubRec(1, reason)],
            };
            assert_eq!(got, expected);
            world.publish_with(publisher, "unpublished/a", "no", delivery(qos), true, &[]);
            world.take(publisher);
            publish(world, publisher, "free/a", "yes", qos);
            assert_eq!(world.payloads(receiver), ["yes"]);
        }
        assert_eq!(world.directory.retained_count(), 0);
        assert_eq!(world.directory.metrics().access_denied(), 4);
    });
}

#[test]
fn message_that_its_receiver_may_not_have_is_not_sent_to_it() {
    each_world(|world, version, qos| {
        let receiver = world.connect("receiver", speaking(version));
        let other = world.connect("other", |_| {});
        world.subscribe(receiver, "#", qos);
        world.subscribe(other, "free/#", qos);
        let publisher = world.connect("publisher", |_| {});
        for _ in 0..2 {
            let got = publish(world, publisher, "unreceived/a", "no", qos);
            assert!(got.iter().all(|got| !matches!(got, Got::Disconnect(_))));
            publish(world, publisher, "free/a", "yes", qos);
            assert_eq!(world.payloads(receiver), ["yes"], "{version:?} {qos:?}");
            assert_eq!(world.payloads(other), ["yes"]);
        }
        assert_eq!(world.directory.metrics().access_withheld(), 2);
    });
}

#[test]
fn what_a_session_may_not_have_does_not_wait_in_it() {
    each_world(|world, version, qos| {
        let receiver = world.connect("receiver", lasting(version));
        world.subscribe(receiver, "#", qos);
        world.cut(receiver);
        let publisher = world.connect("publisher", |_| {});
        publish(world, publisher, "unreceived/a", "no", qos);
        publish(world, publisher, "free/a", "yes", qos);
        let receiver = world.connect_again("receiver", lasting(version));
        let expected = if qos == QoS::AtMostOnce { vec![] } else { vec!["yes"] };
        assert_eq!(world.payloads(receiver), expected, "{version:?} {qos:?}");
        assert_eq!(world.directory.metrics().messages_queued(), 0);
        assert_eq!(world.stored(), 0, "nobody is owed anything");
    });
}

#[test]
fn retained_message_that_a_new_subscriber_may_not_have_is_not_sent_to_it() {
    each_world(|world, version, qos| {
        let publisher = world.connect("publisher", |_| {});
        for topic in ["unreceived/a", "free/a"] {
            world.publish_with(publisher, topic, topic, delivery(QoS::AtMostOnce), true, &[]);
        }
        let receiver = world.connect("receiver", lasting(version));
        let got = world.subscribe(receiver, "#", qos);
        assert_eq!(world.acknowledge(receiver, got), ["free/a"]);
        assert_eq!(world.stored(), 0);
    });
}

#[test]
fn subscription_and_its_end_may_be_denied() {
    each_world(|world, version, qos| {
        let client = world.connect("client", speaking(version));
        let got = world.subscribe(client, "unsubscribed/a", qos);
        if version == Version::V5 {
            assert_eq!(got, [Got::SubAck(vec![ReasonCode::NotAuthorized])]);
        }
        world.subscribe(client, "kept/a", qos);
        world.subscribe(client, "free/a", qos);
        assert_eq!(world.directory.subscription_counts(), (2, 0));
        world.unsubscribe(client, "free/a");
        world.take(client);
        world.unsubscribe(client, "kept/a");
        let got = world.take(client);
        if version == Version::V5 {
            assert_eq!(got, [Got::UnsubAck(vec![ReasonCode::NotAuthorized])]);
        }
        assert_eq!(world.directory.subscription_counts(), (1, 0));
    });
}

#[test]
fn client_that_may_not_publish_its_will_is_refused() {
    each_world(|world, version, _| {
        let (_, got) = world.connect_raw("client", |with| {
            with.version = version;
            with.will = Some(("unpublished/a", "gone"));
        });
        let reason = ReasonCode::NotAuthorized;
        assert_eq!(got, [Got::ConnAck { session_present: false, reason }]);
        assert_eq!(world.directory.metrics().sessions(), 0);
    });
}

#[test]
fn will_that_its_client_may_not_publish_is_dropped_where_nobody_asked_before() {
    each_world(|world, version, _| {
        world.profile = Arc::new(ListenerProfile {
            will_check: WillCheck::AtPublication,
            ..ListenerProfile::default()
        });
        let receiver = world.connect("receiver", |_| {});
        world.subscribe(receiver, "#", QoS::AtLeastOnce);
        for (topic, expected) in [("unpublished/a", None), ("free/a", Some("gone"))] {
            let client = world.connect("client", |with| {
                with.version = version;
                with.will = Some((topic, "gone"));
            });
            world.cut(client);
            assert_eq!(world.payloads(receiver), expected.into_iter().collect::<Vec<_>>());
        }
        assert_eq!(world.directory.metrics().access_withheld(), 1);
    });
}

#[test]
fn will_of_a_client_that_has_lost_the_right_is_not_published() {
    for delay in [0, 10] {
        let (mut world, _) = judged(3, rules);
        let receiver = world.connect("receiver", |_| {});
        world.subscribe(receiver, "#", QoS::AtLeastOnce);
        let client = world.connect("client", |with| {
            with.will = Some(("lost", "gone"));
            with.will_delay = delay;
            with.expiry(100);
        });
        world.set_access(|| Judge::new(stricter_rules));
        world.cut(client);
        world.pass(Duration::from_secs(20));
        assert_eq!(world.payloads(receiver), NONE);
    }
}

#[test]
fn will_that_may_not_be_published_is_not_published_after_a_crash_either() {
    let mut world = World::new(1);
    world.profile = Arc::new(ListenerProfile {
        will_check: WillCheck::AtPublication,
        ..ListenerProfile::default()
    });
    world.set_access(|| Judge::new(rules));
    let receiver = world.connect("receiver", lasting(Version::V5));
    world.subscribe(receiver, "#", QoS::AtLeastOnce);
    for (client_id, topic) in [("one", "unpublished/a"), ("two", "free/a")] {
        world.connect(client_id, |with| with.will = Some((topic, "gone")));
    }
    world.crash(1, 0);
    let receiver = world.connect_again("receiver", lasting(Version::V5));
    assert_eq!(world.payloads(receiver), ["gone"]);
}

#[test]
fn what_waits_is_not_sent_to_a_client_that_has_lost_the_right() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for durable in [false, true] {
            let (mut world, _) = judged(1, rules);
            let with = |with: &mut Connecting| {
                with.property(Property::ReceiveMaximum(1.try_into().unwrap()));
                if durable {
                    with.expiry(3600);
                }
            };
            let receiver = world.connect("receiver", with);
            world.subscribe(receiver, "#", qos);
            let publisher = world.connect("publisher", |_| {});
            for topic in ["first", "lost", "free"] {
                publish(&mut world, publisher, topic, topic, qos);
            }
            let got = world.take(receiver);
            assert!(matches!(&got[..], [Got::Publish(first)] if first.payload == "first"));
            world.set_access(|| Judge::new(stricter_rules));
            assert_eq!(world.acknowledge(receiver, got), ["first", "free"]);
            assert_eq!(world.stored(), 0);
        }
    }
}

#[test]
fn what_was_sent_is_not_sent_again_to_a_client_that_has_lost_the_right() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let (mut world, _) = judged(1, rules);
        let receiver = world.connect("receiver", lasting(Version::V5));
        world.subscribe(receiver, "#", qos);
        let publisher = world.connect("publisher", |_| {});
        for topic in ["lost", "free"] {
            publish(&mut world, publisher, topic, topic, qos);
        }
        let sent = world.take(receiver);
        let [Got::Publish(lost), Got::Publish(_)] = &sent[..] else { panic!("{sent:?}") };
        let packet_id = lost.packet_id.unwrap();
        world.cut(receiver);
        world.set_access(|| Judge::new(stricter_rules));
        let receiver = world.connect_again("receiver", lasting(Version::V5));
        let got = world.take(receiver);
        // The client remembers the packet identifier of a QoS 2 message until PUBREL.
        let is_released = got.contains(&Got::PubRel(packet_id, ReasonCode::Success));
        assert_eq!(is_released, qos == QoS::ExactlyOnce);
        assert_eq!(world.acknowledge(receiver, got), ["free"]);
        assert_eq!(world.stored(), 0);
    }
}

#[test]
fn message_whose_record_is_on_its_way_is_not_sent_to_a_client_that_has_lost_the_right() {
    let (mut world, _) = judged(1, rules);
    let receiver = world.connect("receiver", lasting(Version::V5));
    world.subscribe(receiver, "#", QoS::ExactlyOnce);
    let publisher = world.connect("publisher", |_| {});
    world.durable = false;
    for topic in ["lost", "other"] {
        world.publish(publisher, topic, topic, qos2(u16::try_from(topic.len()).unwrap()));
    }
    assert_eq!(world.take(receiver), []);
    world.set_access(|| Judge::new(stricter_rules));
    world.make_durable();
    assert_eq!(world.payloads(receiver), ["other"]);
}

#[test]
fn client_that_may_not_stay_is_told_so_and_the_others_stay() {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        let (mut world, _) = judged(3, rules);
        let [good, bad] = ["good", "bad"].map(|name| {
            world.connect(name, |with| {
                with.version = version;
                with.username = Some(name);
            })
        });
        world.set_access(|| Judge {
            stands: |asker| asker.username != Some("bad"),
            ..Judge::new(rules)
        });
        let told = match version {
            Version::V5 => vec![Got::Disconnect(ReasonCode::NotAuthorized)],
            _ => vec![],
        };
        assert_eq!(world.take(bad), told);
        assert!(world.is_closed(bad));
        assert!(!world.is_closed(good));
    }
}

#[test]
fn client_whose_answer_was_found_by_old_rules_is_asked_about_again() {
    let mut world = World::new(1);
    world.set_access(|| Judge::new(|_, _| None));
    let client = world.open(0, Version::V5);
    world.send_connect(client, "client", &Connecting::default());
    let ask = world.asks.remove(0);
    world.set_access(|| Judge { stands: |_| false, ..Judge::new(|_, _| None) });
    world.answer(&ask, Verdict::YES);
    assert_eq!(world.take(client), []);
    let again = world.asks.remove(0);
    world.answer(&again, Verdict::YES);
    let refused = Got::ConnAck { session_present: false, reason: ReasonCode::NotAuthorized };
    assert_eq!(world.take(client), [refused]);
}

#[test]
fn question_that_is_open_when_the_rules_change_is_asked_again() {
    let mut world = World::new(1);
    world.set_access(|| {
        Judge::new(|_, question| {
            (!matches!(question, Question::Publish { .. })).then_some(Verdict::YES)
        })
    });
    let client = world.connect("client", |_| {});
    world.publish(client, "lost", "x", qos1(1));
    let ask = world.asks.remove(0);
    world.set_access(|| Judge::new(stricter_rules));
    assert_eq!(world.take(client), [Got::PubAck(1, ReasonCode::NotAuthorized)]);
    world.answer(&ask, Verdict::YES);
    assert_eq!(world.take(client), []);
}

fn expiring(asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    let principal = Principal {
        username: Some(Box::from("token")),
        expires: Some(Instant::from_nanos(60_000_000_000)),
        ..Principal::default()
    };
    let admission = Admission { principal: Some(Arc::new(principal)), ..Admission::default() };
    Some(match question {
        Question::Connect { .. } => Verdict::Allow(admission),
        _ if asker.principal.and_then(|it| it.username.as_deref()) == Some("token") => Verdict::YES,
        _ => DENIED,
    })
}

#[test]
fn client_is_who_it_was_let_in_as_until_that_expires() {
    for (version, keep_alive) in
        [(Version::V3_1, 0), (Version::V3_1_1, 10), (Version::V5, 0), (Version::V5, u16::MAX)]
    {
        let (mut world, _) = judged(1, expiring);
        let client = world.connect("client", |with| {
            with.version = version;
            with.keep_alive = keep_alive;
            with.username = Some("whoever");
        });
        world.subscribe(client, "t", QoS::AtMostOnce);
        world.publish(client, "t", "x", Delivery::AtMostOnce);
        assert_eq!(world.payloads(client), ["x"]);
        for _ in 0..11 {
            world.pass(Duration::from_secs(5));
            world.send(client, &Packet::PingReq);
        }
        assert!(!world.is_closed(client), "{version:?} {keep_alive}");
        world.take(client);
        world.pass(Duration::from_secs(5));
        let told = match version {
            Version::V5 => vec![Got::Disconnect(ReasonCode::NotAuthorized)],
            _ => vec![],
        };
        assert_eq!(world.take(client), told);
        assert!(world.is_closed(client));
    }
}

#[test]
fn name_of_a_durable_session_outlives_the_broker() {
    let mut world = World::new(1);
    let client = world.connect("client", |with| {
        with.expiry(3600);
        with.username = Some("owner");
        with.will = Some(("last/words", "gone"));
        with.will_delay = 10;
    });
    world.cut(client);
    world.crash(2, 0);
    let receiver = world.connect("receiver", |_| {});
    world.subscribe(receiver, "#", QoS::AtMostOnce);
    world.set_access(|| {
        Judge::new(|asker, question| {
            let is_will = matches!(question, Question::Publish { .. });
            Some(if is_will && asker.username != Some("owner") { DENIED } else { Verdict::YES })
        })
    });
    world.pass(Duration::from_secs(20));
    assert_eq!(world.payloads(receiver), ["gone"]);
}

#[test]
fn session_that_was_not_seen_since_the_start_is_asked_about_when_it_is_back() {
    let mut world = World::new(1);
    let receiver = world.connect("receiver", lasting(Version::V5));
    world.subscribe(receiver, "#", QoS::AtLeastOnce);
    world.crash(1, 0);
    world.set_access(|| Judge::new(rules));
    let publisher = world.connect("publisher", |_| {});
    publish(&mut world, publisher, "unreceived/a", "no", QoS::AtLeastOnce);
    publish(&mut world, publisher, "free/a", "yes", QoS::AtLeastOnce);
    assert_eq!(world.directory.metrics().messages_queued(), 2);
    let receiver = world.connect_again("receiver", lasting(Version::V5));
    assert_eq!(world.payloads(receiver), ["yes"]);
    assert_eq!(world.stored(), 0);
}

#[test]
fn verdict_is_asked_for_once_if_it_lasts() {
    for lasts in [true, false] {
        let mut world = World::new(1);
        let asked = Arc::new(AtomicUsize::new(0));
        world.set_access(|| Judge { lasts, asked: Arc::clone(&asked), ..Judge::new(rules) });
        let client = world.connect("client", |_| {});
        world.subscribe(client, "#", QoS::AtMostOnce);
        // The first message makes the route that the verdicts are remembered for.
        let round = |world: &mut World| {
            for topic in ["t", "unpublished/t", "unreceived/t"] {
                world.publish(client, topic, "x", Delivery::AtMostOnce);
            }
            asked.swap(0, Ordering::Relaxed)
        };
        round(&mut world);
        round(&mut world);
        // Nothing is kept of a topic that is denied: its route is never made.
        let expected = if lasts { 1 } else { 5 };
        for _ in 0..3 {
            assert_eq!(round(&mut world), expected);
        }
        world.access_changed(&[]);
        assert_eq!(round(&mut world), 5, "the rules may say something else now");
        assert_eq!(world.payloads(client).len(), 6);
    }
}

#[test]
fn nothing_is_remembered_where_the_limit_says_so() {
    let limits = Limits { verdicts: 0, sys_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::with(1, limits, || Box::new(Judge::new(rules)));
    let client = world.connect("client", |_| {});
    world.subscribe(client, "#", QoS::AtMostOnce);
    for _ in 0..3 {
        for topic in ["t", "unpublished/t", "unreceived/t"] {
            world.publish(client, topic, topic, Delivery::AtMostOnce);
        }
        assert_eq!(world.payloads(client), ["t"]);
    }
}

#[test]
fn verdict_on_one_client_is_not_taken_for_another() {
    let (mut world, _) = judged(1, |asker, question| {
        let denied = matches!(question, Question::Receive { .. } | Question::Publish { .. })
            && asker.client_id.starts_with("bad");
        Some(if denied { DENIED } else { Verdict::YES })
    });
    let clients = ["good-1", "bad-1", "good-2", "bad-2"]
        .map(|client_id| (client_id, world.connect(client_id, |_| {})));
    for (_, client) in clients {
        world.subscribe(client, "#", QoS::AtMostOnce);
    }
    for _ in 0..3 {
        for (client_id, client) in clients {
            world.publish(client, "t", client_id, Delivery::AtMostOnce);
        }
    }
    for (client_id, client) in clients {
        let expected = if client_id.starts_with("bad") { 0 } else { 6 };
        assert_eq!(world.payloads(client).len(), expected, "{client_id}");
    }
}

/// Clients whose names begin with `bad` may receive nothing.
fn only_the_good(asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    let denied = matches!(question, Question::Receive { .. }) && asker.client_id.starts_with("bad");
    Some(if denied { DENIED } else { Verdict::YES })
}

/// Members of a group, whose homes are on all shards.
fn members(world: &mut World, names: &str, count: usize, of: fn(&mut Connecting)) -> Vec<Client> {
    let names = (0..count).map(|number| format!("{names}-{number}"));
    let join = |name: String| {
        let member = world.connect(&name, of);
        world.subscribe(member, "$share/group/#", QoS::ExactlyOnce);
        member
    };
    names.map(join).collect()
}

/// Publishes so many messages, from clients on all shards.
fn publish_everywhere(world: &mut World, count: usize, qos: QoS) -> Vec<String> {
    let publishers: [Client; 6] =
        std::array::from_fn(|number| world.connect(&format!("publisher-{number}"), |_| {}));
    let payloads: Vec<String> = (0..count).map(|number| format!("{number:03}")).collect();
    for (payload, publisher) in payloads.iter().zip(publishers.into_iter().cycle()) {
        publish(world, publisher, "t", payload, qos);
    }
    for publisher in publishers {
        world.cut(publisher);
    }
    payloads
}

const SPEAKING: fn(&mut Connecting) = |_| {};
const LASTING: fn(&mut Connecting) = |with| lasting(Version::V5)(with);

#[test]
fn member_of_a_group_that_may_not_have_a_message_is_passed_over() {
    for (shards, good, qos) in [1, 3]
        .into_iter()
        .flat_map(|shards| [1, 4].map(|good| (shards, good)))
        .flat_map(|(shards, good)| QOS.map(|qos| (shards, good, qos)))
    {
        for (of_good, of_bad) in
            [(SPEAKING, SPEAKING), (SPEAKING, LASTING), (LASTING, SPEAKING), (LASTING, LASTING)]
        {
            let mut world = judged(shards, only_the_good).0;
            let bad = members(&mut world, "bad", 6, of_bad);
            let good = members(&mut world, "good", good, of_good);
            let sent = publish_everywhere(&mut world, 60, qos);
            let mut received: Vec<String> =
                good.iter().flat_map(|member| world.payloads(*member)).collect();
            received.sort_unstable();
            assert_eq!(received, sent, "{shards} shards, {good:?}, {qos:?}");
            for member in bad {
                assert_eq!(world.payloads(member), NONE);
            }
            assert_eq!(world.stored(), 0, "{shards} shards, {good:?}, {qos:?}");
        }
    }
}

#[test]
fn message_that_no_member_of_a_group_may_have_is_not_kept() {
    for qos in QOS {
        let mut world = judged(3, only_the_good).0;
        let mut bad = members(&mut world, "bad", 6, LASTING);
        bad.extend(members(&mut world, "bad-and-clean", 6, SPEAKING));
        publish_everywhere(&mut world, 60, qos);
        for member in bad {
            assert_eq!(world.payloads(member), NONE);
        }
        assert_eq!(world.stored(), 0, "{qos:?}");
    }
}

#[test]
fn message_waits_for_the_member_that_may_have_it_and_outlives_the_broker() {
    for of_bad in [SPEAKING, LASTING] {
        let mut world = judged(3, only_the_good).0;
        members(&mut world, "bad", 6, of_bad);
        let good = members(&mut world, "good", 1, LASTING);
        world.cut(good[0]);
        let sent = publish_everywhere(&mut world, 30, QoS::AtLeastOnce);
        assert_eq!(world.stored(), 30);
        world.crash(3, 0);
        world.set_access(|| Judge::new(only_the_good));
        let good = world.connect_again("good-0", LASTING);
        let mut received = world.payloads(good);
        received.sort_unstable();
        assert_eq!(received, sent);
        assert_eq!(world.stored(), 0);
    }
}
