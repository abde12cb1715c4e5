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
mod checks;
mod contents;
mod durability;
mod global;
mod listener;
mod logging;
mod option;
mod origin;
mod persona;
mod plugins;
mod reader;
mod reference;
mod rights;
mod serving;
mod sleepers;
mod table;
mod text;
mod users;
mod value;
mod values;

#[cfg(test)]
mod tests;

pub use assembly::{Scope, Setting};
pub use contents::Configuration;
pub use global::{Global, Lifetime, TopicDurability};
pub use listener::{Endpoint, ListenerSettings, Protocol, Security, TlsFiles};
pub use option::{Group, OptionDefinition, Reload, State};
pub use origin::{Origin, Rejected, Remark, Weight};
pub use persona::{MOSQUITTO_VERSION, Persona};
pub use plugins::{PluginSettings, Reach, StockPlugin};
pub use reader::Sources;
pub use reference::reference;
pub use serving::ServingError;
pub use sleepers::parse_sleepers;
pub use table::{nearest, option, options};
pub use value::{Ceiling, Kind, Whole, WrongValue};
pub use values::{Difference, Held};

use self::reader::{FileSystem, NoFiles, assemble, assemble_bytes};

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
