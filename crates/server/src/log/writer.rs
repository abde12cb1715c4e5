//! The thread that writes the log: it alone waits for files, pipes and the log of the system.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::queue::{Batch, Entry, Line, Publisher, Queue};
use super::settings::{LogDestination, LogSettings, LogType};
use super::syslog;

/// Writes lines to where they belong.
pub(super) struct Writer {
    settings: LogSettings,
    files: Vec<LogFile>,
    publisher: Option<Publisher>,
    /// Lines that wait to be written with one call.
    waiting: String,
    /// The last time that was put into words, in seconds since 1970, and how.
    stamp: Option<(u64, String)>,
    /// Lines that could not be written, since that was last said.
    lost: u64,
}

struct LogFile {
    path: PathBuf,
    /// `None`: it could not be opened, and its lines go to standard error.
    file: Option<File>,
}

impl Writer {
    pub(super) fn new(settings: LogSettings) -> Self {
        let mut writer = Self {
            settings: LogSettings { destinations: Vec::new(), ..LogSettings::default() },
            files: Vec::new(),
            publisher: None,
            waiting: String::new(),
            stamp: None,
            lost: 0,
        };
        writer.set(settings);
        writer
    }

    /// Writes until the queue is closed.
    pub(super) fn run(mut self, queue: &Queue) {
        while let Some(batch) = queue.take() {
            self.write_batch(batch);
        }
    }

    fn write_batch(&mut self, batch: Batch) {
        for entry in batch.entries {
            match entry {
                Entry::Line(line) => self.line(&line),
                Entry::Settings(settings) => {
                    self.flush();
                    self.set(*settings);
                }
                Entry::Publisher(publisher) => self.publisher = Some(publisher),
                Entry::Reopen => {
                    self.flush();
                    self.reopen();
                }
            }
            if self.waiting.len() >= WRITE_BYTES {
                self.flush();
            }
        }
        let lost = std::mem::take(&mut self.lost) + batch.left_out;
        if lost > 0 {
            self.say(
                LogType::Warning,
                format!("Warning: {lost} lines of the log were lost: it cannot be written as fast"),
            );
        }
        self.flush();
    }

    fn set(&mut self, settings: LogSettings) {
        let mut old = std::mem::take(&mut self.files);
        self.stamp = None;
        self.settings = settings;
        let paths = self.settings.destinations.iter().filter_map(|destination| match destination {
            LogDestination::File(path) => Some(path.clone()),
            _ => None,
        });
        let mut failures = Vec::new();
        for path in paths {
            // A file that stays is not opened again: the user may have changed, and with it what
            // may be opened.
            let kept = old.iter_mut().find(|old| old.path == path).and_then(|old| old.file.take());
            let opened = kept.map_or_else(|| open(&path), Ok);
            let file = opened.map_err(|error| failures.push(cannot_open(&path, &error))).ok();
            self.files.push(LogFile { path, file });
        }
        if self.settings.destinations.contains(&LogDestination::Syslog) {
            syslog::open();
        }
        for words in failures {
            self.say(LogType::Error, words);
        }
    }

    fn reopen(&mut self) {
        let mut failures = Vec::new();
        for LogFile { path, file } in &mut self.files {
            match open(path) {
                Ok(opened) => *file = Some(opened),
                Err(error) => failures.push(cannot_open(path, &error)),
            }
        }
        for words in failures {
            self.say(LogType::Error, words);
        }
    }

    fn say(&mut self, kind: LogType, words: String) {
        if self.settings.types.contains(kind) {
            self.line(&Line { kind, time: SystemTime::now(), words });
        }
    }

    fn line(&mut self, line: &Line) {
        let start = self.waiting.len();
        self.begin(line.time);
        self.waiting.push_str(&line.words);
        let text = self.waiting.get(start..).unwrap_or_default();
        if self.settings.destinations.contains(&LogDestination::Syslog) {
            syslog::write(self.settings.facility, line.kind, text);
        }
        if let Some(publish) = &self.publisher
            && self.settings.destinations.contains(&LogDestination::Topic)
            && let Some(topic) = topic(line.kind)
        {
            publish(topic, text);
        }
        self.waiting.push('\n');
    }

