//! What an acknowledgement promises: how far the log must have come before it leaves, and how the
//! log is doing.

/// What a message, a session or a subscription survives once it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing: it is in memory only.
    None,
    /// The end of the process: it was written before the acknowledgement, and reaches the disk soon
    /// after.
    Process,
    /// The loss of power: it was on the disk before the acknowledgement.
    #[default]
    Power,
}

impl Durability {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

/// How far the log has come with the records of one writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The counter of the last record that survives the end of the process.
    pub written: u64,
    /// The counter of the last record that survives the loss of power; never above `written`.
    pub synced: u64,
}

/// What the log can do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogState {
    /// It takes records and makes them durable.
    #[default]
    Ready,
    /// So much waits to be written that senders are to pause. This is said also when there is no
    /// space: what waits in memory has a limit in any case.
    Full,
    /// The disk takes nothing more, because it is full or read-only. What waits stays in line, and
    /// is written as soon as that has changed.
    NoSpace,
    /// The disk has lost what it was given. Nothing will become durable any more.
    Failed,
}

impl Progress {
    /// Everything up to this counter is on the disk.
    pub const fn all(counter: u64) -> Self {
        Self { written: counter, synced: counter }
    }

    /// How far the log must come so that the record with this counter is that durable.
    pub(crate) const fn with(counter: u64, durability: Durability) -> Self {
        match durability {
            Durability::None => Self { written: 0, synced: 0 },
            Durability::Process => Self { written: counter, synced: 0 },
            Durability::Power => Self::all(counter),
        }
    }

    /// So far that both are reached.
    pub(crate) fn and(self, other: Self) -> Self {
        let written = self.written.max(other.written);
        Self { written, synced: self.synced.max(other.synced) }
    }

    /// Whether it is as far as `other` demands.
    pub(crate) const fn reaches(self, other: Self) -> bool {
        self.written >= other.written && self.synced >= other.synced
    }
}
