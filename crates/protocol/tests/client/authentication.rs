//! Exchanges of AUTH (section 4.12): both that make a connection, and those on one.

use std::time::Duration;

use ferrymq_codec::{Auth, ConnAck, Packet, Property, PropertyBuffer, ReasonCode, Version};
use ferrymq_protocol::client::{AuthenticateError, ReceiveError};
use ferrymq_protocol::error::ProtocolError;

use crate::peer::{Peer, persistent};

const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;

/// A client that says how it authenticates itself, and has sent CONNECT.
fn connecting() -> Peer {
    let mut options = persistent();
    options.properties.push(Property::AuthenticationMethod("riddle")).unwrap();
    let mut peer = Peer::new(options);
    peer.client.connect_with(Some(b"hello"), &mut peer.out).unwrap();
    assert_eq!(peer.sent(), "CONNECT clean riddle hello");
    peer
}

fn connected() -> Peer {
    let mut peer = connecting();
    assert_eq!(connack(&mut peer, Some("riddle")), Ok("connected false".into()));
    peer
}

fn said(method: Option<&str>, data: &str) -> PropertyBuffer {
    let mut properties = PropertyBuffer::new();
    // Data without a method is no packet.
    if let Some(method) = method {
        properties.push(Property::AuthenticationMethod(method)).unwrap();
        properties.push(Property::AuthenticationData(data.as_bytes())).unwrap();
    }
    properties
}

fn auth(
    peer: &mut Peer,
    reason: ReasonCode,
    method: Option<&str>,
    data: &str,
) -> Result<String, ReceiveError> {
    let properties = said(method, data);
    peer.receive(&Packet::Auth(Auth { reason, properties: properties.as_properties() }))
}

fn connack(peer: &mut Peer, method: Option<&str>) -> Result<String, ReceiveError> {
    let properties = said(method, "welcome");
    peer.receive(&Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: properties.as_properties(),
    }))
}

fn answer(peer: &mut Peer, data: &[u8]) -> Result<(), AuthenticateError> {
    peer.client.authenticate(Some(data), peer.now, &mut peer.out)
}

fn reauthenticate(peer: &mut Peer) -> Result<(), AuthenticateError> {
    peer.client.reauthenticate(Some(b"again"), peer.now, &mut peer.out)
}

#[test]
fn exchange_goes_back_and_forth_until_connack() {
    let mut peer = connecting();
    for _ in 0..3 {
        assert_eq!(answer(&mut peer, b"early"), Err(AuthenticateError::NotAsked));
        let asked = auth(&mut peer, CONTINUE, Some("riddle"), "who?");
        assert_eq!(asked, Ok("asked who?".into()));
        assert_eq!(peer.sent(), "");
        answer(&mut peer, b"me").unwrap();
        assert_eq!(peer.sent(), "AUTH Continue authentication riddle me");
    }
    assert_eq!(connack(&mut peer, Some("riddle")), Ok("connected false".into()));
    assert_eq!(answer(&mut peer, b"late"), Err(AuthenticateError::NotAsked));
}

#[test]
fn client_authenticates_anew_while_messages_go_on() {
    let mut peer = connected();
    reauthenticate(&mut peer).unwrap();
    assert_eq!(peer.sent(), "AUTH Re-authenticate riddle again");
    assert_eq!(reauthenticate(&mut peer), Err(AuthenticateError::UnderWay));
    peer.publish(ferrymq_codec::QoS::AtMostOnce, "meanwhile");
    assert_eq!(peer.sent(), "PUBLISH q0 meanwhile");
    assert_eq!(auth(&mut peer, CONTINUE, Some("riddle"), "who?"), Ok("asked who?".into()));
    answer(&mut peer, b"me").unwrap();
    assert_eq!(peer.sent(), "AUTH Continue authentication riddle me");
    let done = auth(&mut peer, ReasonCode::Success, Some("riddle"), "welcome");
    assert_eq!(done, Ok("authenticated welcome".into()));
    reauthenticate(&mut peer).unwrap();
}

