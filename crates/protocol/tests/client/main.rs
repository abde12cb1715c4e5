//! The client machine against a scripted server in memory: every packet is spelled out, and time
//! is moved by hand.

mod authentication;
mod exactly_once;
mod peer;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use ferrymq_codec::{
    ConnAck, Delivery, Disconnect, Packet, Properties, Property, PropertyBuffer, Publish, QoS,
    ReasonCode, TopicFilter, TopicName, Version,
};
use ferrymq_protocol::client::{
    Client, ConnectError, ConnectOptions, Message, ReceiveError, Received, RequestError,
    Unsubscribe,
};
use ferrymq_protocol::error::ProtocolError;

use peer::*;

#[test]
fn publish_ends_with_its_last_acknowledgement() {
    let mut peer = Peer::connected();
    peer.publish(QoS::AtMostOnce, "a");
    peer.publish(QoS::AtLeastOnce, "b");
    peer.publish(QoS::ExactlyOnce, "c");
    assert_eq!(peer.sent(), "PUBLISH q0 a | PUBLISH q1 #1 b | PUBLISH q2 #2 c");
    assert_eq!(peer.ended(), "a: Success");
    peer.receive(&puback(1)).unwrap();
    assert_eq!(peer.ended(), "b: Success");
    peer.receive(&pubrec(2)).unwrap();
    assert_eq!(peer.sent(), "PUBREL #2");
    assert_eq!(peer.ended(), "");
    peer.receive(&pubcomp(2)).unwrap();
    assert_eq!(peer.ended(), "c: Success");
    assert_eq!(peer.client.unfinished(), 0);
}

#[test]
fn publish_refused_by_the_server_ends_with_its_reason() {
    let mut peer = Peer::connected();
    peer.publish(QoS::AtLeastOnce, "a");
    peer.publish(QoS::ExactlyOnce, "b");
    peer.sent();
    peer.receive(&Packet::PubAck(answer(1, ReasonCode::QuotaExceeded))).unwrap();
    peer.receive(&Packet::PubRec(answer(2, ReasonCode::NotAuthorized))).unwrap();
    assert_eq!(peer.ended(), "a: Quota exceeded | b: Not authorized");
    assert_eq!(peer.sent(), "", "a refused QoS 2 message has no PUBREL");
}

#[test]
fn publish_without_connection_is_sent_after_the_next_one_in_order() {
    let mut peer = Peer::new(persistent());
    peer.publish(QoS::AtMostOnce, "a");
    peer.publish(QoS::AtLeastOnce, "b");
    peer.subscribe("s");
    assert_eq!(peer.sent(), "");
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "PUBLISH q0 a | PUBLISH q1 #1 b | SUBSCRIBE #2 s");
}

#[test]
fn lost_puback_makes_a_duplicate_when_the_session_is_resumed() {
    let mut peer = Peer::connected();
    for payload in ["a", "b", "c"] {
        peer.publish(QoS::AtLeastOnce, payload);
    }
    peer.receive(&puback(2)).unwrap();
    assert_eq!(peer.ended(), "b: Success");
    peer.sent();
    peer.client.disconnected();
    peer.connect(true, &[]);
    assert_eq!(peer.sent(), "PUBLISH q1 #1 dup a | PUBLISH q1 #3 dup c");
    peer.receive(&puback(1)).unwrap();
    peer.receive(&puback(3)).unwrap();
    assert_eq!(peer.ended(), "a: Success | c: Success");
}

#[test]
fn resumed_session_repeats_pubrel_and_not_publish_after_pubrec() {
    let mut peer = Peer::connected();
    for payload in ["a", "b", "c"] {
        peer.publish(QoS::ExactlyOnce, payload);
    }
    peer.receive(&pubrec(2)).unwrap();
    peer.receive(&pubrec(1)).unwrap();
    peer.sent();
    peer.connect(true, &[]);
    assert_eq!(peer.sent(), "PUBREL #2 | PUBREL #1 | PUBLISH q2 #3 dup c");
    peer.receive(&pubcomp(2)).unwrap();
    assert_eq!(peer.ended(), "b: Success");
}

