//! A log in memory, whose end a crash may lose, and the messages that are in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ferrymq_broker::{
    Fetch, FetchedMessage, Message, Record, RecordBatch, RecordNumber, Recovered, Replay,
    SessionNumber, StoredTarget, record_codec,
};
use ferrymq_protocol::time::Instant;

#[derive(Default)]
pub(super) struct Store {
    messages: HashMap<RecordNumber, (Arc<Message>, Vec<StoredTarget>)>,
    log: Vec<Batch>,
    /// How many batches no crash can lose.
    durable: usize,
}

/// What a turn has recorded, as it is on the disk.
struct Batch {
    at: Instant,
    records: Vec<(RecordNumber, Vec<u8>)>,
}

impl Store {
    /// How many messages are kept.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn append(&mut self, batch: RecordBatch) {
        let mut records = Vec::new();
        for (counter, record) in (batch.first..).zip(batch.records) {
            let number = RecordNumber::new(batch.writer, counter);
            let mut bytes = Vec::new();
            record_codec::encode(&record, &mut bytes);
            records.push((number, bytes));
            self.apply(number, record);
        }
        self.log.push(Batch { at: batch.at, records });
    }

    pub(super) fn make_durable(&mut self) {
        self.durable = self.log.len();
    }

    /// What a broker finds that begins after a crash: all that is durable, and as much of the rest
    /// as `choice` says.
    pub(super) fn recover(&mut self, choice: usize) -> Recovered {
        let undecided = self.log.len() - self.durable;
        self.log.truncate(self.log.len() - choice % (undecided + 1));
        self.make_durable();
        let recovered = self.replay();
        self.messages.clear();
        let records: Vec<(RecordNumber, Record)> = self
            .log
            .iter()
            .flat_map(|batch| &batch.records)
            .map(|(number, bytes)| (*number, record_codec::decode(bytes).expect("a record")))
            .collect();
        for (number, record) in records {
            if matches!(record, Record::Message { .. } | Record::Reassigned { .. }) {
                self.apply(number, record);
            }
        }
        self.keep(owed(&recovered));
        recovered
    }

    /// Forgets what nobody is owed any more.
    fn keep(&mut self, mut owed: HashSet<(SessionNumber, RecordNumber)>) {
        self.messages.retain(|number, (_, targets)| {
            targets.retain(|target| owed.remove(&(target.session, *number)));
            !targets.is_empty()
        });
        assert!(owed.is_empty(), "owed, but to nobody in the log: {owed:?}");
    }

    fn replay(&self) -> Recovered {
        let mut replay = Replay::new(7);
        for (order, batch) in (1..).zip(&self.log) {
            for (number, bytes) in &batch.records {
                replay.apply(*number, order, batch.at, bytes).expect("a record");
            }
        }
        replay.finish()
    }

    fn apply(&mut self, number: RecordNumber, record: Record) {
        match record {
            Record::Message { message, targets } => {
                self.messages.insert(number, (message, targets));
            }
            Record::Settled { session, message }
            | Record::Released { session, message: Some(message), .. } => {
                self.settle(session, message);
            }
            Record::Reassigned { message, from, to, .. } => {
                if let Some((_, targets)) = self.messages.get_mut(&message) {
                    targets.retain(|target| target.session != from);
                    targets.push(to);
                }
            }
            Record::Gone { session, messages } => {
                for message in messages {
                    self.settle(session, message);
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self, session: SessionNumber, number: RecordNumber) {
        let Some((_, targets)) = self.messages.get_mut(&number) else {
            panic!("{number:?} is settled but not stored");
        };
        let before = targets.len();
        targets.retain(|target| target.session != session);
        assert_eq!(targets.len() + 1, before, "{session:?} was not owed {number:?}");
        if targets.is_empty() {
            self.messages.remove(&number);
        }
    }

    pub(super) fn fetch(&self, fetch: &Fetch) -> Vec<FetchedMessage> {
        fetch
            .messages
            .iter()
            .filter_map(|number| {
                let (message, targets) = self.messages.get(number)?;
                let target =
                    targets.iter().find(|target| target.session == fetch.session.number)?;
                Some(FetchedMessage {
                    number: *number,
                    message: Arc::clone(message),
                    retain: target.retain,
                    identifiers: Arc::clone(&target.identifiers),
                })
            })
            .collect()
    }
}

fn owed(recovered: &Recovered) -> HashSet<(SessionNumber, RecordNumber)> {
    let sessions = recovered.sessions.iter().flat_map(|session| {
        let published = session.published.iter().map(|(_, owed)| owed);
        published.chain(&session.queue).map(|owed| (session.number, owed.number))
    });
    let orphans = recovered.unfinished.orphans.iter().map(|(from, owed)| (*from, owed.number));
    sessions.chain(orphans).collect()
}
