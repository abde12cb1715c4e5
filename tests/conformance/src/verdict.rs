//! How a check says that the server broke a statement.

use std::fmt::{self, Debug};

/// What a check returns; the error is what the server did instead.
pub type Verdict<T = ()> = Result<T, Failure>;

/// What was seen instead of what the statement demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(seen: impl Into<String>) -> Self {
        Self(seen.into())
    }

    /// The same failure, with the case in front in which it happened.
    pub(crate) fn during(self, case: &str) -> Self {
        Self(format!("{case}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails with these words unless the condition holds.
pub(crate) fn ensure(holds: bool, otherwise: impl Into<String>) -> Verdict {
    if holds { Ok(()) } else { Err(Failure::new(otherwise)) }
}

/// Fails unless the two are the same.
#[expect(clippy::needless_pass_by_value, reason = "most are values made for this comparison")]
pub(crate) fn ensure_same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    ensure(found == expected, format!("{what} is {found:?}, not {expected:?}"))
}
