//! The Maximum Packet Size of the client, and Request Problem Information.
//!
//! The reader refuses every packet that is larger than the client has allowed.

use crate::peer::Peer;
use crate::property::{
    self, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, REASON_STRING, RECEIVE_MAXIMUM,
    REQUEST_PROBLEM_INFORMATION, USER_PROPERTY,
};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure};
use crate::wire::{Kind, Publish, acknowledgement};

/// Room for what the server has to say in a CONNACK, and not much more.
const SMALL: u32 = 80;

pub(crate) fn too_large_packets_are_not_sent(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let connect = scene.new_client().with(property::four(MAXIMUM_PACKET_SIZE, SMALL));
    let mut peer = scene.connect_with(&connect)?;
    peer.subscribe(&[(&topic, 2)])?;
    let mut sender = scene.connect()?;
    for qos in 0..=2 {
        sender.publish(Publish::new(&topic, "x".repeat(100)).qos(qos))?;
        let long = property::user("n", "v".repeat(100));
        sender.publish(Publish::new(&topic, "x").qos(qos).with(long))?;
        sender.publish(Publish::new(&topic, "fits").qos(qos))?;
        peer.expect_message("fits")?;
    }
    peer.expect_nothing()
}

/// A packet that was too large takes no place: neither in the quota nor in the session.
pub(crate) fn too_large_packets_count_as_delivered(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene
        .lasting("s")
        .with(property::four(MAXIMUM_PACKET_SIZE, SMALL))
        .with(property::two(RECEIVE_MAXIMUM, 1));
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, 1)])?;
    let mut sender = scene.connect()?;
    for _ in 0..3 {
        sender.publish(Publish::new(&topic, "x".repeat(100)).qos(1))?;
    }
    sender.publish(Publish::new(&topic, "fits").qos(1))?;
    peer.expect_message("fits")?;
    peer.disconnect()?;
    scene.resume(&lasting)?.expect_nothing()
}

/// Every kind of answer, and some of them to requests that fail.
fn answers(scene: &Scene, peer: &mut Peer) -> Verdict<Vec<property::Property>> {
    let topic = scene.topic("t");
    let mut found = Vec::new();
    peer.send(&Publish::new(&topic, "x").qos(1).id(1).bytes(scene.version));
    found.extend(peer.expect_acknowledgement(Kind::PubAck, 1)?.properties);
    peer.send(&Publish::new(&topic, "x").qos(2).id(2).bytes(scene.version));
    found.extend(peer.expect_acknowledgement(Kind::PubRec, 2)?.properties);
    for id in [2, 3] {
        peer.send(&acknowledgement(Kind::PubRel, id));
        found.extend(peer.expect_acknowledgement(Kind::PubComp, id)?.properties);
    }
    let filters = [(topic.as_str(), 2), ("$share/group/t", 1)];
    peer.send(&crate::wire::subscribe(scene.version, 4, &[], &filters));
    found.extend(peer.expect_acknowledgement(Kind::SubAck, 4)?.properties);
    peer.send(&crate::wire::unsubscribe(scene.version, 5, &[&topic, "no such filter"]));
    found.extend(peer.expect_acknowledgement(Kind::UnsubAck, 5)?.properties);
    Ok(found)
}

pub(crate) fn answers_fit_the_maximum_packet_size(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().with(property::four(MAXIMUM_PACKET_SIZE, SMALL));
    let mut peer = scene.connect_with(&connect)?;
    answers(scene, &mut peer).map(drop)
}

pub(crate) fn server_pubrel_fits_the_maximum_packet_size(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let connect = scene.new_client().with(property::four(MAXIMUM_PACKET_SIZE, SMALL));
    let mut peer = scene.connect_with(&connect)?;
    peer.subscribe(&[(&topic, 2)])?;
    peer.publish(Publish::new(&topic, "x").qos(2))?;
    peer.expect_message("x").map(drop)
}

pub(crate) fn refusing_connack_fits_the_maximum_packet_size(scene: &mut Scene) -> Verdict {
    let connect = scene
        .new_client()
        .with(property::four(MAXIMUM_PACKET_SIZE, 8))
        .with(property::binary(AUTHENTICATION_METHOD, "no such method"));
    let mut peer = scene.open()?;
    peer.maximum_packet_size = Some(8);
    peer.send(&connect.bytes());
    peer.expect_closed().map(drop)
}

pub(crate) fn disconnect_fits_the_maximum_packet_size(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().with(property::four(MAXIMUM_PACKET_SIZE, SMALL));
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&connect.bytes());
    peer.expect_closed().map(drop)
}

pub(crate) fn problems_are_not_explained_unless_wanted(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().with(property::byte(REQUEST_PROBLEM_INFORMATION, 0));
    let mut peer = scene.connect_with(&connect)?;
    let found = answers(scene, &mut peer)?;
    let explains = found.iter().any(|found| [REASON_STRING, USER_PROPERTY].contains(&found.id));
    ensure(!explains, format!("unwanted explanations: {found:?}"))
}
