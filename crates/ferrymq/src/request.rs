//! `ferrymq rr`: publishes a request, and prints the response.

use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use ferrymq_client::{
    Client, ConnectionError, Event, Events, Property, ReasonCode, Reconnect, TopicName, Version,
};

use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::payload::{PayloadArguments, Payloads};
use crate::printer::{Printer, PrinterArguments};
use crate::property::CommandProperties;
use crate::publish::{check_topic, seconds};
use crate::subscribe::{after, is_broken_pipe};
use crate::subscription::RetainArguments;

/// Publish a request, and print the response.
#[derive(Args, Debug)]
pub(crate) struct RequestArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    #[command(flatten)]
    payload: PayloadArguments,
    #[command(flatten)]
    printer: PrinterArguments,
    #[command(flatten)]
    retain: RetainArguments,
    /// The topic of the request
    #[arg(short, long, allow_hyphen_values = true, required_unless_present = "url")]
    topic: Option<String>,
    /// The topic on which the response is awaited
    #[arg(short = 'e', value_name = "TOPIC", allow_hyphen_values = true)]
    response_topic: String,
    /// The quality of service of the request, and the highest of the response
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Stop after this many seconds, with exit status 27
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print how long the response took
    #[arg(long)]
    latency: bool,
}

/// Asks and prints the answer; returns the exit status.
pub(crate) async fn run(arguments: Box<RequestArguments>) -> anyhow::Result<u8> {
    let requester = Requester::new(&arguments)?;
    let payloads = arguments.payload.read()?;
    let mut client = None;
    let (result, reason) = tokio::select! {
        result = requester.run(payloads, &mut client) => (result, ReasonCode::Success),
        () = after(arguments.timeout) => {
            (Err(Failure::timed_out().into()), ReasonCode::DisconnectWithWill)
        }
    };
    if let Some(client) = client {
        client.disconnect_with(reason, requester.properties.disconnect.clone()).await;
    }
    match result {
        // Whoever reads the responses has enough of them.
        Err(error) if is_broken_pipe(&error) => Ok(0),
        result => result.map(|()| 0),
    }
}

struct Requester<'a> {
    arguments: &'a RequestArguments,
    topic: &'a str,
    properties: CommandProperties,
}

impl<'a> Requester<'a> {
    fn new(arguments: &'a RequestArguments) -> anyhow::Result<Self> {
        let of_url = || arguments.connection.network.url.as_ref().map(|url| url.topic.as_str());
        let topic = arguments.topic.as_deref().or_else(of_url).unwrap_or_default();
        check_topic(topic)?;
        let response_topic = TopicName::parse(&arguments.response_topic).with_context(|| {
            let topic = &arguments.response_topic;
            format!("Invalid response topic '{topic}', does it contain '+' or '#'?")
        })?;
        let mut properties = CommandProperties::parse(&arguments.connection.properties)?;
        if properties.publish.as_properties().response_topic().is_some() {
            bail!("Error in PUBLISH properties: Duplicate response topic.");
        }
        properties.publish.push(Property::ResponseTopic(response_topic))?;
        Ok(Self { arguments, topic, properties })
    }

    /// Leaves the client in `connected`, so that whatever ends this can say farewell.
    async fn run(&self, payloads: Payloads, connected: &mut Option<Client>) -> anyhow::Result<()> {
        let arguments = self.arguments;
        let builder = arguments.connection.builder(&self.properties, Version::V5, false)?;
        let (client, mut events) = builder
            .reconnect(Reconnect::Never)
            .connect()
            .await
            .map_err(|error| self.failed(&error))?;
        let client = &*connected.insert(client);
        let mut printer = Printer::new(&arguments.printer, arguments.connection.quiet);
        let request = client.subscribe(&arguments.response_topic).qos(qos(arguments.qos));
        let request = arguments.retain.apply(request);
        let reasons = request.properties(self.properties.subscribe.clone()).await?;
        if let Some(reason) = reasons.iter().find(|reason| reason.is_error()) {
            bail!("the broker refused to subscribe to {}: {reason}", arguments.response_topic);
        }
        match payloads {
            Payloads::One(payload) => self.ask(payload, client, &mut events, &mut printer).await?,
            Payloads::Lines(mut lines) => {
                while let Some(line) = lines.next().await? {
                    self.ask(line, client, &mut events, &mut printer).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends one request, and prints what comes next.
    async fn ask(
        &self,
        payload: Vec<u8>,
        client: &Client,
        events: &mut Events,
        printer: &mut Printer<'_>,
    ) -> anyhow::Result<()> {
        let asked = Instant::now();
        let request = client
            .publish(self.topic, payload)
            .qos(qos(self.arguments.qos))
            .properties(self.properties.publish.clone());
        // The response may come before the acknowledgement, which is not waited for.
        drop(request.send().await.context("the request was not published")?);
        loop {
            match events.next().await {
                Some(Event::Message(message))
                    if message.retain && self.arguments.retain.no_retained => {}
                Some(Event::Message(message)) => {
                    let latency = asked.elapsed();
                    printer.print(&message)?;
                    self.report(latency, printer)?;
                    return Ok(printer.flush()?);
                }
                Some(Event::Disconnected { error, .. }) => return Err(self.failed(&error).into()),
                Some(_) => {}
                None => return Err(self.failed(&ConnectionError::Closed).into()),
            }
        }
    }

    fn report(&self, latency: Duration, printer: &mut Printer<'_>) -> io::Result<()> {
        if !self.arguments.latency {
            return Ok(());
        }
        let nanoseconds = latency.subsec_nanos();
        printer.line(&match latency.as_secs() {
            0 if nanoseconds < 1_000 => format!("Latency: {nanoseconds}ns"),
            0 if nanoseconds < 1_000_000 => {
                format!("Latency: {:.6}µs", f64::from(nanoseconds) / 1e3)
            }
            0 => format!("Latency: {:.6}ms", f64::from(nanoseconds) / 1e6),
            seconds => format!("Latency: {seconds}.{nanoseconds:09}"),
        })
    }

    fn failed(&self, error: &ConnectionError) -> Failure {
        let connection = &self.arguments.connection;
        let version = connection.version(Version::V5).unwrap_or(Version::V5);
        Failure::connection(error, &connection.network.broker(), version)
    }
}
