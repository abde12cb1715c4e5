//! Freeing old segments: what in them still holds is said again by the shards, and copied here.
//!
//! ```text
//! resting ─▶ asking ─▶ copying ─▶ freeing ─▶ resting
//! ```
//!
//! While shards are asked and messages are copied, what is settled meanwhile is noted under the same
//! lock under which it goes to the log. So a message is copied for those who are owed it at that
//! place of the log, and what was acknowledged never comes back.

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use ferrymq_broker::{Extents, RecordNumber, Round, ShardIndex, StoredTarget, record_codec};
use ferrymq_store::{CommitError, Disk, Kept, LogState, ReadError, SegmentId};

use super::notes::{Course, Phase};
use super::survivors::Survivors;
use super::{DurableStore, bits};

/// Why a message cannot be copied.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a message that somebody is owed is not in the log")]
    Missing,
}

/// A message that was read to be copied.
struct Original {
    number: RecordNumber,
    order: u64,
    bytes: Vec<u8>,
}

impl<D: Disk> DurableStore<D> {
    /// Goes on with the round that is open by one piece, or opens one if that is worth while. What
    /// comes next waits until the attendant is told.
    pub fn go_round(&self) {
        let mut course = self.rounds.course.lock().unwrap_or_else(PoisonError::into_inner);
        course.phase = match mem::take(&mut course.phase) {
            Phase::Resting => self.perhaps_open(&mut course),
            Phase::Asking { through } => self.perhaps_copy(through),
            Phase::Copying { through, survivors, next } => self.copy(through, survivors, next),
            Phase::Freeing { through } => self.free(through),
        };
    }

    /// Whether so much of the log means nothing any more that a round is worth while. Where there is
    /// no space, a little is enough.
    pub(super) fn wants_round(&self) -> bool {
        let segment = self.log.options().segment_bytes;
        let (bytes, live) = (self.log.bytes(), self.live.bytes());
        let bytes_then = self.rounds.bytes_then.load(Ordering::Relaxed);
        let grown_by = |segments: u64| bytes >= bytes_then.saturating_add(segments * segment);
        if matches!(self.log.state(), LogState::NoSpace(_)) {
            let was_of_use = self.rounds.was_of_use.load(Ordering::Relaxed);
            return bytes > live.saturating_add(segment) && (was_of_use || grown_by(1));
        }
        let most = live.saturating_mul(2).saturating_add(SPARE_SEGMENTS * segment);
        bytes > most && grown_by(SPARE_SEGMENTS)
    }

    /// Whether there is room to copy something. A full disk is no hindrance: the log has the space
    /// of one segment in hand, and freeing others is what helps.
    fn may_write(&self) -> bool {
        matches!(self.log.state(), LogState::Ready | LogState::NoSpace(_))
    }

    fn perhaps_open(&self, course: &mut Course) -> Phase {
        if !self.may_write() || !self.wants_round() {
            return Phase::Resting;
        }
        let segments = self.log.segments();
        let closed = segments.iter().filter(|segment| segment.closed).map(|segment| segment.id);
        let mut closed: Vec<SegmentId> = closed.collect();
        closed.truncate(self.round_length(closed.len()));
        let Some(through) = closed.last().copied() else {
            return Phase::Resting;
        };
        course.number += 1;
        let saved = extents(&self.log.extents(&closed));
        let round = Arc::new(Round { number: course.number, saved });
        tracing::debug!(round = round.number, segments = closed.len(), "freeing old segments");
        self.live.begin_round();
        self.rounds.open(&round, self.told.len());
        self.attendant.round(&round);
        Phase::Asking { through }
    }

    /// How many of so many closed segments a round takes: half of them, so that what was copied
    /// once is not copied again at once, and not so many that those who are owed their messages
    /// fill the memory.
    fn round_length(&self, closed: usize) -> usize {
        let half = if closed < WHOLE_SEGMENTS { closed } else { closed / 2 };
        let owed = usize::try_from(self.live.owed()).unwrap_or(usize::MAX);
        let in_each = (owed / closed.max(1)).max(1);
        half.min((SURVIVORS / in_each).max(1))
    }

