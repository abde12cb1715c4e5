//! One message to very many sessions that are away.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::plan::Plan;
use super::{receivers, sleepers};
use crate::sample::{Sample, median};
use crate::subject::Subject;
use crate::wire::{self, Link};

/// Measures a fresh broker.
pub(crate) fn measure(subject: &Subject, plan: &Plan, data: &Path) -> Result<Vec<Sample>> {
    let running = subject.start_in(data, plan.common.broker_core)?;
    let (sessions, messages) = (plan.sessions(SESSIONS), plan.messages(MESSAGES));
    sleepers::put_to_sleep(running.port(), sessions, |_| TOPIC.to_owned())?;
    let memory = running.resident_bytes()?;
    let mut publisher = Link::mqtt(running.port(), "publisher")?;
    let message = wire::publish(TOPIC, 1, 1, &plan.payload());
    let bytes = running.written_bytes()?;
    let mut latencies = Vec::new();
    for _ in 0..messages {
        let start = Instant::now();
        publisher.write(&message)?;
        publisher.packet()?;
        latencies.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let bytes = running.written_bytes()?.saturating_sub(bytes) as f64;
    let memory = running.resident_bytes()?.saturating_sub(memory) as f64;
    // That they are there is part of the measurement.
    receivers::drain(running.port(), 1, 1000, messages)?;
    let case = format!("one message to {sessions} sessions away");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    let deliveries = messages as f64 * f64::from(sessions);
    Ok(vec![
        sample("PUBACK p50, ms", median(latencies).unwrap_or_default()),
        sample("bytes written per message", bytes / messages as f64),
        sample("bytes written per session", bytes / deliveries),
        sample("memory per session and message, bytes", memory / deliveries),
    ])
}

const TOPIC: &str = "bench/everybody";

pub(super) const SESSIONS: u32 = 100_000;

const MESSAGES: u64 = 10;
