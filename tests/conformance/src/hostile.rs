//! Hostile input: each is refused for its reason while a bystander goes on undisturbed.
//!
//! Unlike the statements these rows hold a server to one answer where the specification leaves a
//! choice: a connection of 5.0 is told the Reason Code, one before 5.0 is just closed.

use std::time::Duration;

use crate::checks::crafted::{
    self, NO_UTF8, NULL, SURROGATE, connect_as, connect_with_will_topic, no_properties,
    publish_flagged, publish_to, publish_with, subscribe_to, unsubscribe_from,
};
use crate::checks::{alias, disconnect as leaving};
use crate::field::string;
use crate::peer::Peer;
use crate::property::{
    self, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, MESSAGE_EXPIRY_INTERVAL, RECEIVE_MAXIMUM,
    SERVER_KEEP_ALIVE, SESSION_EXPIRY_INTERVAL, TOPIC_ALIAS, TOPIC_ALIAS_MAXIMUM, Value,
    WILL_DELAY_INTERVAL,
};
use crate::row::{Check, Row, Table, row};
use crate::scene::Scene;
use crate::verdict::{Failure, Verdict, ensure};
use crate::wire::Version::{V3_1_1, V5_0};
use crate::wire::{
    Kind, Publish, acknowledgement_with_reason, packet, packet_with_flags, ping_request, subscribe,
};

pub(crate) const TABLES: [Table; 2] = [
    Table { title: "Hostile input, MQTT 5.0", version: V5_0, bystander: true, rows: V5_ROWS },
    Table { title: "Hostile input, MQTT 3.1.1", version: V3_1_1, bystander: true, rows: V3_ROWS },
];

const V5_ROWS: &[Row] = &[
    row("half-a-connect-for-ever", "closed after the connect time-out", half_a_connect),
    row("half-a-publish-for-ever", "closed after the Keep Alive", half_a_publish),
    row("first-packet-not-connect", "closed at once", first_packet_not_connect),
    row("another-protocol", "closed at once", another_protocol),
    row("second-connect", "0x82", second_connect),
    row("qos-3", "0x81", qos_3),
    row("packet-identifier-0", "0x81 or 0x82", packet_identifier_zero),
    row("wildcard-in-topic-name", "0x90", wildcard_in_topic_name),
    row("null-in-topic", "0x81", null_in_topic),
    row("bad-multi-level-wildcard", "0x8F", bad_multi_level_wildcard),
    row("bad-single-level-wildcard", "0x8F", bad_single_level_wildcard),
    row("ill-formed-utf-8", "0x81", ill_formed_utf8),
    row("ill-formed-utf-8-in-connect", "no success, closed", ill_formed_utf8_in_connect),
    row("property-twice", "0x82", property_twice),
    row("property-twice-in-connect", "CONNACK 0x82", property_twice_in_connect),
    row("property-of-another-packet", "0x81 or 0x82", property_of_another_packet),
    row("property-unknown", "0x81 or 0x82", property_unknown),
    row("property-cut-off", "0x81", property_cut_off),
    row("property-zero-where-forbidden", "CONNACK 0x82", property_zero),
    row("reserved-flags", "0x81", reserved_flags),
    row("reserved-options", "0x81 or 0x82", reserved_options),
    row("reserved-reason-code", "0x81 or 0x82", reserved_reason_code),
    row("packet-type-0", "0x81", packet_type_zero),
    row("packet-of-the-server", "0x81 or 0x82", packet_of_the_server),
    row("auth-without-method", "0x82", auth_without_method),
    row("topic-alias-0", "0x94", topic_alias_zero),
    row("topic-alias-too-large", "0x94", topic_alias_too_large),
    row("topic-alias-unknown", "0x82", topic_alias_unknown),
    row("receive-maximum-exceeded", "0x93", receive_maximum_exceeded),
    row("share-name-empty", "0x8F", share_name_empty),
    row("packet-too-large", "0x95", packet_too_large),
    row("never-ending-remaining-length", "0x81", never_ending_remaining_length),
    row("bytes-after-the-last-field", "0x81", bytes_after_the_last_field),
    row("session-expiry-raised", "0x82", session_expiry_raised),
    row("packets-after-disconnect", "ignored", leaving::nothing_is_processed_after_disconnect),
    row("many-topic-levels", "served or closed", many_topic_levels),
    row("byte-by-byte", "served", byte_by_byte),
    row("all-at-once", "served", all_at_once),
    SILENT_SOCKETS,
];

