//! The MQTT system in one binary: broker, publisher and subscriber, and what to do with the data and
//! the users of a broker.
//!
//! The flags of `pub`, `sub` and `rr` mean what they mean to Mosquitto's clients, and so does the exit
//! status: 0, the reason of a refused connection, 7 for one that was lost, 8 for one that TLS does not
//! let come about, 27 for a timeout, and 1 for everything else. By the name `mosquitto` the program is
//! that broker, and by `mosquitto_pub`, `mosquitto_sub`, `mosquitto_rr` and `mosquitto_ctrl` these
//! clients, and by `mosquitto_passwd` the tool for password files.

mod acl;
mod arguments;
mod certificate;
mod completions;
mod config;
mod connection;
mod ctl;
mod failure;
mod format;
mod log_lines;
mod manual;
mod mosquitto;
mod network;
mod options_file;
mod packet_words;
mod passwd;
mod payload;
mod printer;
mod property;
mod publish;
mod request;
mod secret;
mod serve;
mod store;
mod subscribe;
mod subscription;
mod supervise;

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let name = name(&words);
    if name == Some(mosquitto::NAME) {
        return ExitCode::from(mosquitto::run());
    }
    if let Some((_, tool)) = mosquitto::TOOLS.iter().find(|(link, _)| Some(*link) == name) {
        words.splice(..1, ["ferrymq".into(), (*tool).into()]);
    }
    let words = match options_file::complete(words, &Arguments::command()) {
        Ok(words) => words,
        Err(error) => {
            eprintln!("Error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let arguments = match Arguments::try_parse_from(words) {
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
        Command::Certificate(command) => certificate::run(&command),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Manual(arguments) => manual::run(&arguments, Arguments::command()),
        Command::Acl(command) => acl::run(&command),
        Command::Passwd(arguments) => passwd::run(arguments),
        Command::Publish(arguments) => run(publish::run(arguments)),
        Command::Subscribe(arguments) => run(subscribe::run(arguments)),
        Command::Request(arguments) => run(request::run(arguments)),
        Command::Control(arguments) => run(ctl::run(arguments)),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            let failure = error.downcast_ref::<Failure>();
            match failure {
                _ if quiet => {}
                Some(failure) => eprintln!("{failure}"),
                None => eprintln!("Error: {error:#}"),
            }
            ExitCode::from(failure.map_or(1, Failure::status))
        }
    }
}

/// The name by which the program was invoked.
fn name(words: &[OsString]) -> Option<&str> {
    Path::new(words.first()?).file_name()?.to_str()
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
