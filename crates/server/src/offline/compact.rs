//! Says everything again that still holds, at the end of the log, and frees what stands before.
//!
//! It is what a running broker does piece by piece. The log says the same at each moment, so a crash
//! loses nothing.

use std::sync::Arc;

use ferrymq_broker::record_codec::{self, RecordError};
use ferrymq_broker::{
    Record, RecordNumber, Recovered, SessionImage, SessionNumber, StoredTarget, WillImage,
};
use ferrymq_store::{CommitError, Disk, Kept, Log, Number, ReadError};
use thiserror::Error;

use super::contents::{Contents, Terms};
use super::records::{LogSink, Sink};

/// What compacting has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The length of the log before, in bytes.
    pub bytes_before: u64,
    /// Its length now.
    pub bytes_after: u64,
}

/// Why the log was not compacted. It says what it said before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The disk takes nothing more.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A message cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A message is not understood.
    #[error(
        "a stored message is not understood: {0}; use the version that wrote it, or a later one"
    )]
    Record(#[from] RecordError),
}

/// Compacts the log, to which `sink` appends.
pub(super) fn compact<D: Disk>(
    log: &Log<D>,
    contents: Contents,
    mut sink: LogSink<'_, D>,
) -> Result<Compacted, CompactError> {
    let bytes_before = log.bytes();
    let segments = log.segments();
    let closed = segments.iter().filter(|segment| segment.closed).map(|segment| segment.id);
    if let Some(closed) = closed.max() {
        let Contents { recovered, terms } = contents;
        let owed = owed(&recovered);
        restate(recovered, &mut sink)?;
        keep(log, &owed, &terms)?;
        log.free_through(closed)?;
    }
    Ok(Compacted { bytes_before, bytes_after: log.bytes() })
}

/// A message that a session is owed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Owed {
    number: RecordNumber,
    order: u64,
    session: SessionNumber,
}

/// By message.
fn owed(recovered: &Recovered) -> Vec<Owed> {
    let sessions = recovered.sessions.iter().flat_map(|session| {
        let published = session.published.iter().map(|(_, owed)| owed);
        published.chain(&session.queue).map(|owed| (session.number, owed))
    });
    let orphans = recovered.unfinished.orphans.iter().map(|(session, owed)| (*session, owed));
    let mut all: Vec<Owed> = sessions
        .chain(orphans)
        .map(|(session, owed)| Owed { number: owed.number, order: owed.order, session })
        .collect();
    all.sort_unstable();
    all
}

fn restate(recovered: Recovered, sink: &mut impl Sink) -> Result<(), CommitError> {
    for session in recovered.sessions {
        sink.push_together(&session_records(session))?;
    }
    for (session, will) in recovered.unfinished.wills {
        sink.push(&will_record(session, will))?;
    }
    for (message, version) in recovered.directory.retained {
        let topic = Arc::clone(message.topic());
        sink.push(&Record::Retained { topic, message: Some(message), version })?;
    }
    sink.flush()
}

/// The session as records that replace what was said of it before.
fn session_records(image: SessionImage) -> Vec<Record> {
    let session = image.number;
    let mut records = vec![Record::Session {
        session,
        client_id: image.client_id,
        expiry_interval: image.expiry_interval,
        username: image.username,
    }];
    records.extend(image.will.map(|will| will_record(session, will)));
    records.extend(image.away.map(|away| Record::Away {
        session,
        expires: away.expires,
        will_due: away.will_due,
    }));
    records.extend(image.subscriptions.into_iter().map(|subscription| Record::Subscribed {
        session,
        filter: subscription.filter,
        options: subscription.options,
        identifier: subscription.identifier,
        group: subscription.group,
    }));
    records.extend(image.published.into_iter().map(|(packet_id, owed)| Record::Sent {
        session,
        message: owed.number,
        packet_id,
    }));
    records.extend(image.released.into_iter().map(|packet_id| Record::Released {
        session,
        message: None,
        packet_id,
    }));
    records.extend(
        image.received.into_iter().map(|packet_id| Record::Received { session, packet_id }),
    );
    records
}

fn will_record(session: SessionNumber, will: WillImage) -> Record {
    Record::Will { session, message: will.message, delay_interval: will.delay_interval }
}

/// Writes the messages again, each with those only who are still owed it.
fn keep<D: Disk>(log: &Log<D>, owed: &[Owed], terms: &Terms) -> Result<(), CompactError> {
    let mut kept = Vec::new();
    let mut bytes: usize = 0;
    for owed in owed.chunk_by(|one, other| one.number == other.number) {
        let Some(first) = owed.first() else { continue };
        let number = Number::from_bits(first.number.to_bits());
        let Some(record) = log.read(number, |stored| retarget(stored.bytes, owed, terms))? else {
            continue;
        };
        let record = record?;
        bytes = bytes.saturating_add(record.len());
        kept.push(Kept { number, order: first.order, bytes: record });
        if bytes >= KEPT_BYTES {
            bytes = 0;
            log.keep(std::mem::take(&mut kept));
            while log.commit()? {}
        }
    }
    log.keep(kept);
    while log.commit()? {}
    Ok(())
}

fn retarget(bytes: &[u8], owed: &[Owed], terms: &Terms) -> Result<Vec<u8>, RecordError> {
    let sessions: Vec<SessionNumber> = owed.iter().map(|owed| owed.session).collect();
    let others: Vec<StoredTarget> =
        owed.iter().filter_map(|owed| terms.get(&(owed.number, owed.session)).cloned()).collect();
    let mut out = Vec::with_capacity(bytes.len());
    record_codec::retarget(bytes, &sessions, &others, &mut out)?;
    Ok(out)
}

/// About as much is written at once.
const KEPT_BYTES: usize = 1 << 20;
