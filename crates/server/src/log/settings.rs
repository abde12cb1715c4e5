//! What is logged, where to, and how a line begins.

use std::ops::{BitOr, BitOrAssign};
use std::path::PathBuf;

/// What is logged, where to, and how a line begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Where the lines go. Nowhere if this is empty.
    pub destinations: Vec<LogDestination>,
    /// Which lines there are.
    pub types: LogTypes,
    /// Whether a line begins with the time.
    pub timestamp: bool,
    /// The form of that time, as `strftime` has it; `None` is the number of seconds since 1970.
    pub timestamp_format: Option<Box<str>>,
    /// The facility of the system's log, `local0` to `local7`; `None` is `daemon`.
    pub facility: Option<u8>,
}

/// Where a line of the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The log of the system.
    Syslog,
    /// A topic below `$SYS/broker/log`. Details are left out there: to send them would make more of
    /// them.
    Topic,
    /// The end of this file, which is made if there is none. Others may not read it.
    File(PathBuf),
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogType {
    /// What does not work, and needs somebody.
    Error,
    /// What may not be meant so.
    Warning,
    /// Clients that come and go.
    Notice,
    /// What the broker does by itself.
    Information,
    /// Every packet.
    Debug,
    /// Who subscribes.
    Subscribe,
    /// Who unsubscribes.
    Unsubscribe,
    /// The WebSocket layer.
    Websockets,
    /// What only the makers understand.
    Internal,
}

/// A set of kinds of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTypes(u16);

impl LogTypes {
    /// No line at all.
    pub const NONE: Self = Self(0);
    /// Every line.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether lines of this kind are in the set.
    pub const fn contains(self, kind: LogType) -> bool {
        self.0 & Self::only(kind).0 != 0
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    const fn only(kind: LogType) -> Self {
        Self(match kind {
            LogType::Error => 1 << 0,
            LogType::Warning => 1 << 1,
            LogType::Notice => 1 << 2,
            LogType::Information => 1 << 3,
            LogType::Debug => 1 << 4,
            LogType::Subscribe => 1 << 5,
            LogType::Unsubscribe => 1 << 6,
            LogType::Websockets => 1 << 7,
            LogType::Internal => 1 << 8,
        })
    }
}

/// Errors, warnings, notices and information.
impl Default for LogTypes {
    fn default() -> Self {
        Self::from(LogType::Error) | LogType::Warning | LogType::Notice | LogType::Information
    }
}

impl From<LogType> for LogTypes {
    fn from(kind: LogType) -> Self {
        Self::only(kind)
    }
}

impl<T: Into<Self>> BitOr<T> for LogTypes {
    type Output = Self;

    fn bitor(self, other: T) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<T: Into<Self>> BitOrAssign<T> for LogTypes {
    fn bitor_assign(&mut self, other: T) {
        *self = *self | other;
    }
}

/// Standard error, lines of the usual kinds, the time in seconds.
impl Default for LogSettings {
    fn default() -> Self {
        Self {
            destinations: vec![LogDestination::Stderr],
            types: LogTypes::default(),
            timestamp: true,
            timestamp_format: None,
            facility: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_lines_are_those_without_details() {
        let usual = LogTypes::default();
        for kind in [LogType::Error, LogType::Warning, LogType::Notice, LogType::Information] {
            assert!(usual.contains(kind), "{kind:?}");
        }
        for kind in [LogType::Debug, LogType::Subscribe, LogType::Unsubscribe, LogType::Websockets]
        {
            assert!(!usual.contains(kind), "{kind:?}");
            assert!(LogTypes::ALL.contains(kind) && !LogTypes::NONE.contains(kind), "{kind:?}");
            let mut more = usual;
            more |= kind;
            assert!(more.contains(kind) && more.contains(LogType::Error));
        }
    }
}
