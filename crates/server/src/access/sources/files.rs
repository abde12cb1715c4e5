//! Files with keys, secrets and passwords.

use std::path::Path;

use zeroize::Zeroizing;

use super::error::SourceError;
use crate::bounded_file;

/// The bytes of a file, which are wiped out when nobody needs them any more.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    bounded_file::read(path, FILE_MAXIMUM_BYTES)
        .map(Zeroizing::new)
        .map_err(|source| SourceError::File { path: path.to_owned(), source })
}

/// The text of a file, without line feeds at its end.
pub(super) fn read_text(path: &Path) -> Result<Zeroizing<String>, SourceError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| SourceError::Text { path: path.to_owned() })?
        .trim_end_matches(['\r', '\n']);
    Ok(Zeroizing::new(text.to_owned()))
}

/// Nobody has so many keys.
const FILE_MAXIMUM_BYTES: u64 = 1 << 20;
