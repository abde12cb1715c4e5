//! A broker starts again on what it has kept: how long nobody is let in.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::plan::Plan;
use super::publishers::{End, Pace, Publishers, retained, to_sleeper};
use super::{receivers, sleepers};
use crate::sample::Sample;
use crate::subject::{Running, Subject};
use crate::wire::{self, CONNACK, Link};

/// Measures one small and one large restart, each on a fresh directory.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let queued = plan.messages(MESSAGES);
    for (name, sessions, retained) in
        [("messages", 10_000, 0), ("everything", plan.sessions(SESSIONS), queued)]
    {
        let data = data.join(name);
        std::fs::create_dir(&data)?;
        let scene = Scene { sessions, queued, retained: u32::try_from(retained)? };
        samples.extend(restart(subject, plan, &data, scene)?);
    }
    Ok(samples)
}

/// What is there to be recovered.
#[derive(Clone, Copy)]
struct Scene {
    sessions: u32,
    queued: u64,
    retained: u32,
}

fn restart(subject: &Subject, plan: &Plan, data: &Path, scene: Scene) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    fill(&running, plan, scene)?;
    if subject.survives_a_kill() {
        drop(running);
    } else {
        running.terminate()?;
    }
    let start = Instant::now();
    let running = subject.start_in(data, plan.common.broker_core)?;
    until_served(running.port())?;
    let elapsed = start.elapsed();
    let resident = running.resident_bytes()?;
    // What the first session is owed is an equal share, and none of it is lost.
    let share = scene.queued / u64::from(scene.sessions);
    receivers::drain(running.port(), 1, 1000, share)?;
    let Scene { sessions, queued, retained } = scene;
    let case = format!("restart, {sessions} sessions, {queued} queued, {retained} retained");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    Ok(vec![
        sample("until the first CONNACK, s", elapsed.as_secs_f64()),
        sample("memory then, MiB", resident as f64 / f64::from(1 << 20)),
    ])
}

fn fill(running: &Running, plan: &Plan, scene: Scene) -> Result<()> {
    let (port, payload) = (running.port(), plan.payload());
    sleepers::put_to_sleep(port, scene.sessions, sleepers::topic)?;
    let make = |number, id| to_sleeper(number, id, &payload);
    Publishers::open(port, plan.load(), scene.sessions, make)?
        .run(End::AfterMessages(scene.queued), Pace::Window)?;
    if scene.retained > 0 {
        let make = |number, id| retained(number, id, &payload);
        Publishers::open(port, plan.load(), scene.retained, make)?
            .run(End::AfterMessages(scene.retained.into()), Pace::Window)?;
    }
    Ok(())
}

/// Tries until a CONNECT is accepted. Others are refused: there is no half service.
fn until_served(port: u16) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut link = Link::raw(port)?;
        link.write(&wire::connect("first", true))?;
        let (kind, body) = link.packet()?;
        ensure!(kind == CONNACK, "packet type {kind:#x} came for a CONNACK");
        if body == [0, 0] {
            return Ok(());
        }
        ensure!(body == [0, SERVER_UNAVAILABLE], "refused for another reason: {body:?}");
        ensure!(Instant::now() < deadline, "not served after {PATIENCE:?}");
        std::thread::sleep(BETWEEN_ATTEMPTS);
    }
}

const SESSIONS: u32 = 100_000;

const MESSAGES: u64 = 1_000_000;

/// Return code 3 of MQTT 3.1.1.
const SERVER_UNAVAILABLE: u8 = 3;

const PATIENCE: Duration = Duration::from_mins(2);

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(2);
