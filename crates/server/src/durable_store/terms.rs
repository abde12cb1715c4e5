//! How a reassigned message is to be sent: its record still has the terms of its first receiver.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{RecordNumber, SessionNumber, StoredTarget};

type Table = HashMap<(RecordNumber, SessionNumber), StoredTarget>;

/// The terms of those who are owed a message that was first owed to another.
///
/// Nearly always there are none, so that is known without a lock.
#[derive(Debug, Default)]
pub(super) struct Terms {
    count: AtomicUsize,
    table: Mutex<Table>,
}

impl Terms {
    pub(super) fn new(table: Table) -> Self {
        Self { count: AtomicUsize::new(table.len()), table: Mutex::new(table) }
    }

    pub(super) fn set(&self, message: RecordNumber, from: SessionNumber, to: StoredTarget) {
        let mut table = self.lock();
        table.remove(&(message, from));
        table.insert((message, to.session), to);
        self.count.store(table.len(), Ordering::Relaxed);
    }

    /// The session is not owed the message any more.
    pub(super) fn remove(&self, message: RecordNumber, session: SessionNumber) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut table = self.lock();
            table.remove(&(message, session));
            self.count.store(table.len(), Ordering::Relaxed);
        }
    }

    pub(super) fn get(
        &self,
        message: RecordNumber,
        session: SessionNumber,
    ) -> Option<StoredTarget> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.lock().get(&(message, session)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
