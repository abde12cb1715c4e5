//! The exclusive or with a key of four octets (RFC 6455, 5.3).

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Masks or unmasks octets, of which the first meets the first of the key.
pub(super) fn apply(octets: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = octets.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (octet, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *octet ^= key;
    }
}

/// The key for what follows `length` octets.
pub(super) fn after(key: [u8; 4], length: usize) -> [u8; 4] {
    let mut key = key;
    key.rotate_left(length % 4);
    key
}

/// Numbers that nobody can guess who does not know the seed: those that a client needs.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    hasher: SipHasher13,
    count: u64,
}

impl Secrets {
    pub(super) fn new(seed: &[u8; 16]) -> Self {
        Self { hasher: SipHasher13::new_with_key(seed), count: 0 }
    }

    pub(super) fn next(&mut self) -> [u8; 8] {
        self.count = self.count.wrapping_add(1);
        let mut hasher = self.hasher;
        hasher.write_u64(self.count);
        hasher.finish().to_ne_bytes()
    }

    pub(super) fn key(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn masking_in_pieces_is_masking_octet_by_octet(
            octets in proptest::collection::vec(any::<u8>(), 0..100),
            key: [u8; 4],
            cut in 0..100_usize,
        ) {
            let expected: Vec<u8> =
                octets.iter().zip(key.into_iter().cycle()).map(|(octet, key)| octet ^ key).collect();
            let mut masked = octets.clone();
            let (front, back) = masked.split_at_mut(cut.min(octets.len()));
            apply(front, key);
            apply(back, after(key, front.len()));
            prop_assert_eq!(masked, expected);
        }
    }

    #[test]
    fn secrets_differ_and_follow_from_the_seed() {
        let mut secrets = Secrets::new(&[7; 16]);
        let drawn = [secrets.next(), secrets.next(), secrets.next()];
        assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
        let mut again = Secrets::new(&[7; 16]);
        assert_eq!(drawn, [again.next(), again.next(), again.next()]);
        assert_ne!(drawn[0], Secrets::new(&[8; 16]).next());
    }
}
