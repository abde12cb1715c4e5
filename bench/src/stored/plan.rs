//! What is chosen for an experiment with stored messages.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tempfile::TempDir;

use crate::rounds::Common;
use crate::subject::ON_DISK;

/// How an experiment with stored messages is made.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Where the brokers' directories are made; must be on a real disk
    #[arg(long, value_name = "PATH", default_value = ON_DISK)]
    data: PathBuf,
    /// Sessions that are away, instead of the experiment's own number
    #[arg(long, value_name = "N")]
    sessions: Option<u32>,
    /// Messages, instead of the experiment's own number
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
    /// Publishers
    #[arg(long, value_name = "N", default_value_t = 16)]
    publishers: u16,
    /// Messages in flight of each publisher
    #[arg(long, value_name = "N", default_value_t = 64)]
    window: u16,
    /// Messages a second of all publishers together, where a rate is kept
    #[arg(long, value_name = "N", default_value_t = 300_000)]
    pub(crate) rate: u64,
    /// Bytes of a payload
    #[arg(long, value_name = "N", default_value_t = 256)]
    payload: usize,
}

/// How many publishers there are, and how many messages each has in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) publishers: u16,
    pub(crate) window: u16,
}

impl Plan {
    pub(crate) fn sessions(&self, default: u32) -> u32 {
        self.sessions.unwrap_or(default)
    }

    pub(crate) fn messages(&self, default: u64) -> u64 {
        self.messages.unwrap_or(default)
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        vec![b'x'; self.payload]
    }

    /// An empty directory that is removed afterwards.
    pub(super) fn directory(&self) -> Result<TempDir> {
        Ok(tempfile::Builder::new().prefix("ferrymq-bench-").tempdir_in(&self.data)?)
    }

    pub(crate) const fn load(&self) -> Load {
        Load { publishers: self.publishers, window: self.window }
    }
}

/// Nothing takes this long, in nanoseconds.
pub(super) const LONGEST: u64 = 600_000_000_000;
