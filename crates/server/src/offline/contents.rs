//! What a log says, gathered for reading: images of sessions, and how to find the messages that
//! they are owed.

use std::collections::HashMap;

use ferrymq_broker::record_codec::{self, MessageRecord, RecordError};
use ferrymq_broker::{Record, RecordNumber, Recovered, Replay, SessionNumber, StoredTarget};
use ferrymq_protocol::time::Instant;
use ferrymq_store::{Disk, Log, LogReader, Number, ReadError, Replayed};

/// Everything that a log says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) recovered: Recovered,
    /// How messages are sent to those who were not their first receivers.
    pub(super) terms: Terms,
}

/// The terms of reassigned messages, whose records still have those of their first receivers.
pub(super) type Terms = HashMap<(RecordNumber, SessionNumber), StoredTarget>;

/// Gathers the records of a log.
#[derive(Debug)]
pub(super) struct Gathering {
    replay: Replay,
    terms: Terms,
}

/// Where the messages of a log are read.
pub(super) trait Messages {
    fn read<T>(&self, number: Number, f: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, ReadError>;
}

impl<D: Disk> Messages for Log<D> {
    fn read<T>(&self, number: Number, f: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, ReadError> {
        Self::read(self, number, |stored| f(stored.bytes))
    }
}

impl<D: Disk> Messages for LogReader<D> {
    fn read<T>(&self, number: Number, f: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, ReadError> {
        Self::read(self, number, |stored| f(stored.bytes))
    }
}

impl Gathering {
    pub(super) fn new(seed: u64) -> Self {
        Self { replay: Replay::new(seed), terms: HashMap::new() }
    }

    pub(super) fn apply(&mut self, replayed: &Replayed<'_>) -> Result<(), RecordError> {
        let number = RecordNumber::from_bits(replayed.number.to_bits());
        let time = Instant::from_nanos(replayed.time);
        self.replay.apply(number, replayed.order, time, replayed.bytes)?;
        // A message is by far the most frequent, and only its head is looked at.
        if matches!(MessageRecord::parse(replayed.bytes), Err(RecordError::UnknownKind(_)))
            && let Record::Reassigned { message, to, .. } = record_codec::decode(replayed.bytes)?
        {
            self.terms.insert((message, to.session), to);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Contents {
        Contents { recovered: self.replay.finish(), terms: self.terms }
    }
}

/// How a session is owed a message.
pub(super) fn target(
    terms: &Terms,
    number: RecordNumber,
    record: &MessageRecord<'_>,
    session: SessionNumber,
) -> Result<Option<StoredTarget>, RecordError> {
    match terms.get(&(number, session)) {
        Some(target) => Ok(Some(target.clone())),
        None => record.target_of(session),
    }
}
