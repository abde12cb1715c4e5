//! Enhanced authentication (section 4.12): a method that asks for a password in two steps, known at
//! once or later.

mod world;

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    Access, Admission, AllowAll, Asker, IdentitySource, Limits, ListenerProfile, Question, Verdict,
};
use ferrymq_codec::{Packet, Property, ReasonCode, Version};
use world::access::AskLater;
use world::{Client, Connecting, Got, World, qos1};

/// Wants `open`, then `sesame`.
struct Steps;

impl Access for Steps {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        let Question::Authenticate { method, data } = question else {
            return Some(Verdict::YES);
        };
        assert_eq!(asker.client_id, "client");
        Some(match (*method, *data) {
            ("steps", Some(b"open")) => Verdict::Continue(Box::from(&b"and?"[..])),
            ("steps", Some(b"sesame")) => Verdict::Allow(Admission {
                data: Some(Box::from(&b"welcome"[..])),
                ..Admission::default()
            }),
            ("steps", _) => Verdict::Deny(ReasonCode::NotAuthorized),
            _ => Verdict::Deny(ReasonCode::BadAuthenticationMethod),
        })
    }
}

fn world(access: fn() -> Box<dyn Access>) -> World {
    let limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    World::with(3, limits, access)
}

fn begin(world: &mut World, method: &str, data: &[u8]) -> Client {
    let mut with = Connecting::default();
    with.property(Property::AuthenticationMethod(method));
    with.property(Property::AuthenticationData(data));
    let client = world.open(0, Version::V5);
    world.send_connect(client, "client", &with);
    client
}

fn authenticated(world: &mut World) -> Client {
    let client = begin(world, "steps", b"open");
    assert_eq!(world.take(client), [Got::Auth(ReasonCode::ContinueAuthentication)]);
    world.auth(client, ReasonCode::ContinueAuthentication, "steps", b"sesame");
    let got = world.take(client);
    assert!(matches!(got[..], [Got::ConnAck { reason: ReasonCode::Success, .. }]), "{got:?}");
    client
}

fn refused(reason: ReasonCode) -> [Got; 1] {
    [Got::ConnAck { session_present: false, reason }]
}

#[test]
fn exchange_ends_in_connack() {
    let mut world = world(|| Box::new(Steps));
    let client = authenticated(&mut world);
    world.publish(client, "t", "x", qos1(1));
    assert_eq!(world.take(client), [Got::PubAck(1, ReasonCode::NoMatchingSubscribers)]);
}

#[test]
fn wrong_proof_and_unknown_method_are_refused() {
    let mut world = world(|| Box::new(Steps));
    let client = begin(&mut world, "steps", b"open");
    world.take(client);
    world.auth(client, ReasonCode::ContinueAuthentication, "steps", b"wrong");
    assert_eq!(world.take(client), refused(ReasonCode::NotAuthorized));
    assert!(world.is_closed(client));
    let client = begin(&mut world, "riddle", b"open");
    assert_eq!(world.take(client), refused(ReasonCode::BadAuthenticationMethod));
}

#[test]
fn nothing_but_auth_may_come_before_connack() {
    let mut world = world(|| Box::new(Steps));
    let client = begin(&mut world, "steps", b"open");
    world.take(client);
    world.send(client, &Packet::PingReq);
    assert_eq!(world.take(client), refused(ReasonCode::ProtocolError));
    let client = begin(&mut world, "steps", b"open");
    world.take(client);
    world.auth(client, ReasonCode::ContinueAuthentication, "riddle", b"sesame");
    assert_eq!(world.take(client), refused(ReasonCode::ProtocolError), "[MQTT-4.12.0-5]");
    let client = begin(&mut world, "steps", b"open");
    world.take(client);
    world.disconnect(client, ReasonCode::Success);
    assert_eq!(world.take(client), []);
    assert!(world.is_closed(client));
}

