//! Debian's `mosquitto_sub`, one process for as long as the client is connected,
//! and `mosquitto_pub`, one process per message.

use std::collections::VecDeque;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::client::{Client, Event, Message, Options, PATIENCE, QoS, Trust, Version};
use crate::output::Program;
use crate::{environment, hex};

/// A `mosquitto_sub` and the publishers beside it.
#[derive(Debug)]
pub(crate) struct Mosquitto {
    options: Options,
    subscriber: Program,
    publications: u32,
    events: VecDeque<Event>,
}

impl Mosquitto {
    pub(crate) fn open(options: Options) -> Self {
        let mut subscriber = Program::start(&mut subscriber(&options));
        let mut events = VecDeque::new();
        // A continued session may deliver before it acknowledges the subscription.
        let subscribed = |line: &str| line.starts_with("Subscribed (mid: ");
        loop {
            let line = subscriber.next_stdout(PATIENCE * 2);
            if subscribed(&line) {
                assert!(!line.contains("128"), "mosquitto_sub: {line}");
                break;
            }
            events.extend(message(&line).map(Event::Message));
        }
        Self { options, subscriber, publications: 0, events }
    }
}

impl Client for Mosquitto {
    fn session_present(&self) -> Option<bool> {
        None
    }

    fn publish(&mut self, message: &Message) {
        self.publications += 1;
        let mut command = tool("mosquitto_pub", &self.options);
        command
            .arg("-i")
            .arg(format!("{}-pub-{}", self.options.client_id, self.publications))
            .args(["-t", &message.topic, "-q", &message.qos.number().to_string()]);
        command.arg(if message.payload.is_empty() { "-n" } else { "-s" });
        if message.retain {
            command.arg("-r");
        }
        let mut publisher = Program::start(&mut command);
        publisher.write(&message.payload);
        // The process ends when the message is complete; two processes at once
        // would publish in any order.
        let (status, said) = publisher.finish(PATIENCE);
        assert!(status.success(), "mosquitto_pub: {status}, {said:?}");
    }

    fn complete(&mut self, _within: Duration) {}

    fn event(&mut self, deadline: Instant) -> Option<Event> {
        let mut said = Vec::new();
        while self.events.is_empty() {
            // It connects again whenever it can.
            let Some((_, line)) = self.subscriber.line_before(deadline)? else {
                panic!("mosquitto_sub gave up; it said:\n{}", said.join("\n"));
            };
            self.events.extend(message(&line).map(Event::Message));
            said.push(line);
        }
        self.events.pop_front()
    }

    fn close(self: Box<Self>) {
        assert!(self.subscriber.terminate(PATIENCE).success(), "mosquitto_sub ends by itself");
    }

    fn abort(self: Box<Self>) {
        self.subscriber.kill();
    }
}

fn subscriber(options: &Options) -> Command {
    let mut command = tool("mosquitto_sub", options);
    command.args(["-d", "-F", &format!("{MESSAGE}%q %r %x %t"), "-i", &options.client_id]);
    command.args(["-k", &options.keep_alive.as_secs().max(5).to_string()]);
    if !options.clean_start {
        command.arg("-c");
        if options.version == Version::V5 {
            command.args(["-x", &options.session_expiry_interval.to_string()]);
        }
    }
    // mosquitto_sub has one QoS for all its filters.
    let qos = options.subscriptions.iter().map(|(_, qos)| *qos).max().unwrap_or(QoS::AtMostOnce);
    command.args(["-q", &qos.number().to_string()]);
    for (filter, _) in &options.subscriptions {
        command.args(["-t", filter]);
    }
    if options.subscriptions.is_empty() {
        // It does not go without a filter.
        command.args(["-t", "nothing/is/published/here"]);
    }
    if let Some(will) = &options.will {
        let text = std::str::from_utf8(&will.message.payload).expect("an argument is text");
        command.args(["--will-topic", &will.message.topic, "--will-payload", text]);
        command.args(["--will-qos", &will.message.qos.number().to_string()]);
        if will.message.retain {
            command.arg("--will-retain");
        }
    }
    command
}

fn tool(name: &str, options: &Options) -> Command {
    // Into a pipe the tools write in blocks, which would hold events back.
    let mut command = Command::new(environment::installed("stdbuf"));
    command.arg("-oL").arg(environment::installed(name));
    command.args(["-h", "127.0.0.1", "-p", &options.port.to_string(), "-V"]);
    command.arg(match options.version {
        Version::V3 => "mqttv311",
        Version::V5 => "mqttv5",
    });
    if let (_, Some(Trust { authority, identity })) = options.transport.parts() {
        match authority {
            Some(authority) => command.arg("--cafile").arg(authority),
            // Any authorities will do: nothing they have signed is looked at.
            None => command.args(["--capath", "/etc/ssl/certs", "--insecure"]),
        };
        if let Some((certificate, key)) = identity {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
    }
    command
}

fn message(line: &str) -> Option<Message> {
    let mut words = line.strip_prefix(MESSAGE)?.splitn(4, ' ');
    let mut word = || words.next().expect("the format names four words");
    let qos = QoS::from_number(word().parse().expect("a number")).expect("a QoS");
    let retain = word() == "1";
    let payload = hex::decode(word()).expect("payloads are hexadecimal");
    Some(Message { topic: word().to_owned(), payload, qos, retain })
}

/// Tells messages from what `-d` writes between them.
const MESSAGE: &str = "=> ";
