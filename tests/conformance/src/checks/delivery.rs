//! Who gets a message: matching subscriptions, overlaps, Subscription Identifiers.

use crate::property::{self, SUBSCRIPTION_IDENTIFIER, Value};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Kind, Publish, subscribe};

/// Online and away, exact and with wildcards; and nobody else.
pub(crate) fn every_matching_session_gets_the_message(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("a/b");
    let mut receivers = Vec::new();
    for filter in ["a/b", "a/+", "+/b", "#"] {
        let mut peer = scene.connect()?;
        peer.subscribe(&[(&scene.topic(filter), 1)])?;
        receivers.push(peer);
    }
    let mut stranger = scene.connect()?;
    stranger.subscribe(&[(&scene.topic("a/c"), 1), (&scene.topic("b/+"), 1)])?;
    let away = scene.lasting("away");
    let mut peer = scene.connect_with(&away)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    scene.connect()?.publish(Publish::new(&topic, "x").qos(1))?;
    for receiver in &mut receivers {
        receiver.expect_message("x")?;
        receiver.expect_nothing()?;
    }
    scene.resume(&away)?.expect_message("x")?;
    stranger.expect_nothing()
}

pub(crate) fn topic_name_matches_the_filter(scene: &mut Scene) -> Verdict {
    let (topic, other) = (scene.topic("a/b"), scene.topic("c/b"));
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&scene.topic("a/+"), 0)])?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&other, "other"))?;
    sender.publish(Publish::new(&topic, "x"))?;
    let found = peer.expect_message("x")?;
    ensure_same("the Topic Name", found.topic, topic)
}

/// One copy at the highest QoS of all, or one for each subscription of which one has it.
pub(crate) fn overlapping_subscriptions_get_the_highest_qos(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("a/b");
    let mut peer = scene.connect()?;
    peer.subscribe(&[
        (&scene.topic("a/#"), 2),
        (&scene.topic("a/+"), 1),
        (&scene.topic("a/b"), 0),
    ])?;
    scene.connect()?.publish(Publish::new(&topic, "x").qos(2))?;
    let found: Vec<u8> = peer.drain()?.iter().map(|publish| publish.qos).collect();
    ensure((1..=3).contains(&found.len()), format!("{} copies", found.len()))?;
    ensure_same("the highest QoS", found.iter().max().copied(), Some(2))
}

/// The Subscription Identifiers of the copies that overlapping subscriptions bring.
fn overlapping_identifiers(scene: &mut Scene) -> Verdict<Vec<Vec<usize>>> {
    let topic = scene.topic("a/b");
    let mut peer = scene.connect()?;
    for (filter, identifier) in [("a/#", 1), ("a/+", 300), ("a/b", 70_000)] {
        let properties = [property::subscription_identifier(identifier)];
        let id = peer.next_id();
        peer.send(&subscribe(scene.version, id, &properties, &[(&scene.topic(filter), 0)]));
        peer.expect_acknowledgement(Kind::SubAck, id)?;
    }
    peer.subscribe(&[(&scene.topic("+/b"), 0)])?;
    scene.connect()?.publish(Publish::new(&topic, "x"))?;
    let copies = peer.drain()?;
    Ok(copies.iter().map(identifiers).collect())
}

fn identifiers(publish: &Publish) -> Vec<usize> {
    let values = publish.properties.iter().map(|property| (property.id, &property.value));
    values
        .filter_map(|(id, value)| match value {
            Value::Variable(value) if id == SUBSCRIPTION_IDENTIFIER => Some(*value),
            _ => None,
        })
        .collect()
}

pub(crate) fn subscription_identifiers_are_sent(scene: &mut Scene) -> Verdict {
    let mut found: Vec<usize> = overlapping_identifiers(scene)?.into_iter().flatten().collect();
    found.sort_unstable();
    ensure_same("the Subscription Identifiers", found, vec![1, 300, 70_000])
}

pub(crate) fn single_copy_has_all_subscription_identifiers(scene: &mut Scene) -> Verdict {
    let copies = overlapping_identifiers(scene)?;
    ensure(copies.len() != 1 || copies[0].len() == 3, format!("one copy with {copies:?}"))?;
    ensure(!copies.is_empty(), "no copy")
}

pub(crate) fn each_copy_has_its_subscription_identifier(scene: &mut Scene) -> Verdict {
    let copies = overlapping_identifiers(scene)?;
    let fits = copies.len() == 1 || copies.iter().all(|identifiers| identifiers.len() <= 1);
    ensure(fits && !copies.is_empty(), format!("copies with {copies:?}"))?;
    // A replaced subscription has the identifier it was given last, or none.
    let topic = scene.topic("replaced");
    let mut peer = scene.connect()?;
    for identifier in [Some(5), Some(6), None] {
        let properties: Vec<_> =
            identifier.map(property::subscription_identifier).into_iter().collect();
        let id = peer.next_id();
        peer.send(&subscribe(scene.version, id, &properties, &[(&topic, 0)]));
        peer.expect_acknowledgement(Kind::SubAck, id)?;
        peer.publish(Publish::new(&topic, "x"))?;
        let found = identifiers(&peer.expect_message("x")?);
        let expected: Vec<usize> = identifier.into_iter().collect();
        ensure_same("the Subscription Identifier", found, expected)?;
    }
    Ok(())
}

pub(crate) fn client_may_not_send_subscription_identifiers(scene: &mut Scene) -> Verdict {
    let identifier = property::subscription_identifier(1);
    let bytes = super::crafted::publish_with(&scene.topic("t"), &[identifier]);
    scene.each_closes(&[("Subscription Identifier", bytes)])
}
