//! What waits for the thread that writes the log. Who logs never waits: a line for which there is no
//! room is left out and counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::settings::{LogSettings, LogType};

/// Something for the thread that writes.
pub(super) enum Entry {
    Line(Line),
    /// From here on it is done like this.
    Settings(Box<LogSettings>),
    /// From here on lines go to topics too.
    Publisher(Publisher),
    /// Files may have been moved away: those of their names are to be opened.
    Reopen,
}

/// A line of the log.
pub(super) struct Line {
    pub(super) kind: LogType,
    pub(super) time: SystemTime,
    pub(super) words: String,
}

/// Publishes a message of the broker: a topic and a payload.
pub(super) type Publisher = Box<dyn Fn(&str, &str) + Send>;

/// What was taken out of the queue at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: VecDeque<Entry>,
    /// Lines for which there was no room since the last batch.
    pub(super) left_out: u64,
}

/// A queue with one reader.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    news: Condvar,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    batch: Batch,
    bytes: usize,
    /// The reader has taken something and has not come back.
    writing: bool,
    closed: bool,
}

impl Queue {
    /// Puts a line into the queue if there is room.
    pub(super) fn push_line(&self, line: Line) {
        let mut state = self.lock();
        let size = line.words.len() + LINE_OVERHEAD;
        if state.bytes.saturating_add(size) > QUEUE_BYTES {
            state.batch.left_out += 1;
            return;
        }
        state.bytes += size;
        self.push(state, Entry::Line(line));
    }

    /// Puts something else into the queue.
    pub(super) fn push_other(&self, entry: Entry) {
        self.push(self.lock(), entry);
    }

    /// Waits until there is something, and takes all of it. `None`: the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        state.writing = false;
        loop {
            if !state.batch.is_empty() {
                state.writing = true;
                state.bytes = 0;
                return Some(std::mem::take(&mut state.batch));
            }
            self.idle.notify_all();
            if state.closed {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything has been written, but not for ever.
    pub(super) fn drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        while state.writing || !state.batch.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets the reader end once it has taken everything.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    fn push(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let was_empty = state.batch.entries.is_empty();
        state.batch.entries.push_back(entry);
        drop(state);
        if was_empty {
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.left_out == 0
    }
}

/// What may wait to be written. More is left out.
pub(super) const QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// What a line takes besides its words, about.
const LINE_OVERHEAD: usize = size_of::<Entry>();

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Line {
        Line { kind: LogType::Notice, time: SystemTime::UNIX_EPOCH, words: words.to_owned() }
    }

    #[test]
    fn lines_without_room_are_counted_and_nobody_waits() {
        let queue = Queue::default();
        let words = "x".repeat(1000);
        let pushed: u64 = 10_000;
        for _ in 0..pushed {
            queue.push_line(line(&words));
        }
        let batch = queue.take().expect("there are lines");
        let kept = batch.entries.len() as u64;
        assert_eq!(kept + batch.left_out, pushed);
        assert!(kept * 1000 <= QUEUE_BYTES as u64 && batch.left_out > 0);
        // There is room again.
        queue.push_line(line(&words));
        let batch = queue.take().expect("there is a line");
        assert_eq!((batch.entries.len(), batch.left_out), (1, 0));
    }

    #[test]
    fn what_was_said_before_the_end_is_taken() {
        let queue = Queue::default();
        queue.push_line(line("last words"));
        queue.close();
        assert_eq!(queue.take().map(|batch| batch.entries.len()), Some(1));
        assert!(queue.take().is_none());
    }
}
