//! Section 3.8 and 3.9: SUBSCRIBE and SUBACK.

use super::crafted::{self, SURROGATE};
use crate::field::string;
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Kind, Publish, packet_with_flags, subscribe};

/// Subscription Options: No Local.
pub(crate) const NO_LOCAL: u8 = 0b100;

pub(crate) fn reserved_flags_close(scene: &mut Scene) -> Verdict {
    let payload = [string(scene.topic("t")), vec![0]].concat();
    let body = crafted::body(scene.version, 1, &payload);
    for flags in [0b0000, 0b0001, 0b0011, 0b0110, 0b1111] {
        let bytes = packet_with_flags(Kind::Subscribe, flags, &body);
        scene.each_closes(&[(&format!("flags {flags:04b}"), bytes)])?;
    }
    Ok(())
}

pub(crate) fn filters_are_utf8(scene: &mut Scene) -> Verdict {
    let bytes = crafted::subscribe_to(scene.version, SURROGATE);
    scene.each_closes(&[("a surrogate", bytes)])
}

pub(crate) fn wildcards_are_supported_or_refused(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    let reasons = peer.subscribe(&[(&scene.topic("+/x"), 1), (&scene.topic("#"), 1)])?;
    peer.publish(scene.message("a/x", "x"))?;
    let copies = peer.drain()?.len();
    let refused = reasons.iter().all(|reason| *reason >= 0x80);
    ensure((copies > 0) != refused, format!("SUBACK {reasons:02x?}, then {copies} messages"))
}

pub(crate) fn no_filter_closes(scene: &mut Scene) -> Verdict {
    let bytes = crafted::subscribe_payload(scene.version, 1, &[]);
    scene.each_closes(&[("no filter", bytes)])
}

pub(crate) fn reserved_bits_and_qos_3_close(scene: &mut Scene) -> Verdict {
    options_close(scene, &[0b11, 0b100, 0b1_0000, 0b1000_0000, 0b1000_0001])
}

pub(crate) fn reserved_bits_close(scene: &mut Scene) -> Verdict {
    options_close(scene, &[0b0100_0000, 0b1000_0000, 0b1100_0001])
}

fn options_close(scene: &mut Scene, all: &[u8]) -> Verdict {
    let filter = string(scene.topic("t"));
    for options in all {
        let payload = [&filter[..], &[*options]].concat();
        let bytes = crafted::subscribe_payload(scene.version, 1, &payload);
        scene.each_closes(&[(&format!("{options:08b}"), bytes)])?;
    }
    Ok(())
}

/// Not even over another connection of the same client.
pub(crate) fn no_local_spares_the_publisher(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, NO_LOCAL | 1)])?;
    peer.publish(Publish::new(&topic, "own").qos(1))?;
    peer.expect_nothing()?;
    scene.connect()?.publish(Publish::new(&topic, "from another").qos(1))?;
    peer.expect_message("from another")?;
    peer.disconnect()?;
    let mut peer = scene.resume(&lasting)?;
    peer.publish(Publish::new(&topic, "own").qos(1))?;
    peer.expect_nothing()
}

pub(crate) fn no_local_on_a_shared_subscription_closes(scene: &mut Scene) -> Verdict {
    let filter = format!("$share/group/{}", scene.topic("t"));
    let bytes = subscribe(scene.version, 1, &[], &[(&filter, NO_LOCAL)]);
    scene.each_closes(&[("No Local", bytes)])
}

pub(crate) fn subscribe_is_answered(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    let reasons = peer.subscribe(&[(&scene.topic("t"), 1)])?;
    ensure_same("the Reason Codes", reasons, vec![1])
}

pub(crate) fn suback_has_the_packet_identifier(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    for id in [1, 65_535, 300] {
        peer.send(&subscribe(scene.version, id, &[], &[(&topic, 0)]));
        peer.expect_acknowledgement(Kind::SubAck, id)?;
    }
    Ok(())
}

/// One subscription, with the last QoS.
pub(crate) fn equal_filter_replaces(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    for qos in [0, 2, 1] {
        peer.subscribe(&[(&topic, qos)])?;
        sender.publish(Publish::new(&topic, "x").qos(2))?;
        let found = peer.expect_message("x")?;
        ensure_same("the QoS", found.qos, qos)?;
        peer.expect_nothing()?;
    }
    peer.unsubscribe(&[&topic])?;
    sender.publish(Publish::new(&topic, "x").qos(1))?;
    peer.expect_nothing()
}

/// In 3.1.1 the retained messages have to come again as well.
pub(crate) fn equal_filter_replaces_and_resends(scene: &mut Scene) -> Verdict {
    equal_filter_replaces(scene)?;
    super::retain::replaced_subscription_gets_retained_again(scene)
}

pub(crate) fn several_filters_are_several_subscriptions(scene: &mut Scene) -> Verdict {
    let (a, b, c) = (scene.topic("a"), scene.topic("b"), scene.topic("c"));
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    let reasons = peer.subscribe(&[(&a, 0), (&b, 1), (&c, 2), (&a, 2)])?;
    ensure_same("the Reason Codes", reasons, vec![0, 1, 2, 2])?;
    for (topic, qos) in [(&a, 2), (&b, 1), (&c, 2)] {
        sender.publish(Publish::new(topic, topic).qos(2))?;
        ensure_same("the QoS", peer.expect_message(topic)?.qos, qos)?;
    }
    peer.expect_nothing()
}

/// Each Reason Code is a QoS not above the one asked for, or a refusal.
pub(crate) fn each_filter_has_a_reason_code(scene: &mut Scene) -> Verdict {
    let filters: Vec<String> = (0..7).map(|number| scene.topic(&number.to_string())).collect();
    let asked: Vec<(&str, u8)> =
        filters.iter().zip((0..3).cycle()).map(|(filter, qos)| (filter.as_str(), qos)).collect();
    let mut peer = scene.connect()?;
    let reasons = peer.subscribe(&asked)?;
    ensure_same("the number of Reason Codes", reasons.len(), asked.len())?;
    for ((filter, qos), reason) in asked.iter().zip(&reasons) {
        let fits = reason <= qos || KNOWN_REASONS.contains(reason) && *reason >= 0x80;
        ensure(fits, format!("{filter} at QoS {qos}: {reason:#04x}"))?;
    }
    Ok(())
}

pub(crate) fn reason_codes_are_known(scene: &mut Scene) -> Verdict {
    each_filter_has_a_reason_code(scene)?;
    let mut peer = scene.connect()?;
    let reasons = peer.subscribe(&[("$SYS/#", 0), ("$no/such", 1)])?;
    let allowed: &[u8] = if scene.version.is_v5() { &KNOWN_REASONS } else { &[0, 1, 2, 0x80] };
    let known = reasons.iter().all(|reason| allowed.contains(reason));
    ensure(known, format!("SUBACK {reasons:02x?}"))
}

/// The smaller of the QoS of the message and of the subscription.
pub(crate) fn qos_is_the_smaller_one(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    for granted in 0..=2 {
        let topic = scene.topic(&granted.to_string());
        peer.subscribe(&[(&topic, granted)])?;
        for sent in 0..=2 {
            sender.publish(Publish::new(&topic, "x").qos(sent))?;
            let found = peer.expect_message("x")?;
            let what = format!("the QoS of {sent} to {granted}");
            ensure_same(&what, found.qos, granted.min(sent))?;
        }
    }
    Ok(())
}

/// The Reason Codes of SUBACK in 5.0.
const KNOWN_REASONS: [u8; 12] = [0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
