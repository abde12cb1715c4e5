//! Section 3.1 and 3.2: CONNECT, the Client Identifier, and CONNACK.

use super::crafted;
use crate::field::string;
use crate::property::{
    self, ASSIGNED_CLIENT_IDENTIFIER, AUTHENTICATION_METHOD, MAXIMUM_QOS,
    REQUEST_RESPONSE_INFORMATION, RESPONSE_INFORMATION, SERVER_KEEP_ALIVE, Value,
};
use crate::scene::Scene;
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{
    Connect, Kind, Publish, Version, Will, acknowledgement, disconnect, packet, ping_request,
    subscribe, unsubscribe,
};

pub(crate) fn first_packet_is_connect(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    let topic = scene.topic("t");
    scene.each_opening_closes(&[
        ("PUBLISH", Publish::new(&topic, "x").bytes(version)),
        ("SUBSCRIBE", subscribe(version, 1, &[], &[(&topic, 0)])),
        ("UNSUBSCRIBE", unsubscribe(version, 1, &[&topic])),
        ("PINGREQ", ping_request()),
        ("PUBREL", acknowledgement(Kind::PubRel, 1)),
        ("DISCONNECT", disconnect(version, 0, &[])),
    ])
}

pub(crate) fn second_connect_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&connect.bytes());
    while let Some(packet) = peer.next_within(crate::peer::PATIENCE)? {
        ensure_same("what follows a second CONNECT", packet.kind, Kind::Disconnect)?;
    }
    Ok(())
}

pub(crate) fn other_protocol_name_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    for name in ["MQTX", "mqtt", "MQT", "MQTTT", "HTTP"] {
        let header = connect.header_for(name, level(scene.version), connect.flags());
        let bytes = packet(Kind::Connect, &[header, connect.payload()].concat());
        scene.each_opening_closes(&[(name, bytes)])?;
    }
    Ok(())
}

fn level(version: Version) -> u8 {
    match version {
        Version::V3_1 => 3,
        Version::V3_1_1 => 4,
        Version::V5_0 => 5,
    }
}

pub(crate) fn other_protocol_level_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    for level in [0, 2, 6, 100] {
        let header = connect.header_for("MQTT", level, connect.flags());
        let mut peer = scene.open()?;
        peer.send(&packet(Kind::Connect, &[header, connect.payload()].concat()));
        let reason = peer.expect_closed().map_err(|f| f.during(&format!("level {level}")))?;
        ensure(
            matches!(reason, None | Some(0x01 | 0x84)),
            format!("level {level} is refused with the reason {reason:02x?}"),
        )?;
    }
    Ok(())
}

/// What 3.1.1 answers to levels it does not know; later ones may be answered in their own way.
pub(crate) fn other_protocol_level_is_answered(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let header = connect.header_for("MQTT", 2, connect.flags());
    let mut peer = scene.open()?;
    peer.send(&packet(Kind::Connect, &[header, connect.payload()].concat()));
    ensure_same("the return code", peer.expect_closed()?, Some(1))
}

pub(crate) fn reserved_connect_flag_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let bytes = connect.bytes_with_flags(connect.flags() | 1);
    scene.each_opening_closes(&[("the reserved flag", bytes)])
}

pub(crate) fn will_fields_have_to_be_there(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let none = crafted::no_properties(scene.version);
    let topic = [string(&connect.client_id), none, string("t")].concat();
    let flagged = connect.clone().will(Will::new("t", "w"));
    scene.each_opening_closes(&[
        ("no Will fields", connect.bytes_with_flags(flagged.flags())),
        ("no Will Payload", flagged.bytes_with_payload(&topic)),
    ])
}

pub(crate) fn will_fields_without_will_flag_close(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let flagged = connect.clone().will(Will::new("t", "w"));
    scene.each_opening_closes(&[
        ("Will QoS 1", connect.bytes_with_flags(connect.flags() | 0b0_1000)),
        ("Will Retain", connect.bytes_with_flags(connect.flags() | 0b10_0000)),
        ("Will fields", flagged.bytes_with_flags(connect.flags())),
    ])
}

