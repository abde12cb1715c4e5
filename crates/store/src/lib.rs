//! Numbered records on disk, which survive a crash.
//!
//! A [`Log`] is a directory of segments to which batches of records are appended. Any thread
//! appends; one commits, which writes and syncs all that has come since at once. What was synced is
//! there when the log is opened again, after whatever has happened meanwhile; then all records are
//! replayed. Old segments are freed when what still matters in them was kept, that is, written
//! again under its old number. Nothing beside the log is on disk.
//!
//! Records are bytes: what they mean is not known here. There is no thread and no clock in it.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod batch;
mod cache;
mod disk;
mod error;
mod format;
mod group;
mod index;
mod ledger;
mod log;
mod number;
mod options;
mod reader;
mod real_disk;
mod recover;
mod run;
mod scan;
mod segment;
mod tail;
mod timing;
mod twin_disk;
mod varint;
mod writer;

pub use disk::{Disk, DiskFile, LockError, SECTOR_BYTES};
pub use error::{CommitError, Damage, DamageKind, OpenError, ReadError};
pub use format::FORMAT;
pub use index::Extents;
pub use log::{Log, LogState, Statistics, Stored};
pub use number::Number;
pub use options::LogOptions;
pub use reader::LogReader;
pub use real_disk::{RealDisk, RealFile, RealLock};
pub use recover::Replayed;
pub use run::{Kept, MAXIMUM_RECORD_BYTES, MAXIMUM_RUN_BYTES, Run, RunBuilder};
pub use segment::{SegmentId, SegmentState};
pub use twin_disk::{Fault, TwinDisk, TwinFile, TwinLock};
