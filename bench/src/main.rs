//! FerryMQ measured beside its peers: what a message costs the broker, what an
//! idle connection costs it, what a fan-out costs it.
//!
//! Every round measures all subjects one after the other, in another order than
//! the round before, so that a machine that grows slower does so for all. What is
//! reported is the median, and the raw samples go into the run's file.
//!
//! The load generator writes and counts raw bytes: it shares no code with the
//! broker, and its own cost stays small.

#![expect(clippy::cast_precision_loss, reason = "what is counted here stays far below 2^52")]

mod fan_out;
mod idle;
mod machine;
mod peer_to_peer;
mod process;
mod relay;
mod report;
mod sample;
mod subject;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::report::Report;
use crate::sample::Sample;
use crate::subject::Subject;

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::P2p(plan) => run(&plan, &[Experiment::PeerToPeer]),
        Command::Idle(plan) => run(&plan, &[Experiment::Idle]),
        Command::FanOut(plan) => run(&plan, &[Experiment::FanOut]),
        Command::All(plan) => {
            run(&plan, &[Experiment::PeerToPeer, Experiment::FanOut, Experiment::Idle])
        }
        Command::Relay => relay::run(),
    }
}

/// FerryMQ measured beside its peers.
#[derive(Debug, Parser)]
#[command(name = "ferrymq-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Broker CPU time and latency of a message from one client to another
    P2p(Plan),
    /// Memory of a connection that does nothing
    Idle(Plan),
    /// Broker CPU time and latency of one message to many
    #[command(name = "fanout")]
    FanOut(Plan),
    /// Everything
    All(Plan),
    /// Copy bytes between two connections: the limit that p2p is compared with
    #[command(hide = true)]
    Relay,
}

#[derive(Debug, Args)]
struct Plan {
    /// The ferrymq binary; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    ferrymq: Option<PathBuf>,
    /// Mosquitto's binary; left out where it does not exist
    #[arg(long, value_name = "PATH", default_value = "/usr/sbin/mosquitto")]
    mosquitto: PathBuf,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// How long one case of p2p and fanout runs
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    seconds: u64,
    /// How many connections idle opens
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: u32,
    /// How many subscribers fanout has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    subscribers: u32,
    /// Keep the load generator on this core
    #[arg(long, value_name = "CORE")]
    load_core: Option<u32>,
    /// Keep the brokers on this core; with the load generator's, one message at a
    /// time costs no interrupt between cores
    #[arg(long, value_name = "CORE")]
    broker_core: Option<u32>,
    /// The directory that takes the run's report
    #[arg(long, value_name = "PATH", default_value = "bench/runs")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Experiment {
    PeerToPeer,
    Idle,
    FanOut,
}

fn run(plan: &Plan, experiments: &[Experiment]) -> Result<()> {
    let machine = machine::describe();
    process::raise_file_limit(plan.connections.max(plan.subscribers) + 1000)?;
    if let Some(core) = plan.load_core {
        process::pin_self(core)?;
    }
    let subjects = subjects(plan)?;
    let mut samples = Vec::new();
    for round in 0..plan.rounds {
        for experiment in experiments {
            for turn in 0..subjects.len() {
                let subject = &subjects[(turn + round as usize) % subjects.len()];
                if *experiment == Experiment::PeerToPeer || subject.is_broker() {
                    eprintln!("round {round}: {experiment:?} {}", subject.name());
                    let measured = measure(*experiment, subject, plan)
                        .with_context(|| format!("{experiment:?} {}", subject.name()))?;
                    samples.extend(measured);
                }
            }
        }
    }
    let report =
        Report::new(machine, &subjects, plan.rounds, [plan.load_core, plan.broker_core], samples);
    let path = report.write(&plan.out)?;
    eprintln!("written to {}", path.display());
    Ok(())
}

fn subjects(plan: &Plan) -> Result<Vec<Subject>> {
    let ferrymq = match &plan.ferrymq {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("ferrymq"),
    };
    anyhow::ensure!(
        ferrymq.is_file(),
        "{} does not exist; build it with `cargo build --release -p ferrymq`",
        ferrymq.display()
    );
    let mut subjects = vec![Subject::FerryMq(ferrymq.clone()), Subject::OneShard(ferrymq)];
    if plan.mosquitto.is_file() {
        subjects.push(Subject::Mosquitto(plan.mosquitto.clone()));
    }
    subjects.push(Subject::Relay);
    Ok(subjects)
}

fn measure(experiment: Experiment, subject: &Subject, plan: &Plan) -> Result<Vec<Sample>> {
    let duration = Duration::from_secs(plan.seconds);
    match experiment {
        Experiment::PeerToPeer => peer_to_peer::measure(subject, duration, plan.broker_core),
        Experiment::Idle => idle::measure(subject, plan.connections, plan.broker_core),
        Experiment::FanOut => {
            fan_out::measure(subject, plan.subscribers, duration, plan.broker_core)
        }
    }
}
