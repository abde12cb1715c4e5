//! What a shard wants done by its driver at the end of a turn: records to log, mail to ship,
//! stored messages to fetch, questions to ask, connections to flush and to close.

use std::collections::VecDeque;
use std::sync::Arc;

use ferrymq_protocol::time::Instant;

use crate::access::{Access, Ask};
use crate::control_request::ControlRequest;
use crate::directory::Directory;
use crate::durability::{Durability, Progress};
use crate::identity::{ConnectionId, Epoch, Partition, RecordNumber, SessionNumber, ShardIndex};
use crate::limits::Limits;
use crate::mail::Outbox;
use crate::metrics::ShardMetrics;
use crate::notices::Notices;
use crate::output::Output;
use crate::overtaken::Overtaken;
use crate::permissions::Permissions;
use crate::profiles::Profiles;
use crate::record::{Fetch, Record, RecordBatch};

/// The effects of a turn so far, and what is at hand to make more.
pub(crate) struct Effects {
    pub(crate) shard: ShardIndex,
    pub(crate) limits: Arc<Limits>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) profiles: Profiles,
    pub(crate) notices: Notices,
    pub(crate) permissions: Permissions,
    pub(crate) outbox: Outbox,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) controls: Vec<ControlRequest>,
    /// Connections with something to write.
    pub(crate) dirty: Vec<ConnectionId>,
    /// Connections to be flushed as far as possible, and closed.
    pub(crate) closing: Vec<ConnectionId>,
    /// Connections whose parked bytes may be read now.
    pub(crate) readable: Vec<ConnectionId>,
    /// Connections with something that waits until a record is written, by that record's counter.
    awaiting_written: VecDeque<(u64, ConnectionId)>,
    /// The same for records that must be synced.
    awaiting_synced: VecDeque<(u64, ConnectionId)>,
    /// Deliveries made for the packets of one connection.
    pub(crate) deliveries: usize,
    records: Vec<Record>,
    overtaken: Overtaken,
    next_counter: u64,
    next_fetch: u32,
    /// Whether an answer waits until one of the records is synced.
    needs_sync: bool,
    /// How far the log must come to keep all that answers wait for.
    promised: Progress,
    /// How far the log must come to keep the last end of a persistent session.
    ended: Progress,
    progress: Progress,
    buffers: Vec<Vec<u8>>,
    pooled_bytes: usize,
}

impl Effects {
    pub(crate) fn new(
        shard: ShardIndex,
        limits: Arc<Limits>,
        directory: Arc<Directory>,
        first_record: u64,
        notices: Notices,
        access: Box<dyn Access>,
    ) -> Self {
        Self {
            shard,
            permissions: Permissions::new(access, limits.verdicts),
            limits,
            outbox: Outbox::new(directory.shards()),
            directory,
            profiles: Profiles::default(),
            notices,
            fetches: Vec::new(),
            asks: Vec::new(),
            controls: Vec::new(),
            dirty: Vec::new(),
            closing: Vec::new(),
            readable: Vec::new(),
            awaiting_written: VecDeque::new(),
            awaiting_synced: VecDeque::new(),
            deliveries: 0,
            records: Vec::new(),
            overtaken: Overtaken::default(),
            next_counter: first_record,
            next_fetch: 0,
            needs_sync: false,
            promised: Progress::default(),
            ended: Progress::default(),
            // What earlier records say is what the shard was made from.
            progress: Progress::all(first_record.saturating_sub(1)),
            buffers: Vec::new(),
            pooled_bytes: 0,
        }
    }

    pub(crate) fn metrics(&self) -> &ShardMetrics {
        self.directory.metrics().shard(self.shard)
    }

    /// Makes a record and gives it its number. If an answer waits for it, it is also promised.
    pub(crate) fn record(&mut self, record: Record) -> RecordNumber {
        if self.directory.shards() > 1 {
            self.overtaken.note(&record);
        }
        self.records.push(record);
        let counter = self.next_counter;
        self.next_counter += 1;
        RecordNumber::new(self.shard, counter)
    }

    /// Sees to it that a record of this turn becomes as durable as sessions are, and says what an
    /// answer waits for that tells of it.
    pub(crate) fn promise(&mut self, record: RecordNumber) -> Progress {
        self.promise_at(record, self.limits.durability)
    }

    /// The same for a record that is to be as durable as that.
    pub(crate) fn promise_at(&mut self, record: RecordNumber, durability: Durability) -> Progress {
        debug_assert_eq!(record.writer(), self.shard);
        let after = Progress::with(record.counter(), durability);
        self.needs_sync |= durability == Durability::Power;
        self.promised = self.promised.and(after);
        after
    }

    /// What an answer waits for that repeats an earlier one: all that was promised so far.
    pub(crate) const fn promised(&self) -> Progress {
        self.promised
    }

    /// Promises the end of a persistent session.
    pub(crate) fn promise_end(&mut self, record: RecordNumber) {
        self.ended = self.promise(record);
    }

    /// What an answer waits for that tells a client that it has no session: of one that has ended
    /// the client must not find anything again.
    pub(crate) const fn ended(&self) -> Progress {
        self.ended
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

    /// Whether there are records to be taken, now or because others have followed them.
    pub(crate) fn has_records(&self) -> bool {
        !self.records.is_empty() || !self.overtaken.is_empty()
    }

    /// Whether something is asked: stored messages, questions of access, requests to the broker.
    pub(crate) fn has_requests(&self) -> bool {
        !(self.fetches.is_empty() && self.asks.is_empty() && self.controls.is_empty())
    }

    /// Whether connections have something to write or are to be closed.
    pub(crate) fn has_output(&self) -> bool {
        !(self.dirty.is_empty() && self.closing.is_empty())
    }

    /// The records since the last call, which the log has by now.
    pub(crate) fn take_records(&mut self, now: Instant) -> Option<RecordBatch> {
        if !self.overtaken.is_empty() {
            for record in self.overtaken.follow(&self.directory) {
                self.record(record);
            }
            self.overtaken.hand_over();
        }
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
            needs_sync: std::mem::take(&mut self.needs_sync),
            records,
        })
    }

    pub(crate) const fn set_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// Whether the log has come so far.
    pub(crate) const fn is_kept(&self, after: Progress) -> bool {
        self.progress.reaches(after)
    }

    /// Something of this connection waits until the log has come so far.
    pub(crate) fn await_progress(&mut self, after: Progress, id: ConnectionId) {
        if after.synced > self.progress.synced {
            self.awaiting_synced.push_back((after.synced, id));
        }
        // What is synced was written before.
        if after.written > self.progress.written.max(after.synced) {
            self.awaiting_written.push_back((after.written, id));
        }
    }

    /// The next connection of which something may have waited for what is reached now.
    pub(crate) fn next_to_release(&mut self) -> Option<ConnectionId> {
        let Progress { written, synced } = self.progress;
        self.awaiting_synced
            .pop_front_if(|(counter, _)| *counter <= synced)
            .or_else(|| self.awaiting_written.pop_front_if(|(counter, _)| *counter <= written))
            .map(|(_, id)| id)
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
