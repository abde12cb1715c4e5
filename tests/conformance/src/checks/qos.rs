//! Section 4.3 and 4.4: the exchanges of QoS 0, 1 and 2, and what is sent again.

use std::time::Duration;

use crate::peer::Peer;
use crate::property::{self, MESSAGE_EXPIRY_INTERVAL};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Connect, Kind, Publish, acknowledgement, acknowledgement_with_reason};

/// A session that lasts, subscribed at QoS 2 to the topic of the row, and a sender.
fn receiver_and_sender(scene: &mut Scene) -> Verdict<(Connect, Peer, Peer)> {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut receiver = scene.connect_with(&lasting)?;
    receiver.subscribe(&[(&topic, 2)])?;
    Ok((lasting, receiver, scene.connect()?))
}

pub(crate) fn publish_is_answered_by_its_qos(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    for qos in 0..=2 {
        peer.publish(scene.message("t", "x").qos(qos))?;
    }
    peer.expect_nothing()
}

pub(crate) fn qos_3_closes(scene: &mut Scene) -> Verdict {
    let bytes = super::crafted::publish_flagged(scene.version, &scene.topic("t"), 0b0110, 1);
    scene.each_closes(&[("QoS 3", bytes)])
}

pub(crate) fn qos_0_goes_out_once(scene: &mut Scene) -> Verdict {
    let (lasting, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x"))?;
    let found = receiver.expect_message("x")?;
    ensure_same("QoS and DUP", (found.qos, found.dup), (0, false))?;
    receiver.disconnect()?;
    scene.resume(&lasting)?.expect_nothing()
}

/// The DUP flag of what the sender set is not passed on, at any QoS that may have it.
pub(crate) fn dup_is_not_passed_on(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    for qos in [1, 2] {
        sender.publish(scene.message("t", "x").qos(qos).duplicate())?;
        let found = receiver.expect_message("x")?;
        ensure_same("QoS and DUP", (found.qos, found.dup), (qos, false))?;
    }
    Ok(())
}

fn first_time_without_dup(scene: &mut Scene, qos: u8) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x").qos(qos))?;
    let found = receiver.expect_message("x")?;
    ensure(found.id != 0, "the Packet Identifier is 0")?;
    ensure_same("QoS and DUP", (found.qos, found.dup), (qos, false))
}

pub(crate) fn qos_1_is_first_sent_without_dup(scene: &mut Scene) -> Verdict {
    first_time_without_dup(scene, 1)
}

pub(crate) fn qos_2_is_first_sent_without_dup(scene: &mut Scene) -> Verdict {
    first_time_without_dup(scene, 2)
}

/// An unacknowledged PUBLISH comes again with the same Packet Identifier and with DUP.
fn sent_again(scene: &mut Scene, qos: u8) -> Verdict {
    let (lasting, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x").qos(qos))?;
    let first = receiver.expect_publish()?;
    drop(receiver);
    let mut receiver = scene.resume(&lasting)?;
    let again = receiver.expect_message("x")?;
    ensure_same("the Packet Identifier", again.id, first.id)?;
    ensure(again.dup, "the DUP flag is not set")?;
    receiver.disconnect()?;
    scene.resume(&lasting)?.expect_nothing()
}

pub(crate) fn qos_1_is_sent_until_acknowledged(scene: &mut Scene) -> Verdict {
    sent_again(scene, 1)
}

pub(crate) fn qos_2_is_sent_until_received(scene: &mut Scene) -> Verdict {
    sent_again(scene, 2)
}

pub(crate) fn redelivery_has_dup(scene: &mut Scene) -> Verdict {
    sent_again(scene, 1)?;
    sent_again(scene, 2)
}

/// PUBACK, and the same Packet Identifier afterwards is a new message, DUP or not.
pub(crate) fn identifier_is_free_after_puback(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "one").qos(1).id(7))?;
    sender.publish(scene.message("t", "two").qos(1).id(7).duplicate())?;
    receiver.expect_message("one")?;
    receiver.expect_message("two").map(drop)
}

