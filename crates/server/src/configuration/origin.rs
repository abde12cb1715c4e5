//! Where a value comes from, and what is to be said about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The file.
        file: Arc<Path>,
        /// The number of the line, from 1; 0 is the file as a whole.
        line: usize,
    },
    /// A variable of the environment, of this name.
    Environment(Box<str>),
    /// A flag of the command line, of this name without its dashes.
    Flag(Box<str>),
}

/// How much an origin counts: later ones count more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rank {
    File,
    Environment,
    Flag,
}

/// Something to be said about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Whose line.
    pub origin: Origin,
    /// How much it matters.
    pub weight: Weight,
    /// A sentence without a full stop.
    pub words: String,
}

/// How much a remark matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something is out of date, or needs nothing done.
    Notice,
    /// Something does not do what it says.
    Warning,
    /// The configuration cannot be used.
    Mistake,
}

/// A configuration that cannot be used, with everything that is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What is to be said, in the order of the lines. At least one is a mistake.
    pub remarks: Vec<Remark>,
}

impl Origin {
    pub(super) fn rank(&self) -> Rank {
        match self {
            Self::File { .. } => Rank::File,
            Self::Environment(_) => Rank::Environment,
            Self::Flag(_) => Rank::Flag,
        }
    }
}

impl Rejected {
    /// The mistakes alone.
    pub fn mistakes(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(|remark| remark.weight == Weight::Mistake)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line: 0 } => write!(f, "{}", file.display()),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "Notice",
            Self::Warning => "Warning",
            Self::Mistake => "Mistake",
        })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.words)
    }
}

/// The mistakes, each in a line.
impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}
