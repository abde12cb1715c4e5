//! What has happened, so that a run can be compared with another and a failure be understood.

use std::collections::VecDeque;
use std::io::Write;

use ferrymq_protocol::time::Instant;

/// The events of a run: a hash of all, and the last ones of each client in words.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    last: Vec<VecDeque<String>>,
    /// Whether each event is printed when it happens.
    printed: bool,
}

impl Trace {
    pub(crate) fn new(clients: usize, printed: bool) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, last: vec![VecDeque::new(); clients], printed }
    }

    /// Adds a number that has no words.
    pub(crate) const fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(29);
    }

    /// Adds an event of a client.
    pub(crate) fn note(&mut self, client: usize, step: u64, now: Instant, event: &str) {
        for byte in event.bytes() {
            self.mix(u64::from(byte));
        }
        let line = format!("{step:>7} {:>12} client {client}: {event}", now.as_nanos() / 1000);
        self.print(&line);
        if let Some(last) = self.last.get_mut(client) {
            if last.len() == KEPT_EVENTS {
                last.pop_front();
            }
            last.push_back(line);
        }
    }

    /// Prints a line that is not a client's, if lines are printed.
    pub(crate) fn print(&self, line: &str) {
        if self.printed {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    pub(crate) const fn is_printed(&self) -> bool {
        self.printed
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn last_of(&self, client: usize) -> Vec<String> {
        self.last.get(client).into_iter().flatten().cloned().collect()
    }
}

const KEPT_EVENTS: usize = 60;
