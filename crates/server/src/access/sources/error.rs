//! Why a source of users cannot be used.

use std::io;
use std::path::PathBuf;

use ferrymq_access::token::{KeyError, TemplateError};
use ferrymq_transport::tls;

/// Why a source of users cannot be used. There is no secret in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds no text.
    #[error("{}: it is no UTF-8", path.display())]
    Text {
        /// Which.
        path: PathBuf,
    },
    /// A file of keys cannot be used.
    #[error("{}: {source}", path.display())]
    Keys {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A template is none.
    #[error("{option}: {source}")]
    Template {
        /// Of which option.
        option: &'static str,
        /// Why.
        #[source]
        source: TemplateError,
    },
    /// The files of TLS cannot be used.
    #[error("{option}: {source}")]
    Tls {
        /// For which option.
        option: &'static str,
        /// Why.
        #[source]
        source: tls::SettingsError,
    },
    /// The value of an option cannot be used.
    #[error("{option}: {words}")]
    Value {
        /// Of which option.
        option: &'static str,
        /// Why, and what to do.
        words: Box<str>,
    },
    /// A thread cannot be started.
    #[error("no thread can be started for {option}: {source}")]
    Thread {
        /// For which option.
        option: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SourceError {
    /// Which file or option is meant, and what is wrong with it.
    pub(crate) fn place_and_words(&self) -> (String, String) {
        match self {
            Self::File { path, source } => (path.display().to_string(), source.to_string()),
            Self::Text { path } => (path.display().to_string(), "it is no UTF-8".to_owned()),
            Self::Keys { path, source } => (path.display().to_string(), source.to_string()),
            Self::Template { option, source } => ((*option).to_owned(), source.to_string()),
            Self::Tls { option, source } => ((*option).to_owned(), source.to_string()),
            Self::Value { option, words } => ((*option).to_owned(), words.to_string()),
            Self::Thread { option, source } => {
                ((*option).to_owned(), format!("no thread can be started: {source}"))
            }
        }
    }
}
