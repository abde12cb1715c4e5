//! How long to wait before the next attempt to connect.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Whether, and how patiently, a lost connection is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// The first loss of the connection is the end.
    Never,
    /// The delay doubles with every failure; a random part of it is left out, so that the clients
    /// of a server that starts again do not come all at once.
    Backoff {
        /// The longest delay before the first attempt.
        initial: Duration,
        /// The longest delay of all.
        maximum: Duration,
    },
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::Backoff { initial: DEFAULT_INITIAL_DELAY, maximum: DEFAULT_MAXIMUM_DELAY }
    }
}

/// The delays of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: Reconnect,
    failures: u32,
    random: RandomState,
}

impl Backoff {
    pub(crate) fn new(policy: Reconnect) -> Self {
        Self { policy, failures: 0, random: RandomState::new() }
    }

    /// The delay before the next attempt: from a half to the whole of what is due.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let Reconnect::Backoff { initial, maximum } = self.policy else {
            return None;
        };
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let whole = initial.saturating_mul(factor).min(maximum);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        Some(half + half.mul_f64(self.fraction()))
    }

    /// A connection has lasted this long.
    pub(crate) fn connection_lasted(&mut self, duration: Duration) {
        // Two clients with one identifier throw each other out as soon as they are connected; to
        // start again from the shortest delay would make that a storm.
        if duration >= STABLE_AFTER {
            self.failures = 0;
        }
    }

    /// From 0 to 1, from the randomness of the standard library's hash maps.
    fn fraction(&self) -> f64 {
        let [low, high, ..] = self.random.hash_one(self.failures).to_le_bytes();
        f64::from(u16::from_le_bytes([low, high])) / f64::from(u16::MAX)
    }
}

const DEFAULT_INITIAL_DELAY: Duration = Duration::from_secs(1);
const DEFAULT_MAXIMUM_DELAY: Duration = Duration::from_mins(1);
const STABLE_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_the_maximum_and_keeps_at_least_half() {
        let (initial, maximum) = (Duration::from_secs(1), Duration::from_secs(10));
        let mut backoff = Backoff::new(Reconnect::Backoff { initial, maximum });
        for whole in [1, 2, 4, 8, 10, 10] {
            let whole = Duration::from_secs(whole);
            let delay = backoff.next().unwrap();
            assert!(delay >= whole / 2 && delay <= whole, "{delay:?} of {whole:?}");
        }
    }

    #[test]
    fn delay_starts_again_only_after_a_stable_connection() {
        let mut backoff = Backoff::new(Reconnect::default());
        for _ in 0..4 {
            backoff.next();
        }
        backoff.connection_lasted(Duration::from_secs(1));
        assert!(backoff.next().unwrap() > DEFAULT_INITIAL_DELAY);
        backoff.connection_lasted(STABLE_AFTER);
        assert!(backoff.next().unwrap() <= DEFAULT_INITIAL_DELAY);
    }

    #[test]
    fn never_has_no_delay() {
        assert_eq!(Backoff::new(Reconnect::Never).next(), None);
    }
}
