//! Which sessions are still owed the messages that stand in segments about to be freed.
//!
//! Shards name the survivors while the world goes on: messages are settled and change their
//! receivers between the time when they are named and the time when they are copied. So whatever
//! happens from the opening of the round on is applied to what was named, in the order in which it
//! was appended.

use std::collections::HashMap;

use ferrymq_broker::{RecordNumber, SessionNumber, Survivor};

/// The survivors of a round, by message and session.
#[derive(Debug)]
pub(super) struct Survivors {
    /// In order, without repetition.
    named: Vec<Survivor>,
    /// One bit for each of them: it does not hold any more.
    settled: Vec<u64>,
    /// Those that nobody has named.
    added: HashMap<RecordNumber, Vec<SessionNumber>>,
}

/// Something that was appended while the round was open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The session is not owed the message any more.
    Settled(Survivor),
    /// It is owed the message, which another was owed before.
    Owed(Survivor),
}

impl Survivors {
    /// Those that shards have named, in any order, and what had happened by then or later.
    pub(super) fn new(mut named: Vec<Survivor>, changes: &[Change]) -> Self {
        // Whoever was owed a message in between may have been looked at before.
        named.extend(changes.iter().filter_map(|change| match change {
            Change::Owed(survivor) => Some(*survivor),
            Change::Settled(_) => None,
        }));
        named.sort_unstable();
        named.dedup();
        let settled = vec![0; named.len().div_ceil(BITS)];
        let mut survivors = Self { named, settled, added: HashMap::new() };
        survivors.apply(changes);
        survivors
    }

    /// More has happened.
    pub(super) fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Settled(survivor) => self.mark(*survivor, false),
                Change::Owed(survivor) => self.mark(*survivor, true),
            }
        }
    }

    /// The messages from this one on that some session is owed now, in order.
    pub(super) fn messages_from(&self, first: RecordNumber) -> impl Iterator<Item = RecordNumber> {
        let mut at = self.named.partition_point(|survivor| survivor.message < first);
        let messages = std::iter::from_fn(move || {
            let message = self.named.get(at)?.message;
            let places = at..at + self.count_from(at, message);
            at = places.end;
            Some((message, places))
        });
        let owed = messages.filter(|(message, places)| {
            let added = self.added.get(message);
            added.is_some_and(|added| !added.is_empty())
                || places.clone().any(|at| !self.is_settled(at))
        });
        owed.map(|(message, _)| message)
    }

    /// The sessions that are owed the message now, in order.
    pub(super) fn sessions_of(&self, message: RecordNumber) -> Vec<SessionNumber> {
        let first = self.named.partition_point(|survivor| survivor.message < message);
        let places = first..first + self.count_from(first, message);
        let mut sessions: Vec<SessionNumber> = places
            .filter(|at| !self.is_settled(*at))
            .filter_map(|at| self.named.get(at).map(|survivor| survivor.session))
            .collect();
        if let Some(added) = self.added.get(&message) {
            sessions.extend(added);
            sessions.sort_unstable();
        }
        sessions
    }

    /// How many survivors of this message stand from here on.
    fn count_from(&self, at: usize, message: RecordNumber) -> usize {
        let rest = self.named.get(at..).unwrap_or_default();
        rest.partition_point(|survivor| survivor.message == message)
    }

    fn is_settled(&self, at: usize) -> bool {
        self.settled.get(at / BITS).is_some_and(|word| word >> (at % BITS) & 1 == 1)
    }

    fn mark(&mut self, survivor: Survivor, owed: bool) {
        if let Ok(at) = self.named.binary_search(&survivor) {
            if let Some(word) = self.settled.get_mut(at / BITS) {
                let bit = 1 << (at % BITS);
                *word = if owed { *word & !bit } else { *word | bit };
            }
        } else if owed {
            let sessions = self.added.entry(survivor.message).or_default();
            if !sessions.contains(&survivor.session) {
                sessions.push(survivor.session);
            }
        } else if let Some(sessions) = self.added.get_mut(&survivor.message) {
            sessions.retain(|session| *session != survivor.session);
        }
    }
}

