//! What is remembered of who may receive the messages of a topic, and when it is asked anew.

#![expect(clippy::unnecessary_wraps, reason = "rules are functions that may leave a question open")]

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_broker::{Asker, Question, Verdict};
use ferrymq_codec::{QoS, ReasonCode};
use world::access::Judge;
use world::{Client, Connecting, World, qos1};

const DENIED: Verdict = Verdict::Deny(ReasonCode::NotAuthorized);
const NONE: [&str; 0] = [];

/// Guests may not receive anything.
fn guests_hear_nothing(asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    let is_guest = asker.username == Some("guest");
    Some(match question {
        Question::Receive { .. } if is_guest => DENIED,
        _ => Verdict::YES,
    })
}

fn lasting(username: &'static str) -> impl Fn(&mut Connecting) {
    move |with| {
        with.username = Some(username);
        with.clean_start = false;
        with.expiry(3600);
    }
}

fn publish(world: &mut World, publisher: Client, payload: &str) {
    world.publish(publisher, "t", payload, qos1(1));
    world.take(publisher);
}

#[test]
fn whoever_comes_back_to_a_session_is_asked_about_anew() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        world.set_access(|| Judge::new(guests_hear_nothing));
        let publisher = world.connect("publisher", |_| {});
        let receiver = world.connect("receiver", lasting("owner"));
        world.subscribe(receiver, "#", QoS::AtMostOnce);
        for _ in 0..2 {
            publish(&mut world, publisher, "for the owner");
            assert_eq!(world.payloads(receiver), ["for the owner"]);
        }
        world.cut(receiver);
        let receiver = world.connect_again("receiver", lasting("guest"));
        for _ in 0..2 {
            publish(&mut world, publisher, "not for guests");
            assert_eq!(world.payloads(receiver), NONE, "{shards}");
        }
        world.cut(receiver);
        let receiver = world.connect_again("receiver", lasting("owner"));
        publish(&mut world, publisher, "for the owner again");
        assert_eq!(world.payloads(receiver), ["for the owner again"]);
        assert_eq!(world.directory.metrics().access_withheld(), 2);
    }
}

#[test]
fn session_whose_client_is_away_is_not_asked_about_with_each_message() {
    let mut world = World::new(1);
    let asked = Arc::new(AtomicUsize::new(0));
    world.set_access(|| Judge { asked: Arc::clone(&asked), ..Judge::new(guests_hear_nothing) });
    let publisher = world.connect("publisher", |_| {});
    for (client_id, username) in [("a", "owner"), ("b", "guest")] {
        let receiver = world.connect(client_id, lasting(username));
        world.subscribe(receiver, "#", QoS::AtLeastOnce);
        world.cut(receiver);
    }
    // The first message makes the route that verdicts are remembered for.
    for _ in 0..2 {
        publish(&mut world, publisher, "for the owner");
    }
    asked.store(0, Ordering::Relaxed);
    for _ in 0..3 {
        publish(&mut world, publisher, "for the owner");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let owner = world.connect_again("a", lasting("owner"));
    assert_eq!(world.payloads(owner).len(), 5);
    let guest = world.connect_again("b", lasting("guest"));
    assert_eq!(world.payloads(guest), NONE);
}

static TURN: AtomicUsize = AtomicUsize::new(0);

/// Says yes and no in turn.
fn undecided(_: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
    let is_no = matches!(question, Question::Receive { .. })
        && TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
    Some(if is_no { DENIED } else { Verdict::YES })
}

#[test]
fn message_is_judged_once_and_so_owed_and_sent_or_neither() {
    let mut world = World::new(1);
    world.set_access(|| Judge { lasts: false, ..Judge::new(undecided) });
    let publisher = world.connect("publisher", |_| {});
    let receiver = world.connect("receiver", lasting("owner"));
    world.subscribe(receiver, "#", QoS::AtLeastOnce);
    for _ in 0..3 {
        publish(&mut world, publisher, "denied");
        assert_eq!(world.payloads(receiver), NONE);
        assert_eq!(world.stored(), 0);
        publish(&mut world, publisher, "allowed");
        assert_eq!(world.stored(), 1);
        assert_eq!(world.payloads(receiver), ["allowed"]);
        assert_eq!(world.stored(), 0);
    }
}
