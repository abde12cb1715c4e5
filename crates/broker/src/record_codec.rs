//! Records as bytes, and back.
//!
//! A record is one byte that names its kind, and its fields; numbers are variable-length, the least
//! significant seven bits first. A message comes first and its targets after it, so that what one
//! session is owed is read without decoding the others: see [`MessageRecord`].
//!
//! What is decoded may come from a damaged disk: nothing here panics, and nothing is believed to be
//! longer than the bytes that are there. Strings, properties and options are checked as they are
//! when a client sends them.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod bytes;
mod error;
mod fetch;
mod message;

use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{SubscriptionOptions, TopicFilter};

use crate::identity::{RecordNumber, SessionNumber};
use crate::message::Message;
use crate::record::{Record, StoredTarget};
use bytes::Reader;
pub use error::RecordError;
pub use fetch::FetchBuilder;
use message::MESSAGE;
pub use message::{MessageRecord, Targets};

/// Appends a record.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Message { message, targets } => {
            out.push(MESSAGE);
            message::put_message(message, out);
            message::put_targets(targets, out);
        }
        Record::Settled { session, message } => {
            begin(SETTLED, *session, out);
            bytes::put_number(*message, out);
        }
        Record::Reassigned { message, from, to, weight } => {
            begin(REASSIGNED, *from, out);
            bytes::put_number(*message, out);
            bytes::put_varint(u64::from(*weight), out);
            message::put_target(to, out);
        }
        Record::Sent { session, message, packet_id } => {
            begin(SENT, *session, out);
            bytes::put_number(*message, out);
            bytes::put_packet_id(*packet_id, out);
        }
        Record::Released { session, message, packet_id } => {
            begin(RELEASED, *session, out);
            bytes::put_packet_id(*packet_id, out);
            if let Some(message) = message {
                bytes::put_number(*message, out);
            }
        }
        Record::Completed { session, packet_id } => {
            begin(COMPLETED, *session, out);
            bytes::put_packet_id(*packet_id, out);
        }
        Record::Received { session, packet_id } => {
            begin(RECEIVED, *session, out);
            bytes::put_packet_id(*packet_id, out);
        }
        Record::ReceivedDone { session, packet_id } => {
            begin(RECEIVED_DONE, *session, out);
            bytes::put_packet_id(*packet_id, out);
        }
        Record::Session { .. } | Record::Away { .. } | Record::Gone { .. } => {
            encode_life(record, out);
        }
        Record::Subscribed { .. } | Record::Unsubscribed { .. } => {
            encode_subscription(record, out);
        }
        Record::Retained { topic, message, version } => {
            out.push(RETAINED);
            bytes::put_varint(*version, out);
            out.push(u8::from(message.is_some()));
            match message {
                Some(message) => message::put_message(message, out),
                None => bytes::put_string(topic, out),
            }
        }
        Record::Will { session, message, delay_interval } => {
            begin(WILL, *session, out);
            bytes::put_varint(u64::from(*delay_interval), out);
            message::put_message(message, out);
        }
        Record::WillDone { session } => begin(WILL_DONE, *session, out),
    }
}

/// Whether these are the bytes of a [`Record::Message`].
pub fn is_message(bytes: &[u8]) -> bool {
    bytes.first() == Some(&MESSAGE)
}

/// If these are the bytes of a [`Record::Reassigned`]: the message, and who is owed it now.
///
/// # Errors
///
/// [`RecordError`] if they seem to be such a record and are none.
pub fn reassigned(bytes: &[u8]) -> Result<Option<(RecordNumber, StoredTarget)>, RecordError> {
    if bytes.first() != Some(&REASSIGNED) {
        return Ok(None);
    }
    match decode(bytes)? {
        Record::Reassigned { message, to, .. } => Ok(Some((message, to))),
        _ => Ok(None),
    }
}

