//! Retained messages that another shard has cleared, and whose record comes behind that of their
//! clearing.
//!
//! Shards hand over their records at the end of their turns, not in the order of the versions. A
//! whole log is understood nevertheless, since the highest version holds. But where its beginning is
//! freed between the two records, the message would be back. So a shard looks again once the log has
//! its record: if the message has been cleared by then, it says so behind it.

use std::sync::Arc;

use crate::directory::Directory;
use crate::record::Record;

/// What one shard has recorded of late, by topic and version.
#[derive(Debug, Default)]
pub(crate) struct Overtaken {
    made: Vec<(Arc<str>, u64)>,
    /// What the log has.
    handed_over: Vec<(Arc<str>, u64)>,
}

impl Overtaken {
    /// Whether there is nothing to follow.
    pub(crate) const fn is_empty(&self) -> bool {
        self.made.is_empty() && self.handed_over.is_empty()
    }

    /// A record was made.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Record::Retained { topic, message: Some(_), version } = record {
            self.made.push((Arc::clone(topic), *version));
        }
    }

    /// All records that were made go to the log now.
    pub(crate) fn hand_over(&mut self) {
        self.handed_over.append(&mut self.made);
    }

    /// The records that must follow those that the log has.
    pub(crate) fn follow(&mut self, directory: &Directory) -> Vec<Record> {
        self.handed_over
            .drain(..)
            .filter(|(topic, version)| directory.was_cleared_after(topic, *version))
            .map(|(topic, version)| Record::Retained { topic, message: None, version })
            .collect()
    }
}
