//! Requests to the broker below `$CONTROL/`: whom they reach, and who is told what came of them.

mod world;

use std::time::Duration;

use ferrymq_broker::ControlRequest;
use ferrymq_codec::{Delivery, Property, QoS, ReasonCode, TopicName, Version};
use world::{Client, Connecting, Got, World, qos1, qos2};

const REQUEST: &str = "$CONTROL/feature/v1";
const RESPONSE: &str = "$CONTROL/feature/v1/response";

fn versions() -> [Version; 3] {
    [Version::V3_1, Version::V3_1_1, Version::V5]
}

fn administrator(world: &mut World, version: Version) -> Client {
    let client = world.connect("administrator", |with| with.version = version);
    world.subscribe(client, "$CONTROL/#", QoS::AtLeastOnce);
    client
}

fn request(world: &mut World) -> ControlRequest {
    assert_eq!(world.controls.len(), 1, "one request is under way");
    world.controls.remove(0)
}

#[test]
fn request_reaches_the_broker_alone_and_its_response_the_sender_alone() {
    for shards in [1, 3] {
        for version in versions() {
            let mut world = World::new(shards);
            let client = administrator(&mut world, version);
            let others: Vec<Client> = (0..4)
                .map(|number| {
                    let other = world.connect(&format!("other-{number}"), |_| {});
                    world.subscribe(other, "$CONTROL/#", QoS::AtLeastOnce);
                    other
                })
                .collect();
            let deliveries = [
                (Delivery::AtMostOnce, None),
                (qos1(1), Some(Got::PubAck(1, ReasonCode::Success))),
                (qos2(2), Some(Got::PubRec(2, ReasonCode::Success))),
            ];
            for (delivery, answer) in deliveries {
                world.publish_with(client, REQUEST, "do", delivery, true, &[]);
                assert_eq!(world.take(client), answer.into_iter().collect::<Vec<_>>());
                let asked = request(&mut world);
                assert_eq!(&*asked.topic, REQUEST);
                assert_eq!(&*asked.payload, b"do");
                assert_eq!(&*asked.client_id, "administrator");
                assert_eq!(asked.qos, delivery.qos());
                world.respond(&asked, Some((RESPONSE, "done")));
                assert_eq!(world.payloads(client), ["done"]);
            }
            assert_eq!(world.directory.retained_count(), 0);
            for other in others {
                assert_eq!(world.take(other), []);
            }
        }
    }
}

#[test]
fn who_has_not_subscribed_is_told_nothing() {
    let mut world = World::new(1);
    let client = world.connect("client", |_| {});
    world.publish(client, REQUEST, "do", qos1(1));
    let asked = request(&mut world);
    world.take(client);
    world.respond(&asked, Some((RESPONSE, "done")));
    assert_eq!(world.take(client), []);
}

#[test]
fn request_says_where_its_sender_wants_the_answer() {
    let mut world = World::new(1);
    let client = world.connect("client", |with| with.username = Some("admin"));
    let wanted = [
        Property::ResponseTopic(TopicName::parse("answers/here").unwrap()),
        Property::CorrelationData(b"17"),
    ];
    world.publish_with(client, REQUEST, "do", qos1(1), false, &wanted);
    let asked = request(&mut world);
    assert_eq!(asked.response_topic.as_deref(), Some("answers/here"));
    assert_eq!(asked.correlation_data.as_deref(), Some(&b"17"[..]));
    assert_eq!(asked.principal.unwrap().username.as_deref(), Some("admin"));
}

#[test]
fn client_is_not_read_from_until_its_request_is_done() {
    let mut world = World::new(1);
    let client = administrator(&mut world, Version::V5);
    world.publish(client, REQUEST, "first", Delivery::AtMostOnce);
    world.publish(client, REQUEST, "second", Delivery::AtMostOnce);
    let first = request(&mut world);
    assert_eq!(&*first.payload, b"first");
    world.respond(&first, None);
    let second = request(&mut world);
    assert_eq!(&*second.payload, b"second");
    world.respond(&first, Some((RESPONSE, "late")));
    assert_eq!(world.take(client), [], "that request was answered");
    world.respond(&second, Some((RESPONSE, "done")));
    assert_eq!(world.payloads(client), ["done"]);
}

#[test]
fn request_that_is_never_answered_holds_its_client_up_for_a_while() {
    let mut world = World::new(1);
    let client = administrator(&mut world, Version::V5);
    world.publish(client, REQUEST, "do", Delivery::AtMostOnce);
    let asked = request(&mut world);
    world.publish(client, "$CONTROL/other", "do", qos1(1));
    assert_eq!(world.take(client), []);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.take(client), [Got::PubAck(1, ReasonCode::Success)]);
    assert_eq!(world.directory.metrics().answers_missed(), 1);
    world.respond(&asked, Some((RESPONSE, "too late")));
    assert_eq!(world.take(client), []);
}

#[test]
fn client_that_has_gone_is_told_nothing() {
    let mut world = World::new(1);
    let client = administrator(&mut world, Version::V5);
    world.publish(client, REQUEST, "do", Delivery::AtMostOnce);
    let asked = request(&mut world);
    world.cut(client);
    let client = administrator(&mut world, Version::V5);
    world.respond(&asked, Some((RESPONSE, "done")));
    assert_eq!(world.take(client), []);
}

#[test]
fn will_is_no_request() {
    let mut world = World::new(1);
    let with_will = |with: &mut Connecting| with.will = Some((REQUEST, "do"));
    let (_, got) = world.connect_raw("client", with_will);
    let refused = Got::ConnAck { session_present: false, reason: ReasonCode::NotAuthorized };
    assert_eq!(got, [refused]);
}