pub(crate) fn qos_1_is_acknowledged(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    sender.publish(scene.message("t", "x").qos(1).id(77))
}

pub(crate) fn pubrel_follows_pubrec(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x").qos(2))?;
    let id = receiver.expect_publish()?.id;
    receiver.send(&acknowledgement(Kind::PubRec, id));
    receiver.expect_acknowledgement(Kind::PubRel, id)?;
    receiver.send(&acknowledgement(Kind::PubComp, id));
    receiver.expect_nothing()
}

/// A PUBREC that refuses ends the exchange: no PUBREL.
pub(crate) fn no_pubrel_after_refusal(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x").qos(2))?;
    let id = receiver.expect_publish()?.id;
    receiver.send(&acknowledgement_with_reason(Kind::PubRec, id, 0x80));
    receiver.expect_nothing()
}

pub(crate) fn pubrel_follows_a_successful_pubrec(scene: &mut Scene) -> Verdict {
    pubrel_follows_pubrec(scene)?;
    no_pubrel_after_refusal(scene)
}

/// After PUBREL it is PUBREL that comes again, and never the PUBLISH.
pub(crate) fn pubrel_is_sent_until_completed(scene: &mut Scene) -> Verdict {
    let (lasting, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "x").qos(2))?;
    let id = receiver.expect_publish()?.id;
    receiver.send(&acknowledgement(Kind::PubRec, id));
    receiver.expect_acknowledgement(Kind::PubRel, id)?;
    drop(receiver);
    let mut receiver = scene.resume(&lasting)?;
    receiver.expect_acknowledgement(Kind::PubRel, id)?;
    receiver.send(&acknowledgement(Kind::PubComp, id));
    receiver.expect_nothing()?;
    receiver.disconnect()?;
    scene.resume(&lasting)?.expect_nothing()
}

/// The whole of what a sender at QoS 1 owes in 3.1.1.
pub(crate) fn sender_keeps_qos_1(scene: &mut Scene) -> Verdict {
    super::encoding::server_uses_free_packet_identifiers(scene)?;
    qos_1_is_first_sent_without_dup(scene)?;
    qos_1_is_sent_until_acknowledged(scene)
}

/// The whole of what a sender at QoS 2 owes in 3.1.1.
pub(crate) fn sender_keeps_qos_2(scene: &mut Scene) -> Verdict {
    super::encoding::server_uses_free_packet_identifiers(scene)?;
    qos_2_is_first_sent_without_dup(scene)?;
    qos_2_is_sent_until_received(scene)?;
    pubrel_follows_pubrec(scene)?;
    pubrel_is_sent_until_completed(scene)
}

/// What was sent before it expired is still owed after.
pub(crate) fn sent_message_does_not_expire(scene: &mut Scene) -> Verdict {
    let (lasting, mut receiver, mut sender) = receiver_and_sender(scene)?;
    let brief = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    sender.publish(scene.message("t", "x").qos(2).with(brief))?;
    let id = receiver.expect_publish()?.id;
    drop(receiver);
    scene.advance(Duration::from_millis(2500));
    let again = scene.resume(&lasting)?.expect_message("x")?;
    ensure_same("the Packet Identifier", again.id, id)
}

pub(crate) fn qos_2_is_acknowledged(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    sender.publish(scene.message("t", "x").qos(2).id(77))
}

