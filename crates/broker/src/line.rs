//! What stands in line for a client: first what was with it when its last connection ended, then
//! the queue. The messages of persistent sessions are fetched from the store, a window ahead.
//!
//! Invariants: `covered` stored entries at the front of the line have been looked up, and `window`
//! has those of them that were found, in the same order. An answer counts only for the fetch that
//! is open; the numbers of fetches do not come again while an answer could be on its way.

use std::collections::VecDeque;

use ferrymq_codec::PacketId;

use crate::effects::Effects;
use crate::identity::{RecordNumber, SessionRef};
use crate::record::{Fetch, Fetched, FetchedMessage};

/// The state of sending what is in line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Messages to be sent again, in their order.
    again: VecDeque<Again>,
    /// Messages that were fetched for the front of the line.
    window: VecDeque<FetchedMessage>,
    /// How many stored entries of the line the answered fetches have covered.
    covered: usize,
    open: Option<OpenFetch>,
    /// Whether the last fetch failed and its time to try again has not come.
    resting: bool,
}

/// A message to be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    pub(crate) packet_id: PacketId,
    /// Whether it is fetched from the store, or in memory.
    pub(crate) stored: bool,
}

#[derive(Clone, Copy, Debug)]
struct OpenFetch {
    request: u32,
    /// How many stored entries it will cover.
    count: usize,
}

pub(crate) enum Lookup {
    Found(FetchedMessage),
    /// It is not fetched yet.
    NotYet,
    /// The store does not know it (any more).
    Unknown,
}

impl Line {
    pub(crate) fn new(again: VecDeque<Again>) -> Self {
        Self { again, ..Self::default() }
    }

    /// How many messages are still to be sent again.
    pub(crate) fn again_len(&self) -> usize {
        self.again.len()
    }

    pub(crate) fn first_again(&self) -> Option<PacketId> {
        self.again.front().map(|again| again.packet_id)
    }

    pub(crate) fn forget_first_again(&mut self) {
        self.again.pop_front();
    }

    pub(crate) fn again(&self) -> impl Iterator<Item = PacketId> + '_ {
        self.again.iter().map(|again| again.packet_id)
    }

    /// How many stored entries to skip for the next fetch; `None` while none is wanted.
    pub(crate) const fn fetch_from(&self) -> Option<usize> {
        if self.open.is_some() || self.resting || self.covered > FETCH_WINDOW / 2 {
            return None;
        }
        Some(self.covered)
    }

    pub(crate) fn fetch(
        &mut self,
        session: SessionRef,
        messages: Vec<RecordNumber>,
        effects: &mut Effects,
    ) {
        if messages.is_empty() {
            return;
        }
        let request = effects.next_fetch();
        self.open = Some(OpenFetch { request, count: messages.len() });
        effects.fetches.push(Fetch { session, request, messages });
    }

    /// Stored messages have come: `Some(true)`. The fetch has failed and is to be tried again later:
    /// `Some(false)`. Nobody waits for this answer: `None`.
    pub(crate) fn fetched(&mut self, fetched: Fetched) -> Option<bool> {
        let OpenFetch { count, .. } = self.open.take_if(|open| open.request == fetched.request)?;
        self.resting = fetched.messages.is_none();
        if let Some(messages) = fetched.messages {
            self.covered += count;
            self.window.extend(messages);
        }
        Some(!self.resting)
    }

    /// The time to try a failed fetch again has come.
    pub(crate) const fn rested(&mut self) {
        self.resting = false;
    }

    /// Takes the stored message at the front of the line.
    pub(crate) fn take(&mut self, number: RecordNumber) -> Lookup {
        if self.covered == 0 {
            return Lookup::NotYet;
        }
        self.covered -= 1;
        match self.window.pop_front_if(|fetched| fetched.number == number) {
            Some(fetched) => Lookup::Found(fetched),
            None => Lookup::Unknown,
        }
    }

    /// A message was acknowledged although it had not been sent again on this connection: it leaves
    /// the line, and what was or will be fetched for it with it.
    pub(crate) fn leave(&mut self, packet_id: PacketId, number: Option<RecordNumber>) {
        let Some(at) = self.again.iter().position(|again| again.packet_id == packet_id) else {
            return;
        };
        self.again.remove(at);
        let Some(number) = number else {
            return;
        };
        let position = self.again.iter().take(at).filter(|again| again.stored).count();
        let fetching = self.open.map_or(0, |open| open.count);
        if position < self.covered {
            self.covered -= 1;
            self.window.retain(|fetched| fetched.number != number);
        } else if position < self.covered + fetching {
            // The open fetch counts it; ask anew, for the line as it is now.
            self.open = None;
        }
    }
}

/// How many stored messages are asked for at once.
pub(crate) const FETCH_WINDOW: usize = 64;
