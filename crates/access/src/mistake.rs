//! What is wrong in a file.

use std::fmt;
use std::ops::ControlFlow;

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

/// The mistakes of one file. A file that is something else altogether has one in each line: after
/// [`MAXIMUM_MISTAKES`] no more are told.
#[derive(Debug)]
pub(crate) struct Mistakes<'a> {
    file: &'a str,
    found: Vec<Mistake>,
}

impl<'a> Mistakes<'a> {
    pub(crate) const fn of(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    /// Notes one, and says whether to look for more.
    pub(crate) fn note(&mut self, line: usize, words: impl Into<Box<str>>) -> ControlFlow<()> {
        if self.found.len() < MAXIMUM_MISTAKES {
            self.found.push(Mistake::new(self.file, line, words));
            return ControlFlow::Continue(());
        }
        let words = "this and what follows is wrong, too; is it the right file?";
        self.found.push(Mistake::new(self.file, line, words));
        ControlFlow::Break(())
    }

    /// What was made of the file, if nothing is wrong in it.
    pub(crate) fn or<T>(self, made: T) -> Result<T, Vec<Mistake>> {
        if self.found.is_empty() { Ok(made) } else { Err(self.found) }
    }
}

/// How many mistakes of one file are told.
const MAXIMUM_MISTAKES: usize = 100;
