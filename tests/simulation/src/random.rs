//! Random numbers from a seed (`SplitMix64`). The same seed gives the same numbers for ever: a
//! failing seed that is kept as a test must stay the same run.

/// A source of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

/// How often something happens, in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerMille(pub(crate) u32);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number smaller than `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let random = self.next() % (end.max(1) as u64);
        usize::try_from(random).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Whether something happens this time.
    pub(crate) fn chance(&mut self, often: PerMille) -> bool {
        often.0 > 0 && self.next() % 1000 < u64::from(often.0)
    }

    /// Heads or tails.
    pub(crate) const fn coin(&mut self) -> bool {
        self.next() & 1 == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Another source, whose numbers have nothing to do with this one's.
    pub(crate) const fn fork(&mut self) -> Self {
        Self::new(self.next())
    }
}
