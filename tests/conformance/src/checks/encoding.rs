//! Chapters 1 and 2: strings, integers, flags and Packet Identifiers.

use super::crafted::{
    self, NO_UTF8, NULL, SURROGATE, connect_as, publish_flagged, publish_to, subscribe_to,
    unsubscribe_from,
};
use crate::field::string;
use crate::property::{self, CONTENT_TYPE, RESPONSE_TOPIC};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Kind, Publish, acknowledgement, packet_with_flags, subscribe, unsubscribe};

pub(crate) fn ill_formed_utf8_closes(scene: &mut Scene) -> Verdict {
    strings_close(scene, &[("a surrogate", SURROGATE), ("the byte FF", NO_UTF8)])
}

pub(crate) fn null_character_closes(scene: &mut Scene) -> Verdict {
    strings_close(scene, &[("U+0000", NULL)])
}

fn strings_close(scene: &mut Scene, strings: &[(&str, &[u8])]) -> Verdict {
    let version = scene.version;
    for (string, bytes) in strings {
        let client_id = [scene.client_id("").as_bytes(), bytes].concat();
        scene
            .each_opening_closes(&[("Client Identifier", connect_as(version, &client_id))])
            .and_then(|()| {
                scene.each_closes(&[
                    ("Topic Name", publish_to(version, bytes)),
                    ("Topic Filter", subscribe_to(version, bytes)),
                    ("Topic Filter to unsubscribe", unsubscribe_from(version, bytes)),
                ])
            })
            .map_err(|failure| failure.during(string))?;
    }
    Ok(())
}

pub(crate) fn null_character_in_topics_closes(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    scene.each_closes(&[
        ("Topic Name", publish_to(version, NULL)),
        ("Topic Filter", subscribe_to(version, NULL)),
        ("Topic Filter to unsubscribe", unsubscribe_from(version, NULL)),
    ])
}

pub(crate) fn byte_order_mark_is_kept(scene: &mut Scene) -> Verdict {
    let (marked, plain) = (scene.topic("\u{FEFF}x"), scene.topic("x"));
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&marked, 0)])?;
    peer.publish(Publish::new(&plain, "without"))?;
    peer.publish(Publish::new(&marked, "\u{FEFF}with"))?;
    let found = peer.expect_message("\u{FEFF}with")?;
    ensure_same("the topic", found.topic, marked)
}

pub(crate) fn ill_formed_string_pair_closes(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    scene.each_closes(&[
        ("name", crafted::publish_with(&topic, &[property::user(SURROGATE, "v")])),
        ("value", crafted::publish_with(&topic, &[property::user("n", SURROGATE)])),
        ("U+0000 in the value", crafted::publish_with(&topic, &[property::user("n", NULL)])),
    ])
}

/// The reader takes no integer that is longer than it needs be: let the server write many.
pub(crate) fn integers_are_as_short_as_can_be(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 0)])?;
    for length in [0, 1, 90, 127, 128, 129, 300, 16_383, 16_384, 16_400, 70_000] {
        peer.send(&Publish::new(&topic, "p".repeat(length)).bytes(scene.version));
        ensure_same("the length", peer.expect_publish()?.payload.len(), length)?;
        let long = property::user("n", "v".repeat(length.min(65_535)));
        peer.send(&Publish::new(&topic, "").with(long.clone()).bytes(scene.version));
        ensure_same("the Properties", peer.expect_publish()?.properties, vec![long])?;
    }
    Ok(())
}

