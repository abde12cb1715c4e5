//! The Properties of an Application Message on their way through the server.

use std::time::Duration;

use crate::property::{
    self, CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY_INTERVAL, PAYLOAD_FORMAT_INDICATOR,
    Property, RESPONSE_TOPIC, Value,
};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::Publish;

/// Each of these, alone, comes out as it went in: live, retained and after waiting.
fn unaltered(scene: &mut Scene, properties: &[Property]) -> Verdict {
    let topic = scene.topic("t");
    let away = scene.lasting("away");
    let mut peer = scene.connect_with(&away)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut live = scene.connect()?;
    live.subscribe(&[(&topic, 1)])?;
    let mut publish = Publish::new(&topic, "text").qos(1).retained();
    publish.properties = properties.to_vec();
    scene.connect()?.publish(publish)?;
    let mut late = scene.connect()?;
    late.subscribe(&[(&topic, 1)])?;
    let waited = scene.resume(&away)?;
    for (how, mut peer) in [("live", live), ("retained", late), ("after waiting", waited)] {
        let found = peer.expect_message("text")?.properties;
        ensure_same(&format!("what comes {how}"), found, properties.to_vec())?;
    }
    Ok(())
}

pub(crate) fn payload_format_indicator_is_unaltered(scene: &mut Scene) -> Verdict {
    unaltered(scene, &[property::byte(PAYLOAD_FORMAT_INDICATOR, 1)])
}

pub(crate) fn response_topic_is_unaltered(scene: &mut Scene) -> Verdict {
    unaltered(scene, &[property::binary(RESPONSE_TOPIC, "answer/to/ü")])
}

pub(crate) fn correlation_data_is_unaltered(scene: &mut Scene) -> Verdict {
    unaltered(scene, &[property::binary(CORRELATION_DATA, [0, 0xFF, 0, 0x80])])
}

pub(crate) fn content_type_is_unaltered(scene: &mut Scene) -> Verdict {
    unaltered(scene, &[property::binary(CONTENT_TYPE, "text/plain; charset=\u{1F980}")])
}

pub(crate) fn user_properties_are_unaltered(scene: &mut Scene) -> Verdict {
    unaltered(scene, &[property::user("name", "value"), property::user("", "")])
}

pub(crate) fn user_properties_keep_their_order(scene: &mut Scene) -> Verdict {
    let pairs = [("z", "1"), ("a", "2"), ("z", "3"), ("z", "1"), ("b", "")];
    unaltered(scene, &pairs.map(|(name, value)| property::user(name, value)))
}

pub(crate) fn wildcards_in_the_response_topic_close(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    for (name, response) in [("#", "answer/#"), ("+", "answer/+/x")] {
        let properties = [property::binary(RESPONSE_TOPIC, response)];
        scene.each_closes(&[(name, super::crafted::publish_with(&topic, &properties))])?;
    }
    Ok(())
}

pub(crate) fn expired_message_is_not_delivered(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let away = scene.lasting("away");
    let mut peer = scene.connect_with(&away)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut sender = scene.connect()?;
    let brief = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    let long = property::four(MESSAGE_EXPIRY_INTERVAL, 100);
    sender.publish(Publish::new(&topic, "brief").qos(1).with(brief))?;
    sender.publish(Publish::new(&topic, "long").qos(1).with(long))?;
    scene.advance(Duration::from_millis(2500));
    let mut peer = scene.resume(&away)?;
    peer.expect_message("long")?;
    peer.expect_nothing()?;
    super::retain::expired_retained_message_is_gone(scene)
}

pub(crate) fn time_in_the_server_is_deducted(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let away = scene.lasting("away");
    let mut peer = scene.connect_with(&away)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let interval = property::four(MESSAGE_EXPIRY_INTERVAL, 100);
    let publish = Publish::new(&topic, "x").qos(1).with(interval);
    scene.connect()?.publish(publish)?;
    scene.advance(Duration::from_millis(2500));
    let found = scene.resume(&away)?.expect_message("x")?;
    match found.property(MESSAGE_EXPIRY_INTERVAL).map(|property| &property.value) {
        // Some seconds more may pass on a machine that is busy.
        Some(Value::Four(90..=98)) => Ok(()),
        other => ensure(false, format!("after 2.5 of 100 s the interval is {other:?}")),
    }
}
