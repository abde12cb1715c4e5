//! `ferrymq sub`: prints the messages of topics.

use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ferrymq_client::{
    Builder, Client, ConnectionError, Event, Events, Message, QoS, ReasonCode, TopicFilter,
    TopicName, Version,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, Interval, interval_at, sleep};

use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::printer::{Printer, PrinterArguments};
use crate::property::CommandProperties;
use crate::publish::seconds;
use crate::subscription::RetainArguments;

/// Subscribe to topics and print their messages.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
#[command(group = clap::ArgGroup::new("filters")
    .args(["topics", "unsubscribe", "url"]).required(true).multiple(true))]
pub(crate) struct SubscribeArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// A topic, with wildcards if need be; may be repeated
    #[arg(short, long = "topic", value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) topics: Vec<String>,
    /// A topic to leave out of what is printed; may be repeated
    #[arg(short = 'T', long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) filter_out: Vec<String>,
    /// A topic to unsubscribe from; may be repeated
    #[arg(short = 'U', long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) unsubscribe: Vec<String>,
    /// The highest quality of service to receive messages with
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    #[command(flatten)]
    pub(crate) printer: PrinterArguments,
    #[command(flatten)]
    pub(crate) retain: RetainArguments,
    /// Stop after this many messages
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop after this many seconds, with exit status 27
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Stop when the broker has answered the subscription
    #[arg(short = 'E')]
    pub(crate) exit_after_subscribe: bool,
    /// Print retained messages only, and stop at the first other one
    #[arg(long, conflicts_with = "no_retained")]
    pub(crate) retained_only: bool,
    /// Remove the retained messages that are received
    #[arg(long)]
    pub(crate) remove_retained: bool,
    /// Print only so many of a hundred messages, chosen by chance
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = percent)]
    pub(crate) random_filter: f64,
    /// Print, once a second, how many messages have come, and not the messages
    #[arg(long, conflicts_with = "watch")]
    pub(crate) message_rate: bool,
    /// Show the last message of each topic in a line of its own, on the whole screen
    #[arg(short = 'w', long)]
    pub(crate) watch: bool,
}

/// Subscribes and prints until something ends it; returns the exit status.
pub(crate) async fn run(arguments: Box<SubscribeArguments>) -> anyhow::Result<u8> {
    let properties = CommandProperties::parse(&arguments.connection.properties)?;
    let subscriber = Subscriber::new(&arguments, properties)?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut client = None;
    // As Mosquitto's client: who is ended from outside has a will.
    let with_will = ReasonCode::DisconnectWithWill;
    let (result, reason) = tokio::select! {
        result = subscriber.run(&mut client) => (result, ReasonCode::Success),
        () = after(arguments.timeout) => (Err(Failure::timed_out().into()), with_will),
        _ = interrupt.recv() => (Ok(()), with_will),
        _ = terminate.recv() => (Ok(()), with_will),
    };
    if let Some(client) = client {
        let farewell = subscriber.properties.disconnect.clone();
        client.disconnect_with(reason, farewell).await;
    }
    match result {
        // Whoever reads the messages has enough of them.
        Err(error) if is_broken_pipe(&error) => Ok(0),
        result => result.map(|()| 0),
    }
}

struct Subscriber<'a> {
    arguments: &'a SubscribeArguments,
    properties: CommandProperties,
    topics: Vec<&'a str>,
    filtered_out: Vec<TopicFilter<'a>>,
}

impl<'a> Subscriber<'a> {
    fn new(
        arguments: &'a SubscribeArguments,
        properties: CommandProperties,
    ) -> anyhow::Result<Self> {
        let of_url = arguments.connection.network.url.as_ref().map(|url| url.topic.as_str());
        let topics = arguments.topics.iter().map(String::as_str).chain(of_url).collect();
        let filtered_out = filters("--filter-out", arguments.filter_out.iter())?;
        filters("--topic", &topics)?;
        filters("--unsubscribe", arguments.unsubscribe.iter())?;
        Ok(Self { arguments, properties, topics, filtered_out })
    }

    /// Leaves the client in `connected`, so that whatever ends this can say farewell.
    async fn run(&self, connected: &mut Option<Client>) -> anyhow::Result<()> {
        let (client, mut events) =
            self.builder()?.connect().await.map_err(|error| self.failed(&error))?;
        let client = &*connected.insert(client);
        let mut printer = self.printer()?;
        // Messages of a kept session may come before the answers.
        tokio::select! {
            biased;
            is_over = self.subscribe(client) => if is_over? { return Ok(()) },
            result = self.receive(client, &mut events, &mut printer) => return result,
        }
        self.receive(client, &mut events, &mut printer).await
    }

    fn builder(&self) -> anyhow::Result<Builder> {
        let connection = &self.arguments.connection;
        let builder = connection.builder(&self.properties, Version::V3_1_1, true)?;
        let is_chosen = self.properties.connect.as_properties().receive_maximum().is_some();
        let count = self.arguments.count.and_then(|count| u16::try_from(count).ok());
        Ok(match count.and_then(NonZeroU16::new) {
            // What comes after the last message that is wanted stays with the broker.
            Some(count) if count < RECEIVE_MAXIMUM && !is_chosen => builder.receive_maximum(count),
            _ => builder,
        })
    }

