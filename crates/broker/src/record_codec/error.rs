//! What is wrong with a record.

use thiserror::Error;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end before the record does.
    #[error("the record is cut short")]
    Incomplete,
    /// The bytes go on after the record.
    #[error("something follows the record")]
    TrailingBytes,
    /// A newer program has written it, or something else than a program.
    #[error("there is no kind of record with the number {0}")]
    UnknownKind(u8),
    /// A field has a value that it cannot have.
    #[error("the {0} of the record is not valid")]
    Invalid(&'static str),
}