pub(crate) fn will_qos_without_will_flag_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    scene.each_opening_closes(&[
        ("Will QoS 1", connect.bytes_with_flags(connect.flags() | 0b0_1000)),
        ("Will QoS 2", connect.bytes_with_flags(connect.flags() | 0b1_0000)),
    ])
}

pub(crate) fn will_retain_without_will_flag_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let bytes = connect.bytes_with_flags(connect.flags() | 0b10_0000);
    scene.each_opening_closes(&[("Will Retain", bytes)])
}

pub(crate) fn will_qos_3_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().will(Will::new(scene.topic("will"), "w").qos(3));
    scene.each_opening_closes(&[("Will QoS 3", connect.bytes())])
}

pub(crate) fn user_name_without_flag_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let payload = [connect.payload(), string("user")].concat();
    scene.each_opening_closes(&[("User Name", connect.bytes_with_payload(&payload))])
}

pub(crate) fn user_name_flag_without_user_name_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let bytes = connect.bytes_with_flags(connect.flags() | 0x80);
    scene.each_opening_closes(&[("no User Name", bytes)])
}

pub(crate) fn password_without_flag_closes(scene: &mut Scene) -> Verdict {
    let mut connect = scene.new_client();
    connect.user_name = Some("user".to_owned());
    let payload = [connect.payload(), string("password")].concat();
    scene.each_opening_closes(&[("Password", connect.bytes_with_payload(&payload))])
}

pub(crate) fn password_flag_without_password_closes(scene: &mut Scene) -> Verdict {
    let mut connect = scene.new_client();
    connect.user_name = Some("user".to_owned());
    let bytes = connect.bytes_with_flags(connect.flags() | 0x40);
    scene.each_opening_closes(&[("no Password", bytes)])
}

pub(crate) fn password_without_user_name_closes(scene: &mut Scene) -> Verdict {
    let mut connect = scene.new_client();
    connect.password = Some(b"password".to_vec());
    scene.each_opening_closes(&[("no User Name", connect.bytes())])
}

/// Every field in the order of the specification: the server has to find the will in its place.
pub(crate) fn payload_fields_are_in_order(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let mut connect = scene.new_client().will(Will::new(&topic, "last words"));
    connect.user_name = Some("user".to_owned());
    connect.password = Some(b"password".to_vec());
    drop(scene.connect_with(&connect)?);
    let found = witness.expect_message("last words")?;
    ensure_same("the topic", found.topic, topic)
}

pub(crate) fn client_identifier_has_to_be_there(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    scene.each_opening_closes(&[("no payload", connect.bytes_with_payload(&[]))])
}

pub(crate) fn client_identifier_is_utf8(scene: &mut Scene) -> Verdict {
    let id = [scene.client_id("").as_bytes(), crafted::SURROGATE].concat();
    let bytes = crafted::connect_as(scene.version, &id);
    scene.each_opening_closes(&[("a surrogate", bytes)])
}

pub(crate) fn will_topic_is_utf8(scene: &mut Scene) -> Verdict {
    let (version, id) = (scene.version, scene.client_id("w"));
    let bytes = crafted::connect_with_will_topic(version, &id, crafted::SURROGATE);
    scene.each_opening_closes(&[("a surrogate", bytes)])
}

pub(crate) fn user_name_is_utf8(scene: &mut Scene) -> Verdict {
    let (version, id) = (scene.version, scene.client_id("u"));
    let bytes = crafted::connect_with_user_name(version, &id, crafted::SURROGATE);
    scene.each_opening_closes(&[("a surrogate", bytes)])
}

/// All allowed characters, in identifiers of 23; and one of a single character, which cannot be
/// unique to this row and is therefore unique to the version.
pub(crate) fn plain_client_identifiers_are_allowed(scene: &mut Scene) -> Verdict {
    let characters: Vec<char> = ('0'..='9').chain('a'..='z').chain('A'..='Z').collect();
    let tag = scene.client_id("");
    for chunk in characters.chunks(23 - tag.len()) {
        let id: String = chunk.iter().chain(&characters).take(23 - tag.len()).collect();
        scene.connect_with(&Connect::new(scene.version, format!("{tag}{id}")))?;
    }
    let single = ["x", "y", "z"][usize::from(level(scene.version) - 3)];
    scene.connect_with(&Connect::new(scene.version, single)).map(drop)
}