const V3_ROWS: &[Row] = &[
    row("half-a-connect-for-ever", "closed after the connect time-out", half_a_connect),
    row("half-a-publish-for-ever", "closed after the Keep Alive", half_a_publish),
    row("first-packet-not-connect", "closed at once", first_packet_not_connect),
    row("another-protocol", "closed at once", another_protocol),
    row("second-connect", "closed", second_connect),
    row("qos-3", "closed", qos_3),
    row("packet-identifier-0", "closed", packet_identifier_zero),
    row("wildcard-in-topic-name", "closed", wildcard_in_topic_name),
    row("null-in-topic", "closed", null_in_topic),
    row("bad-multi-level-wildcard", "closed", bad_multi_level_wildcard),
    row("bad-single-level-wildcard", "closed", bad_single_level_wildcard),
    row("ill-formed-utf-8", "closed", ill_formed_utf8),
    row("ill-formed-utf-8-in-connect", "closed", ill_formed_utf8_in_connect),
    row("reserved-flags", "closed", reserved_flags),
    row("packet-type-0", "closed", packet_type_zero),
    row("packet-type-15", "closed", packet_type_fifteen),
    row("packet-of-the-server", "closed", packet_of_the_server),
    row("packet-too-large", "closed", packet_too_large),
    row("never-ending-remaining-length", "closed", never_ending_remaining_length),
    row("bytes-after-the-last-field", "closed", bytes_after_the_last_field),
    row("packets-after-disconnect", "ignored", leaving::nothing_is_processed_after_disconnect),
    row("many-topic-levels", "served or closed", many_topic_levels),
    row("byte-by-byte", "served", byte_by_byte),
    row("all-at-once", "served", all_at_once),
];

const SILENT_SOCKETS: Row = Row {
    id: "thousands-of-silent-sockets",
    statement: "others are served",
    check: Check::Alone(silent_sockets),
};

/// Goes on while others misbehave.
pub(crate) struct Bystander {
    peer: Peer,
    topic: String,
}

impl Bystander {
    pub(crate) fn new(scene: &mut Scene) -> Verdict<Self> {
        let topic = scene.topic("bystander");
        let mut peer = scene.connect()?;
        peer.subscribe(&[(&topic, 1)])?;
        Ok(Self { peer, topic })
    }

    /// The connection from before is served, and so is a new one.
    pub(crate) fn goes_on(mut self, scene: &mut Scene) -> Verdict {
        self.peer.expect_nothing()?;
        scene.connect()?.publish(Publish::new(&self.topic, "still here").qos(1))?;
        self.peer.expect_message("still here").map(drop)
    }
}

/// Each of these, after a CONNECT, is answered with one of the reasons and a close.
fn refused(scene: &mut Scene, reasons: &[u8], cases: &[(&str, Vec<u8>)]) -> Verdict {
    for (case, bytes) in cases {
        let mut peer = scene.connect()?;
        peer.send(bytes);
        expect_one_of(&mut peer, reasons).map_err(|failure| failure.during(case))?;
    }
    Ok(())
}

/// Each of these, instead of a CONNECT, is answered with a CONNACK of this reason and a close.
fn not_connected(scene: &mut Scene, reason: u8, cases: &[(&str, Vec<u8>)]) -> Verdict {
    for (case, bytes) in cases {
        let mut peer = scene.open()?;
        peer.send(bytes);
        expect_one_of(&mut peer, &[reason]).map_err(|failure| failure.during(case))?;
    }
    Ok(())
}

fn expect_one_of(peer: &mut Peer, reasons: &[u8]) -> Verdict {
    let found = peer.expect_closed()?;
    let fits = match found {
        Some(reason) => peer.version.is_v5() && reasons.contains(&reason),
        None => !peer.version.is_v5(),
    };
    ensure(fits, format!("the reason of the close is {found:02x?}, not of {reasons:02x?}"))
}