#[test]
fn auth_counts_as_a_sign_of_life() {
    let mut peer = connected();
    peer.now = peer.now.saturating_add(Duration::from_secs(40));
    reauthenticate(&mut peer).unwrap();
    auth(&mut peer, CONTINUE, Some("riddle"), "who?").unwrap();
    peer.sent();
    peer.wait(59).unwrap();
    assert_eq!(peer.sent(), "");
}

#[test]
fn auth_that_nobody_has_agreed_on_breaks_the_protocol() {
    let unexpected = Err(ProtocolError::UnexpectedAuth.into());
    // [MQTT-4.12.0-6]
    let mut peer = Peer::connected();
    assert_eq!(auth(&mut peer, CONTINUE, Some("riddle"), ""), unexpected);
    assert_eq!(peer.sent(), "DISCONNECT Protocol Error");
    let mut peer = Peer::new(persistent());
    peer.client.connect(&mut peer.out).unwrap();
    assert_eq!(auth(&mut peer, CONTINUE, Some("riddle"), ""), unexpected);
    // Nobody has begun.
    for reason in [CONTINUE, ReasonCode::Success] {
        assert_eq!(auth(&mut connected(), reason, Some("riddle"), ""), unexpected);
    }
    // The server speaks twice, says that all is well too early, or begins itself.
    let mut peer = connecting();
    auth(&mut peer, CONTINUE, Some("riddle"), "").unwrap();
    assert_eq!(auth(&mut peer, CONTINUE, Some("riddle"), ""), unexpected);
    for reason in [ReasonCode::Success, ReasonCode::Reauthenticate] {
        assert_eq!(auth(&mut connecting(), reason, Some("riddle"), ""), unexpected);
    }
}

#[test]
fn server_keeps_to_the_method_of_connect() {
    let changed = Err(ProtocolError::AuthenticationMethodChanged.into());
    for method in [None, Some("other")] {
        assert_eq!(auth(&mut connecting(), CONTINUE, method, ""), changed, "{method:?}");
        assert_eq!(connack(&mut connecting(), method), changed, "{method:?}");
    }
    let mut peer = Peer::new(persistent());
    peer.client.connect(&mut peer.out).unwrap();
    assert_eq!(connack(&mut peer, Some("riddle")), changed);
}

#[test]
fn without_method_or_connection_nothing_is_sent() {
    let mut peer = Peer::connected();
    peer.sent();
    assert_eq!(reauthenticate(&mut peer), Err(AuthenticateError::NoMethod));
    let mut peer = connected();
    peer.client.disconnected();
    assert_eq!(reauthenticate(&mut peer), Err(AuthenticateError::NotConnected));
    let mut peer = connecting();
    assert_eq!(reauthenticate(&mut peer), Err(AuthenticateError::NotConnected));
    auth(&mut peer, CONTINUE, Some("riddle"), "").unwrap();
    peer.client.disconnected();
    assert_eq!(answer(&mut peer, b"me"), Err(AuthenticateError::NotAsked));
    assert_eq!(peer.sent(), "");
    // The server accepts no packet of that length.
    let mut peer = connected();
    let data = [0; 1000];
    let properties = {
        let mut properties = said(Some("riddle"), "");
        let maximum = std::num::NonZeroU32::new(100).unwrap();
        properties.push(Property::MaximumPacketSize(maximum)).unwrap();
        properties
    };
    peer.client.connect(&mut peer.out).unwrap();
    let properties = properties.as_properties();
    let reason = ReasonCode::Success;
    peer.receive(&Packet::ConnAck(ConnAck { session_present: false, reason, properties })).unwrap();
    peer.sent();
    let refused = peer.client.reauthenticate(Some(&data), peer.now, &mut peer.out);
    assert_eq!((refused, peer.sent()), (Err(AuthenticateError::TooLarge), String::new()));
    reauthenticate(&mut peer).unwrap();
    // Before MQTT 5.0 there is no method.
    let mut options = persistent();
    options.version = Version::V3_1_1;
    options.properties.push(Property::AuthenticationMethod("riddle")).unwrap();
    let mut peer = Peer::new(options);
    peer.connect(false, &[]);
    assert_eq!(reauthenticate(&mut peer), Err(AuthenticateError::NoMethod));
}
