//! A small file system in memory. A process keeps it, and it goes with that process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A file system that only some processes see.
pub(crate) struct SmallDisk {
    keeper: Child,
    directory: TempDir,
}

impl SmallDisk {
    /// One of so many bytes. Linux must allow user namespaces.
    pub(crate) fn new(bytes: u64) -> Self {
        let directory = TempDir::new().expect("temporary files can be made");
        let script = "mount -t tmpfs -o size=$0 tmpfs \"$1\" && echo ready && exec cat";
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(bytes.to_string())
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare belongs to every Linux");
        let mut line = String::new();
        let output = keeper.stdout.take().expect("the pipe was asked for");
        BufReader::new(output).read_line(&mut line).expect("a pipe can be read");
        assert_eq!(line, "ready\n", "the system allows no user namespaces");
        Self { keeper, directory }
    }

    /// Where it is mounted, for those who see it.
    pub(crate) fn place(&self) -> &Path {
        self.directory.path()
    }

    /// A process that sees it.
    pub(crate) fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// Takes so many bytes away.
    pub(crate) fn occupy(&self, bytes: usize) {
        let mut file = File::create(self.filler()).expect("there is room yet");
        file.write_all(&vec![b'x'; bytes]).expect("there is room yet");
    }

    /// Gives them back.
    pub(crate) fn vacate(&self) {
        fs::remove_file(self.filler()).expect("the file was made before");
    }

    /// Lets nobody write any more. No file may be open.
    pub(crate) fn forbid_writing(&self) {
        let status = Command::new("nsenter")
            .args(["--user", "--mount", "--preserve-credentials", "--target"])
            .arg(self.keeper().to_string())
            .args(["mount", "-o", "remount,ro"])
            .arg(self.place())
            .status()
            .expect("nsenter belongs to every Linux");
        assert!(status.success(), "{status}");
    }

    fn filler(&self) -> PathBuf {
        let inside = self.place().strip_prefix("/").expect("temporary files have absolute paths");
        Path::new("/proc").join(self.keeper().to_string()).join("root").join(inside).join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
