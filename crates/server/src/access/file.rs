//! Files of users and rights, which are read as a whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// All of a file, which must not be too long.
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAXIMUM_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    fits(&bytes)?;
    Ok(bytes)
}

/// Whether a file with these bytes can be read.
pub(super) fn fits(bytes: &[u8]) -> io::Result<()> {
    if bytes.len() as u64 > MAXIMUM_FILE_BYTES {
        let words = format!("such files have {MAXIMUM_FILE_BYTES} bytes at most");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(())
}

/// The longest file: room for about half a million users.
const MAXIMUM_FILE_BYTES: u64 = 128 << 20;
