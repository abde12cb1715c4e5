//! The runs that were handed over last, in memory: all that are not written yet, and of the
//! written ones as many as a limit of bytes allows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::number::Number;
use crate::run::Run;

/// Runs by writer, in order.
#[derive(Debug)]
pub(crate) struct Tail {
    limit: usize,
    bytes: usize,
    writers: BTreeMap<u16, VecDeque<Entry>>,
    /// Whose runs were added, in order; the first `written` of them are on disk.
    order: VecDeque<u16>,
    written: usize,
}

#[derive(Debug)]
struct Entry {
    run: Arc<Run>,
    /// The sequence of its batch, if it is written.
    order: Option<u64>,
}

impl Tail {
    pub(crate) fn new(limit: usize) -> Self {
        let (writers, order) = (BTreeMap::new(), VecDeque::new());
        Self { limit, bytes: 0, writers, order, written: 0 }
    }

    pub(crate) fn push(&mut self, run: &Arc<Run>) {
        self.bytes += run.bytes();
        self.order.push_back(run.writer);
        let entry = Entry { run: Arc::clone(run), order: None };
        self.writers.entry(run.writer).or_default().push_back(entry);
    }

    /// The oldest run that was not written is written now.
    pub(crate) fn written(&mut self, run: &Arc<Run>, order: u64) {
        let Some(runs) = self.writers.get_mut(&run.writer) else { return };
        let unwritten = runs.partition_point(|entry| entry.order.is_some());
        if let Some(entry) = runs.get_mut(unwritten) {
            entry.order = Some(order);
            self.written += 1;
        }
    }

    /// Lets go of the oldest runs until the limit is kept or the rest is not written.
    pub(crate) fn shrink(&mut self) {
        while self.bytes > self.limit
            && self.written > 0
            && let Some(writer) = self.order.pop_front()
        {
            self.written -= 1;
            let oldest = self.writers.get_mut(&writer).and_then(VecDeque::pop_front);
            self.bytes -= oldest.map_or(0, |entry| entry.run.bytes());
        }
    }

    /// The run with this readable record, and its order if it is written.
    pub(crate) fn find(&self, number: Number) -> Option<(Arc<Run>, Option<u64>)> {
        let counter = number.counter();
        let runs = self.writers.get(&number.writer())?;
        let behind = runs.partition_point(|entry| entry.run.first().is_some_and(|f| f <= counter));
        let entry = runs.get(behind.checked_sub(1)?)?;
        entry.run.frames.find(counter)?;
        Some((Arc::clone(&entry.run), entry.order))
    }
}
