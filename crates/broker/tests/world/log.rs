//! The log of the world: how far it has come, and what was recorded.

use ferrymq_broker::{LogState, Progress, Record, RecordBatch};

use super::World;

/// What the store was given.
#[derive(Default)]
pub(crate) struct Log {
    /// The last record of each shard that the store has.
    appended: Vec<u64>,
    /// What each shard was told of it.
    progress: Vec<Progress>,
    /// Everything that was recorded.
    records: Vec<Record>,
    /// Batches that something waited for to be synced.
    syncs: usize,
}

impl Log {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            appended: vec![0; shards],
            progress: vec![Progress::default(); shards],
            records: Vec::new(),
            syncs: 0,
        }
    }

    pub(crate) fn append(&mut self, batch: &RecordBatch) {
        let last = batch.first + batch.records.len() as u64 - 1;
        self.appended[batch.writer.as_usize()] = last;
        self.records.extend(batch.records.iter().cloned());
        self.syncs += usize::from(batch.needs_sync);
    }

    /// All records of a shard are synced.
    pub(crate) fn sync(&mut self, shard: usize) -> Progress {
        self.progress[shard] = Progress::all(self.appended[shard]);
        self.progress[shard]
    }

    /// All records of a shard are written.
    fn write(&mut self, shard: usize) -> Progress {
        self.progress[shard].written = self.appended[shard];
        self.progress[shard]
    }
}

impl World {
    /// Everything that was recorded becomes durable, and from now on at once.
    pub(crate) fn make_durable(&mut self) {
        self.durable = true;
        self.store.make_durable();
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.durable(self.log.sync(index), self.now);
        }
        self.settle();
    }

    /// Everything that was recorded is written, and not synced.
    pub(crate) fn write_log(&mut self) {
        for (index, shard) in self.shards.iter_mut().enumerate() {
            shard.durable(self.log.write(index), self.now);
        }
        self.settle();
    }

    /// The log can do this now.
    pub(crate) fn set_log(&mut self, state: LogState) {
        for shard in &mut self.shards {
            shard.set_log_state(state);
        }
        self.settle();
    }

    /// Everything that was recorded since the last call.
    pub(crate) fn take_recorded(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.log.records)
    }

    /// How often something had to be synced since the last call.
    pub(crate) fn take_syncs(&mut self) -> usize {
        std::mem::take(&mut self.log.syncs)
    }
}
