//! A log that frees its oldest records in rounds, as simple as can be: what a store has to do.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ferrymq_broker::{
    Record, RecordNumber, Round, SessionNumber, ShardIndex, StoredTarget, Survivor,
};

use crate::world::journal::Told;

/// The records in the order of their places.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// How many batches there have been.
    order: u64,
    rounds: u64,
    open: Option<Open>,
    /// How many rounds have ended, and how many messages they have kept.
    pub(crate) ended: usize,
    pub(crate) kept: usize,
    /// How sessions are sent the messages that they have taken over from others.
    terms: HashMap<Owed, StoredTarget>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: RecordNumber,
    /// Which batch it came with first.
    pub(crate) order: u64,
    pub(crate) record: Record,
}

/// Which message to whom.
type Owed = (RecordNumber, SessionNumber);

/// The round that is open.
struct Open {
    round: Arc<Round>,
    /// How many records from the first on are to be freed.
    freed: usize,
    shards: usize,
    survivors: BTreeSet<Survivor>,
    /// What was settled and reassigned since.
    settled: HashSet<Owed>,
    reassigned: HashMap<Owed, SessionNumber>,
    gone: HashSet<SessionNumber>,
}

impl Log {
    /// Takes what the shards of the world have told.
    pub(crate) fn take(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Records { writer, first, records } => self.append(writer, first, records),
                Told::Survivors(survivors) => self.survivors(survivors),
                Told::RoundDone(_, round) => self.shard_done(round),
            }
        }
    }

    /// Begins a round that frees about this part of the records, of 256, unless one is open.
    pub(crate) fn begin_round(&mut self, part: u8, shards: usize) -> Option<Arc<Round>> {
        if self.open.is_some() {
            return None;
        }
        let freed = self.entries.len() * (usize::from(part) + 1) / 256;
        let saved = self.entries[..freed]
            .iter()
            .map(|entry| (entry.number.writer(), entry.number.counter(), entry.number.counter()))
            .collect();
        self.rounds += 1;
        let round = Arc::new(Round { number: self.rounds, saved });
        self.open = Some(Open {
            round: Arc::clone(&round),
            freed,
            shards,
            survivors: BTreeSet::new(),
            settled: HashSet::new(),
            reassigned: HashMap::new(),
            gone: HashSet::new(),
        });
        Some(round)
    }

    fn append(&mut self, writer: ShardIndex, first: u64, records: Vec<Record>) {
        self.order += 1;
        for (counter, record) in (first..).zip(records) {
            self.note(&record);
            let number = RecordNumber::new(writer, counter);
            self.entries.push(Entry { number, order: self.order, record });
        }
    }

    fn note(&mut self, record: &Record) {
        if let Record::Reassigned { message, to, .. } = record {
            self.terms.insert((*message, to.session), to.clone());
        }
        let Some(open) = &mut self.open else {
            return;
        };
        match record {
            Record::Settled { session, message }
            | Record::Released { session, message: Some(message), .. } => {
                open.settled.insert((*message, *session));
            }
            Record::Reassigned { message, from, to, .. } => {
                open.reassigned.insert((*message, *from), to.session);
            }
            Record::Gone { session, .. } => {
                open.gone.insert(*session);
            }
            _ => {}
        }
    }

    fn survivors(&mut self, survivors: Vec<Survivor>) {
        let Some(open) = &mut self.open else {
            assert!(survivors.is_empty(), "survivors after the end of the round");
            return;
        };
        for survivor in survivors {
            assert!(open.round.saved.contains(survivor.message), "{survivor:?} was not asked for");
            open.survivors.insert(survivor);
        }
    }

    fn shard_done(&mut self, round: u64) {
        let open = self.open.as_mut().expect("a round is open");
        assert_eq!(open.round.number, round);
        open.shards -= 1;
        if open.shards > 0 {
            return;
        }
        let open = self.open.take().expect("a round is open");
        let mut kept: BTreeMap<RecordNumber, BTreeSet<SessionNumber>> = BTreeMap::new();
        for Survivor { message, mut session } in open.survivors.iter().copied() {
            while let Some(to) = open.reassigned.get(&(message, session)) {
                session = *to;
            }
            if !open.settled.contains(&(message, session)) && !open.gone.contains(&session) {
                kept.entry(message).or_default().insert(session);
            }
        }
        for (number, sessions) in kept {
            let entry = self.kept(number, &sessions, open.freed);
            self.entries.push(entry);
            self.kept += 1;
        }
        self.entries.drain(..open.freed);
        self.ended += 1;
    }

    /// A message for those who are still owed it.
    fn kept(
        &self,
        number: RecordNumber,
        sessions: &BTreeSet<SessionNumber>,
        freed: usize,
    ) -> Entry {
        let entry = self.entries[..freed].iter().rfind(|entry| entry.number == number);
        let Some(Entry { order, record: Record::Message { message, targets }, .. }) = entry else {
            panic!("{number:?} is owed and no message: {entry:?}");
        };
        let targets = sessions.iter().map(|session| {
            let own = targets.iter().find(|target| target.session == *session);
            let target = self.terms.get(&(number, *session)).or(own);
            target.unwrap_or_else(|| panic!("{session:?} was never owed {number:?}")).clone()
        });
        let record = Record::Message { message: Arc::clone(message), targets: targets.collect() };
        Entry { number, order: *order, record }
    }
}
