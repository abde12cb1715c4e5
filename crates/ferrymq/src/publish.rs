//! `ferrymq pub`: publishes one message, the same message some times, or a message per line.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use ferrymq_client::{
    Client, ConnectionError, Event, Events, Pending, Publish, ReasonCode, Reconnect, RequestError,
    TopicName, Version,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, stdin};
use tokio::time::sleep;

use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::property::CommandProperties;

/// Publish messages on a topic.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
#[command(group = clap::ArgGroup::new("payload").required(true))]
pub(crate) struct PublishArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// The topic
    #[arg(short, long, allow_hyphen_values = true)]
    pub(crate) topic: String,
    /// The message
    #[arg(short, long, group = "payload", allow_hyphen_values = true)]
    pub(crate) message: Option<OsString>,
    /// The contents of a file are the message
    #[arg(short, long, group = "payload", allow_hyphen_values = true)]
    pub(crate) file: Option<PathBuf>,
    /// Every line of standard input is a message
    #[arg(short = 'l', long, group = "payload")]
    pub(crate) stdin_line: bool,
    /// All of standard input is the message
    #[arg(short = 's', long, group = "payload")]
    pub(crate) stdin_file: bool,
    /// The message is empty
    #[arg(short, long, group = "payload")]
    pub(crate) null_message: bool,
    /// The quality of service
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Make it the topic's retained message
    #[arg(short, long)]
    pub(crate) retain: bool,
    /// How many times to publish the message
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "stdin_line",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// How many seconds to wait between two of these times
    #[arg(long, default_value = "0", value_name = "SECONDS", requires = "repeat",
          value_parser = seconds)]
    pub(crate) repeat_delay: Duration,
}

/// Publishes what the command line describes; returns the exit status.
pub(crate) async fn run(arguments: Box<PublishArguments>) -> anyhow::Result<u8> {
    TopicName::parse(&arguments.topic).with_context(|| format!("--topic {}", arguments.topic))?;
    let properties = CommandProperties::parse(&arguments.connection.properties)?;
    let payload = arguments.payload()?;
    let mut builder = arguments.connection.builder(&properties)?;
    if payload.is_some() {
        // Only who reads a stream of messages outlives a lost connection.
        builder = builder.reconnect(Reconnect::Never);
    }
    let (client, mut events) = builder.connect().await.map_err(|error| arguments.failed(&error))?;
    let publisher = Publisher { arguments: &arguments, client, properties };
    tokio::select! {
        // The loss of the connection explains the failure of a request, so it comes first.
        biased;
        error = arguments.lost(&mut events) => return Err(arguments.failed(&error).into()),
        result = publisher.publish(payload) => result?,
    }
    publisher
        .client
        .disconnect_with(ReasonCode::Success, publisher.properties.disconnect.clone())
        .await;
    Ok(0)
}

impl PublishArguments {
    /// The message, read before anything is sent; `None` for a message per line.
    fn payload(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let payload = if let Some(message) = &self.message {
            message.as_encoded_bytes().to_vec()
        } else if let Some(path) = &self.file {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
        } else if self.stdin_file {
            let mut payload = Vec::new();
            std::io::stdin()
                .take(MAX_PAYLOAD_BYTES.saturating_add(1))
                .read_to_end(&mut payload)
                .context("cannot read standard input")?;
            payload
        } else if self.null_message {
            Vec::new()
        } else {
            return Ok(None);
        };
        check_length(&payload)?;
        Ok(Some(payload))
    }

    /// Waits for the end of the connection for good.
    async fn lost(&self, events: &mut Events) -> ConnectionError {
        // Of many attempts to come back only the first is news.
        let mut is_lost = false;
        loop {
            match events.next().await {
                Some(Event::Disconnected { error, retry_in: None }) => return error,
                Some(Event::Disconnected { error, retry_in: Some(_) }) => {
                    if !std::mem::replace(&mut is_lost, true) && !self.connection.quiet {
                        eprintln!("Warning: connection lost: {error}; trying again");
                    }
                }
                Some(Event::Connected { .. }) => is_lost = false,
                Some(_) => {}
                None => return ConnectionError::Closed,
            }
        }
    }

    fn failed(&self, error: &ConnectionError) -> Failure {
        let version = self.connection.version().unwrap_or(Version::V3_1_1);
        Failure::connection(error, &self.connection.host, self.connection.port, version)
    }
}

struct Publisher<'a> {
    arguments: &'a PublishArguments,
    client: Client,
    properties: CommandProperties,
}

impl Publisher<'_> {
    async fn publish(&self, payload: Option<Vec<u8>>) -> anyhow::Result<()> {
        match payload {
            Some(payload) => self.publish_repeatedly(&payload).await,
            None => self.publish_lines().await,
        }
    }

    async fn publish_repeatedly(&self, payload: &[u8]) -> anyhow::Result<()> {
        for time in 0..self.arguments.repeat {
            if time > 0 {
                sleep(self.arguments.repeat_delay).await;
            }
            self.check(self.message(payload.to_vec()).await)?;
        }
        Ok(())
    }

    /// Reads on while earlier lines are on their way, and waits for all of them at the end.
    async fn publish_lines(&self) -> anyhow::Result<()> {
        let mut lines = BufReader::new(stdin());
        let mut pending: VecDeque<Pending> = VecDeque::new();
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut lines).take(MAX_PAYLOAD_BYTES.saturating_add(1));
            let length = limited.read_until(b'\n', &mut line).await;
            if length.context("cannot read standard input")? == 0 {
                break;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            check_length(&line)?;
            pending.push_back(self.message(line).send().await?);
            if pending.len() >= MAX_PENDING
                && let Some(oldest) = pending.pop_front()
            {
                self.check(oldest.await)?;
            }
        }
        for message in pending {
            self.check(message.await)?;
        }
        Ok(())
    }

    fn message(&self, payload: Vec<u8>) -> Publish<'_> {
        self.client
            .publish(&self.arguments.topic, payload)
            .qos(qos(self.arguments.qos))
            .retained(self.arguments.retain)
            .properties(self.properties.publish.clone())
    }

    /// A refused message is worth a warning, as it is to Mosquitto's client.
    fn check(&self, result: Result<ReasonCode, RequestError>) -> anyhow::Result<()> {
        match result {
            Ok(_) => Ok(()),
            Err(RequestError::Refused(reason)) => {
                if !self.arguments.connection.quiet {
                    eprintln!("Warning: the broker refused the message: {reason}");
                }
                Ok(())
            }
            Err(error) => Err(error).context("the message was not published"),
        }
    }
}

fn check_length(payload: &[u8]) -> anyhow::Result<()> {
    if payload.len() as u64 > MAX_PAYLOAD_BYTES {
        bail!("the message is longer than the {MAX_PAYLOAD_BYTES} bytes that MQTT allows");
    }
    Ok(())
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

const MAX_PAYLOAD_BYTES: u64 = 268_435_455;
/// Lines on their way at once; the client bounds them again.
const MAX_PENDING: usize = 1024;
