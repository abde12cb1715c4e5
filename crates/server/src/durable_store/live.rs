//! How much of the log still means something: an estimate, from which it is decided when the oldest
//! segments are worth freeing.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was put into the log and what of it is still wanted. Nothing here is exact, and nothing
/// but the time of the next round depends on it.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Bytes of the records of messages in the log.
    message_bytes: AtomicU64,
    /// How many receivers these messages had.
    targets: AtomicU64,
    /// How many receivers are still owed a message.
    owed: AtomicU64,
    /// Bytes of all other records, as they were said again last.
    state_bytes: AtomicU64,
    /// Bytes of all other records since the last round was opened.
    state_bytes_since: AtomicU64,
}

impl Live {
    /// A record of a message was appended or read.
    pub(super) fn message(&self, bytes: usize, targets: u64) {
        self.message_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.targets.fetch_add(targets, Ordering::Relaxed);
    }

    /// So many more receivers are owed a message.
    pub(super) fn owe(&self, count: u64) {
        self.owed.fetch_add(count, Ordering::Relaxed);
    }

    /// So many receivers are owed a message no longer.
    pub(super) fn settle(&self, count: u64) {
        // What is settled twice is no reason to come out below nothing.
        let subtract = |owed: u64| Some(owed.saturating_sub(count));
        let _ = self.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }

    /// Another record was appended.
    pub(super) fn state(&self, bytes: usize) {
        self.state_bytes_since.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What the records other than messages would take if they were all said again.
    pub(super) fn set_state(&self, bytes: u64) {
        self.state_bytes.store(bytes, Ordering::Relaxed);
    }

    /// From now on everything that still holds is said again.
    pub(super) fn begin_round(&self) {
        self.state_bytes_since.store(0, Ordering::Relaxed);
    }

    /// Everything was said again.
    pub(super) fn state_was_said(&self) {
        self.set_state(self.state_bytes_since.load(Ordering::Relaxed));
    }

    /// Of `before` bytes of the log `freed` are gone, with the messages in them.
    pub(super) fn freed(&self, freed: u64, before: u64) {
        let left = |value: u64| {
            let gone = u128::from(value) * u128::from(freed) / u128::from(before.max(1));
            Some(value.saturating_sub(u64::try_from(gone).unwrap_or(value)))
        };
        for value in [&self.message_bytes, &self.targets] {
            let _ = value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        }
    }

    /// How many receivers are owed a message.
    pub(super) fn owed(&self) -> u64 {
        self.owed.load(Ordering::Relaxed)
    }

    /// About how many bytes a log would have that holds only what is wanted.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = u128::from(self.message_bytes.load(Ordering::Relaxed));
        let targets = u128::from(self.targets.load(Ordering::Relaxed));
        let owed = u128::from(self.owed.load(Ordering::Relaxed)).min(targets);
        let messages = u64::try_from(bytes * owed / targets.max(1)).unwrap_or(u64::MAX);
        messages.saturating_add(self.state_bytes.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_count_with_the_share_of_those_who_are_still_owed_them() {
        let live = Live::default();
        live.message(1_000, 10);
        live.owe(10);
        assert_eq!(live.bytes(), 1_000);
        live.settle(5);
        assert_eq!(live.bytes(), 500);
        live.settle(50);
        assert_eq!(live.bytes(), 0);
    }

    #[test]
    fn state_is_what_was_said_in_the_last_round() {
        let live = Live::default();
        live.state(7_000);
        assert_eq!(live.bytes(), 0, "nobody knows yet how much of it still holds");
        live.begin_round();
        live.state(300);
        live.state_was_said();
        live.state(9_000);
        assert_eq!(live.bytes(), 300);
    }

    #[test]
    fn freeing_keeps_the_share() {
        let live = Live::default();
        live.message(1_000, 10);
        live.owe(5);
        live.freed(300, 600);
        assert_eq!(live.bytes(), 500);
        live.owe(5);
        assert_eq!(live.bytes(), 500, "more than all of them cannot be owed");
    }
}