/// Nothing at all, and a CONNECT that goes on by a byte a second.
fn half_a_connect(scene: &mut Scene) -> Verdict {
    let mut silent = scene.open()?;
    let mut slow = scene.open()?;
    let mut connect = scene.new_client();
    connect.user_name = Some("u".repeat(100));
    let opened = scene.now();
    for byte in connect.bytes() {
        slow.send(&[byte]);
        let closed = slow.expect_closed_within(Duration::from_secs(1));
        if closed.is_ok() {
            return silent.expect_closed().map(drop);
        }
        let waited = scene.now().saturating_sub(opened);
        ensure(waited < CONNECT_TIMEOUT, format!("still open after {waited:?}"))?;
    }
    ensure(false, "still open")
}

/// The time-out of 30 s, and some to notice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(33);

/// A packet that never ends is no sign of life.
fn half_a_publish(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().keep_alive(2);
    let mut peer = scene.connect_with(&connect)?;
    let publish = scene.message("t", &"x".repeat(100)).bytes(scene.version);
    peer.send(&publish[..50]);
    peer.expect_closed_within(Duration::from_secs(10)).map(drop)
}

fn first_packet_not_connect(scene: &mut Scene) -> Verdict {
    closed_at_once(
        scene,
        &[
            ("PINGREQ", ping_request()),
            ("PUBLISH", publish_to(scene.version, b"t")),
            ("SUBSCRIBE", subscribe_to(scene.version, b"t")),
            ("AUTH", packet(Kind::Auth, &[0x18, 0])),
        ],
    )
}

fn another_protocol(scene: &mut Scene) -> Verdict {
    closed_at_once(
        scene,
        &[
            ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
            ("TLS", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]),
            ("zeros", vec![0; 64]),
        ],
    )
}

fn closed_at_once(scene: &Scene, cases: &[(&str, Vec<u8>)]) -> Verdict {
    for (case, bytes) in cases {
        let mut peer = scene.open()?;
        peer.send(bytes);
        let reason = peer.expect_closed().map_err(|failure| failure.during(case))?;
        ensure(reason.is_none(), format!("{case}: answered with {reason:02x?}"))?;
    }
    Ok(())
}

fn second_connect(scene: &mut Scene) -> Verdict {
    let bytes = scene.new_client().bytes();
    refused(scene, &[0x82], &[("CONNECT", bytes)])
}

fn qos_3(scene: &mut Scene) -> Verdict {
    let bytes = publish_flagged(scene.version, &scene.topic("t"), 0b0110, 1);
    refused(scene, &[0x81], &[("PUBLISH", bytes)])
}

fn packet_identifier_zero(scene: &mut Scene) -> Verdict {
    let (version, topic) = (scene.version, scene.topic("t"));
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("PUBLISH at QoS 1", publish_flagged(version, &topic, 0b0010, 0)),
            ("PUBLISH at QoS 2", publish_flagged(version, &topic, 0b0100, 0)),
            ("SUBSCRIBE", subscribe(version, 0, &[], &[(&topic, 0)])),
            ("PUBACK", packet(Kind::PubAck, &[0, 0])),
            ("PUBREL", packet(Kind::PubRel, &[0, 0])),
        ],
    )
}

fn wildcard_in_topic_name(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    refused(
        scene,
        &[0x90],
        &[
            ("#", publish_to(version, b"#")),
            ("a/+", publish_to(version, b"a/+")),
            ("a#b", publish_to(version, b"a#b")),
        ],
    )
}

fn null_in_topic(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    refused(
        scene,
        &[0x81],
        &[("Topic Name", publish_to(version, NULL)), ("Topic Filter", subscribe_to(version, NULL))],
    )
}

fn bad_multi_level_wildcard(scene: &mut Scene) -> Verdict {
    bad_filters(scene, &["a#", "#/a", "a/#/b", "##"])
}

fn bad_single_level_wildcard(scene: &mut Scene) -> Verdict {
    bad_filters(scene, &["a+", "+a/b", "a/b+", "++"])
}

fn bad_filters(scene: &mut Scene, filters: &[&str]) -> Verdict {
    for filter in filters {
        let subscribe = subscribe_to(scene.version, filter.as_bytes());
        let unsubscribe = unsubscribe_from(scene.version, filter.as_bytes());
        refused(scene, &[0x8F], &[(filter, subscribe), (filter, unsubscribe)])?;
    }
    Ok(())
}

fn ill_formed_utf8(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    refused(
        scene,
        &[0x81],
        &[
            ("Topic Name", publish_to(version, NO_UTF8)),
            ("a surrogate in a Topic Name", publish_to(version, SURROGATE)),
            ("Topic Filter", subscribe_to(version, NO_UTF8)),
            ("Topic Filter to unsubscribe", unsubscribe_from(version, NO_UTF8)),
        ],
    )
}

