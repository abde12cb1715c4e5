//! The counterpart of the reader: appends the data types of section 1.5 to a buffer.

use alloc::vec::Vec;

use crate::error::EncodeError;

/// Appends what `put` appends, or nothing if it fails.
pub(crate) fn append(
    out: &mut Vec<u8>,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let length = out.len();
    let result = put(out);
    if result.is_err() {
        out.truncate(length);
    }
    result
}

/// A length as a Variable Byte Integer takes it. One that does not fit becomes one that is refused.
pub(crate) fn length_to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The number of bytes of a Variable Byte Integer.
pub(crate) const fn variable_byte_integer_length(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Appends a Variable Byte Integer in the fewest bytes [MQTT-1.5.5-1].
pub(crate) fn put_variable_byte_integer(value: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let groups = [value & 0x7F, value >> 7 & 0x7F, value >> 14 & 0x7F, value >> 21]
        .map(|group| u8::try_from(group).unwrap_or(u8::MAX));
    let [first, second, third, fourth] = groups;
    match value {
        0..0x80 => out.push(first),
        0x80..0x4000 => out.extend_from_slice(&[first | 0x80, second]),
        0x4000..0x20_0000 => out.extend_from_slice(&[first | 0x80, second | 0x80, third]),
        0x20_0000..0x1000_0000 => {
            out.extend_from_slice(&[first | 0x80, second | 0x80, third | 0x80, fourth]);
        }
        _ => return Err(EncodeError::NumberTooLarge),
    }
    Ok(())
}

/// Appends Binary Data.
pub(crate) fn put_binary(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = u16::try_from(bytes.len()).map_err(|_| EncodeError::FieldTooLong)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends a UTF-8 Encoded String.
pub(crate) fn put_string(text: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put_binary(text.as_bytes(), out)
}
