//! The clock of a broker: it runs evenly, and an instant means the same after a restart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferrymq_protocol::time::Instant;

/// A clock that is set once, by the time of the day, and does not follow it afterwards: whoever
/// changes the time of the machine makes no session and no message expire.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: std::time::Instant,
    /// What it said then.
    first: Instant,
}

impl Clock {
    /// A clock that starts now at the time of the day, in nanoseconds since 1970, but not before
    /// `last`: the latest time that this broker has written down in an earlier life.
    pub fn start(last: Instant) -> Self {
        // A machine may believe to be before 1970. Time goes on evenly there too.
        let of_day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let first = Instant::ZERO.saturating_add(of_day).max(last);
        Self { started: std::time::Instant::now(), first }
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.first.saturating_add(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_goes_on_where_the_last_one_stood() {
        let earlier = Clock::start(Instant::ZERO).now();
        assert!(Clock::start(earlier).now() >= earlier);
        let future = earlier.saturating_add(Duration::from_hours(24 * 365));
        let set_back = Clock::start(future);
        let (first, second) = (set_back.now(), set_back.now());
        assert!(future <= first && first <= second);
    }
}