/// The same PUBLISH twice before its PUBREL: two PUBREC, one message; also over a reconnect.
pub(crate) fn repeated_qos_2_is_delivered_once(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, _) = receiver_and_sender(scene)?;
    let from = scene.lasting("from");
    let mut sender = scene.connect_with(&from)?;
    let publish = scene.message("t", "once").qos(2).id(9);
    sender.send(&publish.bytes(scene.version));
    expect_received(&mut sender)?;
    sender.send(&publish.clone().duplicate().bytes(scene.version));
    expect_received(&mut sender)?;
    drop(sender);
    let mut sender = scene.resume(&from)?;
    sender.send(&publish.duplicate().bytes(scene.version));
    expect_received(&mut sender)?;
    sender.send(&acknowledgement(Kind::PubRel, 9));
    sender.expect_acknowledgement(Kind::PubComp, 9)?;
    receiver.expect_message("once")?;
    receiver.expect_nothing()
}

fn expect_received(sender: &mut Peer) -> Verdict {
    let reason = sender.expect_acknowledgement(Kind::PubRec, 9)?.reason();
    ensure(reason < 0x80, format!("the PUBREC refuses with {reason:#04x}"))
}

pub(crate) fn identifier_is_free_after_pubcomp(scene: &mut Scene) -> Verdict {
    let (_, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "one").qos(2).id(9))?;
    sender.publish(scene.message("t", "two").qos(2).id(9))?;
    receiver.expect_message("one")?;
    receiver.expect_message("two").map(drop)
}

/// The whole of what a receiver at QoS 2 owes in 3.1.1.
pub(crate) fn receiver_keeps_qos_2(scene: &mut Scene) -> Verdict {
    repeated_qos_2_is_delivered_once(scene)?;
    let (mut receiver, mut sender) = (scene.connect()?, scene.connect()?);
    receiver.subscribe(&[(&scene.topic("second"), 2)])?;
    sender.publish(scene.message("second", "one").qos(2).id(9))?;
    sender.publish(scene.message("second", "two").qos(2).id(9))?;
    receiver.expect_message("one")?;
    receiver.expect_message("two").map(drop)
}

pub(crate) fn exchange_goes_on_after_expiry(scene: &mut Scene) -> Verdict {
    let mut sender = scene.connect()?;
    let brief = property::four(MESSAGE_EXPIRY_INTERVAL, 1);
    sender.send(&scene.message("t", "x").qos(2).id(9).with(brief).bytes(scene.version));
    expect_received(&mut sender)?;
    scene.advance(Duration::from_millis(1500));
    sender.send(&acknowledgement(Kind::PubRel, 9));
    sender.expect_acknowledgement(Kind::PubComp, 9).map(drop)
}

/// Everything that is owed comes again on a new connection, and only then.
pub(crate) fn nothing_is_sent_again_but_after_reconnecting(scene: &mut Scene) -> Verdict {
    redelivery_has_dup(scene)?;
    let topic = scene.topic("patient");
    let mut receiver = scene.connect()?;
    let mut sender = scene.connect()?;
    receiver.subscribe(&[(&topic, 1)])?;
    sender.publish(Publish::new(&topic, "x").qos(1))?;
    receiver.expect_publish()?;
    scene.advance(Duration::from_secs(2));
    receiver.expect_nothing()
}

/// The same where only the first half is asked for.
pub(crate) fn unacknowledged_packets_come_again(scene: &mut Scene) -> Verdict {
    redelivery_has_dup(scene)?;
    pubrel_is_sent_until_completed(scene)
}

pub(crate) fn refused_message_is_not_sent_again(scene: &mut Scene) -> Verdict {
    let (lasting, mut receiver, mut sender) = receiver_and_sender(scene)?;
    sender.publish(scene.message("t", "one").qos(1))?;
    sender.publish(scene.message("t", "two").qos(2))?;
    let one = receiver.expect_publish()?.id;
    let two = receiver.expect_publish()?.id;
    receiver.send(&acknowledgement_with_reason(Kind::PubAck, one, 0x80));
    receiver.send(&acknowledgement_with_reason(Kind::PubRec, two, 0x80));
    receiver.expect_nothing()?;
    drop(receiver);
    scene.resume(&lasting)?.expect_nothing()
}
