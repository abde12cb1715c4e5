//! Keeps strangers from flooding the log: so many lines a second, and how many were left out.

use std::time::Duration;

use ferrymq_protocol::time::Instant;

/// How often one kind of line was written lately.
#[derive(Debug, Default)]
pub struct Throttle {
    /// When the second began that is being counted.
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Throttle {
    /// Whether a line may be written; if so, how many were left out since the last one.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.lines = 0;
        }
        if self.lines < LINES_PER_WINDOW {
            self.lines += 1;
            return Some(std::mem::take(&mut self.left_out));
        }
        self.left_out += 1;
        None
    }
}

const WINDOW: Duration = Duration::from_secs(1);
const LINES_PER_WINDOW: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_and_told_with_the_next() {
        let mut throttle = Throttle::default();
        let now = Instant::ZERO.saturating_add(Duration::from_mins(1));
        assert_eq!((0..50).filter_map(|_| throttle.admit(now)).count(), 20);
        let later = now.saturating_add(WINDOW);
        assert_eq!(throttle.admit(later), Some(30));
        assert_eq!(throttle.admit(later), Some(0));
    }
}
