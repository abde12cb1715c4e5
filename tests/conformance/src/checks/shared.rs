//! Section 4.8.2: shared subscriptions.

use std::time::Instant;

use super::crafted;
use crate::peer::Peer;
use crate::scene::Scene;
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{Connect, Kind, Publish, acknowledgement_with_reason};

/// The shared filter of the row for this topic of the row.
fn shared(scene: &Scene, topic: &str) -> String {
    format!("$share/group/{}", scene.topic(topic))
}

pub(crate) fn share_name_and_filter_have_to_be_there(scene: &mut Scene) -> Verdict {
    never_granted(scene, &["$share//t", "$share/", "$share/group", "$share/group/"])?;
    // And a right one shares: each message goes to one member.
    let filter = shared(scene, "t");
    let mut members = [scene.connect()?, scene.connect()?];
    for member in &mut members {
        member.subscribe(&[(&filter, 1)])?;
    }
    let mut sender = scene.connect()?;
    for _ in 0..6 {
        sender.publish(scene.message("t", "x").qos(1))?;
    }
    let [first, second] = &mut members;
    let all = first.drain()?.len() + second.drain()?.len();
    ensure_same("the number of deliveries", all, 6)
}

pub(crate) fn share_name_has_no_wildcards(scene: &mut Scene) -> Verdict {
    never_granted(scene, &["$share/+/t", "$share/#/t", "$share/a+/t", "$share/a#b/t"])
}

fn never_granted(scene: &mut Scene, filters: &[&str]) -> Verdict {
    for filter in filters {
        let mut peer = scene.connect()?;
        peer.send(&crafted::subscribe_to(scene.version, filter.as_bytes()));
        let answer = peer.next_within(crate::peer::PATIENCE)?;
        if let Some(packet) = answer.filter(|packet| packet.kind == Kind::SubAck) {
            let reasons = packet.acknowledgement(scene.version)?.reasons;
            let refused = reasons.iter().all(|reason| *reason >= 0x80);
            ensure(refused, format!("{filter:?} is granted: {reasons:02x?}"))?;
        }
    }
    Ok(())
}

pub(crate) fn granted_qos_is_respected(scene: &mut Scene) -> Verdict {
    let mut member = scene.connect()?;
    let mut sender = scene.connect()?;
    for qos in 0..=2 {
        let topic = qos.to_string();
        member.subscribe(&[(&shared(scene, &topic), qos)])?;
        sender.publish(scene.message(&topic, "x").qos(2))?;
        ensure_same("the QoS", member.expect_message("x")?.qos, qos)?;
    }
    Ok(())
}

/// Two members of a group, one of which has been sent a message at QoS 2 and not answered.
struct Group {
    chosen: Peer,
    chosen_connect: Connect,
    other: Peer,
    message: Publish,
}

fn group_with_a_message(scene: &mut Scene, qos: u8) -> Verdict<Group> {
    let filter = shared(scene, "t");
    let connects = [scene.lasting("a"), scene.lasting("b")];
    let mut peers = Vec::new();
    for connect in &connects {
        let mut peer = scene.connect_with(connect)?;
        peer.subscribe(&[(&filter, 2)])?;
        peers.push((peer, connect.clone()));
    }
    scene.connect()?.publish(scene.message("t", "x").qos(qos))?;
    let (mut second, second_connect) = peers.remove(1);
    let (mut first, first_connect) = peers.remove(0);
    let (mut of_first, mut of_second) = (first.drain()?, second.drain()?);
    // A server may keep a record of the delivery first, which may take longer than to answer a ping.
    let begun = Instant::now();
    while of_first.is_empty() && of_second.is_empty() && begun.elapsed() < crate::peer::PATIENCE {
        (of_first, of_second) = (first.drain()?, second.drain()?);
    }
    let (chosen, chosen_connect, other) = if of_first.is_empty() {
        (second, second_connect, first)
    } else {
        (first, first_connect, second)
    };
    let mut messages = [of_first, of_second].concat();
    ensure_same("the number of deliveries", messages.len(), 1)?;
    let message = messages.pop().ok_or_else(|| Failure::new("no message"))?;
    Ok(Group { chosen, chosen_connect, other, message })
}

/// And if it is acknowledged then, nobody else gets it.
pub(crate) fn delivery_is_completed_on_reconnect(scene: &mut Scene) -> Verdict {
    let Group { chosen, chosen_connect, mut other, message } = group_with_a_message(scene, 2)?;
    drop(chosen);
    other.expect_nothing()?;
    let mut chosen = scene.resume(&chosen_connect)?;
    let again = chosen.expect_message("x")?;
    ensure_same("the Packet Identifier", again.id, message.id)?;
    other.expect_nothing()
}

pub(crate) fn ended_session_takes_the_message_with_it(scene: &mut Scene) -> Verdict {
    let Group { chosen, chosen_connect, mut other, .. } = group_with_a_message(scene, 2)?;
    drop(chosen);
    let clean = Connect { clean: true, ..chosen_connect };
    scene.connect_with(&clean)?.expect_nothing()?;
    other.expect_nothing()
}

pub(crate) fn refused_message_goes_to_nobody_else(scene: &mut Scene) -> Verdict {
    for (qos, kind) in [(1, Kind::PubAck), (2, Kind::PubRec)] {
        let mut group = group_with_a_message(scene, qos)?;
        group.chosen.send(&acknowledgement_with_reason(kind, group.message.id, 0x80));
        group.chosen.expect_nothing()?;
        group.other.expect_nothing()?;
        for connect in [scene.lasting("a"), scene.lasting("b")] {
            let mut back = scene.resume(&connect)?;
            back.expect_nothing()?;
            back.unsubscribe(&[&shared(scene, "t")])?;
        }
    }
    Ok(())
}
