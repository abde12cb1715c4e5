//! `ferrymq sub`: prints the messages of topics.

use std::io::{self, StdoutLock, Write};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ferrymq_client::{
    Client, ConnectionError, Event, Events, Message, QoS, ReasonCode, RetainHandling, TopicFilter,
    TopicName, Version,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::connection::{ConnectionArguments, qos};
use crate::failure::Failure;
use crate::property::CommandProperties;
use crate::publish::seconds;

/// Subscribe to topics and print their messages.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
#[command(group = clap::ArgGroup::new("filters").required(true).multiple(true))]
pub(crate) struct SubscribeArguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// A topic, with wildcards if need be; may be repeated
    #[arg(
        short,
        long = "topic",
        value_name = "TOPIC",
        group = "filters",
        allow_hyphen_values = true
    )]
    pub(crate) topics: Vec<String>,
    /// A topic to leave out of what is printed; may be repeated
    #[arg(short = 'T', long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub(crate) filter_out: Vec<String>,
    /// A topic to unsubscribe from; may be repeated
    #[arg(short = 'U', long, value_name = "TOPIC", group = "filters", allow_hyphen_values = true)]
    pub(crate) unsubscribe: Vec<String>,
    /// The highest quality of service to receive messages with
    #[arg(short, long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Print the topic before the message
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print no line break after a message
    #[arg(short = 'N')]
    pub(crate) no_line_break: bool,
    /// Stop after this many messages
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop after this many seconds, with exit status 27
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Stop when the broker has answered the subscription
    #[arg(short = 'E')]
    pub(crate) exit_after_subscribe: bool,
    /// Do not print retained messages
    #[arg(short = 'R')]
    pub(crate) no_retained: bool,
    /// Print retained messages only, and stop at the first other one
    #[arg(long, conflicts_with = "no_retained")]
    pub(crate) retained_only: bool,
    /// Remove the retained messages that are received
    #[arg(long)]
    pub(crate) remove_retained: bool,
    /// Ask for messages with the RETAIN flag that they were published with; MQTT 5.0
    #[arg(long)]
    pub(crate) retain_as_published: bool,
}