    fn printer(&self) -> io::Result<Printer<'a>> {
        let arguments = self.arguments;
        let printer = Printer::new(&arguments.printer, arguments.connection.quiet)
            .with_chance(arguments.random_filter);
        match arguments.watch {
            true => printer.watching(&arguments.connection.network.broker().to_string()),
            false => Ok(printer),
        }
    }

    /// Whether there is nothing more to do.
    async fn subscribe(&self, client: &Client) -> anyhow::Result<bool> {
        let arguments = self.arguments;
        if let Some((first, others)) = self.topics.split_first() {
            let mut request = client.subscribe(first).qos(qos(arguments.qos));
            for topic in others {
                request = request.and(topic);
            }
            let request = arguments.retain.apply(request);
            let properties = self.properties.subscribe.clone();
            let reasons = request.properties(properties).await.context("not subscribed")?;
            if reasons.iter().all(|reason| reason.is_error()) {
                self.complain("All subscription requests were denied.");
                return Ok(true);
            }
            for (topic, reason) in self.topics.iter().zip(reasons) {
                if reason.is_error() {
                    self.warn(&format!("the broker refused to subscribe to {topic}: {reason}"));
                }
            }
        }
        if let Some((first, others)) = arguments.unsubscribe.split_first() {
            let mut request = client.unsubscribe(first);
            for topic in others {
                request = request.and(topic);
            }
            let properties = self.properties.unsubscribe.clone();
            request.properties(properties).await.context("not unsubscribed")?;
        }
        Ok(arguments.exit_after_subscribe)
    }

    async fn receive(
        &self,
        client: &Client,
        events: &mut Events,
        printer: &mut Printer<'_>,
    ) -> anyhow::Result<()> {
        let mut rate = self.arguments.message_rate.then(Rate::new);
        // Of many attempts to come back only the first is news.
        let mut is_lost = false;
        loop {
            let mut event = events.try_next();
            if event.is_none() {
                // Printed at once, unless more is there to be printed with it.
                printer.flush()?;
                event = match &mut rate {
                    None => events.next().await,
                    Some(rate) => tokio::select! {
                        event = events.next() => event,
                        _ = rate.ticks.tick() => {
                            printer.line(&rate.take_line())?;
                            continue;
                        }
                    },
                };
            }
            match event {
                Some(Event::Message(message)) => {
                    if self.take(client, &message, printer, rate.as_mut()).await? {
                        return Ok(printer.flush()?);
                    }
                }
                Some(Event::Disconnected { error, retry_in: None }) => {
                    return Err(self.failed(&error).into());
                }
                Some(Event::Disconnected { error, retry_in: Some(_) }) => {
                    if !std::mem::replace(&mut is_lost, true) {
                        self.warn(&format!("connection lost: {error}; trying again"));
                    }
                }
                Some(Event::Connected { .. }) => is_lost = false,
                Some(Event::SubscriptionLost { reason }) => {
                    self.warn(&format!("the broker refused a subscription: {reason}"));
                }
                Some(_) => {}
                None => return Err(self.failed(&ConnectionError::Closed).into()),
            }
        }
    }

    /// Prints a message, if it is wanted; whether it was the last one.
    async fn take(
        &self,
        client: &Client,
        message: &Message,
        printer: &mut Printer<'_>,
        rate: Option<&mut Rate>,
    ) -> anyhow::Result<bool> {
        let arguments = self.arguments;
        if arguments.retained_only && !message.retain {
            return Ok(true);
        }
        if message.retain && arguments.retain.no_retained {
            return Ok(false);
        }
        let topic = TopicName::trusted(&message.topic);
        if self.filtered_out.iter().any(|filter| filter.matches(topic)) {
            return Ok(false);
        }
        if arguments.remove_retained && message.retain {
            let request = client.publish(&message.topic, "").qos(QoS::AtLeastOnce).retain();
            // The answer comes after messages that are still to be taken, so it is not waited for.
            drop(request.send().await.context("a retained message was not removed")?);
        }
        match rate {
            Some(rate) => {
                rate.messages += 1;
                printer.seen += 1;
            }
            None => printer.print(message)?,
        }
        Ok(arguments.count.is_some_and(|count| printer.seen >= count))
    }

    fn warn(&self, words: &str) {
        self.complain(&format!("Warning: {words}"));
    }

    fn complain(&self, words: &str) {
        if !self.arguments.connection.quiet {
            eprintln!("{words}");
        }
    }

    fn failed(&self, error: &ConnectionError) -> Failure {
        let connection = &self.arguments.connection;
        let version = connection.version(Version::V3_1_1).unwrap_or(Version::V3_1_1);
        Failure::connection(error, &connection.network.broker(), version)
    }
}

/// `--message-rate`: how many messages have come since the last second.
struct Rate {
    messages: u64,
    ticks: Interval,
}

impl Rate {
    fn new() -> Self {
        let second = Duration::from_secs(1);
        Self { messages: 0, ticks: interval_at(Instant::now() + second, second) }
    }

    /// What is printed, in the words of `mosquitto_sub`. The next second begins.
    fn take_line(&mut self) -> String {
        format!("{} msgs/s", std::mem::take(&mut self.messages))
    }
}

fn filters<'a>(
    flag: &str,
    texts: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> anyhow::Result<Vec<TopicFilter<'a>>> {
    let parse = |text: &'a str| {
        TopicFilter::parse(text).with_context(|| {
            format!("Invalid subscription topic '{text}', are all '+' and '#' wildcards correct? {flag} {text}")
        })
    };
    texts.into_iter().map(|text| parse(text.as_ref())).collect()
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.1..=100.0).contains(&percent) => Ok(percent),
        _ => Err("the chance must be between 0.1 and 100.0".into()),
    }
}

/// Waits so long, or for ever.
pub(crate) async fn after(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => std::future::pending().await,
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// How many messages the client lets come before they are acknowledged.
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::MIN.saturating_add(1023);