fn ill_formed_utf8_in_connect(scene: &mut Scene) -> Verdict {
    let (version, id) = (scene.version, scene.client_id("u"));
    scene.each_opening_closes(&[
        ("Client Identifier", connect_as(version, NO_UTF8)),
        ("Will Topic", connect_with_will_topic(version, &id, NO_UTF8)),
        ("User Name", crafted::connect_with_user_name(version, &id, NO_UTF8)),
    ])
}

fn property_twice(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let expiry = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    let first = property::subscription_identifier(1);
    let second = property::subscription_identifier(2);
    refused(
        scene,
        &[0x82],
        &[
            ("Message Expiry Interval", publish_with(&topic, &[expiry.clone(), expiry])),
            ("Subscription Identifier", {
                subscribe(scene.version, 1, &[first, second], &[(&topic, 0)])
            }),
        ],
    )
}

fn property_twice_in_connect(scene: &mut Scene) -> Verdict {
    let expiry = property::four(SESSION_EXPIRY_INTERVAL, 1);
    let maximum = property::two(RECEIVE_MAXIMUM, 1);
    let cases = [
        scene.new_client().with(expiry.clone()).with(expiry).bytes(),
        scene.new_client().with(maximum.clone()).with(maximum).bytes(),
    ];
    not_connected(scene, 0x82, &cases.map(|bytes| ("twice", bytes)))
}

fn property_of_another_packet(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let keep_alive = property::two(SERVER_KEEP_ALIVE, 1);
    let delay = property::four(WILL_DELAY_INTERVAL, 1);
    let expiry = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("Server Keep Alive in PUBLISH", publish_with(&topic, &[keep_alive])),
            ("Will Delay Interval in PUBLISH", publish_with(&topic, &[delay])),
            ("Message Expiry Interval in SUBSCRIBE", {
                subscribe(scene.version, 1, &[expiry], &[(&topic, 0)])
            }),
            ("Subscription Identifier in PUBLISH", {
                publish_with(&topic, &[property::subscription_identifier(1)])
            }),
        ],
    )
}

fn property_unknown(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("0x00", publish_with(&topic, &[property::byte(0x00, 1)])),
            ("0x7F", publish_with(&topic, &[property::byte(0x7F, 1)])),
        ],
    )
}

fn property_cut_off(scene: &mut Scene) -> Verdict {
    let topic = string(scene.topic("t"));
    let cut = [&topic[..], &[3, MESSAGE_EXPIRY_INTERVAL, 0, 0]].concat();
    let beyond = [&topic[..], &[100, 0x01, 1]].concat();
    refused(
        scene,
        &[0x81],
        &[
            ("a value that is cut off", packet(Kind::Publish, &cut)),
            ("a Property Length beyond the packet", packet(Kind::Publish, &beyond)),
        ],
    )
}

fn property_zero(scene: &mut Scene) -> Verdict {
    let cases = [
        ("Receive Maximum", scene.new_client().with(property::two(RECEIVE_MAXIMUM, 0))),
        ("Maximum Packet Size", scene.new_client().with(property::four(MAXIMUM_PACKET_SIZE, 0))),
        ("Authentication Data without a method", {
            scene.new_client().with(property::binary(property::AUTHENTICATION_DATA, [1]))
        }),
    ];
    not_connected(scene, 0x82, &cases.map(|(case, connect)| (case, connect.bytes())))
}

fn reserved_flags(scene: &mut Scene) -> Verdict {
    let filter = [string(scene.topic("t")), vec![0]].concat();
    let body = crafted::body(scene.version, 1, &filter);
    refused(
        scene,
        &[0x81],
        &[
            ("PINGREQ", packet_with_flags(Kind::PingReq, 0b0001, &[])),
            ("SUBSCRIBE", packet_with_flags(Kind::Subscribe, 0b0000, &body)),
            ("PUBREL", packet_with_flags(Kind::PubRel, 0b0000, &[0, 1])),
            ("DISCONNECT", packet_with_flags(Kind::Disconnect, 0b0100, &[])),
        ],
    )
}

