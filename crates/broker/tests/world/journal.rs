//! What the shards tell the log, for those who want to look at it.

use std::sync::Arc;

use ferrymq_broker::{Record, RecordBatch, Round, Shard, ShardIndex, Survivor};

use super::World;

#[derive(Default)]
pub(crate) struct Journal {
    /// Nothing is written down while there is none.
    pub(crate) told: Option<Vec<Told>>,
    /// Whether shards that have nothing but records for the log get no further turn for them, so
    /// that a round takes long.
    pub(crate) unhurried: bool,
}

/// What a shard tells the log.
#[derive(Debug)]
pub(crate) enum Told {
    Records { writer: ShardIndex, first: u64, records: Vec<Record> },
    Survivors(Vec<Survivor>),
    RoundDone(ShardIndex, u64),
}

impl Journal {
    pub(super) fn append(&mut self, batch: &RecordBatch) {
        if let Some(told) = &mut self.told {
            let RecordBatch { writer, first, records, .. } = batch;
            told.push(Told::Records { writer: *writer, first: *first, records: records.clone() });
        }
    }

    /// What a shard has to say of a round, after its records.
    pub(super) fn hear(&mut self, index: ShardIndex, shard: &mut Shard) {
        let survivors = shard.take_survivors();
        let done = shard.take_round_done();
        if let Some(told) = &mut self.told {
            told.push(Told::Survivors(survivors));
            told.extend(done.map(|round| Told::RoundDone(index, round)));
        }
    }
}

impl World {
    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The log begins a round: these shards hear of it from the log, the others from these.
    pub(crate) fn begin_round(
        &mut self,
        round: &Arc<Round>,
        shards: impl IntoIterator<Item = usize>,
    ) {
        for shard in shards {
            self.shards[shard].begin_round(round);
        }
        self.settle();
    }

    /// What the shards have told the log since the last time. Each has had one more turn for what
    /// was due at once.
    pub(crate) fn take_told(&mut self) -> Vec<Told> {
        self.turn();
        for index in 0..self.shards.len() {
            while self.append_records(index) {}
        }
        self.journal.told.replace(Vec::new()).unwrap_or_default()
    }
}
