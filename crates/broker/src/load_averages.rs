//! What a broker has had to do lately: events for each minute, averaged over one, five and fifteen
//! minutes. What is long ago counts exponentially less, as in the load averages of Unix.

use ferrymq_protocol::time::Instant;

/// The averages of some counters.
#[derive(Debug, Default)]
pub(crate) struct LoadAverages {
    /// When the counters were looked at last, and what they were.
    last: Option<(Instant, [u64; COUNTERS])>,
    averages: [[f64; 3]; COUNTERS],
}

impl LoadAverages {
    /// The counters are these now.
    pub(crate) fn update(&mut self, counters: [u64; COUNTERS], now: Instant) {
        let (then, old) = self.last.unwrap_or((now, counters));
        self.last = Some((now, counters));
        let elapsed = now.saturating_duration_since(then).as_secs_f64();
        if elapsed == 0.0 {
            return;
        }
        for ((new, old), averages) in counters.iter().zip(old).zip(&mut self.averages) {
            #[expect(clippy::cast_precision_loss, reason = "an average of few digits")]
            let events = new.wrapping_sub(old) as f64;
            let each_minute = events * 60.0 / elapsed;
            for (average, minutes) in averages.iter_mut().zip(MINUTES) {
                let kept = (-elapsed / (minutes * 60.0)).exp();
                *average = each_minute + kept * (*average - each_minute);
            }
        }
    }

    /// The averages, with their topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let averages = self.averages.iter().flatten();
        TOPICS
            .iter()
            .flatten()
            .zip(averages)
            .map(|(topic, average)| (*topic, format!("{average:.2}")))
    }
}

macro_rules! topics {
    ($($name:literal,)+) => {
        [$([
            concat!("$SYS/broker/load/", $name, "/1min"),
            concat!("$SYS/broker/load/", $name, "/5min"),
            concat!("$SYS/broker/load/", $name, "/15min"),
        ]),+]
    };
}

/// How many counters there are.
pub(crate) const COUNTERS: usize = 9;
const MINUTES: [f64; 3] = [1.0, 5.0, 15.0];

/// In the order of the counters.
const TOPICS: [[&str; 3]; COUNTERS] = topics![
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn averages_after(turns: u32) -> Vec<String> {
        let (mut averages, mut now) = (LoadAverages::default(), Instant::from_nanos(1));
        let mut counters = [0; COUNTERS];
        for _ in 0..=turns {
            averages.update(counters, now);
            now = now.saturating_add(Duration::from_secs(10));
            counters[0] += 100;
        }
        averages.topics().take(4).map(|(_, average)| average).collect()
    }

    #[test]
    fn average_comes_nearer_to_what_happens_each_minute_and_the_short_one_first() {
        // 600 a minute; after one minute 1 - 1/e of that, after five of the five minutes.
        assert_eq!(averages_after(0), ["0.00", "0.00", "0.00", "0.00"]);
        assert_eq!(averages_after(6), ["379.27", "108.76", "38.70", "0.00"]);
        assert_eq!(averages_after(30)[1], "379.27");
        assert_eq!(averages_after(1000), ["600.00", "600.00", "599.99", "0.00"]);
    }

    #[test]
    fn average_of_no_time_is_what_it_was() {
        let mut averages = LoadAverages::default();
        averages.update([1; COUNTERS], Instant::from_nanos(1));
        averages.update([2; COUNTERS], Instant::from_nanos(1));
        assert!(averages.topics().all(|(_, average)| average == "0.00"));
    }
}
