//! Many publishers, and for each message one session that is away: how many
//! messages a second are acknowledged, and what keeping one costs.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::plan::Plan;
use super::publishers::{End, Pace, Publishers, Tally, to_sleeper};
use super::{commits, sleepers};
use crate::sample::Sample;
use crate::subject::{Running, Subject};

/// Measures a fresh broker.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    let sessions = plan.sessions(SESSIONS);
    sleepers::put_to_sleep(running.port(), sessions, sleepers::topic)?;
    let payload = plan.payload();
    let load = plan.load();
    let make = |number, id| to_sleeper(number, id, &payload);
    let mut publishers = Publishers::open(running.port(), load, sessions, make)?;
    publishers.run(End::After(WARM_UP), Pace::Window)?;
    let (cpu, bytes) = (running.cpu_time()?, running.written_bytes()?);
    let own = crate::process::cpu_time(std::process::id())?;
    let duration = Duration::from_secs(plan.common.seconds);
    let tally = publishers.run(End::After(duration), Pace::Window)?;
    let cpu = running.cpu_time()?.saturating_sub(cpu);
    let own = crate::process::cpu_time(std::process::id())?.saturating_sub(own);
    let bytes = running.written_bytes()?.saturating_sub(bytes) as f64;
    let messages = tally.acknowledged as f64;
    let case = format!(
        "{sessions} sessions away, {} publishers with {} in flight each",
        load.publishers, load.window
    );
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    let packet = to_sleeper(0, 1, &payload).len() as f64;
    let mut samples = vec![
        sample("broker CPU per message, µs", cpu.as_secs_f64() * 1e6 / messages),
        sample("load CPU per message, µs", own.as_secs_f64() * 1e6 / messages),
        sample("bytes written per message", bytes / messages),
        sample("bytes written per byte of PUBLISH", bytes / messages / packet),
    ];
    samples.extend(latencies(subject, &running, &case, &tally)?);
    if tally.per_second() > plan.rate as f64 {
        let tally = publishers.run(End::After(duration), Pace::PerSecond(plan.rate))?;
        let case = format!("{sessions} sessions away, {} messages a second", plan.rate);
        samples.extend(latencies(subject, &running, &case, &tally)?);
    }
    Ok(samples)
}

/// How fast messages were acknowledged, and how long the commits took at the end.
fn latencies(
    subject: &Subject,
    running: &Running,
    case: &str,
    tally: &Tally,
) -> Result<Vec<Sample>> {
    let sample = |quantity, value| Sample {
        case: case.to_owned(),
        quantity,
        subject: subject.name(),
        value,
    };
    let mut samples = vec![
        sample("acknowledged messages per second", tally.per_second()),
        sample("PUBACK p50, µs", tally.latency.value_at_quantile(0.5) as f64 / 1000.0),
        sample("PUBACK p99, µs", tally.latency.value_at_quantile(0.99) as f64 / 1000.0),
    ];
    if subject.survives_a_kill() {
        for (quantity, value) in commits::read(running.port())? {
            samples.push(sample(quantity, value));
        }
    }
    Ok(samples)
}

const SESSIONS: u32 = 10_000;

const WARM_UP: Duration = Duration::from_secs(1);
