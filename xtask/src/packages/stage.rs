//! A folder that becomes a package.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::succeed;

/// A folder in which everything has the rights that it will have, whatever those of new files are.
pub(super) struct Stage {
    pub(super) root: PathBuf,
}

impl Stage {
    /// An empty one.
    pub(super) fn new(root: PathBuf) -> Result<Self, String> {
        if root.exists() {
            fs::remove_dir_all(&root).map_err(|error| said(&root, error))?;
        }
        let stage = Self { root };
        stage.folder(Path::new(""))?;
        Ok(stage)
    }

    /// Puts a file at a path below the root.
    pub(super) fn file(
        &self,
        path: impl AsRef<Path>,
        bytes: impl AsRef<[u8]>,
        mode: u32,
    ) -> Result<(), String> {
        let place = self.place(path.as_ref())?;
        fs::write(&place, bytes)
            .and_then(|()| fs::set_permissions(&place, Permissions::from_mode(mode)))
            .map_err(|error| said(&place, error))
    }

    /// Puts a copy of a file there.
    pub(super) fn copy(
        &self,
        from: impl AsRef<Path>,
        path: impl AsRef<Path>,
        mode: u32,
    ) -> Result<(), String> {
        let from = from.as_ref();
        self.file(path, fs::read(from).map_err(|error| said(from, error))?, mode)
    }

    /// Puts a compressed file there; the path is that without the ending.
    pub(super) fn gzip(
        &self,
        path: impl AsRef<Path>,
        bytes: impl AsRef<[u8]>,
    ) -> Result<(), String> {
        self.file(&path, bytes, 0o644)?;
        succeed(Command::new("gzip").args(["-9", "-n", "-f"]).arg(self.root.join(path)))
    }

    /// Puts a symbolic link there.
    pub(super) fn link(&self, path: impl AsRef<Path>, target: &str) -> Result<(), String> {
        let place = self.place(path.as_ref())?;
        symlink(target, &place).map_err(|error| said(&place, error))
    }

    fn place(&self, path: &Path) -> Result<PathBuf, String> {
        self.folder(path.parent().unwrap_or_else(|| Path::new("")))?;
        Ok(self.root.join(path))
    }

    fn folder(&self, path: &Path) -> Result<(), String> {
        let place = self.root.join(path);
        if place.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.folder(above)?;
        }
        fs::create_dir_all(&place)
            .and_then(|()| fs::set_permissions(&place, Permissions::from_mode(0o755)))
            .map_err(|error| said(&place, error))
    }
}

fn said(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
