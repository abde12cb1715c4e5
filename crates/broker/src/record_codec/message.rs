//! A message in a record, and the sessions that are owed it.
//!
//! ```text
//! kind  flags  [expires]  publisher  topic  properties  payload   the head
//! count                                                           how many targets there are
//! (session  options  [identifiers]  [group])*                     by session number
//! (session u64  offset u32)*                                      where each further block begins
//! ```
//!
//! Each block of targets begins with a whole session number, and the others of it say by how much
//! theirs is greater than the one before. So the target of one session is found by bisection and by
//! reading one block.

use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{PacketType, Properties, PropertyContext, QoS};
use ferrymq_protocol::time::Instant;

use super::bytes::{Reader, put_instant, put_string, put_varint};
use super::error::RecordError;
use crate::identity::SessionNumber;
use crate::message::{Message, Publication};
use crate::record::StoredTarget;

/// The bytes of a [`Record::Message`](crate::Record::Message), of which only the head was read.
#[derive(Clone, Copy, Debug)]
pub struct MessageRecord<'a> {
    publication: Publication<'a>,
    head: &'a [u8],
    targets: Targets<'a>,
    /// Where the blocks of targets after the first begin.
    blocks: &'a [u8],
}

/// The targets of a message from some place on.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    reader: Reader<'a>,
    left: u64,
    left_in_block: u64,
    last: SessionNumber,
}

impl<'a> MessageRecord<'a> {
    /// Reads the head.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the bytes are no such record.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            MESSAGE => {}
            other => return Err(RecordError::UnknownKind(other)),
        }
        let publication = read_message(&mut reader)?;
        let head = bytes.len().saturating_sub(reader.rest().len());
        let count = reader.varint()?;
        let rest = reader.rest();
        let blocks = count.saturating_sub(1) / BLOCK;
        let table = usize::try_from(blocks).ok().and_then(|blocks| blocks.checked_mul(ENTRY));
        let targets = table.and_then(|table| rest.len().checked_sub(table));
        let (targets, blocks) =
            targets.and_then(|at| rest.split_at_checked(at)).ok_or(RecordError::Incomplete)?;
        // The fewest bytes that a target has.
        if count.checked_mul(2).is_none_or(|least| least > targets.len() as u64) {
            return Err(RecordError::Incomplete);
        }
        Ok(Self {
            publication,
            head: bytes.get(..head).ok_or(RecordError::Incomplete)?,
            targets: Targets::new(targets, count),
            blocks,
        })
    }

    /// The message.
    pub const fn publication(&self) -> &Publication<'a> {
        &self.publication
    }

    /// The message, to be kept.
    pub fn to_message(&self) -> Arc<Message> {
        Arc::new(Message::copy_of(&self.publication))
    }

    /// All targets, by session number.
    pub const fn targets(&self) -> Targets<'a> {
        self.targets
    }

    /// How many targets there are.
    pub const fn target_count(&self) -> u64 {
        self.targets.left
    }

    /// The target of one session.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if what has to be read for that cannot be.
    pub fn target_of(&self, session: SessionNumber) -> Result<Option<StoredTarget>, RecordError> {
        let mut targets = self.block_of(session)?;
        while let Some(target) = targets.next_target()? {
            if target.session >= session {
                return Ok((target.session == session).then_some(target));
            }
        }
        Ok(None)
    }

    /// What precedes the targets.
    pub(super) const fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The targets of the only block that can have this session.
    fn block_of(&self, session: SessionNumber) -> Result<Targets<'a>, RecordError> {
        let (entries, _) = self.blocks.as_chunks::<ENTRY>();
        let block = entries.partition_point(|entry| entry_of(entry).0 <= session);
        let before = (block as u64).saturating_mul(BLOCK);
        let left = self.targets.left.saturating_sub(before).min(BLOCK);
        let offset = match block.checked_sub(1).and_then(|block| entries.get(block)) {
            Some(entry) => entry_of(entry).1,
            None => 0,
        };
        let bytes = self.targets.reader.rest().get(offset..).ok_or(RecordError::Incomplete)?;
        Ok(Targets::new(bytes, left))
    }
}

impl<'a> Targets<'a> {
    const fn new(bytes: &'a [u8], left: u64) -> Self {
        Self { reader: Reader::new(bytes), left, left_in_block: BLOCK, last: SessionNumber(0) }
    }

    /// The next target; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if it cannot be read.
    pub fn next_target(&mut self) -> Result<Option<StoredTarget>, RecordError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        let mut base = self.last.0;
        if self.left_in_block == 0 {
            self.left_in_block = BLOCK;
            base = 0;
        }
        let mut target = read_target(&mut self.reader)?;
        let session = base.checked_add(target.session.0).filter(|session| *session >= self.last.0);
        target.session = SessionNumber(session.ok_or(RecordError::Invalid("target"))?);
        self.left = left;
        self.left_in_block = self.left_in_block.saturating_sub(1);
        self.last = target.session;
        Ok(Some(target))
    }

    /// An error, if something follows what was read.
    pub(super) const fn finish(&self) -> Result<(), RecordError> {
        self.reader.finish()
    }
}

/// Appends the head without the kind.
pub(super) fn put_message(message: &Message, out: &mut Vec<u8>) {
    let publication = message.publication();
    let properties = publication.properties.as_bytes();
    let expires = publication.expires != Instant::FAR_FUTURE;
    let retain = if publication.retain { RETAIN } else { 0 };
    let expiry = if expires { EXPIRES } else { 0 };
    out.reserve(message.weight());
    out.push(publication.qos.bits() | retain | expiry);
    if expires {
        put_instant(publication.expires, out);
    }
    put_varint(publication.publisher.0, out);
    put_string(publication.topic.as_str(), out);
    put_varint(properties.len() as u64, out);
    out.extend_from_slice(properties);
    put_varint(publication.payload.len() as u64, out);
    out.extend_from_slice(publication.payload);
}

