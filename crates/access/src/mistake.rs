//! What is wrong in a file.

use std::fmt;

/// What is wrong in a file, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named.
    pub file: Box<str>,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// A sentence without a full stop. It holds no secret.
    pub words: Box<str>,
}

impl Mistake {
    /// Something that is wrong in a line of a file.
    pub fn new(file: &str, line: usize, words: impl Into<Box<str>>) -> Self {
        Self { file: Box::from(file), line, words: words.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.words),
            line => write!(f, "{}:{line}: {}", self.file, self.words),
        }
    }
}

impl std::error::Error for Mistake {}
