//! `ferrymq ctl`: administers a broker through `$CONTROL`, as `mosquitto_ctrl` does.
//!
//! A module makes a command of words and prints the response; what it is about it leaves to the
//! broker. Whoever asks sees the response to his own command and no other.

mod broker;
mod dynsec;
mod file;
mod module;
mod response;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use ferrymq_client::{Client, ConnectionError, Event, Events, Reconnect, RequestError, Version};
use serde_json::{Value, json};

use self::module::{Module, Task};
use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::property::CommandProperties;
use crate::subscribe::after;

/// Administer a broker.
#[derive(Args, Debug)]
#[command(after_help = "Modules: dynsec, broker. What they can do is told by their command help, \
                        as in `ferrymq ctl dynsec help`.")]
pub(crate) struct ControlArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// The quality of service of the command and of the response
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Change this file of dynamic security, and ask no broker; for setClientPassword
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// The module, dynsec or broker, and its command with what it needs
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, num_args = 2..,
          value_names = ["MODULE", "COMMAND"])]
    words: Vec<String>,
}

/// Carries out a command; returns the exit status.
pub(crate) async fn run(arguments: Box<ControlArguments>) -> anyhow::Result<u8> {
    let [name, command, words @ ..] = arguments.words.as_slice() else {
        bail!("a module and a command are needed, as in `ferrymq ctl dynsec listClients`");
    };
    let module = match name.to_ascii_lowercase().as_str() {
        "dynsec" => &dynsec::MODULE,
        "broker" => &broker::MODULE,
        _ => bail!("Module '{name}' not supported: there are dynsec and broker."),
    };
    let task = match command.eq_ignore_ascii_case("help") {
        true => Task::Done(module.help.to_owned()),
        false => (module.task)(command, words, arguments.file.as_ref())?,
    };
    let told = match task {
        Task::Done(told) => Some(told),
        Task::Command(command) => {
            let response = Asking { arguments: &arguments, module }.ask(&command).await?;
            response::print(&response, module.print)?
        }
    };
    if let Some(told) = told {
        response::to_stdout(&told)?;
    }
    Ok(0)
}

struct Asking<'a> {
    arguments: &'a ControlArguments,
    module: &'a Module,
}

impl Asking<'_> {
    /// Sends a command to the broker, and waits for the response.
    async fn ask(&self, command: &Value) -> anyhow::Result<Vec<u8>> {
        let connection = &self.arguments.connection;
        if connection.network.is_readable_by_others() && !connection.quiet {
            eprintln!(
                "Warning: You are running this without encryption. What you change can be read on \
                 the network, passwords too; --cafile FILE encrypts it."
            );
        }
        let properties = CommandProperties::parse(&connection.properties)?;
        let builder = connection.builder(&properties, Version::V5, false)?;
        let connected = builder.reconnect(Reconnect::Never).connect().await;
        let (client, mut events) = connected.map_err(|error| self.failed(&error))?;
        let request = json!({ "commands": [command] }).to_string();
        let result = tokio::select! {
            result = self.exchange(&client, &mut events, request) => result,
            () = after(Some(PATIENCE)) => Err(anyhow::anyhow!(
                "the broker does not answer: it may have no {}, or you may not use it",
                self.module.topic
            )),
        };
        client.disconnect().await;
        result
    }

    async fn exchange(
        &self,
        client: &Client,
        events: &mut Events,
        request: String,
    ) -> anyhow::Result<Vec<u8>> {
        let topic = format!("$CONTROL/{}/v1", self.module.topic);
        let qos = qos(self.arguments.qos);
        let responses = format!("{topic}/response");
        let reasons = client.subscribe(&responses).qos(qos).await?;
        if let Some(reason) = reasons.iter().find(|reason| reason.is_error()) {
            bail!("Subscribe error: {reason}: you may not see the responses on {responses}");
        }
        // The response may come before the acknowledgement, and then this is not waited for.
        let refused = async {
            let sent = client.publish(&topic, request.into_bytes()).qos(qos).await;
            match sent {
                Ok(_) => std::future::pending().await,
                Err(RequestError::Refused(reason)) => {
                    anyhow::anyhow!("Publish error: {reason}: you may not use {topic}")
                }
                Err(error) => anyhow::Error::new(error).context("the command was not sent"),
            }
        };
        tokio::select! {
            biased;
            response = self.response(events) => response,
            error = refused => Err(error),
        }
    }

    async fn response(&self, events: &mut Events) -> anyhow::Result<Vec<u8>> {
        loop {
            match events.next().await {
                Some(Event::Message(message)) => return Ok(message.payload),
                Some(Event::Disconnected { error, .. }) => return Err(self.failed(&error).into()),
                Some(_) => {}
                None => return Err(self.failed(&ConnectionError::Closed).into()),
            }
        }
    }

    fn failed(&self, error: &ConnectionError) -> Failure {
        let connection = &self.arguments.connection;
        let version = connection.version(Version::V5).unwrap_or(Version::V5);
        Failure::connection(error, &connection.network.broker(), version)
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
