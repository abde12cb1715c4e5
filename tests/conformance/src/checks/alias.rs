//! Topic Aliases in both directions.

use std::collections::HashMap;

use crate::property::{self, TOPIC_ALIAS, TOPIC_ALIAS_MAXIMUM, Value};
use crate::scene::Scene;
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{ConnAck, Connect, Publish};

fn alias(number: u16) -> property::Property {
    property::two(TOPIC_ALIAS, number)
}

/// The Topic Alias Maximum of a CONNACK.
pub(crate) fn offered(connack: &ConnAck) -> u16 {
    match connack.property(TOPIC_ALIAS_MAXIMUM).map(|property| &property.value) {
        Some(Value::Two(maximum)) => *maximum,
        _ => 0,
    }
}

pub(crate) fn every_offered_alias_is_accepted(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut sender, connack) = scene.connack(&connect)?;
    let maximum = offered(&connack).min(200);
    let mut receiver = scene.connect()?;
    receiver.subscribe(&[(&scene.topic("#"), 1)])?;
    for number in 1..=maximum {
        sender.publish(scene.message(&number.to_string(), "first").qos(1).with(alias(number)))?;
    }
    for number in 1..=maximum {
        sender.publish(Publish::new("", "again").qos(1).with(alias(number)))?;
    }
    for text in ["first", "again"] {
        for number in 1..=maximum {
            let found = receiver.expect_message(text)?;
            ensure_same("the topic", found.topic, scene.topic(&number.to_string()))?;
        }
    }
    receiver.expect_nothing()
}

/// An alias of the last connection means nothing on this one.
pub(crate) fn aliases_end_with_the_connection(scene: &mut Scene) -> Verdict {
    let lasting = scene.lasting("s");
    let (mut peer, connack) = scene.connack(&lasting)?;
    if offered(&connack) == 0 {
        return Ok(());
    }
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&scene.topic("#"), 0)])?;
    peer.publish(scene.message("t", "one").with(alias(1)))?;
    witness.expect_message("one")?;
    peer.disconnect()?;
    let mut peer = scene.resume(&lasting)?;
    peer.send(&Publish::new("", "two").with(alias(1)).bytes(scene.version));
    peer.expect_closed()?;
    witness.expect_nothing()
}

pub(crate) fn alias_zero_closes(scene: &mut Scene) -> Verdict {
    let bytes = scene.message("t", "x").with(alias(0)).bytes(scene.version);
    scene.each_closes(&[("Topic Alias 0", bytes)])
}

/// Messages to several topics, each several times: the client can tell the topic of each.
fn aliases_of_the_server_are_at_most(
    scene: &mut Scene,
    connect: &Connect,
    maximum: u16,
) -> Verdict {
    let mut receiver = scene.connect_with(connect)?;
    receiver.subscribe(&[(&scene.topic("#"), 0)])?;
    let mut sender = scene.connect()?;
    let mut known: HashMap<u16, String> = HashMap::new();
    for round in 0..3 {
        for number in 0..6 {
            let topic = scene.topic(&number.to_string());
            sender.publish(Publish::new(&topic, round.to_string()))?;
            let found = receiver.expect_publish()?;
            let name = match found.property(TOPIC_ALIAS).map(|property| &property.value) {
                Some(Value::Two(alias)) => {
                    ensure(
                        (1..=maximum).contains(alias),
                        format!("Topic Alias {alias}, the maximum is {maximum}"),
                    )?;
                    if !found.topic.is_empty() {
                        known.insert(*alias, found.topic.clone());
                    }
                    known.get(alias).cloned().ok_or_else(|| {
                        Failure::new(format!("Topic Alias {alias} before it was introduced"))
                    })?
                }
                _ => found.topic,
            };
            ensure_same("the topic", name, topic)?;
        }
    }
    Ok(())
}

pub(crate) fn server_keeps_to_the_maximum(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().with(property::two(TOPIC_ALIAS_MAXIMUM, 2));
    aliases_of_the_server_are_at_most(scene, &connect, 2)
}

pub(crate) fn no_maximum_no_alias(scene: &mut Scene) -> Verdict {
    let without = scene.new_client();
    aliases_of_the_server_are_at_most(scene, &without, 0)?;
    let zero = scene.new_client().with(property::two(TOPIC_ALIAS_MAXIMUM, 0));
    aliases_of_the_server_are_at_most(scene, &zero, 0)
}
