//! The password file on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, anyhow};
use ferrymq_access::password::{MAXIMUM_FILE_BYTES, PasswordLines};
use ferrymq_server::bounded_file;
use ferrymq_server::private_file::{self, Mode};

/// Reads the file; one that everybody can read gets a warning.
pub(super) fn read(path: &Path) -> anyhow::Result<PasswordLines> {
    let bytes = bounded_file::read(path, MAXIMUM_FILE_BYTES).map_err(|error| {
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
    let written = match private_file::replace(path, bytes, Mode::AsBefore) {
        Err(error) if path.exists() && needs_the_file_itself(&error) => overwrite(path, bytes),
        other => other,
    };
    written.with_context(|| format!("Unable to open file {} for writing", path.display()))
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
fn warn(path: &Path) {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata(path).is_ok_and(|file| file.mode() & 0o004 != 0) {
        let name = path.display();
        eprintln!("Warning: {name} can be read by everybody; `chmod o= {name}` ends that");
    }
}

#[cfg(not(unix))]
fn warn(_path: &Path) {}
