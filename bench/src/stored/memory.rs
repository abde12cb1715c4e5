//! Messages that wait: what one of them costs the broker in resident memory.

use std::path::Path;

use anyhow::Result;

use super::plan::Plan;
use super::publishers::{End, Pace, Publishers, to_sleeper};
use super::sleepers;
use crate::sample::Sample;
use crate::subject::Subject;

/// Measures a fresh broker before and after.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    let (sessions, messages) = (plan.sessions(SESSIONS), plan.messages(MESSAGES));
    sleepers::put_to_sleep(running.port(), sessions, sleepers::topic)?;
    let payload = plan.payload();
    let make = |number, id| to_sleeper(number, id, &payload);
    let mut publishers = Publishers::open(running.port(), plan.load(), sessions, make)?;
    let before = running.resident_bytes()?;
    let tally = publishers.run(End::AfterMessages(messages), Pace::Window)?;
    let after = running.resident_bytes()?;
    let case = format!("{messages} messages queued in {sessions} sessions");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    let grown = after.saturating_sub(before) as f64;
    Ok(vec![
        sample("memory before, MiB", before as f64 / MIB),
        sample("memory with them, MiB", after as f64 / MIB),
        sample("memory per message, bytes", grown / messages as f64),
        sample("acknowledged messages per second", tally.per_second()),
    ])
}

const SESSIONS: u32 = 10_000;

pub(super) const MESSAGES: u64 = 10_000_000;

const MIB: f64 = 1024.0 * 1024.0;
