//! What can go wrong with a log, in words for those who have to do something about it.

use std::io;
use std::path::PathBuf;

use crate::disk::LockError;
use crate::format::FORMAT;

/// Why a log cannot be opened. `E` is the error of whoever the records are replayed to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError<E> {
    /// Another process has the log, or the directory cannot be written.
    #[error("the log in {} cannot be locked: {source}; stop the other process or use another \
             directory", directory.display())]
    Locked {
        /// Where the log is.
        directory: PathBuf,
        /// What hinders.
        #[source]
        source: LockError,
    },
    /// The system says no.
    #[error("{} cannot be used: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Records that were promised are damaged or missing.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The log was written by a later version.
    #[error("{} has format {format}, but this version reads formats up to {FORMAT}; use the \
             version that wrote it, or a later one", path.display())]
    Format {
        /// The segment.
        path: PathBuf,
        /// Its format.
        format: u16,
    },
    /// The log belongs to another partition.
    #[error("{} belongs to partition {found}, not to {expected}; use this partition's directory",
            path.display())]
    Partition {
        /// The segment.
        path: PathBuf,
        /// The partition that it says.
        found: u16,
        /// The one that was asked for.
        expected: u16,
    },
    /// A record was refused by whoever it was replayed to.
    #[error("the record at byte {offset} of {} is not understood: {source}", path.display())]
    Replay {
        /// The segment.
        path: PathBuf,
        /// Where the record's frame begins.
        offset: u64,
        /// Why it was refused.
        source: E,
    },
}

/// Where synced bytes are not what was written, or not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {what}; restore it from a backup, or export what can \
         still be read", path.display())]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: DamageKind,
}

/// What is wrong with synced bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// The bytes of a batch are not those that were written.
    #[error("the batch {sequence} was synced, but does not match its checksum")]
    Batch {
        /// Which batch.
        sequence: u64,
    },
    /// A segment does not go on where the one before it ends.
    #[error("the next segment begins with batch {found}, but batch {expected} comes next")]
    Gap {
        /// The batch that comes next.
        expected: u64,
        /// The batch that the segment begins with.
        found: u64,
    },
    /// Another segment has the same number.
    #[error("there is another segment with the same number")]
    Twice,
    /// The checksum is right, but the records cannot be told apart.
    #[error("its records cannot be told apart")]
    Records,
    /// The bytes of a frame are not those that were written.
    #[error("the records do not match their checksum")]
    Frame,
}

/// Why records were not written or not synced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// There is no space, or the disk takes nothing now. Nothing is lost: what waits still waits,
    /// and it may be tried again.
    #[error("{} cannot be written: {source}; free some space or make it writable, the log goes \
             on by itself", path.display())]
    NotWritten {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk has not said that the bytes are safe, and may have lost them. The log takes nothing
    /// any more; what is really there is seen when it is opened again.
    #[error("{} could not be synced ({kind}); check the disk and start again", path.display())]
    Failed {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system says no.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The bytes are not those that were written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}
