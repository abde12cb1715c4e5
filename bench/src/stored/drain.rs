//! Sessions come back together and take all that waits for them.

use std::path::Path;

use anyhow::Result;

use super::plan::Plan;
use super::publishers::{End, Pace, Publishers, to_sleeper};
use super::{receivers, sleepers};
use crate::sample::Sample;
use crate::subject::Subject;

/// Measures a fresh broker.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    let (sessions, messages) = (plan.sessions(SESSIONS), plan.messages(MESSAGES));
    sleepers::put_to_sleep(running.port(), sessions, sleepers::topic)?;
    let payload = plan.payload();
    let make = |number, id| to_sleeper(number, id, &payload);
    Publishers::open(running.port(), plan.load(), sessions, make)?
        .run(End::AfterMessages(messages), Pace::Window)?;
    let cpu = running.cpu_time()?;
    let elapsed = receivers::drain(running.port(), sessions, RECEIVE_MAXIMUM, messages)?;
    let cpu = running.cpu_time()?.saturating_sub(cpu);
    let case = format!("drain, {messages} messages over {sessions} sessions");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    Ok(vec![
        sample("messages per second", messages as f64 / elapsed.as_secs_f64()),
        sample("broker CPU per message, µs", cpu.as_secs_f64() * 1e6 / messages as f64),
    ])
}

const SESSIONS: u32 = 100;

const MESSAGES: u64 = 1_000_000;

const RECEIVE_MAXIMUM: u16 = 1_000;