const BITS: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ferrymq_broker::ShardIndex;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// All that is owed to this session is named.
        Name(u64),
        Settle(u64, u64),
        Reassign(u64, u64, u64),
        /// What has happened so far is applied.
        Apply,
    }

    fn step() -> impl Strategy<Value = Step> {
        let message = 1..5_u64;
        let session = 1..5_u64;
        prop_oneof![
            3 => session.clone().prop_map(Step::Name),
            4 => (message.clone(), session.clone()).prop_map(|(m, s)| Step::Settle(m, s)),
            2 => (message, session.clone(), session).prop_map(|(m, f, t)| Step::Reassign(m, f, t)),
            1 => Just(Step::Apply),
        ]
    }

    fn survivor(message: u64, session: u64) -> Survivor {
        let message = RecordNumber::new(ShardIndex(0), message);
        Survivor { message, session: SessionNumber(session) }
    }

    proptest! {
        /// Every session is looked at once, at any time, as shards do.
        #[test]
        fn what_is_owed_at_the_end_is_what_survives(
            owed in prop::collection::btree_set((1..5_u64, 1..5_u64), 0..12),
            steps in prop::collection::vec(step(), 0..40),
        ) {
            let mut owed: BTreeSet<(u64, u64)> = owed;
            let (mut named, mut changes) = (Vec::new(), Vec::new());
            let mut survivors = None;
            let mut unseen: BTreeSet<u64> = (1..5).collect();
            let end = (1..5).map(Step::Name).chain([Step::Apply]);
            for step in steps.into_iter().chain(end) {
                match step {
                    Step::Name(session) => {
                        if unseen.remove(&session) {
                            let hers = owed.iter().filter(|(_, of)| *of == session);
                            named.extend(hers.map(|(message, of)| survivor(*message, *of)));
                        }
                    }
                    Step::Settle(message, session) => {
                        if owed.remove(&(message, session)) {
                            changes.push(Change::Settled(survivor(message, session)));
                        }
                    }
                    Step::Reassign(message, from, to) => {
                        if !owed.contains(&(message, to)) && owed.remove(&(message, from)) {
                            owed.insert((message, to));
                            changes.push(Change::Settled(survivor(message, from)));
                            changes.push(Change::Owed(survivor(message, to)));
                        }
                    }
                    Step::Apply if unseen.is_empty() => {
                        let changes = std::mem::take(&mut changes);
                        survivors
                            .get_or_insert_with(|| Survivors::new(named.clone(), &[]))
                            .apply(&changes);
                    }
                    Step::Apply => {}
                }
            }
            let survivors = survivors.expect("the last step applies");
            let mut found = BTreeSet::new();
            for message in 1..5 {
                let number = RecordNumber::new(ShardIndex(0), message);
                found.extend(survivors.sessions_of(number).iter().map(|s| (message, s.0)));
            }
            prop_assert_eq!(found, owed);
        }
    }

    #[test]
    fn messages_come_once_and_in_order() {
        let named =
            vec![survivor(7, 1), survivor(3, 2), survivor(3, 1), survivor(7, 1), survivor(4, 1)];
        let changes = [Change::Owed(survivor(5, 9)), Change::Settled(survivor(4, 1))];
        let survivors = Survivors::new(named, &changes);
        let number = |message| RecordNumber::new(ShardIndex(0), message);
        let from = |first| survivors.messages_from(number(first)).collect::<Vec<_>>();
        assert_eq!(from(0), [number(3), number(5), number(7)]);
        assert_eq!(from(6), [number(7)]);
        assert_eq!(survivors.sessions_of(number(3)), [SessionNumber(1), SessionNumber(2)]);
        assert_eq!(survivors.sessions_of(number(5)), [SessionNumber(9)]);
    }
}