/// Two clients without an identifier: neither may take over the other.
pub(crate) fn empty_client_identifiers_are_told_apart(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let anonymous = Connect::new(scene.version, "");
    let mut first = scene.connect_with(&anonymous)?;
    let mut second = scene.connect_with(&anonymous)?;
    first.subscribe(&[(&topic, 0)])?;
    second.publish(Publish::new(&topic, "to the other"))?;
    first.expect_message("to the other")?;
    second.expect_nothing()
}

pub(crate) fn empty_client_identifier_of_a_session_is_rejected(scene: &mut Scene) -> Verdict {
    let anonymous = Connect::new(scene.version, "").resume();
    let (mut peer, connack) = scene.connect_anyhow(&anonymous)?;
    ensure_same("the return code", connack.reason, 2)?;
    ensure(!connack.session_present(), "a refusal says that the session is present")?;
    peer.expect_closed().map(drop)
}

pub(crate) fn assigned_client_identifiers_are_new(scene: &mut Scene) -> Verdict {
    let anonymous = Connect::new(scene.version, "");
    let mut seen = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..5 {
        let (peer, connack) = scene.connack(&anonymous)?;
        let id = assigned(&connack)?;
        ensure(!seen.contains(&id), format!("{id:?} was assigned twice"))?;
        seen.push(id);
        peers.push(peer);
    }
    for peer in &mut peers {
        peer.ping()?;
    }
    Ok(())
}

/// The session is found again under the identifier that the server has assigned.
pub(crate) fn assigned_client_identifier_is_the_clients(scene: &mut Scene) -> Verdict {
    let mut connect = scene.lasting("");
    connect.client_id.clear();
    let (peer, connack) = scene.connack(&connect)?;
    connect.client_id = assigned(&connack)?;
    peer.disconnect()?;
    scene.resume(&connect).map(drop)
}

fn assigned(connack: &crate::wire::ConnAck) -> Verdict<String> {
    match connack.property(ASSIGNED_CLIENT_IDENTIFIER).map(|property| &property.value) {
        Some(Value::Binary(id)) if !id.is_empty() => Ok(String::from_utf8_lossy(id).into_owned()),
        other => Err(Failure::new(format!("the Assigned Client Identifier is {other:?}"))),
    }
}

/// CONNECT packets that break section 3.1, other than in their strings and flags.
pub(crate) fn malformed_connect_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let whole = [connect.header(connect.flags()), connect.payload()].concat();
    let cut = whole[..whole.len() - 1].to_vec();
    let longer = [&whole[..], b"more"].concat();
    scene.each_opening_closes(&[
        ("nothing in it", packet(Kind::Connect, &[])),
        ("cut off in the protocol name", packet(Kind::Connect, &whole[..4])),
        ("cut off in the Client Identifier", packet(Kind::Connect, &cut)),
        ("bytes after the payload", packet(Kind::Connect, &longer)),
        ("the reserved flag", connect.bytes_with_flags(connect.flags() | 1)),
    ])
}

/// The same, and nothing at all may come before the close.
pub(crate) fn malformed_connect_closes_without_connack(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let whole = [connect.header(connect.flags()), connect.payload()].concat();
    for (case, bytes) in [
        ("nothing in it", packet(Kind::Connect, &[])),
        ("cut off", packet(Kind::Connect, &whole[..whole.len() - 1])),
        ("bytes after the payload", packet(Kind::Connect, &[&whole[..], b"more"].concat())),
        ("the reserved flag", connect.bytes_with_flags(connect.flags() | 1)),
    ] {
        let mut peer = scene.open()?;
        peer.send(&bytes);
        let reason = peer.expect_closed().map_err(|failure| failure.during(case))?;
        ensure(reason.is_none(), format!("{case}: answered with {reason:02x?}"))?;
    }
    Ok(())
}

pub(crate) fn second_connection_takes_over(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let mut first = scene.connect_with(&connect)?;
    let mut second = scene.connect_with(&connect)?;
    let reason = first.expect_closed()?;
    ensure(
        matches!(reason, None | Some(0x8E)),
        format!("the first connection is closed with the reason {reason:02x?}"),
    )?;
    second.ping()
}

