//! The Will Message.

use std::time::Duration;

use super::crafted::publish_flagged;
use crate::property::{
    self, CONTENT_TYPE, CORRELATION_DATA, PAYLOAD_FORMAT_INDICATOR, RESPONSE_TOPIC,
    WILL_DELAY_INTERVAL,
};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Will, disconnect};

pub(crate) fn will_is_published_when_the_connection_is_lost(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 2)])?;
    for qos in 0..=2 {
        let connect = scene.new_client().will(Will::new(&topic, "gone").qos(qos));
        drop(scene.connect_with(&connect)?);
        let found = witness.expect_message("gone")?;
        ensure_same("the QoS of the Will Message", found.qos, qos)?;
    }
    Ok(())
}

/// A protocol error loses the connection too.
pub(crate) fn will_is_published_after_a_protocol_error(scene: &mut Scene) -> Verdict {
    will_is_published_when_the_connection_is_lost(scene)?;
    let topic = scene.topic("error");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let connect = scene.new_client().will(Will::new(&topic, "misbehaved"));
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&publish_flagged(scene.version, &topic, 0b0110, 1));
    peer.expect_closed()?;
    witness.expect_message("misbehaved").map(drop)
}

/// Published once, and not again by a later connection of the session.
pub(crate) fn will_is_gone_once_published(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let lasting = scene.lasting("s");
    drop(scene.connect_with(&lasting.clone().will(Will::new(&topic, "once")))?);
    witness.expect_message("once")?;
    drop(scene.resume(&lasting)?);
    scene.resume(&lasting)?.disconnect()?;
    witness.expect_nothing()
}

pub(crate) fn disconnect_discards_the_will(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let connect = scene.new_client().will(Will::new(&topic, "unsaid"));
    scene.connect_with(&connect)?.disconnect()?;
    witness.expect_nothing()
}

pub(crate) fn will_is_removed(scene: &mut Scene) -> Verdict {
    will_is_gone_once_published(scene)?;
    let topic = scene.topic("second");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let lasting = scene.lasting("d");
    let with_will = lasting.clone().will(Will::new(&topic, "unsaid"));
    scene.connect_with(&with_will)?.disconnect()?;
    drop(scene.resume(&lasting)?);
    scene.resume(&lasting)?.disconnect()?;
    witness.expect_nothing()
}

pub(crate) fn no_will_flag_no_will(scene: &mut Scene) -> Verdict {
    let everything = scene.topic("#");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&everything, 0)])?;
    let connect = scene.new_client();
    drop(scene.connect_with(&connect)?);
    scene.connect_with(&connect)?.ping()?;
    witness.expect_nothing()
}

pub(crate) fn every_will_qos_is_taken(scene: &mut Scene) -> Verdict {
    super::connect::will_qos_3_closes(scene)?;
    will_is_published_when_the_connection_is_lost(scene)
}

pub(crate) fn will_without_retain_is_not_retained(scene: &mut Scene) -> Verdict {
    ensure_same("what a later subscriber finds", retained_will(scene, false)?, None)
}

pub(crate) fn will_with_retain_is_retained(scene: &mut Scene) -> Verdict {
    let found = retained_will(scene, true)?;
    ensure_same("what a later subscriber finds", found, Some(("will".to_owned(), true)))
}

/// What one finds who subscribes after the will was published, and its RETAIN flag.
fn retained_will(scene: &mut Scene, retain: bool) -> Verdict<Option<(String, bool)>> {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let will = Will { retain, ..Will::new(&topic, "will") };
    let connect = scene.new_client().will(will);
    drop(scene.connect_with(&connect)?);
    let live = witness.expect_message("will")?;
    ensure(!live.retain, "an established subscription gets the will as retained")?;
    let mut later = scene.connect()?;
    later.subscribe(&[(&topic, 0)])?;
    Ok(later.drain()?.first().map(|publish| (publish.text(), publish.retain)))
}

/// Stored with the Session: the delay runs, and the end of the Session ends it early.
pub(crate) fn will_waits_for_its_delay(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let delayed = Will::new(&topic, "late").with(property::four(WILL_DELAY_INTERVAL, 2));
    let connect = scene.lasting("s").will(delayed.clone());
    drop(scene.connect_with(&connect)?);
    let started = scene.now();
    witness.expect_publish_within(Duration::from_secs(12))?;
    let waited = scene.now().saturating_sub(started);
    // Servers that count in whole seconds may be up to one early.
    ensure(waited >= Duration::from_millis(900), format!("published after only {waited:?}"))?;
    let ends_at_once = scene.new_client().will(delayed);
    drop(scene.connect_with(&ends_at_once)?);
    witness.expect_message("late").map(drop)
}

pub(crate) fn coming_back_cancels_a_delayed_will(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let delayed = Will::new(&topic, "unsaid").with(property::four(WILL_DELAY_INTERVAL, 2));
    let lasting = scene.lasting("s");
    drop(scene.connect_with(&lasting.clone().will(delayed))?);
    let mut back = scene.resume(&lasting)?;
    scene.advance(Duration::from_secs(4));
    back.ping()?;
    witness.expect_nothing()
}

/// DISCONNECT with the reason 0x04 leaves the will in force.
pub(crate) fn disconnect_with_will_message_publishes(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let connect = scene.new_client().will(Will::new(&topic, "said"));
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&disconnect(scene.version, 0x04, &[]));
    peer.expect_closed()?;
    witness.expect_message("said").map(drop)
}

/// Lost connections and the reason 0x04 publish it, the reason 0x00 does not.
pub(crate) fn will_is_published_unless_disconnected(scene: &mut Scene) -> Verdict {
    will_is_published_when_the_connection_is_lost(scene)?;
    disconnect_with_will_message_publishes(scene)?;
    disconnect_discards_the_will(scene)
}

pub(crate) fn user_properties_of_the_will_keep_their_order(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("will");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let pairs = [("b", "1"), ("a", "2"), ("b", "0"), ("", "")];
    let users: Vec<_> = pairs.iter().map(|(name, value)| property::user(name, value)).collect();
    let mut will = Will::new(&topic, "will")
        .with(property::byte(PAYLOAD_FORMAT_INDICATOR, 1))
        .with(property::binary(CONTENT_TYPE, "text"))
        .with(property::binary(RESPONSE_TOPIC, "answer"))
        .with(property::binary(CORRELATION_DATA, [0, 1, 2]));
    will.properties.extend(users.clone());
    let connect = scene.new_client().will(will);
    drop(scene.connect_with(&connect)?);
    let mut found = witness.expect_message("will")?.properties;
    ensure_same("the number of Properties", found.len(), 8)?;
    found.retain(|property| property.id == property::USER_PROPERTY);
    ensure_same("the User Properties", found, users)
}
