//! Numbers in as few bytes as they need: seven bits in each, the lowest first; the highest bit says
//! that more follow.

/// The most bytes of a number.
pub(crate) const MAXIMUM_BYTES: usize = 10;

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, number: u64) {
    let (bytes, count) = encode(number);
    out.extend(bytes.iter().take(count));
}

/// A number's bytes, and how many they are.
pub(crate) fn encode(mut number: u64) -> ([u8; MAXIMUM_BYTES], usize) {
    let mut bytes = [0; MAXIMUM_BYTES];
    let mut count = 0;
    for byte in &mut bytes {
        let more = number >= 0x80;
        *byte = number.to_le_bytes()[0] & 0x7F | u8::from(more) << 7;
        count += 1;
        number >>= 7;
        if !more {
            break;
        }
    }
    (bytes, count)
}

/// Takes a number from the front of the bytes; `None` if there is none.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(MAXIMUM_BYTES).enumerate() {
        let bits = u64::from(byte & 0x7F);
        let shifted = bits << (7 * index);
        if shifted >> (7 * index) != bits {
            return None;
        }
        number |= shifted;
        if byte & 0x80 == 0 {
            *bytes = bytes.get(index + 1..)?;
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_leave_what_follows() {
        for number in [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert!(bytes.len() <= MAXIMUM_BYTES);
            bytes.push(0xAA);
            let mut rest = bytes.as_slice();
            assert_eq!(take(&mut rest), Some(number));
            assert_eq!(rest, [0xAA]);
        }
    }

    #[test]
    fn number_that_does_not_end_or_is_too_large_is_none() {
        let mut beyond = [0xFF; 10];
        beyond[9] = 0x02;
        for bytes in [&[][..], &[0x80], &[0xFF; 11], &beyond] {
            let mut rest = bytes;
            assert_eq!(take(&mut rest), None, "{bytes:02x?}");
            assert_eq!(rest, bytes);
        }
    }
}
