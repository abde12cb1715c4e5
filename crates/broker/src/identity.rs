//! How things are named: numbers that are given once and never again.

/// Which shard of a broker, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(pub u16);

impl ShardIndex {
    /// The place in a table of all shards.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Which part of a cluster's sessions. On one machine there is one, [`Partition::LOCAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

impl Partition {
    /// The only partition of a broker on one machine.
    pub const LOCAL: Self = Self(0);
}

/// Which term of its owner a partition's records were made in: whoever takes a partition over raises
/// it, and what an earlier owner still writes is refused. On one machine it is always the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The only epoch of a broker on one machine.
    pub const FIRST: Self = Self(0);
}

/// A record's number within its partition: the shard that wrote it and that shard's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// The number of a writer's record. Counters start at 1 and stay below 2^48, which a million
    /// records a second reach after nine years.
    ///
    /// # Panics
    ///
    /// When the counter has run out.
    pub fn new(writer: ShardIndex, counter: u64) -> Self {
        assert!(counter < 1 << COUNTER_BITS, "the record counter has run out");
        Self(u64::from(writer.0) << COUNTER_BITS | counter)
    }

    /// The number of a writer's record; `None` if no counter is that large.
    pub(crate) fn checked(writer: ShardIndex, counter: u64) -> Option<Self> {
        (counter < 1 << COUNTER_BITS).then(|| Self::new(writer, counter))
    }

    /// The number as a store writes it.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The number that [`Self::to_bits`] gave.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The shard that made the record.
    pub fn writer(self) -> ShardIndex {
        ShardIndex((self.0 >> COUNTER_BITS) as u16)
    }

    /// The writer's counter.
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << COUNTER_BITS) - 1)
    }
}

/// A session's number. Never given to another session, also not after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

impl SessionNumber {
    /// The broker itself, as the publisher of `$SYS`.
    pub const BROKER: Self = Self(0);
}

/// Where a session is found: its number and its place on its home shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionRef {
    /// The session.
    pub number: SessionNumber,
    /// Its place in the home shard's table, which another session may have taken over since.
    pub slot: u32,
    /// Its home.
    pub shard: ShardIndex,
}

/// A shared subscription's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNumber(pub core::num::NonZeroU32);

impl GroupNumber {
    /// The number after this one, going around.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(core::num::NonZeroU32::MIN))
    }
}

/// A network connection of one shard. Its slot is used again, its generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The place in the shard's table of connections.
    pub slot: u32,
    /// Which of the connections that have had this place.
    pub generation: u32,
}

const COUNTER_BITS: u32 = 48;
