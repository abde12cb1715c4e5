//! The fields that records are made of.

use ferrymq_codec::{PacketId, TopicName};
use ferrymq_protocol::time::Instant;

use super::error::RecordError;
use crate::identity::{GroupNumber, RecordNumber, SessionNumber, ShardIndex};

/// What has not been read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn finish(&self) -> Result<(), RecordError> {
        if self.rest.is_empty() { Ok(()) } else { Err(RecordError::TrailingBytes) }
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], RecordError> {
        let length = usize::try_from(length).map_err(|_| RecordError::Incomplete)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(RecordError::Incomplete)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, RecordError> {
        let (byte, rest) = self.rest.split_first().ok_or(RecordError::Incomplete)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, RecordError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::Invalid(what)),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, RecordError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            let placed = bits << shift;
            if placed >> shift != bits {
                break;
            }
            value |= placed;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(RecordError::Invalid("number"))
    }

    pub(super) fn four_bytes(&mut self, what: &'static str) -> Result<u32, RecordError> {
        u32::try_from(self.varint()?).map_err(|_| RecordError::Invalid(what))
    }

    fn two_bytes(&mut self, what: &'static str) -> Result<u16, RecordError> {
        u16::try_from(self.varint()?).map_err(|_| RecordError::Invalid(what))
    }

    pub(super) fn instant(&mut self) -> Result<Instant, RecordError> {
        let (nanos, rest) = self.rest.split_first_chunk().ok_or(RecordError::Incomplete)?;
        self.rest = rest;
        Ok(Instant::from_nanos(u64::from_le_bytes(*nanos)))
    }

    pub(super) fn session(&mut self) -> Result<SessionNumber, RecordError> {
        self.varint().map(SessionNumber)
    }

    pub(super) fn group(&mut self) -> Result<Option<GroupNumber>, RecordError> {
        let number = self.four_bytes("group")?;
        Ok(std::num::NonZeroU32::new(number).map(GroupNumber))
    }

    pub(super) fn number(&mut self) -> Result<RecordNumber, RecordError> {
        let writer = ShardIndex(self.two_bytes("writer")?);
        let counter = self.varint()?;
        RecordNumber::checked(writer, counter).ok_or(RecordError::Invalid("record number"))
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, RecordError> {
        let value = self.two_bytes("packet identifier")?;
        PacketId::new(value).ok_or(RecordError::Invalid("packet identifier"))
    }

    pub(super) fn string(&mut self, what: &'static str) -> Result<&'a str, RecordError> {
        let length = self.varint()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| RecordError::Invalid(what))
    }

    pub(super) fn topic(&mut self) -> Result<TopicName<'a>, RecordError> {
        let text = self.string("topic name")?;
        TopicName::parse(text).map_err(|_| RecordError::Invalid("topic name"))
    }
}

/// Appends a number, the least significant seven bits first.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn put_number(number: RecordNumber, out: &mut Vec<u8>) {
    put_varint(u64::from(number.writer().0), out);
    put_varint(number.counter(), out);
}

pub(super) fn put_packet_id(packet_id: PacketId, out: &mut Vec<u8>) {
    put_varint(u64::from(packet_id.get()), out);
}

pub(super) fn put_string(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// Appends an instant, which has too many bits to be shortened.
pub(super) fn put_instant(instant: Instant, out: &mut Vec<u8>) {
    out.extend_from_slice(&instant.as_nanos().to_le_bytes());
}
