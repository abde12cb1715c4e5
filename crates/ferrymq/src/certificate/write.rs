//! Files that are not overwritten by mistake, and keys that only their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The files of a certificate and of its key.
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Pair {
    /// `NAME.crt` and `NAME.key` in a directory.
    pub(super) fn new(directory: &Path, name: &str) -> Self {
        Self {
            certificate: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        }
    }

    /// Fails if one of them is there, and is not to be replaced.
    pub(super) fn check(&self, force: bool) -> anyhow::Result<()> {
        let mut there = [&self.certificate, &self.key].into_iter().filter(|path| path.exists());
        match there.next() {
            Some(path) if !force => bail!(
                "{} is there already and is left as it is; --force replaces it",
                path.display()
            ),
            _ => Ok(()),
        }
    }

    /// Writes both.
    pub(super) fn write(&self, certificate: &str, key: &str, force: bool) -> anyhow::Result<()> {
        if let Some(directory) = self.key.parent() {
            fs::create_dir_all(directory).with_context(|| cannot_write(directory))?;
        }
        write(&self.key, key, 0o600, force).with_context(|| cannot_write(&self.key))?;
        write(&self.certificate, certificate, 0o644, force)
            .with_context(|| cannot_write(&self.certificate))
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Nobody sees a key half written, or before its mode is right: a new file takes the place of the old.
fn write(path: &Path, text: &str, mode: u32, force: bool) -> io::Result<()> {
    if !force {
        return fill(create(path, mode)?, text);
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fill(create(&new, mode)?, text)?;
    fs::rename(&new, path)
}

fn fill(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn create(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
