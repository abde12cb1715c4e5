//! What every rule is given: the text files of the project, and what it gives back.

use std::fmt;
use std::path::{Path, PathBuf};

use super::source::Source;
use super::walk;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Complaint {
    pub(super) file: String,
    /// Counted from 1; 0: the file as a whole.
    pub(super) line: usize,
    pub(super) text: String,
}

impl Complaint {
    pub(super) fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// Every text file of the project.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) root: PathBuf,
    pub(super) files: Vec<TextFile>,
}

/// A file, named by its path from the root with slashes.
pub(super) struct TextFile {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) rust: Option<Source>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        for path in walk::files(root)? {
            let Ok(text) = std::fs::read_to_string(root.join(&path)) else {
                continue;
            };
            files.push(TextFile::new(&path, text));
        }
        Ok(Self { root: root.to_owned(), files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| TextFile::new(path, (*text).to_owned()));
        Self { root: PathBuf::new(), files: files.collect() }
    }

    pub(super) fn get(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files.iter().filter_map(|file| Some((file.path.as_str(), file.rust.as_ref()?)))
    }

    pub(super) fn ending_in<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a TextFile> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    /// The folders with a package, from the root; the root itself is none.
    pub(super) fn packages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|file| {
            let folder = file.path.strip_suffix("/Cargo.toml")?;
            Some((folder, file.text.as_str()))
        })
    }
}

impl TextFile {
    fn new(path: &str, text: String) -> Self {
        let rust = has_extension(path, "rs").then(|| Source::new(&text));
        Self { path: path.to_owned(), text, rust }
    }
}

pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaint_shows_where_it_is() {
        let complaint = Complaint::new("crates/codec/src/lib.rs", 7, "too long");
        assert_eq!(complaint.to_string(), "crates/codec/src/lib.rs:7: too long");
    }
}
