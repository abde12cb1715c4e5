//! Opening a log: everything in it is replayed, and what a store must know of it is gathered.

use std::collections::{HashMap, HashSet};

use ferrymq_broker::{
    RecordNumber, Recovered, Replay, SessionImage, SessionNumber, ShardIndex, StoredTarget,
    record_codec,
};
use ferrymq_protocol::time::Instant;
use ferrymq_store::{Disk, Log, LogOptions, OpenError, Replayed};

use super::live::Live;
use super::terms::Terms;

/// A log that was opened, and what it says.
pub struct Opened<D: Disk> {
    /// The log.
    pub log: Log<D>,
    /// What a broker is to be restored from.
    pub recovered: Recovered,
    pub(super) terms: Terms,
    pub(super) live: Live,
}

/// Why a record of a log was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is not understood.
    #[error(transparent)]
    Record(#[from] record_codec::RecordError),
    /// Whoever has opened the log does not want it any more.
    #[error("it is no longer wanted")]
    Stopped,
}

impl<D: Disk> Opened<D> {
    /// Opens the log of a disk, and replays it. `goes_on` is told how many bytes were read, and of
    /// how many, and says whether to go on. `seed` must be secret wherever strangers choose topics.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; with [`ReplayError::Stopped`] if `goes_on` has said no.
    pub fn new(
        disk: D,
        options: LogOptions,
        seed: u64,
        mut goes_on: impl FnMut(u64, u64) -> bool,
    ) -> Result<Self, OpenError<ReplayError>> {
        let mut replay = Replay::new(seed);
        let live = Live::default();
        let mut terms = HashMap::new();
        let wanted = std::cell::Cell::new(true);
        let mut apply = |record: Replayed<'_>| {
            if !wanted.get() {
                return Err(ReplayError::Stopped);
            }
            let number = RecordNumber::from_bits(record.number.to_bits());
            let time = Instant::from_nanos(record.time);
            replay.apply(number, record.order, time, record.bytes)?;
            if record_codec::is_message(record.bytes) {
                let message = record_codec::MessageRecord::parse(record.bytes)?;
                live.message(record.bytes.len(), message.target_count());
            } else if let Some((message, to)) = record_codec::reassigned(record.bytes)? {
                terms.insert((message, to.session), to);
            }
            Ok(())
        };
        let mut progress = |done, all| wanted.set(wanted.get() && goes_on(done, all));
        let log = Log::open(disk, options, &mut apply, &mut progress)?;
        let recovered = replay.finish();
        live.owe(recovered.sessions.iter().map(owed_count).sum());
        live.set_state(
            recovered.sessions.iter().map(state_bytes).sum::<u64>() + retained_bytes(&recovered),
        );
        let terms = Terms::new(still_owed(terms, &recovered));
        Ok(Self { log, recovered, terms, live })
    }

    /// The latest time that was written down.
    pub fn last_time(&self) -> Instant {
        self.recovered.last_time.max(Instant::from_nanos(self.log.last_time()))
    }

    /// The counter of the first record that this shard makes.
    pub fn first_record(&self, shard: ShardIndex) -> u64 {
        let seen = self.log.next_counters().get(&shard.0).copied().unwrap_or(1);
        let mentioned = self.recovered.counters.iter().filter(|(writer, _)| *writer == shard);
        mentioned.map(|(_, counter)| counter + 1).fold(seen, u64::max)
    }
}

/// The terms of those who are still owed the message.
fn still_owed(
    terms: HashMap<(RecordNumber, SessionNumber), StoredTarget>,
    recovered: &Recovered,
) -> HashMap<(RecordNumber, SessionNumber), StoredTarget> {
    if terms.is_empty() {
        return terms;
    }
    let concerned: HashSet<SessionNumber> = terms.keys().map(|(_, session)| *session).collect();
    let owed: HashSet<(RecordNumber, SessionNumber)> = recovered
        .sessions
        .iter()
        .filter(|session| concerned.contains(&session.number))
        .flat_map(|session| {
            let published = session.published.iter().map(|(_, owed)| owed);
            published.chain(&session.queue).map(|owed| (owed.number, session.number))
        })
        .collect();
    terms.into_iter().filter(|(key, _)| owed.contains(key)).collect()
}

fn owed_count(session: &SessionImage) -> u64 {
    session.queue.len() as u64 + session.published.len() as u64
}

/// About how many bytes of records say what a session is, without its messages.
fn state_bytes(session: &SessionImage) -> u64 {
    let filters = session.subscriptions.iter().map(|subscription| subscription.filter.len());
    let texts = session.client_id.len() + filters.sum::<usize>();
    let will = session.will.as_ref().map_or(0, |will| will.message.weight());
    let records = 2 + session.subscriptions.len() + session.published.len();
    (texts + will + records * RECORD_BYTES) as u64
}

fn retained_bytes(recovered: &Recovered) -> u64 {
    let retained = recovered.directory.retained.iter().map(|(message, _)| message.weight());
    retained.sum::<usize>() as u64
}

/// About what a record takes beside its texts.
const RECORD_BYTES: usize = 16;