    fn perhaps_copy(&self, through: SegmentId) -> Phase {
        let (named, changes) = {
            let mut notes = self.rounds.lock();
            if !notes.all_done() {
                return Phase::Asking { through };
            }
            (mem::take(&mut notes.named), mem::take(&mut notes.changes))
        };
        self.live.state_was_said();
        // Outside of the lock: there may be millions.
        let survivors = Survivors::new(named, &changes);
        self.attendant.read_wanted();
        Phase::Copying { through, survivors, next: RecordNumber::from_bits(0) }
    }

    /// Copies some messages. It goes on when they were written.
    fn copy(&self, through: SegmentId, mut survivors: Survivors, next: RecordNumber) -> Phase {
        if !self.may_write() {
            return Phase::Copying { through, survivors, next };
        }
        let changes = mem::take(&mut self.rounds.lock().changes);
        survivors.apply(&changes);
        let (originals, next) = match self.originals(&survivors, next) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!("old segments are not freed: {error}");
                return self.rest(false);
            }
        };
        let mut notes = self.rounds.lock();
        survivors.apply(&mem::take(&mut notes.changes));
        let kept = originals.iter().filter_map(|original| self.copy_of(original, &survivors));
        self.log.keep(kept.collect());
        if next.is_none() {
            self.rounds.close(&mut notes);
        }
        drop(notes);
        self.attendant.commit_wanted();
        match next {
            Some(next) => Phase::Copying { through, survivors, next },
            None => Phase::Freeing { through },
        }
    }

    /// Reads the messages of one piece, and says where the next begins.
    fn originals(
        &self,
        survivors: &Survivors,
        first: RecordNumber,
    ) -> Result<(Vec<Original>, Option<RecordNumber>), CopyError> {
        let (mut originals, mut bytes) = (Vec::new(), 0);
        for number in survivors.messages_from(first) {
            if bytes >= PIECE_BYTES || originals.len() >= PIECE_MESSAGES {
                return Ok((originals, Some(number)));
            }
            let original = self.log.read(bits(number), |stored| {
                let order = stored.order?;
                Some(Original { number, order, bytes: stored.bytes.to_vec() })
            })?;
            let original = original.flatten().ok_or(CopyError::Missing)?;
            bytes += original.bytes.len();
            originals.push(original);
        }
        Ok((originals, None))
    }

    /// The message for those who are owed it now; `None` if nobody is.
    fn copy_of(&self, original: &Original, survivors: &Survivors) -> Option<Kept> {
        let number = original.number;
        let sessions = survivors.sessions_of(number);
        let others: Vec<StoredTarget> =
            sessions.iter().filter_map(|session| self.terms.get(number, *session)).collect();
        let mut bytes = Vec::new();
        match record_codec::retarget(&original.bytes, &sessions, &others, &mut bytes) {
            Ok(0) => None,
            Ok(targets) => {
                self.live.message(bytes.len(), targets as u64);
                Some(Kept { number: bits(number), order: original.order, bytes })
            }
            Err(error) => {
                // Its checksum is right: this is how it was written.
                tracing::error!("a stored message is not understood and dropped: {error}");
                None
            }
        }
    }

    fn free(&self, through: SegmentId) -> Phase {
        let before = self.log.bytes();
        let freed = self.log.free_through(through);
        let bytes = before.saturating_sub(self.log.bytes());
        self.live.freed(bytes, before);
        match freed {
            Ok(()) => tracing::debug!(bytes, "old segments were freed"),
            // Whoever commits tries that again too, and lets us know.
            Err(CommitError::NotWritten { .. }) => return Phase::Freeing { through },
            Err(error) => tracing::error!("old segments are not freed: {error}"),
        }
        let phase = self.rest(bytes > 0);
        self.tell();
        phase
    }

    fn rest(&self, was_of_use: bool) -> Phase {
        self.rounds.end(self.log.bytes(), was_of_use);
        Phase::Resting
    }
}

fn extents(ranges: &ferrymq_store::Extents) -> Extents {
    let ranges = ranges.iter().flat_map(|(writer, ranges)| {
        ranges.map(move |range| (ShardIndex(writer), *range.start(), *range.end()))
    });
    ranges.collect()
}

/// The log may have so many segments more than twice what is needed.
const SPARE_SEGMENTS: u64 = 4;
/// With fewer closed segments than this a round takes them all.
const WHOLE_SEGMENTS: usize = 8;
/// About how many survivors a round may have. Each takes 16 bytes.
const SURVIVORS: usize = 4_000_000;
/// How much is copied at once.
const PIECE_BYTES: usize = 1024 * 1024;
const PIECE_MESSAGES: usize = 1024;
