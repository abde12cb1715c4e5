//! The MQTT system in one binary: broker, publisher and subscriber, and what to do with the data of
//! a broker.
//!
//! The flags of `pub` and `sub` mean what they mean to Mosquitto's clients, and so does the exit
//! status: 0, the reason of a refused connection, 27 for a timeout, and 1 for everything else. By the name
//! `mosquitto` the program is that broker.

mod arguments;
mod config;
mod connection;
mod failure;
mod mosquitto;
mod property;
mod publish;
mod serve;
mod store;
mod subscribe;
mod supervise;

use std::ffi::OsString;
use std::future::Future;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tracing::Level;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    if name().is_some_and(|name| name == "mosquitto") {
        return ExitCode::from(mosquitto::run());
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_failure = error.use_stderr();
            // Where the words cannot go, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::from(is_failure));
        }
    };
    let quiet = arguments.is_quiet();
    let result = match arguments.into_command() {
        Command::Serve(arguments) => serve::run(&arguments).map(|()| 0),
        Command::Config(command) => config::run(&command),
        Command::Store(command) => store::run(&command),
        Command::Publish(arguments) => {
            log_to_stderr(arguments.connection.debug);
            run(publish::run(arguments))
        }
        Command::Subscribe(arguments) => {
            log_to_stderr(arguments.connection.debug);
            run(subscribe::run(arguments))
        }
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            if !quiet {
                eprintln!("Error: {error:#}");
            }
            ExitCode::from(error.downcast_ref::<Failure>().map_or(1, Failure::status))
        }
    }
}

/// The name by which the program was invoked.
fn name() -> Option<OsString> {
    let name = std::env::args_os().next()?;
    Some(Path::new(&name).file_name()?.to_owned())
}

/// Runs a client on this thread alone: it starts at once and needs no other.
fn run(client: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the client")?;
    let result = runtime.block_on(client);
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    result
}

fn log_to_stderr(debug: bool) {
    if debug {
        tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .init();
    }
}