/// Reads what [`put_message`] has written.
pub(super) fn read_message<'a>(reader: &mut Reader<'a>) -> Result<Publication<'a>, RecordError> {
    let flags = reader.byte()?;
    if flags & !(QOS | RETAIN | EXPIRES) != 0 {
        return Err(RecordError::Invalid("message"));
    }
    let qos = QoS::from_bits(flags & QOS).ok_or(RecordError::Invalid("quality of service"))?;
    let expires = if flags & EXPIRES != 0 { reader.instant()? } else { Instant::FAR_FUTURE };
    let publisher = reader.session()?;
    let topic = reader.topic()?;
    let length = reader.varint()?;
    let properties =
        Properties::parse(reader.take(length)?, PropertyContext::Packet(PacketType::Publish))
            .map_err(|_| RecordError::Invalid("properties"))?;
    let length = reader.varint()?;
    let payload = reader.take(length)?;
    let retain = flags & RETAIN != 0;
    Ok(Publication { topic, properties, payload, qos, retain, expires, publisher })
}

/// Appends the targets, by session number, and where their blocks begin.
pub(super) fn put_targets(targets: &[StoredTarget], out: &mut Vec<u8>) {
    if !targets.is_sorted_by_key(|target| target.session) {
        let mut sorted: Vec<&StoredTarget> = targets.iter().collect();
        sorted.sort_by_key(|target| target.session);
        return put_sorted(sorted.len(), sorted.into_iter(), out);
    }
    put_sorted(targets.len(), targets.iter(), out);
}

fn put_sorted<'t>(
    count: usize,
    targets: impl Iterator<Item = &'t StoredTarget>,
    out: &mut Vec<u8>,
) {
    put_varint(count as u64, out);
    let start = out.len();
    let mut blocks = Vec::new();
    let mut last = SessionNumber(0);
    for (nth, target) in (0_u64..).zip(targets) {
        if nth > 0 && nth % BLOCK == 0 {
            last = SessionNumber(0);
            let offset = out.len().saturating_sub(start);
            blocks.push((target.session, u32::try_from(offset).unwrap_or(u32::MAX)));
        }
        let from = last.0;
        last = target.session;
        put_varint(target.session.0.wrapping_sub(from), out);
        put_terms(target, out);
    }
    for (session, offset) in blocks {
        out.extend_from_slice(&session.0.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
    }
}

/// Appends one target with its whole session number.
pub(super) fn put_target(target: &StoredTarget, out: &mut Vec<u8>) {
    put_varint(target.session.0, out);
    put_terms(target, out);
}

fn put_terms(target: &StoredTarget, out: &mut Vec<u8>) {
    let StoredTarget { session: _, qos, retain, identifiers, group } = target;
    let retain = if *retain { RETAIN } else { 0 };
    let has_identifiers = if identifiers.is_empty() { 0 } else { IDENTIFIERS };
    let has_group = if group.is_some() { GROUP } else { 0 };
    out.push(qos.bits() | retain | has_identifiers | has_group);
    if !identifiers.is_empty() {
        put_varint(identifiers.len() as u64, out);
        for identifier in identifiers.iter() {
            put_varint(u64::from(identifier.get()), out);
        }
    }
    if let Some(group) = group {
        put_varint(u64::from(group.0.get()), out);
    }
}

/// Reads a target whose session number may still have to be added to the one before.
pub(super) fn read_target(reader: &mut Reader<'_>) -> Result<StoredTarget, RecordError> {
    let session = reader.session()?;
    let terms = reader.byte()?;
    if terms & !(QOS | RETAIN | IDENTIFIERS | GROUP) != 0 {
        return Err(RecordError::Invalid("target"));
    }
    let qos = QoS::from_bits(terms & QOS).ok_or(RecordError::Invalid("quality of service"))?;
    let identifiers = match terms & IDENTIFIERS != 0 {
        true => read_identifiers(reader)?,
        false => Arc::default(),
    };
    let group = match terms & GROUP != 0 {
        true => Some(reader.group()?.ok_or(RecordError::Invalid("group"))?),
        false => None,
    };
    Ok(StoredTarget { session, qos, retain: terms & RETAIN != 0, identifiers, group })
}

fn read_identifiers(reader: &mut Reader<'_>) -> Result<Arc<[NonZeroU32]>, RecordError> {
    let count = reader.varint()?;
    let mut identifiers = Vec::new();
    for _ in 0..count {
        let identifier = NonZeroU32::new(reader.four_bytes("subscription identifier")?);
        identifiers.push(identifier.ok_or(RecordError::Invalid("subscription identifier"))?);
    }
    Ok(Arc::from(identifiers))
}

/// Which session a block begins with, and where it begins.
fn entry_of(entry: &[u8; ENTRY]) -> (SessionNumber, usize) {
    let session = entry.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
    let offset = entry.last_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
    (SessionNumber(session), usize::try_from(offset).unwrap_or(usize::MAX))
}

/// The kind of a record that is a message with its targets.
pub(super) const MESSAGE: u8 = 1;
/// How many targets a block has; the last may have fewer.
const BLOCK: u64 = 128;
/// The bytes that say where a block begins.
const ENTRY: usize = 12;

// The bits of a message's flags, and of a target's options.
const QOS: u8 = 0b0011;
const RETAIN: u8 = 0b0100;
const EXPIRES: u8 = 0b1000;
const IDENTIFIERS: u8 = 0b1000;
const GROUP: u8 = 0b1_0000;
