//! Section 4.6: the order of messages and of acknowledgements.

use crate::scene::Scene;
use crate::verdict::{Verdict, ensure_same};
use crate::wire::{Kind, Publish, acknowledgement};

const COUNT: u16 = 15;

fn numbers() -> Vec<String> {
    (1..=COUNT).map(|number| number.to_string()).collect()
}

/// At each QoS, to several subscribers.
pub(crate) fn messages_keep_their_order(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    for qos in 0..=2 {
        let topic = scene.topic(&qos.to_string());
        let mut receivers = [scene.connect()?, scene.connect()?];
        for receiver in &mut receivers {
            receiver.subscribe(&[(&topic, 2)])?;
        }
        for text in numbers() {
            sender.publish(Publish::new(&topic, &text).qos(qos))?;
        }
        for receiver in &mut receivers {
            for text in numbers() {
                receiver.expect_message(&text)?;
            }
        }
    }
    Ok(())
}

/// Unacknowledged messages come again in the order in which they came first.
pub(crate) fn messages_come_again_in_their_order(scene: &mut Scene) -> Verdict {
    for qos in [1, 2] {
        let topic = scene.topic(&qos.to_string());
        let lasting = scene.lasting(&qos.to_string());
        let mut receiver = scene.connect_with(&lasting)?;
        receiver.subscribe(&[(&topic, 2)])?;
        let mut sender = scene.connect()?;
        for text in numbers() {
            sender.publish(Publish::new(&topic, &text).qos(qos))?;
        }
        for text in numbers() {
            ensure_same("the message", receiver.expect_publish()?.text(), text)?;
        }
        drop(receiver);
        let mut receiver = scene.resume(&lasting)?;
        for text in numbers() {
            receiver.expect_message(&text)?;
        }
    }
    Ok(())
}

fn acknowledged_in_order(scene: &mut Scene, qos: u8, kind: Kind) -> Verdict {
    let mut sender = scene.connect()?;
    let all: Vec<u8> = (1..=COUNT)
        .flat_map(|id| scene.message("t", "x").qos(qos).id(id).bytes(scene.version))
        .collect();
    sender.send(&all);
    for id in 1..=COUNT {
        sender.expect_acknowledgement(kind, id)?;
    }
    Ok(())
}

pub(crate) fn puback_in_order(scene: &mut Scene) -> Verdict {
    acknowledged_in_order(scene, 1, Kind::PubAck)
}

pub(crate) fn pubrec_in_order(scene: &mut Scene) -> Verdict {
    acknowledged_in_order(scene, 2, Kind::PubRec)
}

/// PUBREL comes in the order of the PUBREC packets, whatever the order of the messages was.
pub(crate) fn pubrel_in_order(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut receiver = scene.connect()?;
    receiver.subscribe(&[(&topic, 2)])?;
    let mut sender = scene.connect()?;
    let mut ids = Vec::new();
    for text in numbers() {
        sender.publish(Publish::new(&topic, text).qos(2))?;
        ids.push(receiver.expect_publish()?.id);
    }
    ids.reverse();
    let all: Vec<u8> = ids.iter().flat_map(|id| acknowledgement(Kind::PubRec, *id)).collect();
    receiver.send(&all);
    for id in ids {
        receiver.expect_acknowledgement(Kind::PubRel, id)?;
    }
    Ok(())
}
