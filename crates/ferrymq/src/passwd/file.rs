//! The password file on disk.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use ferrymq_access::password::PasswordLines;

/// Reads the file; one that everybody can read gets a warning.
pub(super) fn read(path: &Path) -> anyhow::Result<PasswordLines> {
    let bytes = fs::read(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "; -c begins a new one",
            _ => "",
        };
        anyhow!("Unable to open password file {}. {error}{advice}", path.display())
    })?;
    warn(path);
    Ok(PasswordLines::new(bytes))
}

/// Puts a new file in the place of the old, whole and with the same owner and mode, or a file that
/// only its owner can read where there is none.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // A link stays, and what it leads to is written.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = || format!("Unable to open file {} for writing", path.display());
    let old = fs::metadata(&path).ok();
    match replace(&path, bytes, old.as_ref()) {
        Err(error) if old.is_some() && needs_the_file_itself(&error) => {
            overwrite(&path, bytes).with_context(failed)
        }
        other => other.with_context(failed),
    }
}

fn replace(path: &Path, bytes: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let replaced = fill(&new, bytes, old).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        // What was not put in place is of no use, and holds hashes.
        let _ = fs::remove_file(&new);
    }
    replaced
}

fn fill(new: &Path, bytes: &[u8], old: Option<&Metadata>) -> io::Result<()> {
    let mut file = create(new)?;
    if let Some(old) = old {
        like(&file, old)?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// A file that is mounted as such cannot be replaced, and its directory may belong to somebody else.
fn needs_the_file_itself(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), CrossesDevices | PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The owner first: whoever may read it must not be somebody else for a moment.
#[cfg(unix)]
fn like(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    fchown(file, Some(old.uid()), Some(old.gid()))?;
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn like(_file: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn warn(path: &Path) {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata(path).is_ok_and(|file| file.mode() & 0o004 != 0) {
        let name = path.display();
        eprintln!("Warning: {name} can be read by everybody; `chmod o= {name}` ends that");
    }
}

#[cfg(not(unix))]
fn warn(_path: &Path) {}
