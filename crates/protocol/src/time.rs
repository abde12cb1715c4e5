//! Monotonic time as a plain number, so that a simulation can hand it out as it likes.

use core::time::Duration;

/// Nanoseconds since an arbitrary start that never moves back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start of time.
    pub const ZERO: Self = Self(0);
    /// A time that does not come: about 584 years after the start.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant this many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant and a duration; [`Self::FAR_FUTURE`] where that cannot be said.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanos = duration.as_nanos();
        if nanos > u64::MAX as u128 {
            return Self::FAR_FUTURE;
        }
        #[expect(clippy::cast_possible_truncation, reason = "compared with u64::MAX above")]
        let nanos = nanos as u64;
        Self(self.0.saturating_add(nanos))
    }

    /// The time that has passed since `earlier`; zero if it is later than `self`.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
