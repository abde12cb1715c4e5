//! Section 3.4 to 3.7: PUBACK, PUBREC, PUBREL and PUBCOMP.

use crate::scene::Scene;
use crate::verdict::{Verdict, ensure};
use crate::wire::{Kind, acknowledgement, packet_with_flags};

pub(crate) fn reserved_flags_of_pubrel_close(scene: &mut Scene) -> Verdict {
    for flags in [0b0000, 0b0001, 0b0011, 0b0110, 0b1111] {
        let bytes = packet_with_flags(Kind::PubRel, flags, &1_u16.to_be_bytes());
        scene.each_closes(&[(&format!("flags {flags:04b}"), bytes)])?;
    }
    Ok(())
}

fn known(kind: Kind, found: u8, allowed: &[u8]) -> Verdict {
    ensure(allowed.contains(&found), format!("{found:#04x} is no Reason Code of {kind:?}"))
}

/// With and without a matching subscription.
pub(crate) fn puback_has_a_known_reason(scene: &mut Scene) -> Verdict {
    received_with_a_known_reason(scene, 1, Kind::PubAck)
}

/// With and without a matching subscription.
pub(crate) fn pubrec_has_a_known_reason(scene: &mut Scene) -> Verdict {
    received_with_a_known_reason(scene, 2, Kind::PubRec)
}

fn received_with_a_known_reason(scene: &mut Scene, qos: u8, kind: Kind) -> Verdict {
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&scene.topic("heard"), 0)])?;
    for (id, topic) in [(1, "heard"), (2, "unheard")] {
        peer.send(&scene.message(topic, "x").qos(qos).id(id).bytes(scene.version));
        let found = peer.expect_acknowledgement(kind, id)?.reason();
        known(kind, found, &[0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])?;
        ensure(found < 0x80, format!("the message is refused with {found:#04x}"))?;
    }
    Ok(())
}

/// After a PUBREC for a message that was sent, and for one that was not.
pub(crate) fn pubrel_has_a_known_reason(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 2)])?;
    peer.publish(scene.message("t", "x").qos(2))?;
    let id = peer.expect_publish()?.id;
    for (id, allowed) in [(id, &[0][..]), (id.wrapping_add(1000), &[0, 0x92])] {
        peer.send(&acknowledgement(Kind::PubRec, id));
        let found = peer.expect_acknowledgement(Kind::PubRel, id)?.reason();
        known(Kind::PubRel, found, allowed)?;
    }
    Ok(())
}

/// For a message that was received, and for one that was not.
pub(crate) fn pubcomp_has_a_known_reason(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    peer.publish(scene.message("t", "x").qos(2).id(1))?;
    peer.send(&acknowledgement(Kind::PubRel, 1000));
    let found = peer.expect_acknowledgement(Kind::PubComp, 1000)?.reason();
    known(Kind::PubComp, found, &[0, 0x92])
}