#[test]
fn client_authenticates_anew() {
    let mut world = world(|| Box::new(Steps));
    let client = authenticated(&mut world);
    world.auth(client, ReasonCode::Reauthenticate, "steps", b"open");
    assert_eq!(world.take(client), [Got::Auth(ReasonCode::ContinueAuthentication)]);
    world.send(client, &Packet::PingReq);
    assert_eq!(world.take(client), [Got::PingResp], "[MQTT-4.12.1-2] the connection goes on");
    world.auth(client, ReasonCode::ContinueAuthentication, "steps", b"sesame");
    assert_eq!(world.take(client), [Got::Auth(ReasonCode::Success)]);
    world.auth(client, ReasonCode::Reauthenticate, "steps", b"wrong");
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::NotAuthorized)]);
    assert!(world.is_closed(client));
}

#[test]
fn answer_without_a_question_breaks_a_rule() {
    let mut world = world(|| Box::new(Steps));
    let client = authenticated(&mut world);
    world.auth(client, ReasonCode::ContinueAuthentication, "steps", b"sesame");
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::ProtocolError)]);
    let plain = world.connect("client", |_| {});
    world.auth(plain, ReasonCode::Reauthenticate, "steps", b"open");
    assert_eq!(world.take(plain), [Got::Disconnect(ReasonCode::ProtocolError)]);
}

#[test]
fn late_verdicts_go_the_same_way() {
    let mut world = world(|| Box::new(AskLater));
    let client = begin(&mut world, "steps", b"open");
    let ask = world.asks.remove(0);
    world.answer(&ask, Verdict::Continue(Box::from(&b"and?"[..])));
    assert_eq!(world.take(client), [Got::Auth(ReasonCode::ContinueAuthentication)]);
    world.auth(client, ReasonCode::ContinueAuthentication, "steps", b"sesame");
    let ask = world.asks.remove(0);
    assert_eq!(&*ask.client_id, "client");
    world.answer(&ask, Verdict::YES);
    assert!(matches!(world.take(client)[..], [Got::ConnAck { .. }]));
    world.auth(client, ReasonCode::Reauthenticate, "steps", b"open");
    let ask = world.asks.remove(0);
    world.answer(&ask, Verdict::YES);
    assert_eq!(world.take(client), [Got::Auth(ReasonCode::Success)]);
}

#[test]
fn exchange_has_no_more_time_than_connecting_has() {
    let mut world = world(|| Box::new(Steps));
    let client = begin(&mut world, "steps", b"open");
    world.pass(Duration::from_secs(31));
    assert!(world.is_closed(client));
}

#[test]
fn client_without_a_certificate_is_refused_where_the_certificate_names_it() {
    let mut world = world(|| Box::new(AllowAll));
    let identity = IdentitySource::CommonName;
    world.profile = Arc::new(ListenerProfile { identity, ..ListenerProfile::default() });
    let (client, got) = world.connect_raw("client", |with| with.username = Some("user"));
    assert_eq!(got, refused(ReasonCode::BadUserNameOrPassword));
    assert!(world.is_closed(client));
    let client = world.open(0, Version::V5);
    world.identify(client, "from a certificate");
    world.send_connect(client, "client", &Connecting::default());
    let got = world.take(client);
    assert!(matches!(got[..], [Got::ConnAck { reason: ReasonCode::Success, .. }]), "{got:?}");
}

#[test]
fn what_former_rules_have_said_lets_nobody_in() {
    let mut world = world(|| Box::new(AskLater));
    let early = world.open(0, Version::V5);
    world.send_connect(early, "early", &Connecting::default());
    let unread = world.asks.remove(0);
    let late = world.open(0, Version::V5);
    world.send_connect(late, "late", &Connecting::default());
    let unanswered = world.asks.remove(0);
    world.access_changed(&[(&unread, Verdict::YES)]);
    world.answer(&unanswered, Verdict::YES);
    assert_eq!((world.take(early), world.take(late)), (vec![], vec![]), "both are asked anew");
    let asked: Vec<_> = std::mem::take(&mut world.asks);
    assert_eq!(asked.len(), 2);
    for ask in asked {
        world.answer(&ask, Verdict::Deny(ReasonCode::NotAuthorized));
    }
    assert_eq!(world.take(early), refused(ReasonCode::NotAuthorized));
    assert_eq!(world.take(late), refused(ReasonCode::NotAuthorized));
}
