//! Handshakes of a shard's connections: how many there may be, and how many steps a turn does.

use std::collections::VecDeque;

use ferrymq_broker::ConnectionId;

use crate::wrapping::Wrapping;

/// The connections whose handshakes go on.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    /// Those that began one, in that order. Some have ended it.
    begun: VecDeque<ConnectionId>,
    /// How many have not.
    count: usize,
    /// How many costly steps this turn has done.
    steps: usize,
    /// Whether some were left for the next turn.
    are_behind: bool,
}

impl Handshakes {
    pub(crate) const fn begin_turn(&mut self) {
        self.steps = 0;
        self.are_behind = false;
    }

    /// Whether this turn does one more costly step; if not, the next one does.
    pub(crate) const fn may_step(&mut self) -> bool {
        if self.steps >= STEPS_PER_TURN {
            self.are_behind = true;
            return false;
        }
        self.steps += 1;
        true
    }

    /// Whether connections wait for us to go on with their handshakes.
    pub(crate) const fn are_behind(&self) -> bool {
        self.are_behind
    }

    /// A connection has come that begins with one.
    pub(crate) fn begin(&mut self, id: ConnectionId) {
        self.begun.push_back(id);
        self.count += 1;
    }

    /// If there are more than `limit`: which has gone on for the longest time. It may have ended.
    pub(crate) fn take_excess(&mut self, limit: usize) -> Option<ConnectionId> {
        if self.count > limit { self.begun.pop_front() } else { None }
    }

    /// Forgets those that have ended, if they are many.
    pub(crate) fn tidy(&mut self, goes_on: impl FnMut(&ConnectionId) -> bool) {
        if self.begun.len() > 2 * self.count + FORGETTABLE {
            self.begun.retain(goes_on);
        }
    }

    /// A handshake has ended well.
    pub(crate) const fn succeed(&mut self) {
        self.count -= 1;
    }

    /// A connection goes, with its handshake if that still went on.
    pub(crate) fn leave(&mut self, wrapping: Option<&mut Wrapping>) {
        if wrapping.is_some_and(|wrapping| wrapping.is_shaking_hands()) {
            self.count -= 1;
        }
    }
}

/// Steps of TLS handshakes in one turn. One takes a millisecond or more, for which others wait.
const STEPS_PER_TURN: usize = 4;
/// Ended handshakes in the list that are not worth looking for.
const FORGETTABLE: usize = 64;
