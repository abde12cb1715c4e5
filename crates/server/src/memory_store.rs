//! A store that forgets with its process: everything is durable at once, and a message is kept for
//! as long as some session is owed it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{
    Fetch, Fetched, FetchedMessage, LogState, Message, Progress, Record, RecordBatch, RecordNumber,
    SessionNumber, ShardIndex, StoredTarget, Survivor,
};

use crate::store::Store;

/// Messages in memory, by who wrote them.
#[derive(Debug)]
pub struct MemoryStore {
    writers: Box<[Writer]>,
}

#[derive(Debug, Default)]
struct Writer {
    durable: AtomicU64,
    /// By the writer's counter. Not hashed: a large table that grows holds up everybody.
    messages: Mutex<BTreeMap<u64, Stored>>,
}

#[derive(Debug)]
struct Stored {
    message: Arc<Message>,
    targets: Vec<StoredTarget>,
}

impl MemoryStore {
    /// An empty store for this many shards.
    pub fn new(shards: u16) -> Self {
        Self { writers: (0..shards).map(|_| Writer::default()).collect() }
    }

    /// How many messages are kept.
    pub fn message_count(&self) -> usize {
        self.writers.iter().map(|writer| writer.lock().len()).sum()
    }

    fn apply(&self, number: RecordNumber, record: Record) {
        match record {
            Record::Message { message, targets } => {
                if !targets.is_empty() {
                    let stored = Stored { message, targets };
                    self.writer(number).lock().insert(number.counter(), stored);
                }
            }
            Record::Settled { session, message }
            | Record::Released { session, message: Some(message), .. } => {
                self.settle(session, message);
            }
            Record::Gone { session, messages } => {
                for message in messages {
                    self.settle(session, message);
                }
            }
            Record::Reassigned { message, from, to, weight: _ } => {
                if let Some(stored) = self.writer(message).lock().get_mut(&message.counter())
                    && let Some(target) =
                        stored.targets.iter_mut().find(|target| target.session == from)
                {
                    *target = to;
                }
            }
            Record::Sent { .. }
            | Record::Released { message: None, .. }
            | Record::Completed { .. }
            | Record::Received { .. }
            | Record::ReceivedDone { .. }
            | Record::Session { .. }
            | Record::Away { .. }
            | Record::Subscribed { .. }
            | Record::Unsubscribed { .. }
            | Record::Retained { .. }
            | Record::Will { .. }
            | Record::WillDone { .. } => {}
        }
    }

    /// A session is no longer owed a message.
    fn settle(&self, session: SessionNumber, number: RecordNumber) {
        let mut messages = self.writer(number).lock();
        if let Some(stored) = messages.get_mut(&number.counter()) {
            // One target: a session is owed a message once for each subscription that led to it
            // when overlapping subscriptions each make a copy.
            if let Some(at) = stored.targets.iter().position(|target| target.session == session) {
                stored.targets.swap_remove(at);
            }
            if stored.targets.is_empty() {
                messages.remove(&number.counter());
            }
        }
    }

    fn find(&self, session: SessionNumber, number: RecordNumber) -> Option<FetchedMessage> {
        let messages = self.writer(number).lock();
        let stored = messages.get(&number.counter())?;
        let target = stored.targets.iter().find(|target| target.session == session)?;
        Some(FetchedMessage {
            number,
            message: Arc::clone(&stored.message),
            retain: target.retain,
            identifiers: Arc::clone(&target.identifiers),
        })
    }

    fn writer(&self, number: RecordNumber) -> &Writer {
        &self.writers[number.writer().as_usize()]
    }
}

impl Store for MemoryStore {
    fn append(&self, batch: RecordBatch) {
        let mut counter = batch.first;
        for record in batch.records {
            self.apply(RecordNumber::new(batch.writer, counter), record);
            counter += 1;
        }
        self.writers[batch.writer.as_usize()].durable.store(counter - 1, Ordering::Release);
    }

    fn progress(&self, writer: ShardIndex) -> Progress {
        Progress::all(self.writers[writer.as_usize()].durable.load(Ordering::Acquire))
    }

    fn fetch(&self, fetch: Fetch) -> Option<Fetched> {
        let session = fetch.session.number;
        let found =
            fetch.messages.iter().filter_map(|number| self.find(session, *number)).collect();
        Some(Fetched { session: fetch.session, request: fetch.request, messages: Some(found) })
    }

