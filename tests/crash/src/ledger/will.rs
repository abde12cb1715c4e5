//! A will: whether the broker has to publish it, may, or must not.

use std::time::Duration;

use super::session::{EARLY, LATE};
use crate::event::{ClientNumber, MessageNumber};

/// The will of one connection.
#[derive(Debug)]
pub(super) struct Will {
    pub(super) client: ClientNumber,
    pub(super) message: MessageNumber,
    pub(super) delay: Duration,
    pub(super) state: WillState,
    /// The broker has kept the will for sure.
    pub(super) confirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WillState {
    /// The connection is there.
    Armed,
    /// The connection was lost at this time, and the Will Delay Interval goes on.
    Pending(Duration),
    /// Nobody can know.
    May,
    /// It is due.
    Must,
    /// It was due, and those who are owed it are known.
    Published,
    /// The client has taken it back at this time.
    Cancelled(Duration),
}

impl Will {
    /// The network connection has ended without DISCONNECT.
    pub(super) fn lost(&mut self, now: Duration) {
        self.state = match self.state {
            WillState::Armed if !self.confirmed => WillState::May,
            WillState::Armed if self.delay.is_zero() => WillState::Must,
            WillState::Armed => WillState::Pending(now),
            state => state,
        };
    }

    /// The client is back: CONNECT was sent at `begin`, CONNACK came at `end`.
    pub(super) fn returned(&mut self, begin: Duration, end: Duration) {
        if let WillState::Pending(since) = self.state {
            self.state = if end + EARLY < since + self.delay {
                WillState::Cancelled(end)
            } else if begin > since + self.delay + LATE {
                WillState::Must
            } else {
                WillState::May
            };
        }
    }

    /// Whether it is due by now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        match self.state {
            WillState::Must => true,
            WillState::Pending(since) => now > since + self.delay + LATE,
            WillState::Armed | WillState::May | WillState::Published | WillState::Cancelled(_) => {
                false
            }
        }
    }

    /// Whether it must not be published any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        match self.state {
            WillState::Published => true,
            WillState::Cancelled(at) => now > at + LATE,
            WillState::Armed | WillState::Pending(_) | WillState::May | WillState::Must => false,
        }
    }

    /// The broker is killed: that the client has taken it back may be lost if it was lately.
    pub(super) fn killed(&mut self, now: Duration) {
        if let WillState::Cancelled(at) = self.state
            && now < at + LATE
        {
            self.state = WillState::May;
        }
    }
}
