//! How fast a client may send: so many messages and bytes a second, and what it saves up while it
//! sends less, but not more than one second's worth.
//!
//! What has been taken is paid afterwards. Who has spent more than it has saved is not read from
//! until it has made up for that; nothing is dropped, and its keep alive stands still.

use std::collections::HashMap;
use std::time::Duration;

use ferrymq_protocol::time::Instant;
use foldhash::fast::RandomState;

use crate::identity::ConnectionId;

/// How fast something may go on; zero: as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaceLimits {
    /// Messages a second.
    pub messages: u64,
    /// Bytes of packets with messages a second.
    pub bytes: u64,
}

/// What those clients of a shard have spent that have sent messages. It is empty where everybody may
/// send as he likes.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    spent: HashMap<ConnectionId, Pace, RandomState>,
}

/// When a client will have made up for everything that it has sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pace {
    messages: Instant,
    bytes: Instant,
    /// Whether the log was told that it has to wait.
    is_told: bool,
}

impl PaceLimits {
    /// Whether everybody may go on as he likes.
    pub const fn is_open(self) -> bool {
        self.messages == 0 && self.bytes == 0
    }
}

impl Pace {
    /// A message of this length was taken. Until when nothing more is to be taken, if that lies
    /// ahead.
    fn spend(&mut self, limits: PaceLimits, length: usize, now: Instant) -> Option<Instant> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        advance(&mut self.messages, 1, limits.messages, now);
        advance(&mut self.bytes, length, limits.bytes, now);
        self.wait(now)
    }

    fn wait(self, now: Instant) -> Option<Instant> {
        let paid_at = self.messages.max(self.bytes);
        let until = Instant::from_nanos(paid_at.as_nanos().saturating_sub(SAVED_NANOS));
        (until > now).then_some(until)
    }
}

fn advance(paid: &mut Instant, amount: u64, per_second: u64, now: Instant) {
    if per_second == 0 {
        return;
    }
    let nanos = u128::from(amount) * u128::from(SAVED_NANOS) / u128::from(per_second);
    let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
    *paid = (*paid).max(now).saturating_add(Duration::from_nanos(nanos));
}

impl Paces {
    /// A message of this length was taken from a connection: until when it is not to be read from.
    pub(crate) fn spend(
        &mut self,
        id: ConnectionId,
        limits: PaceLimits,
        length: usize,
        now: Instant,
    ) -> Option<Instant> {
        self.spent.entry(id).or_default().spend(limits, length, now)
    }

    /// Until when a connection is not to be read from, if that lies ahead.
    pub(crate) fn wait(&self, id: ConnectionId, now: Instant) -> Option<Instant> {
        self.spent.get(&id).and_then(|pace| pace.wait(now))
    }

    /// Whether a connection waits for the first time.
    pub(crate) fn waits_first(&mut self, id: ConnectionId) -> bool {
        self.spent.get_mut(&id).is_some_and(|pace| !std::mem::replace(&mut pace.is_told, true))
    }

    pub(crate) fn forget(&mut self, id: ConnectionId) {
        if !self.spent.is_empty() {
            self.spent.remove(&id);
        }
    }
}

/// What can be saved up: the worth of one second.
const SAVED_NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Instant = Instant::from_nanos(1_000_000_000_000);

    fn after(nanos: u64) -> Instant {
        START.saturating_add(Duration::from_nanos(nanos))
    }

    #[test]
    fn second_of_savings_is_spent_at_once_and_then_it_goes_on_at_the_pace() {
        let limits = PaceLimits { messages: 10, bytes: 0 };
        let mut pace = Pace::default();
        for _ in 0..10 {
            assert_eq!(pace.spend(limits, 1_000_000, START), None);
        }
        let mut now = START;
        for _ in 0..20 {
            let until = pace.spend(limits, 1_000_000, now).expect("all is spent");
            assert_eq!(until.saturating_duration_since(now), Duration::from_millis(100));
            now = until;
        }
        assert_eq!(pace.spend(limits, 1, now.saturating_add(Duration::from_hours(1))), None);
    }

    #[test]
    fn large_message_is_taken_whole_and_made_up_for() {
        let limits = PaceLimits { messages: 0, bytes: 1000 };
        let until = Pace::default().spend(limits, 5000, START).expect("more than a second's worth");
        assert_eq!(until.saturating_duration_since(START), Duration::from_secs(4));
    }

    proptest! {
        /// However a client sends, in no time does it get through more than the pace allows, what it
        /// has saved, and one message.
        #[test]
        fn nobody_is_faster_than_the_pace_and_nobody_who_keeps_to_it_waits(
            messages in 0u64..1000,
            bytes in 0u64..100_000,
            sent in prop::collection::vec((0u64..2_000_000_000, 1usize..5000), 1..100),
        ) {
            let limits = PaceLimits { messages, bytes };
            let (mut pace, mut now) = (Pace::default(), START);
            let (mut count, mut total) = (0u64, 0u64);
            for (silence, length) in sent {
                now = now.saturating_add(Duration::from_nanos(silence));
                let seconds = now.saturating_duration_since(START).as_secs_f64() + 1.0;
                #[expect(clippy::cast_precision_loss, reason = "numbers of this test are small")]
                let within = |spent: u64, rate: u64| {
                    rate == 0 || spent as f64 <= rate as f64 * seconds + 0.01
                };
                prop_assert!(within(count, messages) && within(total, bytes));
                count += 1;
                total += length as u64;
                if let Some(until) = pace.spend(limits, length, now) {
                    prop_assert!(!limits.is_open());
                    now = until;
                }
            }
        }

        #[test]
        fn client_that_sends_evenly_at_the_pace_never_waits(
            messages in 1u64..10_000,
            count in 1u64..500,
        ) {
            let limits = PaceLimits { messages, bytes: 0 };
            let mut pace = Pace::default();
            for number in 0..count {
                let nanos = (number * SAVED_NANOS).div_ceil(messages);
                prop_assert_eq!(pace.spend(limits, 1, after(nanos)), None);
            }
        }
    }
}
