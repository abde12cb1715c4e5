//! The checked reader that everything decoding is built on (section 1.5). It reads from the front
//! of a slice and never beyond its end: a field that is not there whole is an error.

use crate::error::DecodeError;
use crate::primitives::PacketId;

/// What has not been read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error, if there is still something to read.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take_array::<1>().map(|[byte]| byte)
    }

    /// Two Byte Integer.
    pub(crate) fn two_bytes(&mut self) -> Result<u16, DecodeError> {
        self.take_array().map(u16::from_be_bytes)
    }

    /// Four Byte Integer.
    pub(crate) fn four_bytes(&mut self) -> Result<u32, DecodeError> {
        self.take_array().map(u32::from_be_bytes)
    }

    /// Variable Byte Integer.
    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                // [MQTT-1.5.5-1]
                let minimal = byte != 0 || shift == 0;
                return minimal.then_some(value).ok_or(DecodeError::VariableByteIntegerNotMinimal);
            }
        }
        Err(DecodeError::VariableByteIntegerTooLong)
    }

    /// Binary Data.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.two_bytes()?;
        self.take(usize::from(length))
    }

    /// UTF-8 Encoded String that may contain U+0000, for what checks its characters itself.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        // [MQTT-1.5.4-1]: a Rust string has no surrogates either.
        core::str::from_utf8(self.binary()?).map_err(|_| DecodeError::InvalidUtf8)
    }

    /// UTF-8 Encoded String.
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let text = self.text()?;
        // [MQTT-1.5.4-2]
        if text.as_bytes().contains(&0) { Err(DecodeError::NullCharacter) } else { Ok(text) }
    }

    /// A Packet Identifier.
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
        PacketId::new(self.two_bytes()?).ok_or(DecodeError::ZeroPacketId)
    }
}
