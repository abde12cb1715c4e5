//! Section 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.

use super::crafted::{self, SURROGATE};
use crate::field::string;
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure_same};
use crate::wire::{Kind, Publish, acknowledgement, packet_with_flags, unsubscribe};

pub(crate) fn reserved_flags_close(scene: &mut Scene) -> Verdict {
    let body = crafted::body(scene.version, 1, &string(scene.topic("t")));
    for flags in [0b0000, 0b0001, 0b0011, 0b0110, 0b1111] {
        let bytes = packet_with_flags(Kind::Unsubscribe, flags, &body);
        scene.each_closes(&[(&format!("flags {flags:04b}"), bytes)])?;
    }
    Ok(())
}

pub(crate) fn filters_are_utf8(scene: &mut Scene) -> Verdict {
    let bytes = crafted::unsubscribe_from(scene.version, SURROGATE);
    scene.each_closes(&[("a surrogate", bytes)])
}

pub(crate) fn no_filter_closes(scene: &mut Scene) -> Verdict {
    let bytes = crafted::unsubscribe_payload(scene.version, 1, &[]);
    scene.each_closes(&[("no filter", bytes)])
}

/// A filter that would match, but is not the same, ends nothing.
pub(crate) fn filters_are_compared_by_character(scene: &mut Scene) -> Verdict {
    let (topic, filter) = (scene.topic("a/b"), scene.topic("a/+"));
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&filter, 0)])?;
    let others = [scene.topic("#"), topic.clone(), scene.topic("A/+"), scene.topic("a/+/")];
    peer.unsubscribe(&others.each_ref().map(String::as_str))?;
    peer.publish(Publish::new(&topic, "still"))?;
    peer.expect_message("still")?;
    peer.unsubscribe(&[&filter])?;
    peer.publish(Publish::new(&topic, "no more"))?;
    peer.expect_nothing()
}

pub(crate) fn no_new_messages_afterwards(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    peer.subscribe(&[(&topic, 1)])?;
    sender.publish(Publish::new(&topic, "before").qos(1))?;
    peer.expect_message("before")?;
    peer.unsubscribe(&[&topic])?;
    for qos in 0..=2 {
        sender.publish(Publish::new(&topic, "after").qos(qos))?;
    }
    peer.expect_nothing()
}

/// Messages at QoS 1 and 2 that were sent before go on to the end, over a new connection too.
pub(crate) fn started_deliveries_are_completed(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut peer = scene.connect_with(&lasting)?;
    let mut sender = scene.connect()?;
    peer.subscribe(&[(&topic, 2)])?;
    sender.publish(Publish::new(&topic, "one").qos(1))?;
    sender.publish(Publish::new(&topic, "two").qos(2))?;
    sender.publish(Publish::new(&topic, "three").qos(2))?;
    let one = peer.expect_publish()?;
    let two = peer.expect_publish()?;
    let three = peer.expect_publish()?;
    peer.send(&acknowledgement(Kind::PubRec, three.id));
    peer.expect_acknowledgement(Kind::PubRel, three.id)?;
    peer.unsubscribe(&[&topic])?;
    peer.acknowledge(&two)?;
    drop(peer);
    let mut peer = scene.resume(&lasting)?;
    // Which of the two comes first is the server's choice.
    peer.expect_acknowledgement(Kind::PubRel, three.id)?;
    peer.send(&acknowledgement(Kind::PubComp, three.id));
    let again = peer.expect_message("one")?;
    ensure_same("the Packet Identifier", again.id, one.id)?;
    peer.expect_nothing()
}

pub(crate) fn unsubscribe_is_answered(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 0)])?;
    for id in [1, 300, 65_535] {
        peer.send(&unsubscribe(scene.version, id, &[&topic]));
        peer.expect_acknowledgement(Kind::UnsubAck, id)?;
    }
    Ok(())
}

pub(crate) fn unknown_filter_is_answered_too(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    let reasons = peer.unsubscribe(&[&scene.topic("never subscribed")])?;
    let expected = if scene.version.is_v5() { vec![0x11] } else { Vec::new() };
    ensure_same("the Reason Codes", reasons, expected)
}

pub(crate) fn several_filters_are_answered_at_once(scene: &mut Scene) -> Verdict {
    let (a, b, c) = (scene.topic("a"), scene.topic("b"), scene.topic("c"));
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&a, 0), (&b, 0), (&c, 0)])?;
    let reasons = peer.unsubscribe(&[&a, &scene.topic("unknown"), &c])?;
    let expected = if scene.version.is_v5() { vec![0, 0x11, 0] } else { Vec::new() };
    ensure_same("the Reason Codes", reasons, expected)?;
    for topic in [&a, &b, &c] {
        peer.publish(Publish::new(topic, topic))?;
    }
    peer.expect_message(&b)?;
    peer.expect_nothing()
}