    fn state(&self) -> LogState {
        LogState::Ready
    }

    fn survivors(&self, _shard: ShardIndex, _survivors: Vec<Survivor>) {}

    fn round_done(&self, _shard: ShardIndex, _round: u64) {}
}

impl Writer {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Stored>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_broker::{Epoch, Partition, Publication, SessionRef};
    use ferrymq_codec::{PacketId, Properties, QoS, TopicName};
    use ferrymq_protocol::time::Instant;

    use super::*;

    const WRITER: ShardIndex = ShardIndex(1);
    const HERS: SessionNumber = SessionNumber(5);
    const HIS: SessionNumber = SessionNumber(6);

    fn batch(writer: ShardIndex, records: Vec<Record>) -> RecordBatch {
        let (partition, epoch) = (Partition::LOCAL, Epoch::FIRST);
        RecordBatch {
            partition,
            epoch,
            writer,
            at: Instant::ZERO,
            first: 1,
            needs_sync: true,
            records,
        }
    }

    fn message() -> Record {
        let publication = Publication {
            topic: TopicName::trusted("a/b"),
            properties: Properties::EMPTY,
            payload: b"kept",
            qos: QoS::AtLeastOnce,
            retain: false,
            expires: Instant::FAR_FUTURE,
            publisher: SessionNumber::BROKER,
        };
        let message = Arc::new(Message::new(&publication, Arc::from("a/b")));
        Record::Message { message, targets: vec![target(HERS), target(HIS)] }
    }

    fn target(session: SessionNumber) -> StoredTarget {
        StoredTarget {
            session,
            qos: QoS::AtLeastOnce,
            retain: session == HIS,
            identifiers: Arc::from([]),
            group: None,
        }
    }

    /// A store with one message, owed to both, that was then told more.
    fn store(more: Vec<Record>) -> MemoryStore {
        let store = MemoryStore::new(2);
        let records = [vec![message()], more].concat();
        store.append(batch(WRITER, records));
        store
    }

    fn is_owed(store: &MemoryStore, session: SessionNumber) -> bool {
        let place = SessionRef { number: session, slot: 0, shard: ShardIndex(0) };
        let messages = vec![number()];
        let fetched = store.fetch(Fetch { session: place, request: 9, messages }).unwrap();
        assert_eq!((fetched.session, fetched.request), (place, 9));
        let found = fetched.messages.expect("memory can always be read");
        assert!(found.iter().all(|found| found.number == number()));
        assert!(found.iter().all(|found| found.message.payload() == b"kept"));
        !found.is_empty()
    }

    fn number() -> RecordNumber {
        RecordNumber::new(WRITER, 1)
    }

    #[test]
    fn what_was_appended_is_durable_for_its_writer() {
        let store = store(vec![Record::WillDone { session: HERS }]);
        assert_eq!(store.progress(WRITER), Progress::all(2));
        assert_eq!(store.progress(ShardIndex(0)), Progress::all(0));
        assert_eq!(store.state(), LogState::Ready);
    }

    #[test]
    fn message_is_kept_until_nobody_is_owed_it() {
        let store = store(vec![Record::Settled { session: HERS, message: number() }]);
        assert!(!is_owed(&store, HERS));
        assert!(is_owed(&store, HIS));
        let packet_id = PacketId::new(1).unwrap();
        let records = vec![Record::Released { session: HIS, message: Some(number()), packet_id }];
        store.append(batch(ShardIndex(0), records));
        assert_eq!(store.message_count(), 0);
    }

    #[test]
    fn session_that_is_gone_is_owed_nothing() {
        let store = store(vec![Record::Gone { session: HIS, messages: vec![number()] }]);
        assert!(is_owed(&store, HERS));
        assert!(!is_owed(&store, HIS));
    }

    #[test]
    fn message_that_was_reassigned_is_owed_to_the_new_member() {
        let other = SessionNumber(7);
        let to = target(other);
        let store =
            store(vec![Record::Reassigned { message: number(), from: HERS, to, weight: 7 }]);
        assert!(!is_owed(&store, HERS));
        assert!(is_owed(&store, other) && is_owed(&store, HIS));
    }
}
