//! The log, as those see it who say something.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::queue::{Entry, Line, Queue};
use super::settings::{LogSettings, LogType, LogTypes};
use super::writer::{Writer, one_line};

/// The log. Its copies are the same log; the thread that writes it ends when the last is dropped.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    /// Which lines there are: asked before a line is made.
    types: AtomicU16,
    /// Whether clients that come and go are told.
    connections: AtomicBool,
    queue: Arc<Queue>,
}

impl Log {
    /// Starts to write. A file that cannot be opened is an error in the log itself, and its lines go
    /// to standard error.
    pub fn start(settings: LogSettings) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let types = AtomicU16::new(settings.types.bits());
        // Files are opened before anything else happens, with the rights that we have now.
        let writer = Writer::new(settings);
        let of_thread = Arc::clone(&queue);
        thread::Builder::new().name("log lines".to_owned()).spawn(move || {
            writer.run(&of_thread);
        })?;
        Ok(Self { shared: Arc::new(Shared { types, connections: AtomicBool::new(true), queue }) })
    }

    /// Whether such a line is written at all.
    pub fn wants(&self, kind: LogType) -> bool {
        LogTypes::from_bits(self.shared.types.load(Ordering::Relaxed)).contains(kind)
    }

    /// Whether clients that come and go are told at all.
    pub fn wants_connections(&self) -> bool {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// From now on clients that come and go are told or not.
    pub fn set_wants_connections(&self, wants: bool) {
        self.shared.connections.store(wants, Ordering::Relaxed);
    }

    /// Says something, if anybody wants to know. This never waits.
    pub fn say(&self, kind: LogType, words: impl Display) {
        if self.wants(kind) {
            let words = words.to_string();
            let words = match one_line(&words) {
                line if line.len() == words.len() => words,
                line => line.into_owned(),
            };
            self.shared.queue.push_line(Line { kind, time: SystemTime::now(), words });
        }
    }

    /// From now on it is done like this.
    pub fn set(&self, settings: LogSettings) {
        self.shared.types.store(settings.types.bits(), Ordering::Relaxed);
        self.shared.queue.push_other(Entry::Settings(Box::new(settings)));
    }

    /// From now on there is somebody who publishes lines: a topic and a payload.
    pub fn set_publisher(&self, publish: impl Fn(&str, &str) + Send + 'static) {
        self.shared.queue.push_other(Entry::Publisher(Box::new(publish)));
    }

    /// Opens the files anew, because they may have been moved away.
    pub fn reopen(&self) {
        self.shared.queue.push_other(Entry::Reopen);
    }

    /// Waits until everything that was said has been written. If that takes longer than a second,
    /// the rest may be lost.
    pub fn drain(&self) {
        self.shared.queue.drain(DRAIN_PATIENCE);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// How long the end of the broker waits for its log.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::super::settings::LogDestination;
    use super::*;

    fn to_file(path: &std::path::Path) -> LogSettings {
        LogSettings {
            destinations: vec![LogDestination::File(path.to_owned())],
            timestamp: false,
            ..LogSettings::default()
        }
    }

    #[test]
    fn lines_are_in_their_file_in_order_and_others_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broker.log");
        let log = Log::start(to_file(&path)).unwrap();
        for number in 0..1000 {
            log.say(LogType::Notice, format_args!("line {number}"));
            log.say(LogType::Debug, "a detail");
        }
        log.drain();
        let expected: Vec<_> = (0..1000).map(|number| format!("line {number}")).collect();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn file_that_was_moved_away_is_made_anew_and_settings_hold_from_their_place_on() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("a"), directory.path().join("b"));
        let log = Log::start(to_file(&path)).unwrap();
        log.say(LogType::Notice, "before");
        log.drain();
        fs::rename(&path, &moved).unwrap();
        log.say(LogType::Notice, "moved");
        log.reopen();
        log.say(LogType::Notice, "after");
        let types = LogTypes::default() | LogType::Subscribe;
        log.set(LogSettings { types, timestamp: true, ..to_file(&path) });
        log.say(LogType::Subscribe, "a 0 b");
        log.drain();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "before\nmoved\n");
        let lines = fs::read_to_string(&path).unwrap();
        let (first, last) = lines.split_once('\n').unwrap();
        assert_eq!(first, "after");
        let (time, words) = last.trim_end().split_once(": ").unwrap();
        assert!(time.parse::<u64>().is_ok() && words == "a 0 b", "{lines}");
    }

    #[test]
    fn topics_get_the_line_of_their_kind_and_no_details() {
        let (sender, published) = mpsc::channel();
        let settings = LogSettings {
            destinations: vec![LogDestination::Topic],
            types: LogTypes::ALL,
            timestamp: false,
            ..LogSettings::default()
        };
        let log = Log::start(settings).unwrap();
        log.set_publisher(move |topic, line| {
            sender.send(format!("{topic} {line}")).unwrap();
        });
        for kind in [LogType::Error, LogType::Debug, LogType::Subscribe] {
            log.say(kind, format_args!("{kind:?}\n"));
        }
        log.drain();
        let published: Vec<_> = published.try_iter().collect();
        assert_eq!(
            published,
            ["$SYS/broker/log/E Error\\n", "$SYS/broker/log/M/subscribe Subscribe\\n"]
        );
    }
}
