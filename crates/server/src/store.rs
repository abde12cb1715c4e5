//! What a turn wants from the log: take records, say what is durable, bring messages back.

use ferrymq_broker::{Fetch, Fetched, LogState, Progress, RecordBatch, ShardIndex, Survivor};

/// A log, shared by all shards. Nothing here waits for a disk: what takes long is answered later,
/// after which the store wakes the shard through its mailbox.
pub trait Store: Send + Sync {
    /// Takes the records of a turn. The batches of a writer come in order and without gaps.
    fn append(&self, batch: RecordBatch);

    /// How far the records of a writer are durable.
    fn progress(&self, writer: ShardIndex) -> Progress;

    /// The messages that are asked for; `None`: they come later as a letter.
    fn fetch(&self, fetch: Fetch) -> Option<Fetched>;

    /// What the log can do now. When that changes, the store wakes the shards.
    fn state(&self) -> LogState;

    /// Takes messages that some session is still owed, for the round that is open. The records made
    /// before that are with the store already. A survivor may be named twice.
    fn survivors(&self, shard: ShardIndex, survivors: Vec<Survivor>);

    /// A shard has named all survivors of a round, and has said again what else must survive.
    fn round_done(&self, shard: ShardIndex, round: u64);
}
