//! Section 4.9: the server keeps to the Receive Maximum of the client.

use crate::peer::Peer;
use crate::property::{self, RECEIVE_MAXIMUM};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure_same};
use crate::wire::{Kind, Publish, acknowledgement};

/// A client that takes two messages at a time and has been sent five at QoS 1 and 2, and its two.
fn full_window(scene: &mut Scene) -> Verdict<(Peer, Vec<Publish>)> {
    let topic = scene.topic("t");
    let connect = scene.new_client().with(property::two(RECEIVE_MAXIMUM, 2));
    let mut receiver = scene.connect_with(&connect)?;
    receiver.subscribe(&[(&topic, 2)])?;
    let mut sender = scene.connect()?;
    for number in 0..5 {
        sender.publish(Publish::new(&topic, number.to_string()).qos(1 + number % 2))?;
    }
    let first = receiver.drain()?;
    ensure_same("the number of unacknowledged messages", first.len(), 2)?;
    Ok((receiver, first))
}

pub(crate) fn quota_starts_within_receive_maximum(scene: &mut Scene) -> Verdict {
    full_window(scene)?.0.expect_nothing()
}

pub(crate) fn server_keeps_to_receive_maximum(scene: &mut Scene) -> Verdict {
    let (mut receiver, window) = full_window(scene)?;
    let [first, second] = &window[..] else { return Ok(()) };
    receiver.expect_nothing()?;
    receiver.send(&acknowledgement(Kind::PubAck, first.id));
    let third = receiver.expect_publish()?;
    // At QoS 2 it is PUBCOMP that gives the place back, not PUBREC.
    receiver.send(&acknowledgement(Kind::PubRec, second.id));
    receiver.expect_acknowledgement(Kind::PubRel, second.id)?;
    receiver.expect_nothing()?;
    receiver.send(&acknowledgement(Kind::PubComp, second.id));
    let fourth = receiver.expect_publish()?;
    receiver.acknowledge(&third)?;
    let fifth = receiver.expect_publish()?;
    receiver.acknowledge(&fourth)?;
    receiver.acknowledge(&fifth)?;
    let order = [first, second, &third, &fourth, &fifth].map(Publish::text).concat();
    ensure_same("the order of the messages", order.as_str(), "01234")?;
    receiver.expect_nothing()
}

pub(crate) fn the_rest_goes_on_without_quota(scene: &mut Scene) -> Verdict {
    let (mut receiver, _window) = full_window(scene)?;
    let other = scene.topic("other");
    receiver.ping()?;
    receiver.subscribe(&[(&other, 0)])?;
    receiver.publish(Publish::new(&other, "x").qos(1).id(1))?;
    receiver.publish(Publish::new(&other, "x").qos(2).id(2))?;
    receiver.unsubscribe(&[&other]).map(drop)
}
