//! Clients that come again and again: mostly two devices with the same client identifier, each of which
//! takes the session over from the other whenever it was thrown out itself.
//!
//! What is counted is that a client was let in, so that nobody can count against a client as whom he
//! cannot connect; and a connection that its client ends with DISCONNECT does not count, so that
//! programs that come, send one message and go can do so as often as they like.

use std::time::Duration;

use ferrymq_protocol::time::Instant;

use crate::fading::Fading;

/// How often a client may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlappingLimits {
    /// How often in each window, without saying goodbye in between; zero: as often as it likes.
    pub connects: u32,
    /// How long a window is.
    pub window: Duration,
    /// How long a client that has come more often is kept out.
    pub ban: Duration,
    /// How many clients a shard remembers for that.
    pub clients: usize,
}

/// What the clients of a shard have done of late, by the hashes of their identifiers.
#[derive(Debug)]
pub(crate) struct Flapping {
    clients: Fading<u64, Coming>,
}

/// How a client comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// It has come so often in the window that began then.
    Often(u32, Instant),
    /// It is kept out.
    Banned,
}

impl FlappingLimits {
    /// Whether everybody may come as often as he likes.
    pub const fn is_open(&self) -> bool {
        self.connects == 0
    }
}

impl Default for FlappingLimits {
    fn default() -> Self {
        Self {
            connects: 0,
            window: Duration::from_mins(1),
            ban: Duration::from_mins(1),
            clients: 16_384,
        }
    }
}

impl Flapping {
    pub(crate) const fn new() -> Self {
        Self { clients: Fading::new(0) }
    }

    /// Whether a client is kept out now.
    pub(crate) fn is_banned(&self, client: u64, limits: &FlappingLimits, now: Instant) -> bool {
        !limits.is_open() && self.clients.get(client, now) == Some(&Coming::Banned)
    }

    /// A client is about to be let in. Whether that is once too often: it is kept out from now on.
    pub(crate) fn comes(&mut self, client: u64, limits: &FlappingLimits, now: Instant) -> bool {
        if limits.is_open() {
            return false;
        }
        self.clients.set_most(limits.clients);
        let (count, since) = match self.clients.get(client, now) {
            Some(Coming::Often(count, since)) => (count.saturating_add(1), *since),
            Some(Coming::Banned) | None => (1, now),
        };
        let is_too_often = count > limits.connects;
        let (coming, until) = match is_too_often {
            true => (Coming::Banned, now.saturating_add(limits.ban)),
            false => (Coming::Often(count, since), since.saturating_add(limits.window)),
        };
        self.clients.put(client, coming, until);
        is_too_often
    }

    /// A client that had been let in has said goodbye.
    pub(crate) fn leaves(&mut self, client: u64, limits: &FlappingLimits, now: Instant) {
        if let Some(Coming::Often(count, since)) = self.clients.get(client, now).copied() {
            let end = since.saturating_add(limits.window);
            self.clients.put(client, Coming::Often(count.saturating_sub(1), since), end);
        }
    }

    /// Forgets what is over. How many are kept out now.
    pub(crate) fn bans(&mut self, now: Instant) -> u64 {
        self.clients.fade(now);
        self.clients.values().filter(|coming| **coming == Coming::Banned).count() as u64
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(1_000_000_000_000);
    const LIMITS: FlappingLimits = FlappingLimits {
        connects: 3,
        window: Duration::from_secs(10),
        ban: Duration::from_secs(30),
        clients: 2,
    };

    fn after(seconds: u64) -> Instant {
        START.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn who_comes_too_often_in_a_window_is_kept_out_for_a_time() {
        let mut flapping = Flapping::new();
        let too_often = [0, 1, 2, 3].map(|time| flapping.comes(7, &LIMITS, after(time)));
        assert_eq!(too_often, [false, false, false, true]);
        assert!(flapping.is_banned(7, &LIMITS, after(32)));
        assert!(!flapping.is_banned(8, &LIMITS, after(32)));
        assert_eq!(flapping.bans(after(32)), 1);
        assert!(!flapping.is_banned(7, &LIMITS, after(33)));
        assert_eq!(flapping.bans(after(33)), 0);
        assert!(!flapping.comes(7, &LIMITS, after(33)));
    }

    #[test]
    fn window_that_has_ended_and_goodbyes_do_not_count() {
        let mut flapping = Flapping::new();
        for time in [0, 5, 9, 10, 15, 19, 20] {
            assert!(!flapping.comes(7, &LIMITS, after(time)), "{time}");
        }
        for _ in 0..100 {
            flapping.leaves(7, &LIMITS, after(21));
            assert!(!flapping.comes(7, &LIMITS, after(21)));
        }
    }

    #[test]
    fn clients_that_nobody_remembers_are_the_first_to_be_forgotten() {
        let mut flapping = Flapping::new();
        for time in 0..4 {
            flapping.comes(7, &LIMITS, after(time));
        }
        for client in 100..200 {
            assert!(!flapping.comes(client, &LIMITS, after(4)));
        }
        assert!(flapping.is_banned(7, &LIMITS, after(4)), "a ban outlasts those who pass by");
        assert_eq!(flapping.clients.values().count(), 2);
    }
}
