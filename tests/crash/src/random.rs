//! Random numbers from a seed (`SplitMix64`).

/// A source of random numbers: the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.state)
    }

    /// A number smaller than `end`; 0 if there is none.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        match self.next().checked_rem(end) {
            Some(number) => number,
            None => 0,
        }
    }

    /// A number from `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A number from 1 to about two to the power of `bits`; small ones are as likely as large ones.
    pub(crate) const fn magnitude(&mut self, bits: u64) -> u64 {
        let scale = 1 << self.below(bits);
        scale + self.below(scale)
    }

    /// Whether something happens that happens so often in a thousand.
    pub(crate) const fn per_mille(&mut self, often: u64) -> bool {
        self.below(1000) < often
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.below(from.len() as u64);
        usize::try_from(place).ok().and_then(|place| from.get(place)).copied()
    }
}

/// A number that looks random and always is the same for the same number.
pub(crate) const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
