//! Clients of other languages: one process per connection, driven over its pipes.
//!
//! Commands go to its standard input and events come from its standard output,
//! one JSON object per line:
//!
//! | command | then |
//! |---|---|
//! | `open` with [`Options`] | `opened` (`session_present`) or `failed` (`reason`) |
//! | `publish` with a message and a `ticket` | `published` (`ticket`) when complete |
//! | `close` | `closed`, and the process ends |
//!
//! `message` and `lost` come by themselves. Payloads are hexadecimal.

use std::collections::{HashSet, VecDeque};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Event, Library, Message, Options, PATIENCE, QoS, Version};
use crate::output::{Program, Source};
use crate::{environment, hex};

/// A connection of a library in another language.
#[derive(Debug)]
pub(crate) struct Driver {
    program: Program,
    session_present: Option<bool>,
    reconnects: bool,
    tickets: u64,
    open_tickets: HashSet<u64>,
    events: VecDeque<Event>,
}

impl Driver {
    pub(crate) fn open(library: Library, options: &Options) -> Self {
        let mut driver = Self {
            program: Program::start(&mut program(library)),
            session_present: None,
            reconnects: options.reconnect,
            tickets: 0,
            open_tickets: HashSet::new(),
            events: VecDeque::new(),
        };
        driver.command(&open_command(options));
        let deadline = Instant::now() + PATIENCE * 2;
        let opened = driver.answer("opened", deadline);
        driver.session_present = opened["session_present"].as_bool();
        driver
    }

    fn command(&mut self, command: &Value) {
        let mut line = command.to_string();
        line.push('\n');
        self.program.write(line.as_bytes());
    }

    /// Waits for the event called `name`, keeping what comes in between.
    fn answer(&mut self, name: &str, deadline: Instant) -> Value {
        loop {
            let spoken = self.hear(deadline).expect("the driver answers in time");
            if spoken["event"] == name {
                return spoken;
            }
            assert!(
                self.reconnects || spoken["event"] != "lost",
                "the connection was lost before {name}"
            );
            self.keep(&spoken);
        }
    }

    fn hear(&mut self, deadline: Instant) -> Option<Value> {
        let mut complaints = Vec::new();
        while Instant::now() < deadline {
            match self.program.line_before(deadline)? {
                Some((Source::Stdout, line)) => {
                    return Some(serde_json::from_str(&line).expect("a driver speaks JSON"));
                }
                Some((Source::Stderr, line)) => complaints.push(line),
                None => panic!("the driver ended; it said:\n{}", complaints.join("\n")),
            }
        }
        None
    }

    fn keep(&mut self, spoken: &Value) {
        match spoken["event"].as_str() {
            Some("message") => self.events.push_back(Event::Message(message(spoken))),
            Some("published") => {
                let ticket = spoken["ticket"].as_u64().expect("a ticket is a number");
                assert!(self.open_tickets.remove(&ticket), "ticket {ticket} was not open");
            }
            // A library that reconnects by itself loses and finds its connection.
            Some("lost" | "opened" | "failed") if self.reconnects => {}
            Some("lost") => self.events.push_back(Event::Lost),
            _ => panic!("the driver says {spoken}"),
        }
    }
}

impl Client for Driver {
    fn session_present(&self) -> Option<bool> {
        self.session_present
    }

    fn publish(&mut self, message: &Message) {
        self.tickets += 1;
        self.open_tickets.insert(self.tickets);
        self.command(&json!({
            "do": "publish",
            "ticket": self.tickets,
            "topic": message.topic,
            "payload": hex::encode(&message.payload),
            "qos": message.qos.number(),
            "retain": message.retain,
        }));
    }

    fn complete(&mut self, within: Duration) {
        let deadline = Instant::now() + within;
        while !self.open_tickets.is_empty() {
            let open = self.open_tickets.len();
            let spoken = self.hear(deadline);
            self.keep(&spoken.unwrap_or_else(|| panic!("{open} messages are not complete")));
        }
    }

    fn event(&mut self, deadline: Instant) -> Option<Event> {
        while self.events.is_empty() {
            let spoken = self.hear(deadline)?;
            self.keep(&spoken);
        }
        self.events.pop_front()
    }

    fn close(mut self: Box<Self>) {
        // The connection ends on purpose now, which a driver may call lost.
        self.reconnects = true;
        self.command(&json!({"do": "close"}));
        self.answer("closed", Instant::now() + PATIENCE);
    }

    fn abort(self: Box<Self>) {
        self.program.kill();
    }
}

fn program(library: Library) -> Command {
    match library {
        Library::MqttJs => {
            let mut command = Command::new(environment::installed("node"));
            command.env("NODE_PATH", environment::nodejs_modules());
            command.arg(environment::driver("mqttjs/driver.js"));
            command
        }
        Library::Paho | Library::Aiomqtt => {
            let mut command = Command::new(environment::python());
            command.arg(environment::driver(&format!("{}/driver.py", library.name())));
            command
        }
        Library::Mosquitto | Library::Rumqttc => unreachable!("these need no driver"),
    }
}

fn open_command(options: &Options) -> Value {
    let subscriptions: Vec<Value> = options
        .subscriptions
        .iter()
        .map(|(filter, qos)| json!({"filter": filter, "qos": qos.number()}))
        .collect();
    let (websocket, trust) = options.transport.parts();
    json!({
        "do": "open",
        "port": options.port,
        "websocket": websocket,
        "tls": trust.map(|trust| json!({
            "authority": trust.authority,
            "certificate": trust.identity.as_ref().map(|(certificate, _)| certificate),
            "key": trust.identity.as_ref().map(|(_, key)| key),
        })),
        "version": match options.version { Version::V3 => 4, Version::V5 => 5 },
        "client_id": options.client_id,
        "clean": options.clean_start,
        "expiry": options.session_expiry_interval,
        "keep_alive": options.keep_alive.as_secs(),
        "reconnect": options.reconnect,
        "will": options.will.as_ref().map(|will| json!({
            "topic": will.message.topic,
            "payload": hex::encode(&will.message.payload),
            "qos": will.message.qos.number(),
            "retain": will.message.retain,
        })),
        "subscriptions": subscriptions,
    })
}

fn message(spoken: &Value) -> Message {
    let text = |word: &str| spoken[word].as_str().expect("the driver names it");
    Message {
        topic: text("topic").to_owned(),
        payload: hex::decode(text("payload")).expect("payloads are hexadecimal"),
        qos: spoken["qos"].as_u64().and_then(QoS::from_number).expect("a QoS is 0, 1 or 2"),
        retain: spoken["retain"].as_bool().expect("RETAIN is a flag"),
    }
}
