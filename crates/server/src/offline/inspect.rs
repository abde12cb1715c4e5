//! What is in a log, in numbers.

use std::collections::BTreeMap;

use ferrymq_broker::{OwedMessage, RecordNumber, SessionImage};
use serde::Serialize;

use super::contents::Contents;
use super::text::Moment;

/// What is in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The form of its batches.
    pub format: u16,
    /// Whether the broker had ended by itself, and nothing was written since.
    pub closed_cleanly: bool,
    /// The time of the last batch.
    pub last_time: Option<Moment>,
    /// The segments, in their order.
    pub segments: Vec<SegmentSummary>,
    /// How many bytes are written in all segments.
    pub bytes: u64,
    /// About how many of them still matter: the messages that are owed or retained.
    pub live_bytes: u64,
    /// How many records there are.
    pub records: u64,
    /// Persistent sessions.
    pub sessions: u64,
    /// Those of them whose clients were connected when the log ended.
    pub connected_sessions: u64,
    /// Subscriptions of all sessions.
    pub subscriptions: u64,
    /// Messages that sessions are owed, each counted once.
    pub messages: u64,
    /// Messages in the queues of all sessions: one that two sessions are owed counts twice.
    pub queued: u64,
    /// Messages that were sent and not acknowledged, of all sessions.
    pub in_flight: u64,
    /// Retained messages.
    pub retained: u64,
    /// Wills.
    pub wills: u64,
    /// The longest queues, the longest first.
    pub largest_queues: Vec<QueueSummary>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentSummary {
    /// Its number.
    pub id: u32,
    /// How many bytes are written in it.
    pub bytes: u64,
}

/// A session's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueSummary {
    /// Whose it is.
    pub client_id: String,
    /// How many messages wait or are in flight.
    pub messages: u64,
    /// Their topics, properties and payloads, in bytes.
    pub bytes: u64,
}

/// What the contents are, beside what is known of the files.
pub(super) fn summarize(contents: &Contents, files: Files, queues: usize) -> Summary {
    let recovered = &contents.recovered;
    let sessions = &recovered.sessions;
    let sum =
        |of: fn(&SessionImage) -> usize| sessions.iter().map(of).fold(0, usize::saturating_add);
    let mut weights: BTreeMap<RecordNumber, usize> = BTreeMap::new();
    for session in sessions {
        let published = session.published.iter().map(|(_, owed)| owed);
        weights.extend(published.chain(&session.queue).map(|owed| (owed.number, owed.weight())));
    }
    let retained = recovered.directory.retained.iter().map(|(message, _)| message.weight());
    let live = weights.values().copied().chain(retained).fold(0, usize::saturating_add);
    Summary {
        format: files.format,
        closed_cleanly: files.closed_cleanly,
        last_time: Some(Moment(recovered.last_time)).filter(|_| files.records > 0),
        bytes: files.segments.iter().map(|segment| segment.bytes).fold(0, u64::saturating_add),
        segments: files.segments,
        live_bytes: number(live),
        records: files.records,
        sessions: number(sessions.len()),
        connected_sessions: number(
            sessions.iter().filter(|session| session.away.is_none()).count(),
        ),
        subscriptions: number(sum(|session| session.subscriptions.len())),
        messages: number(weights.len()),
        queued: number(sum(|session| session.queue.len())),
        in_flight: number(sum(|session| session.published.len())),
        retained: number(recovered.directory.retained.len()),
        wills: number(
            sum(|session| usize::from(session.will.is_some()))
                .saturating_add(recovered.unfinished.wills.len()),
        ),
        largest_queues: largest(sessions, queues),
    }
}

/// What is known of the files of a log.
pub(super) struct Files {
    pub(super) format: u16,
    pub(super) closed_cleanly: bool,
    pub(super) segments: Vec<SegmentSummary>,
    pub(super) records: u64,
}

fn largest(sessions: &[SessionImage], count: usize) -> Vec<QueueSummary> {
    let length =
        |session: &SessionImage| session.queue.len().saturating_add(session.published.len());
    let mut longest: Vec<&SessionImage> =
        sessions.iter().filter(|session| length(session) > 0).collect();
    longest.sort_unstable_by(|one, other| {
        length(other).cmp(&length(one)).then_with(|| one.client_id.cmp(&other.client_id))
    });
    longest.truncate(count);
    let summary = |session: &SessionImage| {
        let owed = session.published.iter().map(|(_, owed)| owed).chain(&session.queue);
        QueueSummary {
            client_id: session.client_id.to_string(),
            messages: number(length(session)),
            bytes: number(owed.map(OwedMessage::weight).fold(0, usize::saturating_add)),
        }
    };
    longest.into_iter().map(summary).collect()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