#[test]
fn new_session_is_told_everything_anew_and_without_dup() {
    let mut peer = Peer::connected();
    peer.subscribe("s");
    peer.receive(&suback(1, &[0])).unwrap();
    peer.publish(QoS::AtLeastOnce, "a");
    peer.publish(QoS::ExactlyOnce, "b");
    peer.publish(QoS::ExactlyOnce, "c");
    peer.receive(&pubrec(3)).unwrap();
    peer.sent();
    assert_eq!(peer.ended(), "s: [Success]");
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "SUBSCRIBE #1 s | PUBLISH q1 #2 a | PUBLISH q2 #3 c");
    assert_eq!(peer.ended(), "b: Success", "the server had taken it over with PUBREC");
    assert_eq!(peer.receive(&suback(1, &[0x87])).unwrap(), "subscription lost Not authorized");
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "PUBLISH q1 #1 a | PUBLISH q2 #2 c", "it is not asked for again");
}

#[test]
fn renewal_that_was_not_answered_is_made_once_on_the_next_connection() {
    let mut peer = Peer::connected();
    peer.subscribe("s");
    peer.receive(&suback(1, &[0])).unwrap();
    peer.connect(false, &[]);
    peer.sent();
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "SUBSCRIBE #1 s");
}

#[test]
fn unsubscribed_filter_is_not_renewed() {
    let mut peer = Peer::connected();
    peer.subscribe("s");
    peer.receive(&suback(1, &[0])).unwrap();
    let unsubscribe = Unsubscribe::new(TopicFilter::parse("s").unwrap());
    peer.client.unsubscribe(unsubscribe, "u", peer.now, &mut peer.out);
    assert_eq!(peer.sent(), "SUBSCRIBE #1 s | UNSUBSCRIBE #2 s");
    peer.receive(&unsuback(2, &[0])).unwrap();
    assert_eq!(peer.ended(), "s: [Success] | u: [Success]");
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "");
}

#[test]
fn send_quota_holds_messages_back_and_is_given_back() {
    let mut peer = Peer::new(persistent());
    peer.connect(false, &[Property::ReceiveMaximum(NonZeroU16::new(2).unwrap())]);
    for payload in ["a", "b", "c", "d"] {
        peer.publish(QoS::ExactlyOnce, payload);
    }
    assert_eq!(peer.sent(), "PUBLISH q2 #1 a | PUBLISH q2 #2 b");
    peer.receive(&pubrec(1)).unwrap();
    assert_eq!(peer.sent(), "PUBREL #1", "PUBREC gives nothing back");
    peer.receive(&pubcomp(1)).unwrap();
    assert_eq!(peer.sent(), "PUBLISH q2 #3 c");
    peer.receive(&Packet::PubRec(answer(2, ReasonCode::QuotaExceeded))).unwrap();
    assert_eq!(peer.sent(), "PUBLISH q2 #4 d", "a refusal does");
}

#[test]
fn smaller_quota_of_the_next_connection_holds_repetitions_back() {
    let mut peer = Peer::connected();
    for payload in ["a", "b", "c"] {
        peer.publish(QoS::AtLeastOnce, payload);
    }
    peer.sent();
    peer.connect(true, &[Property::ReceiveMaximum(NonZeroU16::MIN)]);
    assert_eq!(peer.sent(), "PUBLISH q1 #1 dup a");
    peer.publish(QoS::AtLeastOnce, "d");
    peer.receive(&puback(1)).unwrap();
    assert_eq!(peer.sent(), "PUBLISH q1 #2 dup b");
    peer.receive(&puback(2)).unwrap();
    peer.receive(&puback(3)).unwrap();
    assert_eq!(peer.sent(), "PUBLISH q1 #3 dup c | PUBLISH q1 #4 d");
}