pub(crate) fn reserved_flags_close(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    let topic = scene.topic("t");
    let id = 1_u16.to_be_bytes();
    let filter = string(&topic);
    scene.each_closes(&[
        ("PUBACK", packet_with_flags(Kind::PubAck, 0b0001, &id)),
        ("PUBREC", packet_with_flags(Kind::PubRec, 0b0010, &id)),
        ("PUBREL", packet_with_flags(Kind::PubRel, 0b0000, &id)),
        ("PUBCOMP", packet_with_flags(Kind::PubComp, 0b0100, &id)),
        ("SUBSCRIBE", {
            let body = crafted::body(version, 1, &[&filter[..], &[0]].concat());
            packet_with_flags(Kind::Subscribe, 0b0000, &body)
        }),
        ("UNSUBSCRIBE", {
            packet_with_flags(Kind::Unsubscribe, 0b0011, &crafted::body(version, 1, &filter))
        }),
        ("PINGREQ", packet_with_flags(Kind::PingReq, 0b1000, &[])),
        ("DISCONNECT", packet_with_flags(Kind::Disconnect, 0b0001, &[])),
    ])?;
    let connect = scene.new_client();
    let body = [connect.header(connect.flags()), connect.payload()].concat();
    scene.each_opening_closes(&[("CONNECT", packet_with_flags(Kind::Connect, 0b0001, &body))])
}

pub(crate) fn packet_identifier_zero_closes(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    let topic = scene.topic("t");
    scene.each_closes(&[
        ("PUBLISH at QoS 1", publish_flagged(version, &topic, 0b0010, 0)),
        ("PUBLISH at QoS 2", publish_flagged(version, &topic, 0b0100, 0)),
        ("SUBSCRIBE", subscribe(version, 0, &[], &[(&topic, 0)])),
        ("UNSUBSCRIBE", unsubscribe(version, 0, &[&topic])),
    ])
}

pub(crate) fn server_uses_free_packet_identifiers(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut receiver = scene.connect()?;
    let mut sender = scene.connect()?;
    receiver.subscribe(&[(&topic, 2)])?;
    let mut used = Vec::new();
    for number in 0..10 {
        sender.publish(Publish::new(&topic, number.to_string()).qos(1 + number % 2))?;
        let id = receiver.expect_publish()?.id;
        ensure(!used.contains(&id), format!("the Packet Identifier {id} is still in use"))?;
        used.push(id);
    }
    Ok(())
}

/// At QoS 0 the payload would start with the Packet Identifier if there were one.
pub(crate) fn qos_0_has_no_packet_identifier(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.publish(Publish::new(&topic, "first"))?;
    peer.expect_message("first")?;
    peer.publish(Publish::new(&topic, "").qos(0))?;
    peer.expect_message("").map(drop)
}

pub(crate) fn acknowledgements_repeat_the_identifier(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    for id in [1, 2, 256, 4_660, 65_535] {
        peer.publish(Publish::new(&topic, "x").qos(1).id(id))?;
        peer.publish(Publish::new(&topic, "x").qos(2).id(id))?;
    }
    peer.subscribe(&[(&topic, 2)])?;
    peer.publish(Publish::new(&topic, "back").qos(2).id(7))?;
    let id = peer.expect_publish()?.id;
    peer.send(&acknowledgement(Kind::PubRec, id));
    peer.expect_acknowledgement(Kind::PubRel, id).map(drop)
}

pub(crate) fn subscription_answers_repeat_the_identifier(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    for id in [1, 255, 256, 65_535] {
        peer.send(&subscribe(scene.version, id, &[], &[(&topic, 0)]));
        peer.expect_acknowledgement(Kind::SubAck, id)?;
        peer.send(&unsubscribe(scene.version, id, &[&topic]));
        peer.expect_acknowledgement(Kind::UnsubAck, id)?;
    }
    Ok(())
}

/// The reader fails where the Property Length is missing.
pub(crate) fn no_properties_are_a_length_of_zero(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 0)])?;
    peer.publish(Publish::new(&topic, "bare"))?;
    ensure_same("the Properties", peer.expect_message("bare")?.properties, Vec::new())?;
    peer.unsubscribe(&[&topic]).map(drop)
}

pub(crate) fn ill_formed_text_properties_close(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    for (name, id) in [("Response Topic", RESPONSE_TOPIC), ("Content Type", CONTENT_TYPE)] {
        let bytes = crafted::publish_with(&topic, &[property::binary(id, SURROGATE)]);
        scene.each_closes(&[(name, bytes)])?;
    }
    Ok(())
}
