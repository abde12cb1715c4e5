//! Files that hold secrets: only their owner can read them, unless he has said otherwise, and nobody
//! sees them half written.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Who may do what with a file that takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only its owner may read and write it.
    Private,
    /// The same as with the old one. Where there is none, only its owner.
    AsBefore,
}

/// Makes a file that must not be there yet.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fill(&new_file(path)?, bytes)
}

/// Puts a file in the place of an old one, or where there is none, and makes it durable. It belongs to
/// whom the old one belongs; where the path is a link, what it points to is replaced.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        found => found?,
    };
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // What a crash has left behind.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = new_file(&new)?;
    let replaced = hand_over(&file, fs::metadata(&path).ok().as_ref(), mode)
        .and_then(|()| fill(&file, bytes))
        .and_then(|()| fs::rename(&new, &path));
    if replaced.is_err() {
        // It holds secrets, and is of no use to anybody.
        let _ = fs::remove_file(&new);
        return replaced;
    }
    sync_directory(&path)
}

fn fill(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn new_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The owner first: whoever may read it must not be somebody else for a moment.
#[cfg(unix)]
fn hand_over(file: &File, old: Option<&Metadata>, mode: Mode) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Some(old) = old else { return Ok(()) };
    let mine = file.metadata()?;
    if (mine.uid(), mine.gid()) != (old.uid(), old.gid()) {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    match mode {
        Mode::Private => Ok(()),
        Mode::AsBefore => file.set_permissions(old.permissions()),
    }
}

#[cfg(not(unix))]
fn hand_over(_file: &File, _old: Option<&Metadata>, _mode: Mode) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn file_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        create(&path, b"one").unwrap();
        assert_eq!(mode(&path), 0o600);
        let again = create(&path, b"two").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn file_is_replaced_behind_a_link_whatever_a_crash_has_left() {
        let directory = tempfile::tempdir().unwrap();
        let [path, link] = ["secrets", "link"].map(|name| directory.path().join(name));
        fs::write(&path, b"old").unwrap();
        fs::write(directory.path().join("secrets.new"), b"half").unwrap();
        symlink(&path, &link).unwrap();
        replace(&link, b"new", Mode::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        replace(&directory.path().join("first"), b"new", Mode::AsBefore).unwrap();
        assert_eq!(mode(&directory.path().join("first")), 0o600);
        assert!(replace(&directory.path().join("no/such"), b"new", Mode::Private).is_err());
    }

    #[test]
    fn file_may_keep_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"new", Mode::AsBefore).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o640));
    }
}
