//! The session of a client: whether it is there, and what has been done on its connection.

use std::collections::HashMap;
use std::time::Duration;

use super::publication::Publication;
use super::receiver::Receiver;
use super::subscription::Subscription;
use crate::event::{FilterNumber, MessageNumber};
use crate::scene::{Life, Scene};

/// A client's session and its network connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) life: Life,
    pub(super) existence: Existence,
    /// When the network connection ended: not before, not after.
    pub(super) away: Option<(Duration, Duration)>,
    pub(super) clean_start: bool,
    /// CONNACK has come on the newest connection.
    is_connected: bool,
    pub(super) connecting_at: Duration,
    /// The will of the newest connection.
    pub(super) will: Option<MessageNumber>,
    /// The DISCONNECT that was sent ends the session too.
    pub(super) is_ended_by_client: bool,
    pub(super) subscriptions: HashMap<FilterNumber, Subscription>,
    pub(super) receiver: Receiver,
    /// Counts network connections.
    pub(super) connection: u64,
    /// What was acknowledged on this connection.
    settled: Vec<MessageNumber>,
    /// How many of them are kept by the broker for sure.
    confirmed: usize,
    /// How many were settled when a request was sent that is not answered yet.
    marks: HashMap<FilterNumber, usize>,
}

/// Whether the broker has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existence {
    /// None.
    Gone,
    /// None since a DISCONNECT at this time that was seen by the broker.
    GoneSince(Duration),
    /// Perhaps.
    Uncertain,
    /// There was one when the network connection ended.
    Certain,
}

impl Session {
    pub(super) fn new(life: Life) -> Self {
        Self {
            life,
            existence: Existence::Gone,
            away: None,
            clean_start: false,
            is_connected: false,
            connecting_at: Duration::ZERO,
            will: None,
            is_ended_by_client: false,
            subscriptions: HashMap::new(),
            receiver: Receiver::default(),
            connection: 0,
            settled: Vec::new(),
            confirmed: 0,
            marks: HashMap::new(),
        }
    }

    pub(super) const fn is_durable(&self) -> bool {
        !matches!(self.life, Life::Transient)
    }

    pub(super) fn connecting(&mut self, clean_start: bool, now: Duration) {
        self.connection += 1;
        self.clean_start = clean_start;
        self.connecting_at = now;
        self.is_ended_by_client = false;
        self.forget_connection();
        self.is_connected = false;
        if clean_start {
            self.may_end();
        }
    }

    /// What the broker says about a session that it has now. A wrong answer is returned as words.
    pub(super) fn connected(
        &mut self,
        session_present: bool,
        now: Duration,
    ) -> Result<(), &'static str> {
        let (must, may) = self.expectation(now);
        if session_present && !may {
            return Err("a session is present that has ended");
        }
        if !session_present {
            if must {
                return Err("the session is lost");
            }
            self.receiver.reset();
            self.subscriptions.clear();
        }
        self.is_connected = true;
        self.existence = if self.is_durable() { Existence::Certain } else { Existence::Gone };
        self.away = None;
        Ok(())
    }

    /// Whether a session must be present, and whether one may be.
    fn expectation(&self, now: Duration) -> (bool, bool) {
        if self.clean_start || !self.is_durable() {
            return (false, false);
        }
        let (earliest, latest) = self.away.unwrap_or((now, now));
        let (lives, dead) = match self.life {
            Life::Expires(after) => (
                now + EARLY < earliest + after,
                self.connecting_at > latest + after + LATE && self.away.is_some(),
            ),
            Life::Persistent | Life::Transient => (true, false),
        };
        match self.existence {
            Existence::Gone | Existence::GoneSince(_) => (false, false),
            Existence::Uncertain => (false, !dead),
            Existence::Certain => (lives, !dead),
        }
    }

    /// Something was sent that may end the session: nothing is owed any more, but it may come.
    pub(super) fn may_end(&mut self) {
        self.receiver.owed.clear();
        for subscription in self.subscriptions.values_mut() {
            subscription.certain_since = None;
        }
        if self.is_durable() {
            self.existence = Existence::Uncertain;
        }
    }

    /// The network connection has ended.
    pub(super) fn closed(&mut self, now: Duration) {
        self.away = Some((now, now));
        self.forget_connection();
        if !self.is_connected && self.is_durable() && self.existence != Existence::Certain {
            // The CONNECT may have begun a session.
            self.existence = Existence::Uncertain;
        }
    }

    /// The broker is killed: what it noted lately without being asked may be lost.
    pub(super) fn killed(&mut self, now: Duration) {
        if let Some((_, latest)) = &mut self.away
            && now < *latest + LATE
        {
            *latest = now;
        }
        if let Existence::GoneSince(since) = self.existence {
            self.existence =
                if now < since + LATE { Existence::Uncertain } else { Existence::Gone };
        }
    }

    /// Whether a subscription may have been there when the message was published.
    pub(super) fn may_receive(&self, publication: &Publication, scene: &Scene) -> bool {
        self.subscriptions.iter().any(|(filter, subscription)| {
            scene.matches(*filter, publication.message.topic)
                && subscription.is_possible(publication.first_moment, publication.closed)
        })
    }

    fn forget_connection(&mut self) {
        self.settled.clear();
        self.confirmed = 0;
        self.marks.clear();
    }

    pub(super) fn settling(&mut self, message: MessageNumber) {
        self.settled.push(message);
    }

    pub(super) const fn settled(&self) -> usize {
        self.settled.len()
    }

    /// A request is sent whose answer waits until all before it is kept.
    pub(super) fn mark(&mut self, filter: FilterNumber) {
        self.marks.insert(filter, self.settled.len());
    }

    pub(super) fn take_mark(&mut self, filter: FilterNumber) -> usize {
        self.marks.remove(&filter).unwrap_or(0)
    }

    /// What is confirmed newly if the first `mark` of this connection's acknowledgements are kept.
    pub(super) fn confirm(&mut self, mark: usize) -> Vec<MessageNumber> {
        let newly = self.settled.get(self.confirmed..mark).map(<[_]>::to_vec).unwrap_or_default();
        self.confirmed = self.confirmed.max(mark);
        newly
    }
}

/// How much earlier than we see it the broker may take a network connection for closed: after a
/// crash it counts from the last record.
pub(super) const EARLY: Duration = Duration::from_millis(1500);

/// How much later than it is due something may happen, and how long what nobody waits for may take
/// until it is kept.
pub(super) const LATE: Duration = Duration::from_millis(2500);
