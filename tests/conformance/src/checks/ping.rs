//! Keep Alive and PINGREQ.

use std::time::Duration;

use crate::scene::Scene;
use crate::verdict::{Verdict, ensure};

pub(crate) fn ping_is_answered(scene: &mut Scene) -> Verdict {
    let mut peer = scene.connect()?;
    for _ in 0..3 {
        peer.ping()?;
    }
    Ok(())
}

/// Neither within the Keep Alive, nor long after one and a half times of it.
pub(crate) fn silence_beyond_keep_alive_closes(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().keep_alive(2);
    let mut peer = scene.connect_with(&connect)?;
    let started = scene.now();
    peer.expect_closed_within(Duration::from_secs(10))?;
    let silent = scene.now().saturating_sub(started);
    ensure(silent >= Duration::from_secs(2), format!("closed after only {silent:?}"))
}