#[test]
fn pubcomp_of_an_earlier_connection_does_not_raise_the_quota_above_its_start() {
    let mut peer = Peer::connected();
    peer.publish(QoS::ExactlyOnce, "a");
    peer.receive(&pubrec(1)).unwrap();
    peer.sent();
    peer.connect(true, &[Property::ReceiveMaximum(NonZeroU16::MIN)]);
    peer.receive(&pubcomp(1)).unwrap();
    peer.publish(QoS::AtLeastOnce, "b");
    peer.publish(QoS::AtLeastOnce, "c");
    assert_eq!(peer.sent(), "PUBREL #1 | PUBLISH q1 #2 b");
}

#[test]
fn what_the_server_does_not_accept_fails_without_being_sent() {
    let rows: [(Property<'_>, QoS, bool, &'static str, RequestError); 3] = [
        (
            Property::MaximumPacketSize(NonZeroU32::new(20).unwrap()),
            QoS::AtMostOnce,
            false,
            "longer than twenty bytes",
            RequestError::TooLarge,
        ),
        (
            Property::MaximumQoS(QoS::AtLeastOnce),
            QoS::ExactlyOnce,
            false,
            "q",
            RequestError::QoSNotSupported,
        ),
        (
            Property::RetainAvailable(false),
            QoS::AtMostOnce,
            true,
            "r",
            RequestError::RetainNotSupported,
        ),
    ];
    for (granted, qos, retain, payload, error) in rows {
        let mut peer = Peer::new(persistent());
        peer.connect(false, &[granted]);
        let topic = TopicName::parse("t").unwrap();
        let mut message = Message::new(topic, payload);
        message.qos = qos;
        message.retain = retain;

        peer.client.publish(message, payload, peer.now, &mut peer.out);
        assert_eq!(peer.ended(), format!("{payload}: failed, {error}"));
        assert_eq!(peer.sent(), "");
        peer.publish(QoS::AtMostOnce, "ok");
        assert_eq!(peer.sent(), "PUBLISH q0 ok", "the next one is not held back");
    }
}

#[test]
fn packet_of_exactly_the_largest_size_is_sent_whole() {
    let mut options = persistent();
    options.send_topic_aliases = true;
    let mut peer = Peer::new(options);
    let granted =
        [Property::MaximumPacketSize(NonZeroU32::new(12).unwrap()), Property::TopicAliasMaximum(5)];
    peer.connect(false, &granted);
    // Two bytes of header, three of topic, one of properties, six of payload.
    peer.publish(QoS::AtMostOnce, "sixsix");
    assert_eq!(peer.sent(), "PUBLISH q0 sixsix", "there is no room for an alias");
    peer.publish(QoS::AtMostOnce, "seven77");
    assert_eq!(peer.sent(), "");
}

#[test]
fn topic_alias_is_introduced_once_per_connection() {
    let mut options = persistent();
    options.send_topic_aliases = true;
    let mut peer = Peer::new(options);
    for _ in 0..2 {
        peer.connect(false, &[Property::TopicAliasMaximum(5)]);
        peer.publish(QoS::AtMostOnce, "a");
        peer.publish(QoS::AtMostOnce, "b");
        assert_eq!(peer.sent(), "PUBLISH q0 t=1 a | PUBLISH q0 =1 b");
    }
}

#[test]
fn topic_alias_of_the_server_stands_for_its_topic() {
    let mut options = persistent();
    options.topic_alias_maximum = 1;
    let mut peer = Peer::new(options);
    peer.connect(false, &[]);
    let aliased = |alias: u16, topic| {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::TopicAlias(NonZeroU16::new(alias).unwrap())).unwrap();
        (properties, topic)
    };
    let rows = [
        (aliased(1, Some("long/name")), Ok("long/name: x".to_owned())),
        (aliased(1, None), Ok("long/name: x".to_owned())),
        (aliased(2, Some("b")), Err(ReceiveError::Protocol(ProtocolError::TopicAliasTooLarge))),
    ];
    for ((properties, topic), expected) in rows {
        let publish = Packet::Publish(Publish {
            dup: false,
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic: topic.map(TopicName::trusted),
            properties: properties.as_properties(),
            payload: b"x",
        });
        assert_eq!(peer.receive(&publish), expected);
    }
    assert_eq!(peer.sent(), "DISCONNECT Topic Alias invalid");
}

