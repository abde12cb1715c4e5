//! The files of the log as those see them who write, and who read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::format::SegmentName;

/// A segment's number. Later segments have higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

/// A segment of an open log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentState {
    /// Its number.
    pub id: SegmentId,
    /// How much is written in it.
    pub bytes: u64,
    /// Whether nothing is written to it any more.
    pub closed: bool,
}

/// A segment that can be read.
#[derive(Debug)]
pub(crate) struct Segment<F> {
    pub(crate) name: SegmentName,
    pub(crate) file: Arc<F>,
    /// How much is written in it.
    pub(crate) written: u64,
}

/// The segments of a log, by their numbers.
pub(crate) type Segments<F> = BTreeMap<u32, Segment<F>>;

impl<F> Clone for Segment<F> {
    fn clone(&self) -> Self {
        Self { name: self.name, file: Arc::clone(&self.file), written: self.written }
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The file that will be the next segment.
pub(crate) const SPARE: &str = "spare";
