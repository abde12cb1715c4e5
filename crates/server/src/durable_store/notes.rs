//! What is known of the round that is open: how far it has come, and what has happened meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{Extents, Record, RecordNumber, Round, SessionNumber, ShardIndex, Survivor};
use ferrymq_store::SegmentId;

use super::survivors::{Change, Survivors};

/// The round that is open, if one is.
#[derive(Debug)]
pub(super) struct Rounds {
    /// Whether changes are to be noted. Shards learn of a round by a letter, which is posted after
    /// this was set: so none of them can have answered without seeing it.
    open: AtomicBool,
    /// Whether a round was opened and has not come to its end.
    under_way: AtomicBool,
    /// How long the log was when the last one ended.
    pub(super) bytes_then: AtomicU64,
    /// Whether the last one has freed something.
    pub(super) was_of_use: AtomicBool,
    notes: Mutex<Notes>,
    pub(super) course: Mutex<Course>,
}

/// What is noted for the round that is open.
#[derive(Debug, Default)]
pub(super) struct Notes {
    round: Option<Arc<Round>>,
    pub(super) named: Vec<Survivor>,
    pub(super) changes: Vec<Change>,
    /// Whether each shard is done.
    done: Vec<bool>,
}

/// How far a round has come.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) phase: Phase,
    /// The number of the last round.
    pub(super) number: u64,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Resting,
    /// Shards name survivors and say their state again.
    Asking { through: SegmentId },
    /// Messages are copied, from this one on.
    Copying { through: SegmentId, survivors: Survivors, next: RecordNumber },
    /// Everything was said again.
    Freeing { through: SegmentId },
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            open: AtomicBool::new(false),
            under_way: AtomicBool::new(false),
            bytes_then: AtomicU64::new(0),
            was_of_use: AtomicBool::new(true),
            notes: Mutex::default(),
            course: Mutex::default(),
        }
    }
}

impl Rounds {
    /// Calls `append`, which hands these records to the log, and notes what a round that is open
    /// must know of them.
    pub(super) fn note(&self, records: &[Record], append: impl FnOnce()) {
        if !self.open.load(Ordering::Acquire) {
            append();
            return;
        }
        let mut notes = self.lock();
        if let Some(round) = notes.round.clone() {
            for record in records {
                note(record, &round.saved, &mut notes.changes);
            }
        }
        append();
    }

    /// Takes survivors of the round that is open.
    pub(super) fn name(&self, survivors: Vec<Survivor>) {
        let mut notes = self.lock();
        if notes.round.is_some() {
            notes.named.extend(survivors);
        }
    }

    /// A shard is done with a round. Whether all are.
    pub(super) fn done(&self, shard: ShardIndex, round: u64) -> bool {
        let mut notes = self.lock();
        if notes.round.as_ref().is_none_or(|open| open.number != round) {
            return false;
        }
        if let Some(done) = notes.done.get_mut(shard.as_usize()) {
            *done = true;
        }
        notes.all_done()
    }

    pub(super) fn are_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self, round: &Arc<Round>, shards: usize) {
        let mut notes = self.lock();
        notes.round = Some(Arc::clone(round));
        notes.done = vec![false; shards];
        self.under_way.store(true, Ordering::Relaxed);
        self.open.store(true, Ordering::Release);
    }

    /// Nothing more is to be noted. `notes` are those of [`Self::lock`].
    pub(super) fn close(&self, notes: &mut Notes) {
        self.open.store(false, Ordering::Release);
        *notes = Notes::default();
    }

    /// The round has come to its end: the log has so many bytes now, and was longer before if the
    /// round `was_of_use`.
    pub(super) fn end(&self, bytes: u64, was_of_use: bool) {
        self.close(&mut self.lock());
        self.bytes_then.store(bytes, Ordering::Relaxed);
        self.was_of_use.store(was_of_use, Ordering::Relaxed);
        self.under_way.store(false, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    pub(super) fn all_done(&self) -> bool {
        self.done.iter().all(|done| *done)
    }
}

/// Notes what a record says about the messages that the round is about.
fn note(record: &Record, saved: &Extents, changes: &mut Vec<Change>) {
    let mut settled = |message: RecordNumber, session: SessionNumber| {
        let concerned = saved.contains(message);
        if concerned {
            changes.push(Change::Settled(Survivor { message, session }));
        }
        concerned
    };
    match record {
        Record::Settled { session, message }
        | Record::Released { session, message: Some(message), .. } => {
            settled(*message, *session);
        }
        Record::Gone { session, messages } => {
            for message in messages {
                settled(*message, *session);
            }
        }
        Record::Reassigned { message, from, to, .. } if settled(*message, *from) => {
            changes.push(Change::Owed(Survivor { message: *message, session: to.session }));
        }
        _ => {}
    }
}