#[test]
fn received_messages_are_acknowledged_by_their_quality_of_service() {
    let mut peer = Peer::connected();
    assert_eq!(peer.receive(&message(Delivery::AtMostOnce, "a")).unwrap(), "t: a");
    assert_eq!(peer.sent(), "");
    assert_eq!(peer.receive(&message(Delivery::AtLeastOnce(id(5)), "b")).unwrap(), "t: b");
    assert_eq!(peer.sent(), "PUBACK #5");
    assert_eq!(peer.receive(&message(Delivery::ExactlyOnce(id(5)), "c")).unwrap(), "t: c");
    assert_eq!(peer.sent(), "PUBREC #5");
    assert_eq!(peer.receive(&message(Delivery::ExactlyOnce(id(5)), "c")).unwrap(), "");
    assert_eq!(peer.sent(), "PUBREC #5");
    peer.receive(&pubrel(5)).unwrap();
    assert_eq!(peer.sent(), "PUBCOMP #5");
    peer.receive(&pubrel(5)).unwrap();
    assert_eq!(peer.sent(), "PUBCOMP #5 Packet Identifier not found");
    assert_eq!(peer.receive(&message(Delivery::ExactlyOnce(id(5)), "d")).unwrap(), "t: d");
}

#[test]
fn identifiers_of_a_lost_session_are_new_again() {
    let mut peer = Peer::connected();
    peer.receive(&message(Delivery::ExactlyOnce(id(1)), "a")).unwrap();
    peer.connect(true, &[]);
    assert_eq!(peer.receive(&message(Delivery::ExactlyOnce(id(1)), "a")).unwrap(), "");
    peer.connect(false, &[]);
    assert_eq!(peer.receive(&message(Delivery::ExactlyOnce(id(1)), "b")).unwrap(), "t: b");
}

