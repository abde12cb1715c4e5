//! `ferrymq pub`: publishes one message, the same message some times, or a message per line.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ferrymq_client::{
    Client, ConnectionError, Event, Events, Pending, Publish, ReasonCode, Reconnect, RequestError,
    TopicName, Version,
};
use tokio::time::sleep;

use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::payload::{Lines, PayloadArguments, Payloads};
use crate::property::CommandProperties;

/// Publish messages on a topic.
#[derive(Args, Debug)]
pub(crate) struct PublishArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    #[command(flatten)]
    pub(crate) payload: PayloadArguments,
    /// The topic
    #[arg(short, long, allow_hyphen_values = true, required_unless_present = "url")]
    pub(crate) topic: Option<String>,
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
    let topic = arguments.topic();
    check_topic(topic)?;
    let properties = CommandProperties::parse(&arguments.connection.properties)?;
    let payloads = arguments.payload.read()?;
    let mut builder = arguments.connection.builder(&properties, Version::V3_1_1, false)?;
    if matches!(payloads, Payloads::One(_)) {
        // Only who reads a stream of messages outlives a lost connection.
        builder = builder.reconnect(Reconnect::Never);
    }
    let (client, mut events) = builder.connect().await.map_err(|error| arguments.failed(&error))?;
    let publisher = Publisher { arguments: &arguments, client, properties };
    tokio::select! {
        // The loss of the connection explains the failure of a request, so it comes first.
        biased;
        error = arguments.lost(&mut events) => return Err(arguments.failed(&error).into()),
        result = publisher.publish(payloads) => result?,
    }
    publisher
        .client
        .disconnect_with(ReasonCode::Success, publisher.properties.disconnect.clone())
        .await;
    Ok(0)
}

/// Checks a topic before anything is connected.
pub(crate) fn check_topic(topic: &str) -> anyhow::Result<()> {
    TopicName::parse(topic).map(drop).with_context(|| {
        format!("Invalid publish topic '{topic}', does it contain '+' or '#'? --topic {topic}")
    })
}

impl PublishArguments {
    fn topic(&self) -> &str {
        let of_url = || self.connection.network.url.as_ref().map(|url| url.topic.as_str());
        self.topic.as_deref().or_else(of_url).unwrap_or_default()
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
        let version = self.connection.version(Version::V3_1_1).unwrap_or(Version::V3_1_1);
        Failure::connection(error, &self.connection.network.broker(), version)
    }
}

struct Publisher<'a> {
    arguments: &'a PublishArguments,
    client: Client,
    properties: CommandProperties,
}

impl Publisher<'_> {
    async fn publish(&self, payloads: Payloads) -> anyhow::Result<()> {
        match payloads {
            Payloads::One(payload) => self.publish_repeatedly(&payload).await,
            Payloads::Lines(lines) => self.publish_lines(lines).await,
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
    async fn publish_lines(&self, mut lines: Lines) -> anyhow::Result<()> {
        let mut pending: VecDeque<Pending> = VecDeque::new();
        while let Some(line) = lines.next().await? {
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
            .publish(self.arguments.topic(), payload)
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
                    eprintln!("Warning: Publish failed: {reason}: the broker refused the message");
                }
                Ok(())
            }
            Err(error) => Err(error).context("the message was not published"),
        }
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Lines on their way at once; the client bounds them again.
const MAX_PENDING: usize = 1024;
