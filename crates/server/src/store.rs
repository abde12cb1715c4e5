//! What a turn wants from the log: take records, say what is durable, bring messages back.

use ferrymq_broker::{Fetch, Fetched, RecordBatch, ShardIndex};

/// A log, shared by all shards. Nothing here waits for a disk: what takes long is answered later,
/// after which the store wakes the shard through its mailbox.
pub trait Store: Send + Sync {
    /// Takes the records of a turn. The batches of a writer come in order and without gaps.
    fn append(&self, batch: RecordBatch);

    /// The counter up to which the records of a writer are durable.
    fn durable(&self, writer: ShardIndex) -> u64;

    /// The messages that are asked for; `None`: they come later as a letter.
    fn fetch(&self, fetch: Fetch) -> Option<Fetched>;

    /// Whether so much waits to be made durable that senders are to pause. When that is over, the
    /// store wakes the shards.
    fn is_full(&self) -> bool;
}