#[test]
fn unknown_pubrec_is_answered_with_packet_identifier_not_found() {
    let mut peer = Peer::connected();
    peer.receive(&pubrec(9)).unwrap();
    assert_eq!(peer.sent(), "PUBREL #9 Packet Identifier not found");
    peer.receive(&puback(9)).unwrap();
    peer.receive(&pubcomp(9)).unwrap();
    assert_eq!(peer.sent(), "");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn broken_rules_end_the_connection_with_their_reason() {
    type Row = (fn(&mut Peer), Packet<'static>, ReceiveError, &'static str);
    let nothing = |_: &mut Peer| {};
    let rows: [Row; 10] = [
        (nothing, Packet::PingReq, ProtocolError::WrongDirection.into(), "Protocol Error"),
        (
            nothing,
            Packet::ConnAck(ConnAck {
                session_present: false,
                reason: ReasonCode::Success,
                properties: Properties::EMPTY,
            }),
            ReceiveError::SecondConnAck,
            "Protocol Error",
        ),
        (
            |peer| peer.publish(QoS::AtLeastOnce, "a"),
            pubrec(1),
            ProtocolError::WrongAcknowledgement.into(),
            "Protocol Error",
        ),
        (
            |peer| peer.publish(QoS::ExactlyOnce, "a"),
            puback(1),
            ProtocolError::WrongAcknowledgement.into(),
            "Protocol Error",
        ),
        (
            |peer| peer.subscribe("s"),
            puback(1),
            ProtocolError::WrongAcknowledgement.into(),
            "Protocol Error",
        ),
        (
            |peer| peer.subscribe("s"),
            unsuback(1, &[0]),
            ProtocolError::PacketIdentifierUnknown.into(),
            "Protocol Error",
        ),
        (
            |peer| peer.publish(QoS::AtLeastOnce, "a"),
            suback(1, &[0]),
            ProtocolError::PacketIdentifierUnknown.into(),
            "Protocol Error",
        ),
        (
            |peer| peer.subscribe("s"),
            suback(1, &[0, 0]),
            ProtocolError::ReasonCodeCount.into(),
            "Protocol Error",
        ),
        (
            |peer| {
                peer.receive(&message(Delivery::ExactlyOnce(id(1)), "a")).unwrap();
            },
            message(Delivery::ExactlyOnce(id(2)), "b"),
            ProtocolError::ReceiveMaximumExceeded.into(),
            "Receive Maximum exceeded",
        ),
        (
            nothing,
            Packet::Publish(Publish {
                dup: false,
                delivery: Delivery::AtMostOnce,
                retain: false,
                topic: Some(TopicName::trusted("t")),
                properties: Properties::EMPTY,
                payload: &[0; 200],
            }),
            ProtocolError::Malformed(ferrymq_codec::DecodeError::PacketTooLarge).into(),
            "Packet too large",
        ),
    ];
    for (before, packet, error, reason) in rows {
        let mut options = persistent();
        options.receive_maximum = NonZeroU16::MIN;
        options.maximum_packet_size = NonZeroU32::new(100).unwrap();
        let mut peer = Peer::new(options);
        peer.connect(false, &[]);
        before(&mut peer);
        peer.sent();
        assert_eq!(peer.receive(&packet), Err(error), "{packet:?}");
        assert_eq!(peer.sent(), format!("DISCONNECT {reason}"), "{packet:?}");
        assert!(!peer.client.is_connected());
    }
}

#[test]
fn broken_rules_of_an_older_server_end_the_connection_without_a_word() {
    let mut peer = Peer::new(ConnectOptions::new(Version::V3_1_1));
    peer.connect(false, &[]);
    assert!(peer.receive(&Packet::PingReq).is_err());
    assert_eq!(peer.sent(), "");
    assert!(!peer.client.is_connected());
}

#[test]
fn only_connack_is_accepted_first() {
    let mut peer = Peer::new(persistent());
    peer.client.connect(&mut peer.out).unwrap();
    let early = peer.receive(&message(Delivery::AtMostOnce, "a"));
    assert_eq!(early, Err(ReceiveError::NotConnAck));
    assert!(!peer.client.is_connected());
}

#[test]
fn session_that_was_not_asked_for_ends_the_connection() {
    let mut peer = Peer::new(persistent());
    peer.client.connect(&mut peer.out).unwrap();
    let connack = ConnAck {
        session_present: true,
        reason: ReasonCode::Success,
        properties: Properties::EMPTY,
    };
    assert_eq!(peer.receive(&Packet::ConnAck(connack)), Err(ReceiveError::UnexpectedSession));
}

#[test]
fn refusal_and_farewell_of_the_server_are_told_with_their_reason() {
    let mut peer = Peer::new(persistent());
    peer.client.connect(&mut peer.out).unwrap();
    let properties = Properties::EMPTY;
    let reason = ReasonCode::NotAuthorized;
    let connack = ConnAck { session_present: false, reason, properties };
    assert_eq!(peer.receive(&Packet::ConnAck(connack)).unwrap(), "refused Not authorized");
    assert!(!peer.client.is_connected());
    peer.sent();
    peer.connect(false, &[]);
    let disconnect = Disconnect { reason: ReasonCode::SessionTakenOver, properties };
    let event = peer.receive(&Packet::Disconnect(disconnect)).unwrap();
    assert_eq!(event, "disconnected Session taken over");
    assert!(!peer.client.is_connected());
}

#[test]
fn clean_start_is_asked_for_once_where_the_session_outlives_the_connection() {
    let rows = [
        (Version::V5, 60, ["CONNECT clean", "CONNECT"]),
        (Version::V5, 0, ["CONNECT clean", "CONNECT clean"]),
        (Version::V3_1_1, 0, ["CONNECT clean", "CONNECT clean"]),
    ];
    for (version, session_expiry_interval, expected) in rows {
        let mut options = ConnectOptions::new(version);
        options.session_expiry_interval = session_expiry_interval;
        let mut peer = Peer::new(options);
        for expected in expected {
            peer.client.connect(&mut peer.out).unwrap();
            assert_eq!(peer.sent(), expected);
            let connack = ConnAck {
                session_present: false,
                reason: ReasonCode::Success,
                properties: Properties::EMPTY,
            };
            peer.receive(&Packet::ConnAck(connack)).unwrap();
        }
    }
}

#[test]
fn assigned_client_identifier_is_used_from_then_on() {
    let mut options = persistent();
    options.client_id = String::new();
    let mut peer = Peer::new(options);
    peer.connect(false, &[Property::AssignedClientIdentifier("given")]);
    assert_eq!(peer.client.options().client_id, "given");
}

#[test]
fn session_without_an_identifier_is_refused_before_mqtt_5() {
    let rows = [
        (Version::V3_1, true, Err(ConnectError::ClientIdMissing)),
        (Version::V3_1_1, true, Ok(())),
        (Version::V3_1_1, false, Err(ConnectError::ClientIdMissing)),
        (Version::V5, false, Ok(())),
    ];
    for (version, clean_start, expected) in rows {
        let mut options = ConnectOptions::new(version);
        options.clean_start = clean_start;
        let mut out = Vec::new();
        assert_eq!(Client::<()>::new(options).connect(&mut out), expected);
        assert_eq!(out.is_empty(), expected.is_err());
    }
}

#[test]
fn session_of_mqtt_3_1_is_taken_to_be_present_and_subscribed_again() {
    let mut options = ConnectOptions::new(Version::V3_1);
    options.client_id = "c".into();
    options.clean_start = false;
    let mut peer = Peer::new(options);
    peer.connect(false, &[]);
    peer.subscribe("s");
    peer.receive(&suback(1, &[0])).unwrap();
    peer.publish(QoS::AtLeastOnce, "a");
    peer.sent();
    peer.connect(false, &[]);
    assert_eq!(peer.sent(), "PUBLISH q1 #2 dup a | SUBSCRIBE #3 s");
}

#[test]
fn pingreq_is_sent_when_the_keep_alive_has_passed_in_silence() {
    let mut peer = Peer::new(persistent());
    peer.connect(false, &[Property::ServerKeepAlive(10)]);
    peer.wait(9).unwrap();
    assert_eq!(peer.sent(), "");
    peer.wait(1).unwrap();
    assert_eq!(peer.sent(), "PINGREQ");
    peer.receive(&Packet::PingResp).unwrap();
    assert_eq!(peer.client.deadline(), Some(peer.now.saturating_add(Duration::from_secs(10))));
}

#[test]
fn unanswered_pingreq_ends_the_connection() {
    let mut peer = Peer::new(persistent());
    peer.connect(false, &[Property::ServerKeepAlive(10)]);
    peer.wait(10).unwrap();
    assert_eq!(peer.sent(), "PINGREQ");
    peer.wait(4).unwrap();
    let message = message(Delivery::AtMostOnce, "still there");
    peer.receive(&message).unwrap();
    peer.wait(4).unwrap();
    assert_eq!(peer.wait(1), Err(ProtocolError::KeepAliveTimeout.into()));
    assert!(!peer.client.is_connected());
    assert_eq!(peer.sent(), "");
}

#[test]
fn no_keep_alive_has_no_deadline() {
    let mut peer = Peer::new(ConnectOptions { keep_alive: 0, ..persistent() });
    peer.connect(false, &[]);
    assert_eq!(peer.client.deadline(), None);
}

#[test]
fn too_many_requests_fail_at_once() {
    let mut peer = Peer::new(ConnectOptions { unfinished_maximum: 2, ..persistent() });
    for payload in ["a", "b", "c"] {
        peer.publish(QoS::AtLeastOnce, payload);
    }
    assert_eq!(peer.ended(), format!("c: failed, {}", RequestError::TooMany));
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let mut peer = Peer::connected();
    let mut bytes = Vec::new();
    message(Delivery::AtLeastOnce(id(1)), "a").encode(Version::V5, &mut bytes).unwrap();
    for end in 0..bytes.len() {
        let received = peer.client.receive(&bytes[..end], peer.now, &mut peer.out).unwrap();
        assert!(matches!(received, Received::Incomplete { .. }), "{end}");
    }
    assert_eq!(peer.sent(), "");
    peer.client.receive(&bytes, peer.now, &mut peer.out).unwrap();
    assert_eq!(peer.sent(), "PUBACK #1");
}
