//! Retained messages.

use crate::property::{self, MESSAGE_EXPIRY_INTERVAL};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::Publish;

/// Subscription Options: Retain As Published.
pub(crate) const RETAIN_AS_PUBLISHED: u8 = 0b1000;
/// Subscription Options: retained messages only for a subscription that is new.
const RETAIN_IF_NEW: u8 = 0b1_0000;
/// Subscription Options: no retained messages.
const RETAIN_NEVER: u8 = 0b10_0000;

/// What a new subscriber at QoS 2 is sent at once: payload, QoS and RETAIN flag.
fn found_by_a_new_subscriber(scene: &mut Scene, filter: &str) -> Verdict<Vec<(String, u8, bool)>> {
    let mut peer = scene.connect()?;
    peer.subscribe(&[(filter, 2)])?;
    let mut found: Vec<_> =
        peer.drain()?.iter().map(|publish| (publish.text(), publish.qos, publish.retain)).collect();
    found.sort();
    Ok(found)
}

pub(crate) fn retained_message_is_stored_with_its_qos(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    for qos in 0..=2 {
        let topic = scene.topic(&format!("t{qos}"));
        sender.publish(Publish::new(&topic, "old").qos(2).retained())?;
        sender.publish(Publish::new(&topic, "new").qos(qos).retained())?;
        let found = found_by_a_new_subscriber(scene, &topic)?;
        ensure_same("the retained message", found, vec![("new".to_owned(), qos, true)])?;
    }
    Ok(())
}

pub(crate) fn new_subscription_gets_each_retained_message(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    for topic in ["a", "b", "b/c"] {
        sender.publish(scene.message(topic, "old").retained())?;
        sender.publish(scene.message(topic, topic).retained())?;
    }
    let expected: Vec<_> = ["a", "b", "b/c"].map(|text| (text.to_owned(), 0, true)).into();
    let found = found_by_a_new_subscriber(scene, &scene.topic("#"))?;
    ensure_same("the retained messages", found, expected)
}

pub(crate) fn qos_0_replaces_the_retained_message(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "old").qos(1).retained())?;
    sender.publish(Publish::new(&topic, "new").qos(0).retained())?;
    let found = found_by_a_new_subscriber(scene, &topic)?;
    // A server may drop a retained QoS 0 message, but not bring the old one back.
    ensure(found.iter().all(|(text, ..)| text == "new"), format!("retained: {found:?}"))
}

pub(crate) fn new_subscription_sees_the_retain_flag(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "x").qos(1).retained())?;
    let found = found_by_a_new_subscriber(scene, &topic)?;
    ensure_same("the retained message", found, vec![("x".to_owned(), 1, true)])
}

pub(crate) fn established_subscription_sees_no_retain_flag(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    peer.subscribe(&[(&topic, 1)])?;
    sender.publish(Publish::new(&topic, "x").qos(1).retained())?;
    let found = peer.expect_message("x")?;
    ensure(!found.retain, "the RETAIN flag is set")
}

/// It is delivered as any other message, and what was retained is gone.
pub(crate) fn empty_payload_removes(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut witness = scene.connect()?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "x").qos(1).retained())?;
    witness.subscribe(&[(&topic, 0)])?;
    witness.expect_message("x")?;
    sender.publish(Publish::new(&topic, "").retained())?;
    witness.expect_message("")?;
    let found = found_by_a_new_subscriber(scene, &topic)?;
    ensure_same("what is retained", found, Vec::new())
}

pub(crate) fn empty_payload_is_not_retained(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "").qos(1).retained())?;
    let found = found_by_a_new_subscriber(scene, &topic)?;
    ensure_same("what is retained", found, Vec::new())
}

