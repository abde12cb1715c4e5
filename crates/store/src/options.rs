//! What is chosen about a log, and its limits.

/// What is chosen about a log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The length of a segment file, from 4 KiB to 1 GiB. A larger batch gets a longer one.
    pub segment_bytes: u64,
    /// How much of what was written last stays in memory for readers.
    pub tail_bytes: usize,
    /// How much of what was read from disk stays in memory.
    pub cache_bytes: usize,
    /// A batch that has reached this length takes no further run.
    pub batch_bytes: usize,
    /// When so much waits to be written, the log is [`crate::LogState::Full`].
    pub pending_bytes: usize,
    /// Whose records these are. A log of another partition is not opened.
    pub partition: u16,
    /// The term of its owner in which records are written now.
    pub epoch: u64,
    /// A random number that nobody outside knows, another one at each start. It keeps those who
    /// choose payloads from making bytes that look like the log's own.
    pub salt: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            tail_bytes: 8 << 20,
            cache_bytes: 16 << 20,
            batch_bytes: 4 << 20,
            pending_bytes: 64 << 20,
            partition: 0,
            epoch: 0,
            salt: 0,
        }
    }
}

impl LogOptions {
    /// The length of a segment, within what is possible.
    pub(crate) fn segment_length(&self) -> u64 {
        self.segment_bytes.clamp(4 << 10, 1 << 30)
    }
}
