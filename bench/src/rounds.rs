//! Rounds of measurements, and what is chosen for all of them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::report::{Description, Report};
use crate::sample::Sample;
use crate::subject::Subject;
use crate::{machine, process};

/// What every experiment wants to know.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The ferrymq binary; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) ferrymq: Option<PathBuf>,
    /// Mosquitto's binary; left out where it does not exist
    #[arg(long, value_name = "PATH", default_value = "/usr/sbin/mosquitto")]
    pub(crate) mosquitto: PathBuf,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rounds: u32,
    /// How long one case of p2p, fanout and durable runs
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub(crate) seconds: u64,
    /// Keep the load generator on this core
    #[arg(long, value_name = "CORE")]
    pub(crate) load_core: Option<u32>,
    /// Keep the brokers on this core; with the load generator's, one message at a
    /// time costs no interrupt between cores
    #[arg(long, value_name = "CORE")]
    pub(crate) broker_core: Option<u32>,
    /// The directory that takes the run's report
    #[arg(long, value_name = "PATH", default_value = "bench/runs")]
    pub(crate) out: PathBuf,
}

impl Common {
    /// The binary that is measured.
    pub(crate) fn ferrymq(&self) -> Result<PathBuf> {
        let ferrymq = match &self.ferrymq {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("ferrymq"),
        };
        anyhow::ensure!(
            ferrymq.is_file(),
            "{} does not exist; build it with `cargo build --release -p ferrymq`",
            ferrymq.display()
        );
        Ok(ferrymq)
    }
}

/// Measures every subject in every round, and writes the report.
pub(crate) fn run_rounds(
    common: &Common,
    subjects: &[Subject],
    measure: impl Fn(&Subject) -> Result<Vec<Sample>>,
) -> Result<()> {
    let described = subjects.iter().map(Subject::describe).collect();
    report(common, described, |round| {
        let mut samples = Vec::new();
        for turn in 0..subjects.len() {
            let subject = &subjects[(turn + round as usize) % subjects.len()];
            eprintln!("round {round}: {}", subject.name());
            samples.extend(measure(subject)?);
        }
        Ok(samples)
    })
}

/// Measures all rounds, and writes the report.
pub(crate) fn report(
    common: &Common,
    subjects: Vec<Description>,
    measure: impl Fn(u32) -> Result<Vec<Sample>>,
) -> Result<()> {
    let machine = machine::describe();
    if let Some(core) = common.load_core {
        process::pin_self(core)?;
    }
    let mut samples = Vec::new();
    for round in 0..common.rounds {
        samples.extend(measure(round)?);
    }
    let cores = [common.load_core, common.broker_core];
    let report = Report::new(machine, subjects, common.rounds, cores, samples);
    let path = report.write(&common.out)?;
    eprintln!("written to {}", path.display());
    Ok(())
}
