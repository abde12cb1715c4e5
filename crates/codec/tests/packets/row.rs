//! A row of the table, the notation of its bytes, and what is checked about it.

use ferrymq_codec::{
    DecodeError, Frame, Framing, MAX_REMAINING_LENGTH, Packet, Properties, Property,
    PropertyBuffer, Version,
};

/// A packet and its bytes, or bytes and their error.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What a row says about its bytes.
pub(crate) enum Expected {
    /// The bytes are the packet and the packet is the bytes.
    Both(Packet<'static>),
    /// The bytes are the packet, which has a shorter form.
    Decodes(Packet<'static>),
    /// The packet becomes the bytes, which say less.
    Encodes(Packet<'static>),
    /// The bytes are refused when they are decoded.
    Refused(DecodeError),
    /// The bytes are the beginning of a packet and are refused already.
    RefusedEarly(DecodeError),
}

pub(crate) fn both(
    name: &'static str,
    version: Version,
    text: &str,
    packet: Packet<'static>,
) -> Row {
    Row { name, version, bytes: bytes(text), expected: Expected::Both(packet) }
}

pub(crate) fn decodes(
    name: &'static str,
    version: Version,
    text: &str,
    packet: Packet<'static>,
) -> Row {
    Row { name, version, bytes: bytes(text), expected: Expected::Decodes(packet) }
}

pub(crate) fn encodes(
    name: &'static str,
    version: Version,
    text: &str,
    packet: Packet<'static>,
) -> Row {
    Row { name, version, bytes: bytes(text), expected: Expected::Encodes(packet) }
}

pub(crate) fn refused(name: &'static str, version: Version, text: &str, error: DecodeError) -> Row {
    Row { name, version, bytes: bytes(text), expected: Expected::Refused(error) }
}

pub(crate) fn refused_early(name: &'static str, text: &str, error: DecodeError) -> Row {
    let expected = Expected::RefusedEarly(error);
    Row { name, version: Version::V5, bytes: bytes(text), expected }
}

/// Properties that live as long as the table.
pub(crate) fn properties(properties: &[Property<'_>]) -> Properties<'static> {
    let mut buffer = PropertyBuffer::new();
    for property in properties {
        buffer.push(*property).expect("the property is short");
    }
    Properties::trusted(leak(buffer.as_properties().as_bytes().to_vec()))
}

/// Bytes that live as long as the table.
pub(crate) fn leak(bytes: Vec<u8>) -> &'static [u8] {
    Vec::leak(bytes)
}

/// Reads the notation: hexadecimal bytes, `'text'`, and `; comments` to the end of the line.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default();
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                bytes.extend_from_slice(part.as_bytes());
                continue;
            }
            let digits: Vec<u8> = part.bytes().filter(|byte| *byte != b' ').collect();
            for pair in digits.chunks(2) {
                let pair = str::from_utf8(pair).expect("hexadecimal digits are text");
                bytes.push(u8::from_str_radix(pair, 16).expect("two hexadecimal digits"));
            }
        }
    }
    bytes
}

/// Checks every row and then reports all that failed.
pub(crate) fn check(rows: &[Row]) {
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            check_row(row).err().map(|failure| format!("{} ({}): {failure}", row.name, row.version))
        })
        .collect();
    assert!(failures.is_empty(), "{} rows failed:\n{}", failures.len(), failures.join("\n"));
}

fn check_row(row: &Row) -> Result<(), String> {
    match &row.expected {
        Expected::Both(packet) => {
            check_decode(row, Ok(*packet))?;
            check_encode(row, packet)?;
            check_chunks(row)
        }
        Expected::Decodes(packet) => {
            check_decode(row, Ok(*packet))?;
            check_chunks(row)?;
            check_shorter(row, packet)
        }
        Expected::Encodes(packet) => check_encode(row, packet),
        Expected::Refused(error) => {
            check_decode(row, Err(*error))?;
            check_chunks(row)
        }
        Expected::RefusedEarly(error) => {
            match Frame::parse(&row.bytes, MAX_REMAINING_LENGTH).err() {
                Some(found) if found == *error => Ok(()),
                found => Err(format!("expected {error:?}, found {found:?}")),
            }
        }
    }
}

fn decode(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    match Frame::parse(bytes, usize::MAX)? {
        Framing::Complete(frame) => {
            assert_eq!(frame.bytes(), bytes, "the frame ends where the bytes end");
            frame.decode(version)
        }
        Framing::Incomplete { needed } => panic!("needs {needed:?} bytes, has {}", bytes.len()),
    }
}

fn check_decode(row: &Row, expected: Result<Packet<'_>, DecodeError>) -> Result<(), String> {
    let found = match Frame::parse(&row.bytes, usize::MAX) {
        Ok(Framing::Complete(frame)) if frame.length() == row.bytes.len() => {
            frame.decode(row.version)
        }
        framing => return Err(format!("{} bytes, framing {framing:?}", row.bytes.len())),
    };
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}\n found {found:?}")) }
}

fn check_encode(row: &Row, packet: &Packet<'_>) -> Result<(), String> {
    let mut out = b"before".to_vec();
    packet.encode(row.version, &mut out).map_err(|error| error.to_string())?;
    match out.strip_prefix(b"before") {
        Some(bytes) if bytes == row.bytes => Ok(()),
        found => Err(format!("expected {:02x?}\n encoded {found:02x?}", row.bytes)),
    }
}

fn check_shorter(row: &Row, packet: &Packet<'_>) -> Result<(), String> {
    let mut out = Vec::new();
    packet.encode(row.version, &mut out).map_err(|error| error.to_string())?;
    if out.len() > row.bytes.len() || out == row.bytes {
        return Err(format!("{out:02x?} is not another, shorter form"));
    }
    match decode(&out, row.version) {
        Ok(found) if found == *packet => Ok(()),
        found => Err(format!("the short form {out:02x?} is {found:?}")),
    }
}

/// A beginning is incomplete, and what follows the packet changes nothing.
fn check_chunks(row: &Row) -> Result<(), String> {
    for length in 0..row.bytes.len() {
        match Frame::parse(&row.bytes[..length], usize::MAX) {
            Ok(Framing::Incomplete { needed: None }) if length < 5 => {}
            Ok(Framing::Incomplete { needed: Some(needed) }) if needed == row.bytes.len() => {}
            framing => return Err(format!("after {length} bytes: {framing:?}")),
        }
    }
    let mut followed = row.bytes.clone();
    followed.extend_from_slice(&[0xFF; 8]);
    match Frame::parse(&followed, usize::MAX) {
        Ok(Framing::Complete(frame)) if frame.bytes() == row.bytes => Ok(()),
        framing => Err(format!("followed by other bytes: {framing:?}")),
    }
}
