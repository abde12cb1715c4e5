//! What is logged, and where to.

use std::path::PathBuf;

use super::value::{Value, WrongValue};
use crate::log::{LogDestination, LogType, LogTypes};

/// `none` takes away what was named before; it is written where nothing is left.
impl Value for Vec<LogDestination> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start();
        let destination = match word {
            "none" => {
                Self::clear(self);
                return Ok(());
            }
            "stdout" => LogDestination::Stdout,
            "stderr" => LogDestination::Stderr,
            "syslog" => LogDestination::Syslog,
            "topic" => LogDestination::Topic,
            "file" if rest.is_empty() => {
                return Err(WrongValue::new("the path of the file is missing"));
            }
            "file" if self.iter().any(|known| matches!(known, LogDestination::File(_))) => {
                return Err(WrongValue::new("there is a file already; one is all there can be"));
            }
            "file" => LogDestination::File(PathBuf::from(rest)),
            _ => {
                let words = format!(
                    "there is no {word:?}; choose none, stdout, stderr, syslog, topic or file PATH"
                );
                return Err(WrongValue::new(words));
            }
        };
        if !self.contains(&destination) {
            self.push(destination);
        }
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        if self.is_empty() {
            return vec!["none".to_owned()];
        }
        let words = self.iter().map(|destination| match destination {
            LogDestination::Stdout => "stdout".to_owned(),
            LogDestination::Stderr => "stderr".to_owned(),
            LogDestination::Syslog => "syslog".to_owned(),
            LogDestination::Topic => "topic".to_owned(),
            LogDestination::File(path) => format!("file {}", path.display()),
        });
        words.collect()
    }

    fn clear(&mut self) {
        Self::clear(self);
    }
}

/// `none` takes away what was named before; it is written where nothing is left.
impl Value for LogTypes {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        match text {
            "none" => *self = Self::NONE,
            "all" => *self = Self::ALL,
            _ => {
                let known = NAMES.iter().find(|(name, _)| *name == text);
                let (_, kind) =
                    known.ok_or_else(|| WrongValue::new(format!("there is no {text:?}")))?;
                *self |= *kind;
            }
        }
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let names = NAMES.iter().filter(|(_, kind)| self.contains(*kind));
        let names: Vec<String> = names.map(|(name, _)| (*name).to_owned()).collect();
        match names.len() {
            0 => vec!["none".to_owned()],
            all if all == NAMES.len() => vec!["all".to_owned()],
            _ => names,
        }
    }

    fn clear(&mut self) {
        *self = Self::NONE;
    }
}

const NAMES: [(&str, LogType); 9] = [
    ("error", LogType::Error),
    ("warning", LogType::Warning),
    ("notice", LogType::Notice),
    ("information", LogType::Information),
    ("debug", LogType::Debug),
    ("subscribe", LogType::Subscribe),
    ("unsubscribe", LogType::Unsubscribe),
    ("websockets", LogType::Websockets),
    ("internal", LogType::Internal),
];
