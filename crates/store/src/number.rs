//! How a record is named.

/// A record's identity: who wrote it and that writer's counter. Given once, before the record is
/// on disk, and kept wherever the record is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

impl Number {
    /// The highest counter.
    pub const MAXIMUM_COUNTER: u64 = (1 << COUNTER_BITS) - 1;

    /// The number of a writer's record.
    ///
    /// # Panics
    ///
    /// If the counter is higher than [`Number::MAXIMUM_COUNTER`].
    pub const fn new(writer: u16, counter: u64) -> Self {
        assert!(counter <= Self::MAXIMUM_COUNTER, "the record counter has run out");
        Self((writer as u64) << COUNTER_BITS | counter)
    }

    /// Who wrote the record.
    pub const fn writer(self) -> u16 {
        (self.0 >> COUNTER_BITS) as u16
    }

    /// The writer's counter.
    pub const fn counter(self) -> u64 {
        self.0 & Self::MAXIMUM_COUNTER
    }

    /// Writer and counter as one number: the writer in the upper 16 bits.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// What [`Number::to_bits`] gave.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

const COUNTER_BITS: u32 = 48;
