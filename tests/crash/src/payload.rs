//! Payloads that say which message they are and show every wrong byte.

use crate::event::MessageNumber;
use crate::random::mixed;

/// A payload of at least [`SMALLEST`] bytes: the number, the length, and bytes that follow from
/// both.
pub(crate) fn encode(message: MessageNumber, length: usize) -> Vec<u8> {
    let length = length.max(SMALLEST);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&message.0.to_be_bytes());
    bytes.extend_from_slice(&(length as u64).to_be_bytes());
    let fill = fill(message);
    bytes.extend(fill.iter().cycle().take(length - SMALLEST));
    bytes
}

/// The message that these bytes are, if not one of them is wrong.
pub(crate) fn decode(bytes: &[u8]) -> Option<MessageNumber> {
    let (number, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let message = MessageNumber(u64::from_be_bytes(*number));
    let is_whole = u64::from_be_bytes(*length) == bytes.len() as u64;
    let is_right = rest.iter().eq(fill(message).iter().cycle().take(rest.len()));
    (is_whole && is_right).then_some(message)
}

fn fill(message: MessageNumber) -> [u8; 8] {
    mixed(message.0).to_be_bytes()
}

/// The number and the length.
const SMALLEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_comes_back_and_every_wrong_byte_shows() {
        for length in [0, 16, 17, 100] {
            let bytes = encode(MessageNumber(7), length);
            assert_eq!(decode(&bytes), Some(MessageNumber(7)));
            for place in 0..bytes.len() {
                let mut wrong = bytes.clone();
                wrong[place] ^= 1;
                assert_ne!(decode(&wrong), Some(MessageNumber(7)), "byte {place} of {length}");
            }
            assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }
    }
}