/// The record that these bytes are. Of [`Record::Gone`] the messages do not come back.
///
/// # Errors
///
/// [`RecordError`] if they are none.
pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    if kind == MESSAGE {
        let record = MessageRecord::parse(bytes)?;
        let mut targets = Vec::new();
        let mut all = record.targets();
        while let Some(target) = all.next_target()? {
            targets.push(target);
        }
        all.finish()?;
        return Ok(Record::Message { message: record.to_message(), targets });
    }
    let record = match kind {
        RETAINED => decode_retained(&mut reader)?,
        SETTLED | REASSIGNED | SENT | RELEASED | COMPLETED | RECEIVED | RECEIVED_DONE => {
            let session = reader.session()?;
            decode_delivery(kind, session, &mut reader)?
        }
        SESSION | AWAY | GONE | SUBSCRIBED | UNSUBSCRIBED | WILL | WILL_DONE => {
            let session = reader.session()?;
            decode_session(kind, session, &mut reader)?
        }
        unknown => return Err(RecordError::UnknownKind(unknown)),
    };
    reader.finish()?;
    Ok(record)
}

/// Appends a [`Record::Message`] with fewer targets: those of the sessions in `keep`, and the
/// `others` that are owed the message instead of an earlier one. Returns how many there are now.
///
/// # Errors
///
/// [`RecordError`] if the bytes are no such record; nothing is appended then.
pub fn retarget(
    bytes: &[u8],
    keep: &[SessionNumber],
    others: &[StoredTarget],
    out: &mut Vec<u8>,
) -> Result<usize, RecordError> {
    let record = MessageRecord::parse(bytes)?;
    let mut targets = Vec::new();
    for session in keep {
        targets.extend(record.target_of(*session)?);
    }
    for target in others {
        targets.retain(|known| known.session != target.session);
        targets.push(target.clone());
    }
    targets.sort_by_key(|target| target.session);
    targets.dedup_by_key(|target| target.session);
    out.extend_from_slice(record.head());
    message::put_targets(&targets, out);
    Ok(targets.len())
}

fn begin(kind: u8, session: SessionNumber, out: &mut Vec<u8>) {
    out.push(kind);
    bytes::put_varint(session.0, out);
}

fn encode_life(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Session { session, client_id, expiry_interval, username } => {
            begin(SESSION, *session, out);
            bytes::put_varint(u64::from(*expiry_interval), out);
            bytes::put_string(client_id, out);
            out.push(u8::from(username.is_some()));
            if let Some(username) = username {
                bytes::put_string(username, out);
            }
        }
        Record::Away { session, expires, will_due } => {
            begin(AWAY, *session, out);
            out.push(u8::from(will_due.is_some()));
            bytes::put_instant(*expires, out);
            if let Some(due) = will_due {
                bytes::put_instant(*due, out);
            }
        }
        Record::Gone { session, messages } => {
            begin(GONE, *session, out);
            bytes::put_varint(messages.len() as u64, out);
        }
        _ => {}
    }
}

fn encode_subscription(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Subscribed { session, filter, options, identifier, group } => {
            begin(SUBSCRIBED, *session, out);
            out.push(options.bits());
            bytes::put_varint(u64::from(identifier.map_or(0, NonZeroU32::get)), out);
            bytes::put_varint(u64::from(group.map_or(0, |group| group.0.get())), out);
            bytes::put_string(filter, out);
        }
        Record::Unsubscribed { session, filter } => {
            begin(UNSUBSCRIBED, *session, out);
            bytes::put_string(filter, out);
        }
        _ => {}
    }
}

