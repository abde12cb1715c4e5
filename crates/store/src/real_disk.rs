//! A directory of the operating system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::disk::{Disk, DiskFile, LockError};

/// A directory of the operating system, as a log sees it.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    began: Instant,
}

impl RealDisk {
    /// The directory, which is made if it is not there, for its owner only.
    pub fn new(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        if !directory.is_dir() {
            system::create_private(&directory)?;
            if let Some(parent) = directory.parent().filter(|parent| parent.is_dir()) {
                system::sync_directory(parent)?;
            }
        }
        Ok(Self::existing(directory))
    }

    /// The directory as it is; if there is none, reading it will fail.
    pub fn existing(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), began: Instant::now() }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn lock(&self) -> Result<RealLock, LockError> {
        let path = self.path(LOCK_FILE);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who has it is good to know, but not needed to say that it is held.
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Held { pid: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(RealLock { _file: file })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<RealFile> {
        let mut options = OpenOptions::new();
        let options = system::private(options.read(true).write(true).create_new(true));
        options.open(self.path(name)).map(|file| RealFile { file })
    }

    fn open(&self, name: &str) -> io::Result<RealFile> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(name))?;
        Ok(RealFile { file })
    }

    fn open_to_read(&self, name: &str) -> io::Result<RealFile> {
        File::open(self.path(name)).map(|file| RealFile { file })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        system::sync_directory(&self.directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn clock(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A file of a [`RealDisk`].
#[derive(Debug)]
pub struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        space::allocate(&self.file, bytes)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        system::write_at(&self.file, bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        system::read_at(&self.file, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Holds the lock of a [`RealDisk`]'s directory. The system gives it back when the process ends.
#[derive(Debug)]
pub struct RealLock {
    _file: File,
}

/// Its text is the number of the process that has locked it, or had.
const LOCK_FILE: &str = "lock";

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
    use std::path::Path;

    pub(super) fn create_private(directory: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)
    }

    pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(bytes, offset)
    }
}

#[cfg(windows)]
mod system {
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::os::windows::fs::FileExt;
    use std::path::Path;

    pub(super) fn create_private(directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// The system keeps names in its journal and has no such call.
    pub(super) fn sync_directory(_directory: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(bytes, offset)
    }

    pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek_read(bytes, offset)
    }
}

#[cfg(target_os = "linux")]
mod space {
    use std::fs::File;
    use std::io;

    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;

    pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot; there a full disk is seen when it is written to.
            Err(Errno::OPNOTSUPP) if file.metadata()?.len() < bytes => file.set_len(bytes),
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod space {
    use std::fs::File;
    use std::io;

    /// There is no portable way to be sure of space; a full disk is seen when it is written to.
    pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
        if file.metadata()?.len() < bytes { file.set_len(bytes) } else { Ok(()) }
    }
}
