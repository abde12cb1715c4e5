//! How long the last commits took.

use std::time::Duration;

/// The durations of the last commits, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// In microseconds; the oldest is overwritten.
    last: Vec<u32>,
    count: u64,
}

impl Timing {
    pub(crate) fn add(&mut self, duration: Duration) {
        let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let place = usize::try_from(self.count).unwrap_or(0) % KEPT;
        match self.last.get_mut(place) {
            Some(oldest) => *oldest = microseconds,
            None => self.last.push(microseconds),
        }
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// For each share the least duration that so many of 100 did not exceed.
    pub(crate) fn percentiles<const N: usize>(&self, shares: [usize; N]) -> [Duration; N] {
        let mut sorted = self.last.clone();
        sorted.sort_unstable();
        shares.map(|share| {
            let place = (sorted.len() * share).div_ceil(100).saturating_sub(1);
            let microseconds = sorted.get(place).copied().unwrap_or_default();
            Duration::from_micros(u64::from(microseconds))
        })
    }
}

const KEPT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_last_commits() {
        let mut timing = Timing::default();
        assert_eq!(timing.percentiles([50]), [Duration::ZERO]);
        for _ in 0..KEPT {
            timing.add(Duration::from_secs(1));
        }
        for microseconds in 1..=KEPT as u64 {
            timing.add(Duration::from_micros(microseconds));
        }
        let expected = [512, 1014].map(Duration::from_micros);
        assert_eq!(timing.percentiles([50, 99]), expected);
        assert_eq!(timing.count(), 2 * KEPT as u64);
    }
}