fn reserved_options(scene: &mut Scene) -> Verdict {
    let (version, topic) = (scene.version, scene.topic("t"));
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("QoS 3", subscribe(version, 1, &[], &[(&topic, 0b11)])),
            ("Retain Handling 3", subscribe(version, 1, &[], &[(&topic, 0b11_0000)])),
            ("bit 7", subscribe(version, 1, &[], &[(&topic, 0b1000_0000)])),
        ],
    )
}

fn reserved_reason_code(scene: &mut Scene) -> Verdict {
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("PUBACK", acknowledgement_with_reason(Kind::PubAck, 1, 0x55)),
            ("PUBREL", acknowledgement_with_reason(Kind::PubRel, 1, 0x80)),
            ("DISCONNECT", packet(Kind::Disconnect, &[0x01, 0])),
        ],
    )
}

fn packet_type_zero(scene: &mut Scene) -> Verdict {
    refused(scene, &[0x81], &[("type 0", vec![0x00, 0x00])])
}

fn packet_type_fifteen(scene: &mut Scene) -> Verdict {
    refused(scene, &[], &[("type 15", vec![0xF0, 0x00])])
}

fn packet_of_the_server(scene: &mut Scene) -> Verdict {
    let none = no_properties(scene.version);
    let suback = [&[0, 1][..], &none, &[0]].concat();
    refused(
        scene,
        &[0x81, 0x82],
        &[
            ("CONNACK", packet(Kind::ConnAck, &[&[0, 0][..], &none].concat())),
            ("SUBACK", packet(Kind::SubAck, &suback)),
            ("UNSUBACK", packet(Kind::UnsubAck, &suback)),
            ("PINGRESP", packet(Kind::PingResp, &[])),
        ],
    )
}

fn auth_without_method(scene: &mut Scene) -> Verdict {
    let method = property::block(&[property::binary(AUTHENTICATION_METHOD, "method")]);
    let bytes = packet(Kind::Auth, &[vec![0x19], method].concat());
    refused(scene, &[0x82], &[("AUTH", bytes)])
}

fn topic_alias_zero(scene: &mut Scene) -> Verdict {
    let bytes = publish_with(&scene.topic("t"), &[property::two(TOPIC_ALIAS, 0)]);
    refused(scene, &[0x94], &[("Topic Alias 0", bytes)])
}

fn topic_alias_too_large(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut peer, connack) = scene.connack(&connect)?;
    let beyond = alias::offered(&connack).checked_add(1);
    let beyond = beyond.ok_or_else(|| Failure::new("every Topic Alias is offered"))?;
    peer.send(&publish_with(&scene.topic("t"), &[property::two(TOPIC_ALIAS, beyond)]));
    expect_one_of(&mut peer, &[0x94])?;
    // What the client offers for the other direction has nothing to do with it.
    let connect = scene.new_client().with(property::two(TOPIC_ALIAS_MAXIMUM, u16::MAX));
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&publish_with(&scene.topic("t"), &[property::two(TOPIC_ALIAS, u16::MAX)]));
    expect_one_of(&mut peer, &[0x94])
}

fn topic_alias_unknown(scene: &mut Scene) -> Verdict {
    refused(
        scene,
        &[0x82],
        &[
            ("never introduced", publish_with("", &[property::two(TOPIC_ALIAS, 1)])),
            ("no topic and no alias", publish_with("", &[])),
        ],
    )
}

fn receive_maximum_exceeded(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut peer, connack) = scene.connack(&connect)?;
    let maximum = match connack.property(RECEIVE_MAXIMUM).map(|property| &property.value) {
        Some(Value::Two(maximum)) => *maximum,
        _ => u16::MAX,
    };
    ensure(maximum <= 10_000, format!("the Receive Maximum is {maximum}"))?;
    for id in 1..=maximum {
        peer.send(&scene.message("t", "x").qos(2).id(id).bytes(scene.version));
    }
    for id in 1..=maximum {
        peer.expect_acknowledgement(Kind::PubRec, id)?;
    }
    peer.ping()?;
    peer.send(&scene.message("t", "x").qos(2).id(maximum + 1).bytes(scene.version));
    expect_one_of(&mut peer, &[0x93])
}

