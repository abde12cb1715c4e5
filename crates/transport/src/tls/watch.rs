//! Whether files have changed.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// What a set of files looked like when it was last asked for.
///
/// To ask again every few seconds costs one system call for each file. It works on every file
/// system, and where a file is replaced through a symbolic link to a directory.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<(PathBuf, Look)>,
}

impl FileWatch {
    /// Remembers what `files` (or directories) look like now.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files = files.into_iter().map(|path| (look(&path), path));
        Self { files: files.map(|(look, path)| (path, look)).collect() }
    }

    /// Whether any has changed, come or gone since this was last asked.
    pub fn have_changed(&mut self) -> bool {
        let mut have_changed = false;
        for (path, last) in &mut self.files {
            let now = look(path);
            have_changed |= now != *last;
            *last = now;
        }
        have_changed
    }
}

/// What changes when a file does. A file that cannot be seen has none.
type Look = Option<(Option<SystemTime>, u64, u64)>;

fn look(path: &PathBuf) -> Look {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some((metadata.modified().ok(), metadata.len(), inode))
}
