//! Files that are read whole, and are not longer than what they are read for may be.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The bytes of a file.
///
/// # Errors
///
/// What the system says, or [`ErrorKind::FileTooLarge`] for a file with more bytes than
/// `maximum_bytes`, of which no more than these are read.
pub fn read(path: &Path, maximum_bytes: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > maximum_bytes {
        return Err(too_large(maximum_bytes));
    }
    // With room for the read that finds the end.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    // A pipe has no length, and a file may grow.
    file.take(maximum_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    fits(&bytes, maximum_bytes)?;
    Ok(bytes)
}

/// Whether a file with these bytes can be read.
///
/// # Errors
///
/// [`ErrorKind::FileTooLarge`]: not with this limit.
pub fn fits(bytes: &[u8], maximum_bytes: u64) -> io::Result<()> {
    if bytes.len() as u64 > maximum_bytes {
        return Err(too_large(maximum_bytes));
    }
    Ok(())
}

fn too_large(maximum_bytes: u64) -> io::Error {
    let words = format!("it is longer than {maximum_bytes} bytes; is it the right file?");
    io::Error::new(ErrorKind::FileTooLarge, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_up_to_its_limit_and_refused_beyond_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        let error = read(&path, 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it is longer than 3 bytes; is it the right file?");
        assert_eq!(
            read(&directory.path().join("none"), 3).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn file_of_a_gigabyte_is_refused_unread() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        // It takes no space on the disk.
        File::create(&path).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[cfg(unix)]
    #[test]
    fn file_without_a_length_is_read_up_to_its_limit() {
        let endless = Path::new("/dev/zero");
        assert_eq!(read(endless, 100).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