/// The server may refuse the filter alone, or close.
fn share_name_empty(scene: &mut Scene) -> Verdict {
    for filter in ["$share//x", "$share/", "$share/group", "$share/group/", "$share/+/x"] {
        let mut peer = scene.connect()?;
        peer.send(&subscribe_to(scene.version, filter.as_bytes()));
        let answer = peer.next_within(crate::peer::PATIENCE)?;
        let answer = answer.ok_or_else(|| Failure::new(format!("{filter}: closed in silence")))?;
        let reasons = match answer.kind {
            Kind::Disconnect => vec![answer.disconnect()?.0],
            _ => answer.acknowledgement(scene.version)?.reasons,
        };
        ensure(reasons == [0x8F], format!("{filter}: {reasons:02x?}"))?;
    }
    Ok(())
}

/// Refused by its header: the server may not wait for what it will not take.
fn packet_too_large(scene: &mut Scene) -> Verdict {
    refused(scene, &[0x95], &[("a header", vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F])])
}

fn never_ending_remaining_length(scene: &mut Scene) -> Verdict {
    refused(
        scene,
        &[0x81],
        &[
            ("five bytes", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
            ("no end", [&[0x30][..], &[0xFF; 128]].concat()),
        ],
    )
}

fn bytes_after_the_last_field(scene: &mut Scene) -> Verdict {
    refused(
        scene,
        &[0x81],
        &[
            ("PINGREQ", packet(Kind::PingReq, b"more")),
            ("PUBACK", {
                let body: &[u8] = if scene.version.is_v5() { &[0, 1, 0, 0, 7] } else { &[0, 1, 7] };
                packet(Kind::PubAck, body)
            }),
            ("a filter cut off", {
                crafted::subscribe_payload(scene.version, 1, &[0, 1, b'a', 0, 0])
            }),
        ],
    )
}

fn session_expiry_raised(scene: &mut Scene) -> Verdict {
    let interval = property::block(&[property::four(SESSION_EXPIRY_INTERVAL, 100)]);
    let bytes = packet(Kind::Disconnect, &[vec![0], interval].concat());
    refused(scene, &[0x82], &[("DISCONNECT", bytes)])?;
    leaving::session_expiry_cannot_be_raised(scene)
}

/// Whatever the server makes of them, it does so in bounded time.
fn many_topic_levels(scene: &mut Scene) -> Verdict {
    let levels = "/".repeat(65_535);
    for bytes in [
        publish_to(scene.version, levels.as_bytes()),
        subscribe_to(scene.version, levels.as_bytes()),
        subscribe_to(scene.version, "+/".repeat(32_000).as_bytes()),
    ] {
        let mut peer = scene.connect()?;
        peer.send(&[bytes, ping_request()].concat());
        while let Some(packet) = peer.next_within(crate::peer::PATIENCE)? {
            if packet.kind == Kind::PingResp {
                break;
            }
        }
    }
    Ok(())
}

fn conversation(scene: &mut Scene) -> Vec<u8> {
    let (version, topic) = (scene.version, scene.topic("t"));
    [
        scene.new_client().bytes(),
        subscribe(version, 1, &[], &[(&topic, 1)]),
        Publish::new(&topic, "x").qos(1).id(2).bytes(version),
        ping_request(),
    ]
    .concat()
}

fn expect_conversation(peer: &mut Peer) -> Verdict {
    peer.expect(Kind::ConnAck)?;
    peer.expect_acknowledgement(Kind::SubAck, 1)?;
    peer.expect_acknowledgement(Kind::PubAck, 2)?;
    peer.expect(Kind::PingResp)?;
    peer.expect_message("x").map(drop)
}

fn byte_by_byte(scene: &mut Scene) -> Verdict {
    let bytes = conversation(scene);
    let mut peer = scene.open()?;
    for byte in bytes {
        peer.send(&[byte]);
    }
    expect_conversation(&mut peer)
}

fn all_at_once(scene: &mut Scene) -> Verdict {
    let bytes = conversation(scene);
    let mut peer = scene.open()?;
    peer.send(&bytes);
    expect_conversation(&mut peer)
}

/// They cost the server a socket each and nobody else anything.
fn silent_sockets(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    let mut sockets = Vec::new();
    for number in 0..SILENT_SOCKETS_COUNT {
        let socket = scene.open().map_err(|f| f.during(&format!("socket {number}")))?;
        sockets.push(socket);
    }
    peer.ping()?;
    scene.connect()?.publish(scene.message("t", "x").qos(1))?;
    peer.ping()
}

const SILENT_SOCKETS_COUNT: usize = 3_000;
