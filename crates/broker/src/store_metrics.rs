//! What a log says of itself, for `$SYS`. The store writes it, anybody may read it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The figures of the log. All are zero, and the condition is [`StoreCondition::Memory`], until a
/// store that has a log sets them.
#[derive(Debug, Default)]
pub struct StoreMetrics {
    condition: AtomicU8,
    /// Records that would not survive the loss of power yet.
    pub unsynced_records: Figure,
    /// How long half of the last commits took at most, in microseconds.
    pub commit_median_us: Figure,
    /// How long 99 of 100 of the last commits took at most, in microseconds.
    pub commit_p99_us: Figure,
    /// The commits since the start.
    pub batches: Figure,
    /// Their mean size in bytes.
    pub batch_mean_bytes: Figure,
    /// The bytes of the log on the disk.
    pub log_bytes: Figure,
    /// About how many of them still hold.
    pub live_bytes: Figure,
}

/// A number that is said anew from time to time.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

/// How a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreCondition {
    /// It has no log: everything is in memory.
    #[default]
    Memory,
    /// It takes records and makes them durable.
    Ready,
    /// The disk is too slow for what is to be written.
    Full,
    /// The disk is full.
    NoSpace,
    /// The disk may not be written to.
    ReadOnly,
    /// The disk has failed.
    Failed,
}

impl StoreMetrics {
    /// How the store is now.
    pub fn condition(&self) -> StoreCondition {
        let number = usize::from(self.condition.load(Ordering::Relaxed));
        CONDITIONS.get(number).copied().unwrap_or_default()
    }

    /// Says how the store is.
    pub fn set_condition(&self, condition: StoreCondition) {
        self.condition.store(condition as u8, Ordering::Relaxed);
    }
}

impl Figure {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Says it anew.
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

impl StoreCondition {
    /// In a word or two.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Ready => "ready",
            Self::Full => "full",
            Self::NoSpace => "no space",
            Self::ReadOnly => "read-only",
            Self::Failed => "failed",
        }
    }

    /// What it means and what to do; nothing while all is well.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Memory | Self::Ready => "",
            Self::Full => {
                "The disk is slower than what is published: publishers wait. If that lasts, use a \
                 faster disk, or a lower durability for the topics that can do with it."
            }
            Self::NoSpace => {
                "The disk of the data directory is full. What would have to be stored is refused; \
                 QoS 0 goes on. Make room: the broker goes on by itself."
            }
            Self::ReadOnly => {
                "The data directory cannot be written to. What would have to be stored is refused; \
                 QoS 0 goes on. Mount it writable: the broker goes on by itself."
            }
            Self::Failed => {
                "The disk has lost what it was given. The broker ends; look at the disk before it is \
                 started again."
            }
        }
    }
}

/// By their numbers.
const CONDITIONS: [StoreCondition; 6] = [
    StoreCondition::Memory,
    StoreCondition::Ready,
    StoreCondition::Full,
    StoreCondition::NoSpace,
    StoreCondition::ReadOnly,
    StoreCondition::Failed,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn condition_is_read_as_it_was_set() {
        let metrics = StoreMetrics::default();
        assert_eq!(metrics.condition(), StoreCondition::Memory);
        for condition in CONDITIONS {
            metrics.set_condition(condition);
            assert_eq!(metrics.condition(), condition);
        }
    }
}
