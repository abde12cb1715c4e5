//! What a shard wants done by its driver at the end of a turn: records to log, mail to ship,
//! stored messages to fetch, questions to ask, connections to flush and to close.

use std::collections::VecDeque;
use std::sync::Arc;

use ferrymq_protocol::time::Instant;

use crate::access::Ask;
use crate::directory::Directory;
use crate::durability::Progress;
use crate::identity::{
    ConnectionId, Epoch, Partition, RecordId, RecordNumber, SessionNumber, ShardIndex,
};
use crate::limits::Limits;
use crate::mail::Outbox;
use crate::metrics::ShardMetrics;
use crate::output::Output;
use crate::record::{Fetch, Record, RecordBatch};

/// The effects of a turn so far, and what is at hand to make more.
pub(crate) struct Effects {
    pub(crate) shard: ShardIndex,
    pub(crate) limits: Arc<Limits>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) outbox: Outbox,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) asks: Vec<Ask>,
    /// Connections with something to write.
    pub(crate) dirty: Vec<ConnectionId>,
    /// Connections to be flushed as far as possible, and closed.
    pub(crate) closing: Vec<ConnectionId>,
    /// Connections whose parked bytes may be read now.
    pub(crate) readable: Vec<ConnectionId>,
    /// Connections with something that waits for a record, by that record's counter.
    pub(crate) awaiting: VecDeque<(u64, ConnectionId)>,
    /// Deliveries made for the packets of one connection.
    pub(crate) deliveries: usize,
    records: Vec<Record>,
    next_counter: u64,
    next_fetch: u32,
    progress: Progress,
    buffers: Vec<Vec<u8>>,
    pooled_bytes: usize,
}

impl Effects {
    pub(crate) fn new(shard: ShardIndex, limits: Arc<Limits>, directory: Arc<Directory>) -> Self {
        Self {
            shard,
            limits,
            outbox: Outbox::new(directory.shards()),
            directory,
            fetches: Vec::new(),
            asks: Vec::new(),
            dirty: Vec::new(),
            closing: Vec::new(),
            readable: Vec::new(),
            awaiting: VecDeque::new(),
            deliveries: 0,
            records: Vec::new(),
            next_counter: 1,
            next_fetch: 0,
            progress: Progress::default(),
            buffers: Vec::new(),
            pooled_bytes: 0,
        }
    }

    pub(crate) fn metrics(&self) -> &ShardMetrics {
        self.directory.metrics().shard(self.shard)
    }

    /// Makes a record and gives it its number.
    pub(crate) fn record(&mut self, record: Record) -> RecordNumber {
        self.records.push(record);
        let counter = self.next_counter;
        self.next_counter += 1;
        RecordNumber::new(self.shard, counter)
    }

    /// The record after which everything that was recorded so far is durable; `None` if it is.
    pub(crate) fn last_record(&self) -> Option<RecordId> {
        let counter = self.next_counter - 1;
        (counter > self.progress.synced).then(|| Self::id(RecordNumber::new(self.shard, counter)))
    }

    pub(crate) const fn id(number: RecordNumber) -> RecordId {
        RecordId { partition: Partition::LOCAL, number }
    }

    /// A session is no longer owed a message.
    pub(crate) fn settle(&mut self, session: SessionNumber, message: Option<RecordNumber>) {
        if let Some(message) = message {
            self.record(Record::Settled { session, message });
        }
    }

    /// The number of the next fetch, which no fetch has whose answer may still come.
    pub(crate) const fn next_fetch(&mut self) -> u32 {
        self.next_fetch = self.next_fetch.wrapping_add(1);
        self.next_fetch
    }

    pub(crate) fn take_records(&mut self, now: Instant) -> Option<RecordBatch> {
        if self.records.is_empty() {
            return None;
        }
        let records = std::mem::take(&mut self.records);
        let first = self.next_counter - records.len() as u64;
        Some(RecordBatch {
            partition: Partition::LOCAL,
            epoch: Epoch::FIRST,
            writer: self.shard,
            at: now,
            first,
            needs_sync: true,
            records,
        })
    }

    pub(crate) const fn set_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    pub(crate) fn is_durable(&self, record: RecordId) -> bool {
        debug_assert_eq!(record.partition, Partition::LOCAL);
        debug_assert_eq!(record.number.writer(), self.shard);
        record.number.counter() <= self.progress.synced
    }

    /// Sees to it that the connection is flushed at the end of the turn, and that there is a buffer
    /// to write to.
    pub(crate) fn about_to_write(
        &mut self,
        id: ConnectionId,
        dirty: &mut bool,
        output: &mut Output,
    ) {
        if !*dirty {
            *dirty = true;
            self.dirty.push(id);
        }
        if output.wants_buffer() {
            let pooled = self.buffers.pop();
            self.pooled_bytes -= pooled.as_ref().map_or(0, Vec::capacity);
            output.give_buffer(pooled.unwrap_or_else(|| Vec::with_capacity(FIRST_BYTES)));
        }
    }

    /// Takes a buffer back into the pool, unless it has become large or the pool has enough.
    pub(crate) fn take_back(&mut self, buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        if bytes <= LARGEST_POOLED_BYTES && self.pooled_bytes + bytes <= POOL_BYTES {
            self.pooled_bytes += bytes;
            self.buffers.push(buffer);
        }
    }
}

/// The capacity of a new output buffer.
const FIRST_BYTES: usize = 512;
/// The largest buffer that is kept for the next one who writes.
const LARGEST_POOLED_BYTES: usize = 64 * 1024;
/// What all buffers that are kept may hold together: a fan-out to thousands finds them again.
const POOL_BYTES: usize = 4 * 1024 * 1024;
