//! FerryMQ measured beside its peers: what a message costs the broker, what an
//! idle connection costs it, what a fan-out costs it.
//!
//! Every round measures all subjects one after the other, in another order than
//! the round before, so that a machine that grows slower does so for all. What is
//! reported is the median, and the raw samples go into the run's file.
//!
//! The load generator writes and counts raw bytes: it shares no code with the
//! broker but the layers of TLS and WebSocket, and its own cost stays small.

#![expect(clippy::cast_precision_loss, reason = "what is counted here stays far below 2^52")]

mod fan_out;
mod idle;
mod logins;
mod machine;
mod peer_to_peer;
mod process;
mod relay;
mod report;
mod rounds;
mod sample;
mod startup;
mod stored;
mod subject;
mod transports;
mod way;
mod wire;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::rounds::{Common, run_rounds};
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
        Command::Transports(plan) => {
            process::raise_file_limit(plan.connections + 1000)?;
            transports::run(&plan.common, plan.connections)
        }
        Command::Startup(common) => startup::run(&common),
        Command::Logins(common) => logins(&common),
        Command::Durable(plan) => stored::run(&plan, stored::Experiment::Durable),
        Command::Single(plan) => stored::run(&plan, stored::Experiment::Single),
        Command::Drain(plan) => stored::run(&plan, stored::Experiment::Drain),
        Command::Recover(plan) => stored::run(&plan, stored::Experiment::Recover),
        Command::Memory(plan) => stored::run(&plan, stored::Experiment::Memory),
        Command::FanOutStored(plan) => stored::run(&plan, stored::Experiment::FanOut),
        Command::Log(plan) => stored::run_log(&plan),
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
    /// p2p, fanout and idle
    All(Plan),
    /// The same over TCP, TLS, WebSocket and both: messages, megabytes, handshakes, idle
    /// connections
    Transports(Plan),
    /// How long a broker with three listeners, 10,000 users and their rights takes to start
    Startup(Common),
    /// Latency of 10,000 messages a second, alone and beside 1,000 logins a second whose
    /// passwords are hashed with Argon2id
    Logins(Common),
    /// Acknowledged messages a second for 10,000 sessions that are away
    Durable(stored::plan::Plan),
    /// Latency of one message at a time for a session that is away, beside fdatasync
    Single(stored::plan::Plan),
    /// 100 sessions that come back and take a million messages
    Drain(stored::plan::Plan),
    /// Time to start with a million queued messages; and with a million retained
    /// ones and 100,000 sessions
    Recover(stored::plan::Plan),
    /// Memory of ten million queued messages in 10,000 sessions
    Memory(stored::plan::Plan),
    /// Bytes and time of one message to 100,000 sessions that are away
    #[command(name = "fanout-stored")]
    FanOutStored(stored::plan::Plan),
    /// Records a second of the log alone, without a broker
    Log(stored::plan::Plan),
    /// Copy bytes between two connections: the limit that p2p is compared with
    #[command(hide = true)]
    Relay,
}

#[derive(Debug, Args)]
struct Plan {
    #[command(flatten)]
    common: Common,
    /// How many connections idle opens
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: u32,
    /// How many subscribers fanout has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    subscribers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Experiment {
    PeerToPeer,
    Idle,
    FanOut,
}

fn run(plan: &Plan, experiments: &[Experiment]) -> Result<()> {
    process::raise_file_limit(plan.connections.max(plan.subscribers) + 1000)?;
    let subjects = subjects(&plan.common)?;
    run_rounds(&plan.common, &subjects, |subject| {
        let mut samples = Vec::new();
        for experiment in experiments {
            if *experiment == Experiment::PeerToPeer || subject.is_broker() {
                let measured = measure(*experiment, subject, plan)
                    .with_context(|| format!("{experiment:?} {}", subject.name()))?;
                samples.extend(measured);
            }
        }
        Ok(samples)
    })
}

fn logins(common: &Common) -> Result<()> {
    // Those that wait for an answer, and those that are closed on one side only.
    process::raise_file_limit(20_000)?;
    let ferrymq = common.ferrymq()?;
    let (core, duration) = (common.broker_core, Duration::from_secs(common.seconds));
    run_rounds(common, &[Subject::FerryMq(ferrymq.clone())], |subject| {
        logins::measure(subject, &ferrymq, duration, core)
    })
}

fn subjects(common: &Common) -> Result<Vec<Subject>> {
    let ferrymq = common.ferrymq()?;
    let mut subjects = vec![Subject::FerryMq(ferrymq.clone()), Subject::OneShard(ferrymq)];
    if common.mosquitto.is_file() {
        subjects.push(Subject::Mosquitto(common.mosquitto.clone()));
    }
    subjects.push(Subject::Relay);
    Ok(subjects)
}

fn measure(experiment: Experiment, subject: &Subject, plan: &Plan) -> Result<Vec<Sample>> {
    let (core, duration) = (plan.common.broker_core, Duration::from_secs(plan.common.seconds));
    match experiment {
        Experiment::PeerToPeer => peer_to_peer::measure(subject, duration, core),
        Experiment::Idle => idle::measure(subject, plan.connections, core),
        Experiment::FanOut => fan_out::measure(subject, plan.subscribers, duration, core),
    }
}
