//! Files that others replace while the broker runs, such as certificates that are renewed.
//!
//! They are looked at every few seconds. That needs nothing of the system, and works where
//! notifications do not: over the network, through links that are exchanged, in containers.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Files, and how they looked.
pub(super) struct Watch {
    files: Vec<(PathBuf, Look)>,
    next: Instant,
}

/// What changes with a file; a file that is not there has a look too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    length: u64,
    modified: Option<SystemTime>,
    number: u64,
}

impl Watch {
    /// Remembers how these files look now.
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let files = files.into_iter().map(|path| (Look::at(&path), path));
        Self {
            files: files.map(|(look, path)| (path, look)).collect(),
            next: Instant::now() + PAUSE,
        }
    }

    /// The same for the files that are to be watched from now on. Of those that were watched before
    /// what counts is how they looked then, so that what was changed meanwhile is found.
    pub(super) fn go_on(&self, files: Vec<PathBuf>) -> Self {
        let known: HashMap<&PathBuf, &Look> =
            self.files.iter().map(|(path, look)| (path, look)).collect();
        let files = files.into_iter().map(|path| {
            let look = known.get(&path).map_or_else(|| Look::at(&path), |look| **look);
            (path, look)
        });
        Self { files: files.collect(), next: Instant::now() + PAUSE }
    }

    /// When to look again, if there is anything to look at.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.files.is_empty()).then_some(self.next)
    }

    /// A file that looks different, if it is time to look.
    pub(super) fn changed(&mut self) -> Option<&Path> {
        if self.next().is_none_or(|next| Instant::now() < next) {
            return None;
        }
        self.next = Instant::now() + PAUSE;
        self.find_changed()
    }

    fn find_changed(&self) -> Option<&Path> {
        let changed = self.files.iter().find(|(path, look)| Look::at(path) != *look);
        changed.map(|(path, _)| path.as_path())
    }
}

impl Look {
    fn at(path: &Path) -> Self {
        let Ok(metadata) = fs::metadata(path) else {
            return Self::default();
        };
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Self { length: metadata.len(), modified: metadata.modified().ok(), number }
    }
}

/// How often files are looked at.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_replaced_removed_or_longer_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.crt");
        fs::write(&path, "one").unwrap();
        let watch = || Watch::new(vec![path.clone()]);
        let calm = watch();
        assert_eq!(calm.find_changed(), None);
        let new = directory.path().join("new.crt");
        fs::write(&new, "two").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(calm.find_changed(), Some(path.as_path()));
        let calm = watch();
        fs::write(&path, "three").unwrap();
        assert_eq!(calm.find_changed(), Some(path.as_path()));
        let calm = watch();
        fs::remove_file(&path).unwrap();
        assert_eq!(calm.find_changed(), Some(path.as_path()));
        assert_eq!(watch().find_changed(), None);
    }

    #[test]
    fn file_that_changes_while_it_is_read_again_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] =
            ["server.crt", "server.key"].map(|name| directory.path().join(name));
        fs::write(&certificate, "one").unwrap();
        let before = Watch::new(vec![certificate.clone()]);
        fs::write(&certificate, "other").unwrap();
        fs::write(&key, "key").unwrap();
        let after = before.go_on(vec![certificate.clone(), key.clone()]);
        assert_eq!(after.find_changed(), Some(certificate.as_path()));
        assert_eq!(after.go_on(vec![key]).find_changed(), None);
    }
}
