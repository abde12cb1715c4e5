//! The messages of an exchange: attributes with one letter each, with commas between them
//! [RFC 5802, section 7].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::bounds::MESSAGE_MAXIMUM_BYTES;
use super::error::ScramError;

/// The Authentication Method.
pub const METHOD: &str = "SCRAM-SHA-256";

/// A message as text.
pub(super) fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_MAXIMUM_BYTES {
        return Err(ScramError::Message);
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Message)
}

/// The attributes, which come in a fixed order.
pub(super) struct Attributes<'a> {
    rest: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: Some(text) }
    }

    /// The value of the next attribute, which has this letter.
    pub(super) fn next(&mut self, letter: char) -> Result<&'a str, ScramError> {
        let rest = self.rest.ok_or(ScramError::Message)?;
        let (first, rest) = match rest.split_once(',') {
            Some((first, rest)) => (first, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        // An extension that must be understood [RFC 5802, section 5.1].
        if first.starts_with("m=") {
            return Err(ScramError::Unsupported);
        }
        let value = first.strip_prefix(letter).and_then(|rest| rest.strip_prefix('='));
        value.filter(|value| !value.is_empty()).ok_or(ScramError::Message)
    }
}

/// A name as it is written, with its commas and equal signs.
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name as it is meant.
pub(super) fn unescaped(text: &str) -> Result<String, ScramError> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('=');
    name.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (character, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (None, Some(rest)) => ('=', rest),
            (None, None) => return Err(ScramError::Message),
        };
        name.push(character);
        name.push_str(rest);
    }
    Ok(name)
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn decoded(text: &str) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(text).map_err(|_| ScramError::Message)
}

/// Whether this can be a nonce: printable, and without commas.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}
