//! What the broker says of itself, as lines of a log like Mosquitto's: errors and warnings begin with
//! that word.

use std::fmt::{self, Write};

use ferrymq_server::{Log, LogType};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Writes events into a log.
pub(crate) struct LogLines {
    log: Log,
    /// Modules for whose news there are other words.
    said_otherwise: &'static [&'static str],
}

impl LogLines {
    /// The events of our own modules, but not the mere news of some of them.
    pub(crate) const fn new(log: Log, said_otherwise: &'static [&'static str]) -> Self {
        Self { log, said_otherwise }
    }
}

impl<S: Subscriber> Layer<S> for LogLines {
    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        let is_said_otherwise =
            *metadata.level() == Level::INFO && self.said_otherwise.contains(&metadata.target());
        is_ours(metadata) && !is_said_otherwise && self.log.wants(kind_of(*metadata.level()))
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let Words { mut message, fields } = words;
        message.push_str(&fields);
        let kind = kind_of(*event.metadata().level());
        let beginning = match kind {
            LogType::Error => "Error: ",
            LogType::Warning => "Warning: ",
            _ => "",
        };
        self.log.say(kind, format_args!("{beginning}{message}"));
    }
}

/// Libraries are not asked: what they say is for those who make programs of them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("ferrymq")
}

const fn kind_of(level: Level) -> LogType {
    match level {
        Level::ERROR => LogType::Error,
        Level::WARN => LogType::Warning,
        Level::INFO => LogType::Information,
        Level::DEBUG => LogType::Debug,
        Level::TRACE => LogType::Internal,
    }
}

/// The words of an event.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => self.message.write_str(value),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}
