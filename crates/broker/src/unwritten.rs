//! Changes of what is retained that wait to be recorded until the log has space: the last one of
//! each topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::record::Record;

/// Records that are made later, by topic.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    changes: BTreeMap<Arc<str>, Record>,
}

impl Unwritten {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Keeps the record of a change instead of an earlier one of the same topic, or gives it back
    /// if there are as many topics as there may be.
    pub(crate) fn keep(&mut self, topic: &Arc<str>, change: Record, most: usize) -> Option<Record> {
        if self.changes.len() >= most && !self.changes.contains_key(topic) {
            return Some(change);
        }
        self.changes.insert(Arc::clone(topic), change);
        None
    }

    /// Takes out one.
    pub(crate) fn pop(&mut self) -> Option<Record> {
        self.changes.pop_first().map(|(_, change)| change)
    }
}
