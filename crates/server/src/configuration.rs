//! The configuration: Mosquitto's language of lines, with our own options beside Mosquitto's.
//!
//! Each option is defined once, in the tables under `table`. The parser, the flags of the command
//! line, the names in the environment and the reference page are made from these definitions.
//! Reading does not stop at a mistake: everything that is wrong is told at once, with its place.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod assembly;
mod durability;
mod global;
mod listener;
mod logging;
mod option;
mod origin;
mod reader;
mod sleepers;
mod table;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use assembly::{Scope, Setting};
pub use global::{Global, Lifetime, Persona, TopicDurability};
pub use listener::{Endpoint, ListenerSettings, Protocol, Security, TlsFiles, Versions};
pub use option::{Group, OptionDefinition, Reload, State};
pub use origin::{Origin, Rejected, Remark, Weight};
pub use reader::Sources;
pub use sleepers::parse_sleepers;
pub use table::{nearest, option, options};
pub use value::{Ceiling, Kind, Whole, WrongValue};

use self::assembly::Assembly;
use self::reader::{FileSystem, NoFiles, assemble, assemble_bytes};

/// What a broker is to be, as its users have written it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Whose defaults hold.
    pub persona: Persona,
    /// The broker as a whole.
    pub global: Global,
    /// Where clients connect. There is always one.
    pub listeners: Vec<ListenerSettings>,
    /// Whether nobody has said where to listen: then it is this machine alone, and everybody on it
    /// may come in.
    pub is_local: bool,
    /// What is to be said about it, in the order of the lines. Nothing of it is a mistake.
    pub remarks: Vec<Remark>,
    settings: Vec<Setting>,
}

/// Reads a configuration.
///
/// # Errors
///
/// All its mistakes.
pub fn read(sources: &Sources) -> Result<Configuration, Rejected> {
    Configuration::new(assemble(sources, &FileSystem))
}

/// Reads these bytes as if they were a file, without reading any other.
///
/// # Errors
///
/// All its mistakes.
pub fn parse(persona: Persona, bytes: &[u8]) -> Result<Configuration, Rejected> {
    Configuration::new(assemble_bytes(persona, bytes, &NoFiles))
}

impl Configuration {
    fn new(mut assembly: Assembly) -> Result<Self, Rejected> {
        assembly.finish();
        let is_wrong = assembly.is_wrong();
        let persona = assembly.persona();
        let Assembly { global, listeners, settings, remarks, is_local, .. } = assembly;
        if is_wrong {
            return Err(Rejected { remarks });
        }
        Ok(Self { persona, global, listeners, is_local, remarks, settings })
    }

    /// Every value that was given, in the order in which they were read: what comes later counts
    /// more.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}
