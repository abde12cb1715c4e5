//! Keeps a flood out of the log: of one kind of line, which is one line of the source, so many come
//! through each second; the next that comes through tells how many did not. Strangers must not be
//! able to fill a disk by connecting often, and ten warnings a second say all that a thousand would.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lets events through, but not too many of one kind. Who asks for DEBUG or more gets all of that.
#[derive(Debug, Default)]
pub(crate) struct FloodGate {
    kinds: Mutex<HashMap<Identifier, Kind>>,
}

#[derive(Debug)]
struct Kind {
    /// When the second began that is being counted.
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl FloodGate {
    /// Whether the line may pass where `most` may in a second; if so, how many of its kind did not
    /// since the last that did.
    fn pass(&self, kind: Identifier, most: u32, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(kind).or_insert(Kind { since: now, lines: 0, left_out: 0 });
        if now.saturating_duration_since(kind.since) >= WINDOW {
            kind.since = now;
            kind.lines = 0;
        }
        if kind.lines >= most {
            kind.left_out += 1;
            return None;
        }
        kind.lines += 1;
        Some(std::mem::take(&mut kind.left_out))
    }
}

impl<S: Subscriber> Layer<S> for FloodGate {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let most = match *metadata.level() {
            Level::ERROR | Level::WARN => WARNINGS_PER_WINDOW,
            Level::INFO => NEWS_PER_WINDOW,
            _ => return true,
        };
        let left_out = self.pass(metadata.callsite(), most, Instant::now());
        if let Some(count @ 1..) = left_out {
            tracing::info!("{count} lines like the next were left out");
        }
        left_out.is_some()
    }
}

const WINDOW: Duration = Duration::from_secs(1);
const WARNINGS_PER_WINDOW: u32 = 10;
const NEWS_PER_WINDOW: u32 = 200;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    #[test]
    fn flood_of_one_kind_is_cut_and_others_pass() {
        let lines = Lines::default();
        let subscriber =
            tracing_subscriber::registry().with(FloodGate::default()).with(lines.clone());
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..1000 {
                tracing::warn!("again");
                tracing::info!("and again");
                tracing::debug!("asked for");
            }
            tracing::error!("another kind");
        });
        let lines = lines.0.lock().unwrap();
        let count = |level| lines.iter().filter(|line| **line == level).count();
        // A slow machine may need more than one second for the loop.
        assert!((10..100).contains(&count(Level::WARN)), "{}", count(Level::WARN));
        assert!((200..1000).contains(&count(Level::INFO)), "{}", count(Level::INFO));
        assert_eq!(count(Level::DEBUG), 1000);
        assert_eq!(count(Level::ERROR), 1);
    }

    #[test]
    fn next_line_that_passes_knows_how_many_did_not() {
        let gate = FloodGate::default();
        let kind = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            tracing::info_span!("kind").metadata().expect("the span is enabled").callsite()
        });
        let start = Instant::now();
        let passed = (0..50).filter(|_| gate.pass(kind.clone(), 10, start).is_some()).count();
        assert_eq!(passed, 10);
        assert_eq!(gate.pass(kind.clone(), 10, start + WINDOW), Some(40));
        assert_eq!(gate.pass(kind, 10, start + WINDOW), Some(0));
    }
}