pub(crate) fn connect_is_acknowledged(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut peer, connack) = scene.connack(&connect)?;
    ensure_same("the flags of the CONNACK", connack.flags, 0)?;
    peer.ping()
}

/// A refused CONNECT with more behind it in the same bytes.
pub(crate) fn refused_connect_takes_the_rest_with_it(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let refused = refused(scene);
    let publish = Publish::new(&topic, "smuggled").retained().bytes(scene.version);
    let mut peer = scene.open()?;
    peer.send(&[refused.bytes(), publish].concat());
    peer.expect_closed()?;
    witness.expect_nothing()?;
    witness.unsubscribe(&[&topic])?;
    witness.subscribe(&[(&topic, 0)])?;
    witness.expect_nothing()
}

/// A CONNECT that every server refuses although it is well-formed.
fn refused(scene: &mut Scene) -> Connect {
    if scene.version.is_v5() {
        scene.new_client().with(property::binary(AUTHENTICATION_METHOD, "no such method"))
    } else {
        Connect::new(scene.version, "").resume()
    }
}

pub(crate) fn refusal_says_no_session_and_closes(scene: &mut Scene) -> Verdict {
    let mut connect = scene.lasting("s");
    scene.connect_with(&connect)?.disconnect()?;
    connect.properties.push(property::binary(AUTHENTICATION_METHOD, "no such method"));
    let (mut peer, connack) = scene.connect_anyhow(&connect)?;
    ensure(connack.reason >= 0x80, format!("the reason is {:#04x}", connack.reason))?;
    ensure_same("the flags of the CONNACK", connack.flags, 0)?;
    ensure(
        REFUSALS.contains(&connack.reason),
        format!("{:#04x} is no Reason Code of CONNACK", connack.reason),
    )?;
    peer.expect_closed().map(drop)
}

/// The CONNACK is first even where messages wait for the client.
pub(crate) fn connack_comes_first(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut sender = scene.connect()?;
    for number in 0..5 {
        sender.publish(Publish::new(&topic, number.to_string()).qos(1))?;
    }
    let mut peer = scene.resume(&lasting)?;
    for number in 0..5 {
        peer.expect_message(&number.to_string())?;
    }
    Ok(())
}

/// Any packet but those that answer the requests would fail this.
pub(crate) fn there_is_one_connack(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.ping()?;
    peer.subscribe(&[(&topic, 0)])?;
    peer.publish(Publish::new(&topic, "x").qos(1))?;
    peer.expect_message("x")?;
    peer.unsubscribe(&[&topic])?;
    peer.expect_nothing()
}

pub(crate) fn connack_flags_are_clean(scene: &mut Scene) -> Verdict {
    let lasting = scene.lasting("s");
    for expected in [0, 1] {
        let (peer, connack) = scene.connack(&lasting)?;
        ensure_same("the flags of the CONNACK", connack.flags, expected)?;
        peer.disconnect()?;
    }
    Ok(())
}

/// A server that announces no lower Maximum QoS takes QoS 2.
pub(crate) fn maximum_qos_is_announced(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut peer, connack) = scene.connack(&connect)?;
    if connack.property(MAXIMUM_QOS).is_some() {
        return Ok(());
    }
    let topic = scene.topic("t");
    peer.publish(Publish::new(&topic, "x").qos(1))?;
    peer.publish(Publish::new(&topic, "x").qos(2))
}

pub(crate) fn response_information_only_on_request(scene: &mut Scene) -> Verdict {
    let asks_not = property::byte(REQUEST_RESPONSE_INFORMATION, 0);
    for connect in [scene.new_client(), scene.new_client().with(asks_not)] {
        let (_peer, connack) = scene.connack(&connect)?;
        let found = connack.property(RESPONSE_INFORMATION);
        ensure(found.is_none(), format!("unasked Response Information: {found:?}"))?;
    }
    Ok(())
}

pub(crate) fn server_keep_alive_binds_the_server(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().keep_alive(1);
    let (_peer, connack) = scene.connack(&connect)?;
    if connack.property(SERVER_KEEP_ALIVE).is_some() {
        return Ok(());
    }
    super::ping::silence_beyond_keep_alive_closes(scene)
}

/// The Reason Codes of CONNACK that refuse.
const REFUSALS: [u8; 21] = [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
    0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
