//! What has happened, and what is told of it when something is wrong.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use crate::event::{ClientNumber, Event, MessageNumber};

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A sentence that says what.
    pub text: String,
    /// Whose sessions the history is told of.
    pub clients: Vec<ClientNumber>,
    /// The message that it is about.
    pub message: Option<MessageNumber>,
}

impl Fault {
    pub(crate) fn of(client: ClientNumber, text: impl Into<String>) -> Self {
        Self { text: text.into(), clients: vec![client], message: None }
    }

    pub(crate) fn about(mut self, message: MessageNumber) -> Self {
        self.message = Some(message);
        self
    }

    pub(crate) fn with(mut self, client: ClientNumber) -> Self {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
        self
    }
}

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct History {
    events: VecDeque<(Duration, Event)>,
}

impl History {
    pub(crate) fn push(&mut self, now: Duration, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((now, event));
    }

    /// The events that a fault is about: those of the sessions, and those of messages that belong
    /// to it.
    pub(crate) fn about(&self, fault: &Fault, belongs: impl Fn(MessageNumber) -> bool) -> String {
        let chosen = self.events.iter().filter(|(_, event)| match event {
            Event::Client(client, act) => {
                act.message().is_some_and(&belongs)
                    || (fault.clients.contains(client) && act.concerns_session())
            }
            _ => true,
        });
        let mut lines = String::new();
        for (at, event) in chosen {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{:>12.6} {event}", at.as_secs_f64());
        }
        lines
    }
}

/// How many events are kept.
const EVENTS: usize = 4_000_000;
