//! What keeping costs: messages for sessions that are away, and what comes after a
//! restart.

mod commits;
mod drain;
mod durable;
mod fan_out;
mod log;
mod memory;
pub(crate) mod plan;
mod publishers;
mod receivers;
mod recover;
mod single;
mod sleepers;

use std::path::Path;

use anyhow::{Context, Result};

use self::plan::Plan;
use crate::rounds::{report, run_rounds};
use crate::sample::Sample;
use crate::subject::Subject;

/// What is measured of stored messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Experiment {
    Durable,
    Single,
    Drain,
    Recover,
    Memory,
    FanOut,
}

/// Measures all rounds and writes the report.
pub(crate) fn run(plan: &Plan, experiment: Experiment) -> Result<()> {
    let subjects = subjects(plan, experiment)?;
    run_rounds(&plan.common, &subjects, |subject| {
        measure(experiment, subject, plan, plan.directory()?.path())
            .with_context(|| format!("{experiment:?} {}", subject.name()))
    })
}

/// Measures the log without a broker, and writes the report.
pub(crate) fn run_log(plan: &Plan) -> Result<()> {
    report(&plan.common, vec![(log::NAME, None, "in the process of the load")], |_| {
        log::measure(plan, plan.directory()?.path())
    })
}

fn subjects(plan: &Plan, experiment: Experiment) -> Result<Vec<Subject>> {
    let ferrymq = plan.common.ferrymq()?;
    let mut subjects = vec![Subject::FerryMq(ferrymq.clone())];
    match experiment {
        Experiment::Durable | Experiment::Single => {
            subjects.extend([Subject::Process(ferrymq.clone()), Subject::InMemory(ferrymq)]);
        }
        Experiment::Drain => subjects.push(Subject::InMemory(ferrymq)),
        // Where Mosquitto would take many minutes, or all memory.
        Experiment::Memory if plan.messages(memory::MESSAGES) > 1_000_000 => return Ok(subjects),
        Experiment::FanOut if plan.sessions(fan_out::SESSIONS) > 10_000 => return Ok(subjects),
        Experiment::Memory | Experiment::Recover | Experiment::FanOut => {}
    }
    if plan.common.mosquitto.is_file() {
        subjects.push(Subject::SavingMosquitto(plan.common.mosquitto.clone()));
    }
    Ok(subjects)
}

fn measure(
    experiment: Experiment,
    subject: &Subject,
    plan: &Plan,
    data: &Path,
) -> Result<Vec<Sample>> {
    match experiment {
        Experiment::Durable => durable::measure(subject, plan, data),
        Experiment::Single => single::measure(subject, plan, data),
        Experiment::Drain => drain::measure(subject, plan, data),
        Experiment::Recover => recover::measure(subject, plan, data),
        Experiment::Memory => memory::measure(subject, plan, data),
        Experiment::FanOut => fan_out::measure(subject, plan, data),
    }
}