/// Nor does an empty one remove anything.
pub(crate) fn message_without_retain_changes_nothing(scene: &mut Scene) -> Verdict {
    let (kept, empty) = (scene.topic("kept"), scene.topic("empty"));
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&empty, "x").qos(1))?;
    sender.publish(Publish::new(&kept, "kept").qos(1).retained())?;
    sender.publish(Publish::new(&kept, "passing").qos(1))?;
    sender.publish(Publish::new(&kept, "").qos(1))?;
    let found = found_by_a_new_subscriber(scene, &scene.topic("#"))?;
    ensure_same("what is retained", found, vec![("kept".to_owned(), 1, true)])
}

/// The end of the session of whoever published it does not remove it.
pub(crate) fn retained_message_outlives_the_session(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let connect = scene.new_client();
    let mut sender = scene.connect_with(&connect)?;
    sender.publish(Publish::new(&topic, "x").qos(1).retained())?;
    sender.disconnect()?;
    scene.connect_with(&connect)?.disconnect()?;
    let found = found_by_a_new_subscriber(scene, &topic)?;
    ensure_same("what is retained", found, vec![("x".to_owned(), 1, true)])
}

/// How many retained messages each of two equal SUBSCRIBE packets brings.
fn brought_by_two_subscribes(scene: &mut Scene, options: u8) -> Verdict<[usize; 2]> {
    for topic in ["a", "b"] {
        scene.connect()?.publish(scene.message(topic, topic).qos(1).retained())?;
    }
    let filter = scene.topic("+");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&filter, options)])?;
    let first = peer.drain()?.len();
    peer.subscribe(&[(&filter, options)])?;
    Ok([first, peer.drain()?.len()])
}

pub(crate) fn retain_handling_0_sends_each_time(scene: &mut Scene) -> Verdict {
    let found = brought_by_two_subscribes(scene, 0)?;
    ensure_same("the number of retained messages", found, [2, 2])
}

pub(crate) fn retain_handling_1_sends_to_new_subscriptions(scene: &mut Scene) -> Verdict {
    let found = brought_by_two_subscribes(scene, RETAIN_IF_NEW)?;
    ensure_same("the number of retained messages", found, [2, 0])
}

pub(crate) fn retain_handling_2_sends_nothing(scene: &mut Scene) -> Verdict {
    let found = brought_by_two_subscribes(scene, RETAIN_NEVER)?;
    ensure_same("the number of retained messages", found, [0, 0])
}

/// The RETAIN flags of a retained and of another message, live, with these options.
fn retain_flags(scene: &mut Scene, options: u8) -> Verdict<[bool; 2]> {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    let mut sender = scene.connect()?;
    peer.subscribe(&[(&topic, options)])?;
    sender.publish(Publish::new(&topic, "retained").retained())?;
    let retained = peer.expect_message("retained")?.retain;
    sender.publish(Publish::new(&topic, "other"))?;
    Ok([retained, peer.expect_message("other")?.retain])
}

pub(crate) fn retain_flag_is_cleared(scene: &mut Scene) -> Verdict {
    ensure_same("the RETAIN flags", retain_flags(scene, 0)?, [false, false])
}

pub(crate) fn retain_as_published_keeps_the_flag(scene: &mut Scene) -> Verdict {
    let found = retain_flags(scene, RETAIN_AS_PUBLISHED)?;
    ensure_same("the RETAIN flags", found, [true, false])
}

/// Replacing a subscription sends the retained messages again and loses no message.
pub(crate) fn replaced_subscription_gets_retained_again(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "retained").qos(1).retained())?;
    let mut peer = scene.connect()?;
    for _ in 0..2 {
        peer.subscribe(&[(&topic, 1)])?;
        peer.expect_message("retained")?;
        sender.publish(Publish::new(&topic, "live").qos(1))?;
        peer.expect_message("live")?;
    }
    Ok(())
}

pub(crate) fn expired_retained_message_is_gone(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let brief = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    scene.connect()?.publish(Publish::new(&topic, "brief").retained().with(brief))?;
    scene.advance(std::time::Duration::from_millis(2500));
    let found = found_by_a_new_subscriber(scene, &topic)?;
    ensure_same("what is retained", found, Vec::new())
}
