//! How much memory the process has: for `$SYS`, and for the limit that it may have.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ferrymq_broker::Metrics;
use tokio::sync::Notify;

/// Measures the memory of the process. What follows from it is the shards' business.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    /// Bytes beyond which the shards take nothing new.
    limit: AtomicU64,
    changed: Notify,
}

/// What the log has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Short,
    /// That the system does not say how much there is.
    Unknown,
}

impl MemoryWatch {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), changed: Notify::new() }
    }

    /// Changes the limit, which holds at once.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Says how much memory the process has, as long as the runtime runs: often while there is a
    /// limit, otherwise after each `interval`, which is never if it is zero.
    pub(crate) async fn run(&self, metrics: &Metrics, interval: Duration) {
        let mut told = Told::default();
        loop {
            let limit = self.limit.load(Ordering::Relaxed);
            let is_limited = limit != u64::MAX;
            if is_limited || !interval.is_zero() {
                let bytes = resident_bytes();
                metrics.set_heap(bytes.unwrap_or(0));
                told = tell(told, bytes, limit);
            }
            let pause = match (is_limited, interval) {
                (true, _) => OFTEN,
                (false, Duration::ZERO) => Duration::MAX,
                (false, interval) => interval,
            };
            // Either the time has come, or the limit is another one.
            let _ = tokio::time::timeout(pause, self.changed.notified()).await;
        }
    }
}

/// Tells the log once that there is too much, and once that there is not any more.
fn tell(told: Told, bytes: Option<u64>, limit: u64) -> Told {
    match (told, bytes) {
        (Told::Nothing, None) if limit != u64::MAX => {
            tracing::warn!(
                "memory_limit has no effect: this system does not say how much memory a process has"
            );
            Told::Unknown
        }
        (Told::Nothing, Some(bytes)) if bytes > limit => {
            tracing::warn!(
                bytes,
                limit,
                "memory_limit is reached: messages and new sessions are refused. Let clients take \
                 what waits for them, clear retained messages, or raise the limit"
            );
            Told::Short
        }
        // A little less is no news yet: it may be more again the next moment.
        (Told::Short, Some(bytes)) if bytes <= limit - limit / 16 => {
            tracing::info!(bytes, limit, "memory_limit is kept: messages are taken again");
            Told::Nothing
        }
        _ => told,
    }
}

/// How often it is measured while there is a limit. It costs a hundredth of that time at most.
const OFTEN: Duration = Duration::from_millis(100);

/// Bytes of memory that the process has in use, where the system says so.
pub(crate) fn resident_bytes() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The line of `/proc/self/status` about memory that is in use, in bytes.
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_found_among_other_lines() {
        let status = "Name:\tferrymq\nVmPeak:\t  9000 kB\nVmRSS:\t    5120 kB\nThreads:\t3\n";
        assert_eq!(parse(status), Some(5120 * 1024));
        assert_eq!(parse("VmRSS:\t many kB\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn log_is_told_once_of_each_change_that_lasts() {
        let rows = [
            (Told::Nothing, Some(100), Told::Nothing),
            (Told::Nothing, Some(1601), Told::Short),
            (Told::Short, Some(9999), Told::Short),
            (Told::Short, Some(1600), Told::Short),
            (Told::Short, Some(1500), Told::Nothing),
            (Told::Nothing, None, Told::Unknown),
            (Told::Unknown, None, Told::Unknown),
        ];
        for (told, bytes, expected) in rows {
            assert_eq!(tell(told, bytes, 1600), expected, "{told:?}, {bytes:?}");
        }
        assert_eq!(tell(Told::Nothing, None, u64::MAX), Told::Nothing);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn process_has_some_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 0));
    }
}
