//! Keeps one kind of warning from flooding the log.

use std::time::Duration;

use ferrymq_protocol::time::Instant;

/// How often one kind of line was written lately.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// When the window began that is being counted.
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Throttle {
    /// Whether the line may be written; if so, how many were left out since the last that was.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.lines = 0;
        }
        if self.lines >= LINES_PER_WINDOW {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

const WINDOW: Duration = Duration::from_secs(1);
const LINES_PER_WINDOW: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_cut_to_ten_lines_and_counted() {
        let mut throttle = Throttle::default();
        let now = Instant::ZERO.saturating_add(Duration::from_secs(5));
        let admitted = (0..100).filter(|_| throttle.admit(now).is_some()).count();
        assert_eq!(admitted, 10);
        let later = now.saturating_add(Duration::from_secs(1));
        assert_eq!(throttle.admit(later), Some(90));
        assert_eq!(throttle.admit(later), Some(0));
    }
}
