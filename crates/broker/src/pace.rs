//! How fast a client may send, and all clients of a listener together: so many messages and bytes a
//! second, and what is saved up while they send less, but not more than one second's worth.
//!
//! What has been taken is paid afterwards. Who has spent more than there was is not read from until
//! it is made up for; nothing is dropped, and its keep alive stands still. What clients share they
//! spend in the order in which they come: each waits for its own last message and those before it, so
//! that those who want more take turns, and who sends little waits for one round of them at most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// How often something may happen, for many who share that, on any thread.
#[derive(Debug, Default)]
pub struct Rate {
    /// Zero: as often as anybody likes.
    per_second: AtomicU64,
    /// When everything will be made up for that has happened so far, in nanoseconds.
    paid: AtomicU64,
}

/// How fast all clients of a listener together may send.
#[derive(Debug, Default)]
pub struct SharedPace {
    messages: Rate,
    bytes: Rate,
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
    /// Until when its last message has to wait for what it shares with others.
    shared: Instant,
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
        wait_for(self.messages.max(self.bytes), now)
    }
}

fn advance(paid: &mut Instant, amount: u64, per_second: u64, now: Instant) {
    if per_second > 0 {
        *paid = (*paid).max(now).saturating_add(price(amount, per_second));
    }
}

/// How long it takes to make up for something.
fn price(amount: u64, per_second: u64) -> Duration {
    let nanos = u128::from(amount) * u128::from(SAVED_NANOS) / u128::from(per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Until when something has to wait that will be made up for at this time, if that lies ahead.
fn wait_for(paid: Instant, now: Instant) -> Option<Instant> {
    let until = Instant::from_nanos(paid.as_nanos().saturating_sub(SAVED_NANOS));
    (until > now).then_some(until)
}

impl Rate {
    /// So often a second; zero: as often as anybody likes.
    pub const fn new(per_second: u64) -> Self {
        Self { per_second: AtomicU64::new(per_second), paid: AtomicU64::new(0) }
    }

    /// The same, where everything will be made up for at this time that has happened so far.
    pub const fn paid_until(per_second: u64, paid: Instant) -> Self {
        Self { per_second: AtomicU64::new(per_second), paid: AtomicU64::new(paid.as_nanos()) }
    }

    /// When everything will be made up for that has happened so far.
    pub fn paid(&self) -> Instant {
        Instant::from_nanos(self.paid.load(Ordering::Relaxed))
    }

    /// Changes it for all who share it.
    pub fn set(&self, per_second: u64) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    /// How often a second.
    pub fn per_second(&self) -> u64 {
        self.per_second.load(Ordering::Relaxed)
    }

    /// It has happened so often. Until when it is not to happen again, if that lies ahead.
    pub fn spend(&self, amount: u64, now: Instant) -> Option<Instant> {
        let per_second = self.per_second();
        if per_second == 0 {
            return None;
        }
        let price = price(amount, per_second);
        let after = |paid| {
            let paid = Instant::from_nanos(paid).max(now).saturating_add(price);
            Some(paid.as_nanos())
        };
        let before = self.paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let paid = before.ok().and_then(after).unwrap_or_default();
        wait_for(Instant::from_nanos(paid), now)
    }

    /// Until when it is not to happen, if that lies ahead.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let paid = Instant::from_nanos(self.paid.load(Ordering::Relaxed));
        wait_for(paid, now).filter(|_| self.per_second() > 0)
    }
}

impl SharedPace {
    /// Nobody has sent anything yet.
    pub const fn new(limits: PaceLimits) -> Self {
        Self { messages: Rate::new(limits.messages), bytes: Rate::new(limits.bytes) }
    }

    /// Changes it for all who share it.
    pub fn set_limits(&self, limits: PaceLimits) {
        self.messages.set(limits.messages);
        self.bytes.set(limits.bytes);
    }

    /// How fast they may send.
    pub fn limits(&self) -> PaceLimits {
        PaceLimits { messages: self.messages.per_second(), bytes: self.bytes.per_second() }
    }

    /// A message of this length was taken. Until when nothing more is to be taken from its sender, if
    /// that lies ahead.
    fn spend(&self, length: usize, now: Instant) -> Option<Instant> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.messages.spend(1, now).max(self.bytes.spend(length, now))
    }
}

/// Two are equal that let clients send equally fast.
impl PartialEq for SharedPace {
    fn eq(&self, other: &Self) -> bool {
        self.limits() == other.limits()
    }
}

impl Eq for SharedPace {}

impl Paces {
    /// A message of this length was taken from a connection: until when it is not to be read from.
    pub(crate) fn spend(
        &mut self,
        id: ConnectionId,
        limits: PaceLimits,
        shared: &SharedPace,
        length: usize,
        now: Instant,
    ) -> Option<Instant> {
        let pace = self.spent.entry(id).or_default();
        let with_others = shared.spend(length, now);
        pace.shared = with_others.unwrap_or_default();
        pace.spend(limits, length, now).max(with_others)
    }

    /// Until when a connection is not to be read from by what holds now, if that lies ahead.
    pub(crate) fn wait(
        &self,
        id: ConnectionId,
        limits: PaceLimits,
        shared: &SharedPace,
        now: Instant,
    ) -> Option<Instant> {
        let pace = self.spent.get(&id)?;
        let own = pace.wait(now).filter(|_| !limits.is_open());
        let with_others = (pace.shared > now && !shared.limits().is_open()).then_some(pace.shared);
        own.max(with_others)
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

    #[test]
    fn what_is_shared_is_spent_in_turns_and_who_sends_little_waits_for_one_round() {
        let shared = SharedPace::new(PaceLimits { messages: 10, bytes: 0 });
        // As many senders as there are numbers, each of which sends again as soon as it may.
        let mut due: Vec<(Instant, usize)> = (0..5).map(|sender| (START, sender)).collect();
        let mut sent = [0; 5];
        loop {
            due.sort_unstable();
            let (now, sender) = due[0];
            if now >= after(20 * SAVED_NANOS) {
                break;
            }
            sent[sender] += 1;
            due[0].0 = shared.spend(1, now).unwrap_or(now);
        }
        let all: u32 = sent.iter().sum();
        assert!(
            (10 + 200..=10 + 200 + 5).contains(&all),
            "savings, time, one each on credit: {all}"
        );
        // The savings are spent by whoever is first.
        let (least, most) = (sent.iter().min(), sent.iter().max());
        assert!(most <= least.map(|least| least + 11).as_ref(), "{sent:?}");
        let now = after(20 * SAVED_NANOS);
        let waits = shared.spend(1, now).expect("the others are before it");
        assert!(waits.saturating_duration_since(now) <= Duration::from_millis(600));
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