/// Subscribes and prints until something ends it; returns the exit status.
pub(crate) async fn run(arguments: Box<SubscribeArguments>) -> anyhow::Result<u8> {
    let properties = CommandProperties::parse(&arguments.connection.properties)?;
    let subscriber = Subscriber::new(&arguments, properties)?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut client = None;
    let result = tokio::select! {
        result = subscriber.run(&mut client) => result,
        () = after(arguments.timeout) => Err(Failure::timed_out().into()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if let Some(client) = client {
        let farewell = subscriber.properties.disconnect.clone();
        client.disconnect_with(ReasonCode::Success, farewell).await;
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
    filtered_out: Vec<TopicFilter<'a>>,
}

impl<'a> Subscriber<'a> {
    fn new(
        arguments: &'a SubscribeArguments,
        properties: CommandProperties,
    ) -> anyhow::Result<Self> {
        let filtered_out = filters("--filter-out", &arguments.filter_out)?;
        filters("--topic", &arguments.topics)?;
        filters("--unsubscribe", &arguments.unsubscribe)?;
        Ok(Self { arguments, properties, filtered_out })
    }

    /// Leaves the client in `connected`, so that whatever ends this can say farewell.
    async fn run(&self, connected: &mut Option<Client>) -> anyhow::Result<()> {
        let builder = self.arguments.connection.builder(&self.properties)?;
        let (client, mut events) = builder.connect().await.map_err(|error| self.failed(&error))?;
        let client = &*connected.insert(client);
        let mut printer = Printer::new(self.arguments);
        // Messages of a kept session may come before the answers.
        tokio::select! {
            biased;
            is_over = self.subscribe(client) => if is_over? { return Ok(()) },
            result = self.receive(client, &mut events, &mut printer) => return result,
        }
        self.receive(client, &mut events, &mut printer).await
    }

    /// Whether there is nothing more to do.
    async fn subscribe(&self, client: &Client) -> anyhow::Result<bool> {
        let arguments = self.arguments;
        if let Some((first, others)) = arguments.topics.split_first() {
            let mut request = client.subscribe(first).qos(qos(arguments.qos));
            for topic in others {
                request = request.and(topic);
            }
            if arguments.retain_as_published {
                request = request.retain_as_published();
            }
            if arguments.no_retained {
                request = request.retain_handling(RetainHandling::DoNotSend);
            }
            let properties = self.properties.subscribe.clone();
            let reasons = request.properties(properties).await.context("not subscribed")?;
            if reasons.iter().all(|reason| reason.is_error()) {
                self.complain("All subscription requests were denied");
                return Ok(true);
            }
            for (topic, reason) in arguments.topics.iter().zip(reasons) {
                if reason.is_error() {
                    self.complain(&format!("the broker refused to subscribe to {topic}: {reason}"));
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
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        // Of many attempts to come back only the first is news.
        let mut is_lost = false;
        loop {
            let mut event = events.try_next();
            if event.is_none() {
                // Printed at once, unless more is there to be printed with it.
                printer.flush()?;
                event = events.next().await;
            }
            match event {
                Some(Event::Message(message)) => {
                    if self.take(client, &message, printer).await? {
                        return printer.flush();
                    }
                }
                Some(Event::Disconnected { error, retry_in: None }) => {
                    return Err(self.failed(&error).into());
                }
                Some(Event::Disconnected { error, retry_in: Some(_) }) => {
                    if !std::mem::replace(&mut is_lost, true) {
                        self.complain(&format!("connection lost: {error}; trying again"));
                    }
                }
                Some(Event::Connected { .. }) => is_lost = false,
                Some(Event::SubscriptionLost { reason }) => {
                    self.complain(&format!("the broker refused a subscription: {reason}"));
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
        printer: &mut Printer,
    ) -> anyhow::Result<bool> {
        let arguments = self.arguments;
        if arguments.retained_only && !message.retain {
            return Ok(true);
        }
        if message.retain && arguments.no_retained {
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
        printer.print(message)?;
        Ok(arguments.count.is_some_and(|count| printer.printed >= count))
    }

    fn complain(&self, words: &str) {
        if !self.arguments.connection.quiet {
            eprintln!("Warning: {words}");
        }
    }

    fn failed(&self, error: &ConnectionError) -> Failure {
        let connection = &self.arguments.connection;
        let version = connection.version().unwrap_or(Version::V3_1_1);
        Failure::connection(error, &connection.host, connection.port, version)
    }
}

/// Standard output in Mosquitto's format: the payload, with `-v` after its topic. An empty payload
/// is nothing, and with `-v` the word `(null)`.
struct Printer {
    out: io::BufWriter<StdoutLock<'static>>,
    verbose: bool,
    line_break: bool,
    printed: u64,
}

impl Printer {
    fn new(arguments: &SubscribeArguments) -> Self {
        Self {
            out: io::BufWriter::new(io::stdout().lock()),
            verbose: arguments.verbose,
            line_break: !arguments.no_line_break,
            printed: 0,
        }
    }

    fn print(&mut self, message: &Message) -> anyhow::Result<()> {
        self.printed += 1;
        write_message(&mut self.out, message, self.verbose, self.line_break)?;
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.out.flush()?;
        Ok(())
    }
}

fn write_message(
    out: &mut impl Write,
    message: &Message,
    verbose: bool,
    line_break: bool,
) -> io::Result<()> {
    if message.payload.is_empty() && !verbose {
        return Ok(());
    }
    if verbose {
        write!(out, "{} ", message.topic)?;
    }
    if message.payload.is_empty() {
        out.write_all(b"(null)")?;
    }
    out.write_all(&message.payload)?;
    if line_break {
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn filters<'a>(flag: &str, texts: &'a [String]) -> anyhow::Result<Vec<TopicFilter<'a>>> {
    texts
        .iter()
        .map(|text| TopicFilter::parse(text).with_context(|| format!("{flag} {text}")))
        .collect()
}

async fn after(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use ferrymq_client::PropertyBuffer;

    use super::*;

    #[test]
    fn messages_are_written_as_mosquitto_sub_does() {
        let rows: [(&[u8], bool, bool, &[u8]); 6] = [
            (b"21.5", false, true, b"21.5\n"),
            (b"21.5", true, true, b"a/b 21.5\n"),
            (b"21.5", true, false, b"a/b 21.5"),
            (b"", false, true, b""),
            (b"", true, true, b"a/b (null)\n"),
            (b"\xff\0\n", false, true, b"\xff\0\n\n"),
        ];
        for (payload, verbose, line_break, expected) in rows {
            let message = Message {
                topic: "a/b".into(),
                payload: payload.to_vec(),
                qos: QoS::AtMostOnce,
                retain: false,
                packet_id: None,
                dup: false,
                properties: PropertyBuffer::new(),
            };
            let mut out = Vec::new();
            write_message(&mut out, &message, verbose, line_break).unwrap();
            assert_eq!(out, expected, "{payload:?} {verbose} {line_break}");
        }
    }
}