    /// Writes the time with which a line begins.
    fn begin(&mut self, time: SystemTime) {
        if !self.settings.timestamp {
            return;
        }
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.stamp.as_ref().is_none_or(|(of, _)| *of != seconds) {
            let format = self.settings.timestamp_format.as_deref();
            self.stamp = Some((seconds, stamp(seconds, format)));
        }
        if let Some((_, words)) = &self.stamp {
            // Writing to a string does not fail.
            let _ = write!(self.waiting, "{words}: ");
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let bytes = self.waiting.as_bytes();
        let destinations = &self.settings.destinations;
        let without_file = self.files.iter().any(|file| file.file.is_none());
        let mut complete = true;
        if destinations.contains(&LogDestination::Stdout) {
            complete &= io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).is_ok();
        }
        if destinations.contains(&LogDestination::Stderr) || without_file {
            complete &= io::stderr().write_all(bytes).is_ok();
        }
        for file in self.files.iter_mut().filter_map(|file| file.file.as_mut()) {
            complete &= file.write_all(bytes).is_ok();
        }
        if !complete {
            self.lost += self.waiting.lines().count() as u64;
        }
        self.waiting.clear();
    }
}

/// The time in words. A form that is not understood gives seconds.
fn stamp(seconds: u64, format: Option<&str>) -> String {
    let in_words = format.and_then(|format| {
        let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        let zoned = time.to_zoned(TimeZone::system());
        jiff::fmt::strtime::format(format, &zoned).ok()
    });
    in_words.unwrap_or_else(|| seconds.to_string())
}

/// Opens a file to write at its end. Topics and names of clients are not for everybody.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        options.mode(0o600);
        if is_in_strange_hands(path) {
            options.custom_flags(nix::libc::O_NOFOLLOW);
        }
    }
    options.open(path)
}

/// Whether the directory belongs to another user than root and us. A link in it could lead to a file
/// that only root may write, while we are still root.
#[cfg(unix)]
fn is_in_strange_hands(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let owner =
        std::fs::metadata(directory.unwrap_or_else(|| Path::new("."))).map_or(0, |is| is.uid());
    owner != 0 && owner != nix::unistd::geteuid().as_raw()
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!("Error: Unable to open log file {} for writing. ({error})", path.display())
}

/// The topic of such lines. Details are not published: that would make more of them.
const fn topic(kind: LogType) -> Option<&'static str> {
    match kind {
        LogType::Error => Some("$SYS/broker/log/E"),
        LogType::Warning => Some("$SYS/broker/log/W"),
        LogType::Notice => Some("$SYS/broker/log/N"),
        LogType::Information => Some("$SYS/broker/log/I"),
        LogType::Subscribe => Some("$SYS/broker/log/M/subscribe"),
        LogType::Unsubscribe => Some("$SYS/broker/log/M/unsubscribe"),
        LogType::Debug | LogType::Websockets | LogType::Internal => None,
    }
}

/// The words on one line, and not longer than that: names that strangers choose must not look like
/// lines of ours.
pub(super) fn one_line(words: &str) -> Cow<'_, str> {
    let end = words.floor_char_boundary(LINE_BYTES);
    let words = words.get(..end).unwrap_or(words);
    let is_harmless = |character: char| character == '\t' || !character.is_control();
    if words.chars().all(is_harmless) {
        return Cow::Borrowed(words);
    }
    let mut line = String::with_capacity(words.len() + 8);
    for character in words.chars() {
        if is_harmless(character) {
            line.push(character);
        } else {
            line.extend(character.escape_default());
        }
    }
    Cow::Owned(line)
}

/// Bytes of a line. What is more is cut off.
const LINE_BYTES: usize = 4096;
/// Lines are written together until they have so many bytes.
const WRITE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_the_form_that_was_asked_for() {
        assert_eq!(stamp(1_795_272_009, None), "1795272009");
        assert_eq!(stamp(1_795_272_009, Some("%s")), "1795272009");
        assert_eq!(stamp(1_795_272_009, Some("at %")), "1795272009");
        let date = stamp(1_795_272_009, Some("%Y-%m-%dT%H:%M:%S"));
        assert!(date.starts_with("2026-11-2") && date.len() == 19, "{date}");
    }

    #[test]
    fn name_of_a_stranger_is_no_line_of_ours() {
        assert_eq!(one_line("\ta/# (QoS 0)"), "\ta/# (QoS 0)");
        assert_eq!(one_line("Client a\nError: b\u{7}"), "Client a\\nError: b\\u{7}");
        assert_eq!(one_line(&"ü".repeat(4096)).len(), LINE_BYTES);
    }
}