/// What follows the session in a record about a message or a packet identifier.
fn decode_delivery(
    kind: u8,
    session: SessionNumber,
    reader: &mut Reader<'_>,
) -> Result<Record, RecordError> {
    Ok(match kind {
        SETTLED => Record::Settled { session, message: reader.number()? },
        REASSIGNED => Record::Reassigned {
            from: session,
            message: reader.number()?,
            weight: reader.four_bytes("length")?,
            to: message::read_target(reader)?,
        },
        SENT => {
            let message = reader.number()?;
            Record::Sent { session, message, packet_id: reader.packet_id()? }
        }
        RELEASED => {
            let packet_id = reader.packet_id()?;
            let message = if reader.rest().is_empty() { None } else { Some(reader.number()?) };
            Record::Released { session, message, packet_id }
        }
        COMPLETED => Record::Completed { session, packet_id: reader.packet_id()? },
        RECEIVED => Record::Received { session, packet_id: reader.packet_id()? },
        RECEIVED_DONE => Record::ReceivedDone { session, packet_id: reader.packet_id()? },
        unknown => return Err(RecordError::UnknownKind(unknown)),
    })
}

/// What follows the session in a record about itself, its subscriptions or its will.
fn decode_session(
    kind: u8,
    session: SessionNumber,
    reader: &mut Reader<'_>,
) -> Result<Record, RecordError> {
    Ok(match kind {
        SESSION => {
            let expiry_interval = reader.four_bytes("expiry interval")?;
            let client_id = Box::from(reader.string("client identifier")?);
            let has_username = reader.flag("user name")?;
            let username =
                if has_username { Some(Box::from(reader.string("user name")?)) } else { None };
            Record::Session { session, client_id, expiry_interval, username }
        }
        AWAY => {
            let has_will = reader.flag("will")?;
            let expires = reader.instant()?;
            let will_due = if has_will { Some(reader.instant()?) } else { None };
            Record::Away { session, expires, will_due }
        }
        GONE => {
            reader.varint()?;
            Record::Gone { session, messages: Vec::new() }
        }
        SUBSCRIBED => {
            let options = SubscriptionOptions::from_bits(reader.byte()?)
                .map_err(|_| RecordError::Invalid("options"))?;
            let identifier = NonZeroU32::new(reader.four_bytes("subscription identifier")?);
            let group = reader.group()?;
            let filter = Box::from(filter(reader)?);
            Record::Subscribed { session, filter, options, identifier, group }
        }
        UNSUBSCRIBED => Record::Unsubscribed { session, filter: Box::from(filter(reader)?) },
        WILL => {
            let delay_interval = reader.four_bytes("will delay interval")?;
            let message = Arc::new(Message::copy_of(&message::read_message(reader)?));
            Record::Will { session, message, delay_interval }
        }
        WILL_DONE => Record::WillDone { session },
        unknown => return Err(RecordError::UnknownKind(unknown)),
    })
}

fn decode_retained(reader: &mut Reader<'_>) -> Result<Record, RecordError> {
    let version = reader.varint()?;
    if !reader.flag("retained message")? {
        let topic = Arc::from(reader.topic()?.as_str());
        return Ok(Record::Retained { topic, message: None, version });
    }
    let message = Message::copy_of(&message::read_message(reader)?);
    let topic = Arc::clone(message.topic());
    Ok(Record::Retained { topic, message: Some(Arc::new(message)), version })
}

fn filter<'a>(reader: &mut Reader<'a>) -> Result<&'a str, RecordError> {
    let text = reader.string(FILTER)?;
    TopicFilter::parse(text).map_err(|_| RecordError::Invalid(FILTER))?;
    Ok(text)
}

const FILTER: &str = "topic filter";

// The kinds of records besides `MESSAGE`. A number is never given another meaning.
const SETTLED: u8 = 2;
const REASSIGNED: u8 = 3;
const SENT: u8 = 4;
const RELEASED: u8 = 5;
const COMPLETED: u8 = 6;
const RECEIVED: u8 = 7;
const RECEIVED_DONE: u8 = 8;
const SESSION: u8 = 9;
const AWAY: u8 = 10;
const GONE: u8 = 11;
const SUBSCRIBED: u8 = 12;
const UNSUBSCRIBED: u8 = 13;
const RETAINED: u8 = 14;
const WILL: u8 = 15;
const WILL_DONE: u8 = 16;
