//! The secrets of connections, written to a file for a network analyser.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use rustls::KeyLog;

use crate::tls::certificate::hex;
use crate::tls::error::SettingsError;

/// A file in the format of RFC 9850 (`SSLKEYLOGFILE`).
#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Opens the file, which only its owner may read, to write behind what is there.
    pub(super) fn open(path: &Path) -> Result<Self, SettingsError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(path)
            .map_err(|error| SettingsError::KeyLog { path: path.into(), error })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        if let Ok(mut file) = self.0.lock() {
            // A connection does not fail because nobody can listen to it.
            let _ = file.write_all(line.as_bytes());
        }
    }
}
