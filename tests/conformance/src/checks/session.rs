//! Sessions: what starts, resumes, keeps and ends them.

use std::time::Duration;

use crate::property::{self, SESSION_EXPIRY_INTERVAL};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Connect, Publish, disconnect};

/// Clean Session 0: created, kept while away, resumed.
pub(crate) fn session_is_created_kept_and_resumed(scene: &mut Scene) -> Verdict {
    session_is_created(scene)?;
    session_is_resumed(scene)
}

pub(crate) fn session_is_created(scene: &mut Scene) -> Verdict {
    let lasting = scene.lasting("created");
    let (_peer, connack) = scene.connack(&lasting)?;
    ensure(!connack.session_present(), "a session is present that nobody has started")
}

pub(crate) fn session_is_resumed(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("resumed");
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut peer = scene.resume(&lasting)?;
    peer.publish(Publish::new(&topic, "still subscribed"))?;
    peer.expect_message("still subscribed").map(drop)
}

pub(crate) fn messages_wait_for_the_session(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, 2)])?;
    peer.disconnect()?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "one").qos(1))?;
    sender.publish(Publish::new(&topic, "two").qos(2))?;
    let mut peer = scene.resume(&lasting)?;
    let one = peer.expect_message("one")?;
    let two = peer.expect_message("two")?;
    ensure_same("the QoS", (one.qos, two.qos), (1, 2))
}

/// Neither the subscription nor the waiting message of the old session is seen again.
pub(crate) fn clean_start_discards_the_session(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let lasting = scene.lasting("s");
    let mut peer = scene.connect_with(&lasting)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "waiting").qos(1))?;
    let clean = Connect { clean: true, ..lasting };
    let (mut peer, connack) = scene.connack(&clean)?;
    ensure(!connack.session_present(), "the discarded session is present")?;
    sender.publish(Publish::new(&topic, "new").qos(1))?;
    peer.expect_nothing()
}

/// And it leaves nothing to a later session either.
pub(crate) fn clean_session_leaves_nothing(scene: &mut Scene) -> Verdict {
    clean_start_discards_the_session(scene)?;
    let topic = scene.topic("left");
    let lasting = scene.lasting("l");
    let mut peer = scene.connect_with(&Connect { clean: true, ..lasting.clone() })?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&topic, "x").qos(1))?;
    let (mut peer, connack) = scene.connack(&lasting)?;
    ensure(!connack.session_present(), "the clean session is present")?;
    peer.expect_nothing()
}

pub(crate) fn session_present_tells_the_truth(scene: &mut Scene) -> Verdict {
    let lasting = scene.lasting("s");
    let clean = Connect { clean: true, ..lasting.clone() };
    let turns = [(&lasting, false), (&lasting, true), (&clean, false)];
    for (turn, (connect, expected)) in turns.into_iter().enumerate() {
        let (peer, connack) = scene.connack(connect)?;
        let what = format!("Session Present of connection {}", turn + 1);
        ensure_same(&what, connack.session_present(), expected)?;
        peer.disconnect()?;
    }
    Ok(())
}

pub(crate) fn client_identifier_names_the_session(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let (mine, other) = (scene.lasting("mine"), scene.lasting("other"));
    let mut peer = scene.connect_with(&mine)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    let (mut peer, connack) = scene.connack(&other)?;
    ensure(!connack.session_present(), "another client has the session")?;
    peer.publish(Publish::new(&topic, "x").qos(1))?;
    peer.expect_nothing()?;
    let mut peer = scene.resume(&mine)?;
    peer.expect_message("x").map(drop)
}

/// The session goes on over several connections, and as long as each of them.
pub(crate) fn session_lasts_as_long_as_its_connection(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let connect = scene.new_client();
    let mut peer = scene.connect_with(&connect)?;
    peer.subscribe(&[(&topic, 1)])?;
    scene.advance(Duration::from_millis(1500));
    peer.publish(Publish::new(&topic, "later").qos(1))?;
    peer.expect_message("later").map(drop)
}

/// An interval that passes while the Network Connection is open ends nothing.
pub(crate) fn open_connection_keeps_the_session(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let brief = brief(scene);
    let mut peer = scene.connect_with(&brief)?;
    peer.subscribe(&[(&topic, 1)])?;
    scene.advance(Duration::from_millis(2500));
    peer.publish(Publish::new(&topic, "later").qos(1))?;
    peer.expect_message("later").map(drop)
}

pub(crate) fn expired_session_is_discarded(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let brief = brief(scene);
    let mut peer = scene.connect_with(&brief)?;
    peer.subscribe(&[(&topic, 1)])?;
    peer.disconnect()?;
    // The interval, and some time to notice; servers look at intervals of seconds every few.
    scene.advance(Duration::from_secs(7));
    let (mut peer, connack) = scene.connack(&brief)?;
    ensure(!connack.session_present(), "the session has outlived its expiry")?;
    peer.publish(Publish::new(&topic, "x").qos(1))?;
    peer.expect_nothing()
}

/// A CONNECT whose session lasts one second.
fn brief(scene: &Scene) -> Connect {
    Connect::new(scene.version, scene.client_id("brief"))
        .resume()
        .with(property::four(SESSION_EXPIRY_INTERVAL, 1))
}

pub(crate) fn expiry_above_zero_keeps_the_session(scene: &mut Scene) -> Verdict {
    session_is_resumed(scene)?;
    let without = scene.new_client().resume();
    scene.connect_with(&without)?.disconnect()?;
    let (peer, connack) = scene.connack(&without)?;
    ensure(!connack.session_present(), "a session without an expiry is kept")?;
    drop(peer);
    let lasting = scene.lasting("shortened");
    let mut peer = scene.connect_with(&lasting)?;
    let now = property::four(SESSION_EXPIRY_INTERVAL, 0);
    peer.send(&disconnect(scene.version, 0, &[now]));
    peer.expect_closed()?;
    let (_peer, connack) = scene.connack(&lasting)?;
    ensure(!connack.session_present(), "the DISCONNECT has not ended the session")
}
