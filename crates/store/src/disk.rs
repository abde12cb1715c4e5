//! The only file I/O of the log: one directory of files.
//!
//! The log relies on no more than this: bytes that were written and then synced stay; other bytes
//! may be there or not, sector by sector of [`SECTOR_BYTES`]; a rename is whole or not at all;
//! names stay once the directory was synced.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What the disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A directory that belongs to one log.
pub trait Disk: Send + Sync {
    /// An open file.
    type File: DiskFile;
    /// Holds the lock of the directory until it is dropped.
    type Lock: Send + Sync;

    /// Locks the directory against other processes.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if another process has it.
    fn lock(&self) -> Result<Self::Lock, LockError>;

    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new file for reading and writing.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// A file that exists, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// A file that exists, for reading.
    fn open_to_read(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, under which no file exists.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: what was created, renamed and removed.
    fn sync_directory(&self) -> io::Result<()>;

    /// Where a file is, for people.
    fn path(&self, name: &str) -> PathBuf;

    /// A clock that only goes forward, for measuring how long something takes.
    fn clock(&self) -> Duration;
}

/// A file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// How many bytes the file has.
    fn length(&self) -> io::Result<u64>;

    /// Makes the file at least this long and its space sure: later writes within it need none.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Makes the file exactly this long.
    fn set_length(&self, bytes: u64) -> io::Result<()>;

    /// Writes a front of these bytes, as much as goes at once.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Reads what goes at once; 0 at the end of the file.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Makes durable what was written.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes durable what was written, and the file's length and space.
    fn sync_all(&self) -> io::Result<()>;
}

/// Why the directory could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error("it is in use{}", pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Held {
        /// That process, if it says so.
        pid: Option<u32>,
    },
    /// The lock file cannot be written.
    #[error("its lock file cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes all of it, whatever goes at once.
pub(crate) fn write_all(file: &impl DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.get(count..).unwrap_or_default();
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends; says how much there was.
pub(crate) fn read_full(file: &impl DiskFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
