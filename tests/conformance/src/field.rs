//! The fields that packets and Properties are made of (section 1.5 of the specification).

use crate::verdict::{Failure, Verdict, ensure};

/// Takes fields off the body of a packet.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Verdict<&'a [u8]> {
        ensure(self.rest.len() >= length, "a packet ends in the middle of a field")?;
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn byte(&mut self) -> Verdict<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn two(&mut self) -> Verdict<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn four(&mut self) -> Verdict<u32> {
        Ok(u32::from(self.two()?) << 16 | u32::from(self.two()?))
    }

    pub(crate) fn variable_integer(&mut self) -> Verdict<usize> {
        let (value, used) = take_variable_integer(self.rest)?
            .ok_or_else(|| Failure::new("a packet ends in a Variable Byte Integer"))?;
        self.take(used)?;
        Ok(value)
    }

    pub(crate) fn binary(&mut self) -> Verdict<Vec<u8>> {
        let length = self.two()?;
        Ok(self.take(usize::from(length))?.to_vec())
    }

    pub(crate) fn text(&mut self) -> Verdict<String> {
        let text = String::from_utf8(self.binary()?)
            .map_err(|_| Failure::new("the server sent a string that is not UTF-8"))?;
        ensure(!text.contains('\0'), "the server sent a string with U+0000 in it")?;
        Ok(text)
    }

    pub(crate) fn end(&self) -> Verdict {
        ensure(self.rest.is_empty(), "a packet goes on after its last field")
    }
}

/// A Variable Byte Integer, as short as it can be.
pub(crate) fn variable_integer(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    loop {
        let low = u8::try_from(rest % 128).unwrap_or_default();
        rest /= 128;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Bytes behind their length in two bytes: a UTF-8 Encoded String, or Binary Data.
pub(crate) fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], text].concat()
}

/// A Variable Byte Integer and its length, or none while its end is missing.
pub(crate) fn take_variable_integer(bytes: &[u8]) -> Verdict<Option<(usize, usize)>> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            ensure(place == 0 || *byte != 0, "a Variable Byte Integer is longer than it needs be")?;
            return Ok(Some((value, place + 1)));
        }
    }
    ensure(bytes.len() < 4, "a Variable Byte Integer is longer than four bytes")?;
    Ok(None)
}
