//! A store that forgets with its process: everything is durable at once, and a message is kept for
//! as long as some session is owed it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{
    Fetch, Fetched, FetchedMessage, Message, Record, RecordBatch, RecordNumber, SessionNumber,
    ShardIndex, StoredTarget,
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
    /// By the writer's counter.
    messages: Mutex<HashMap<u64, Stored>>,
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
            Record::Settled { session, message } | Record::Released { session, message, .. } => {
                self.settle(session, message);
            }
            Record::Gone { session, messages } => {
                for message in messages {
                    self.settle(session, message);
                }
            }
            Record::Reassigned { message, from, to } => {
                if let Some(stored) = self.writer(message).lock().get_mut(&message.counter())
                    && let Some(target) =
                        stored.targets.iter_mut().find(|target| target.session == from)
                {
                    *target = to;
                }
            }
            Record::Sent { .. }
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

    fn durable(&self, writer: ShardIndex) -> u64 {
        self.writers[writer.as_usize()].durable.load(Ordering::Acquire)
    }

    fn fetch(&self, fetch: Fetch) -> Option<Fetched> {
        let session = fetch.session.number;
        let found =
            fetch.messages.iter().filter_map(|number| self.find(session, *number)).collect();
        Some(Fetched { session: fetch.session, request: fetch.request, messages: Some(found) })
    }

    fn is_full(&self) -> bool {
        false
    }
}

impl Writer {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Stored>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
