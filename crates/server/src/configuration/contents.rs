//! A configuration that can be used.

use super::assembly::{Assembly, Setting};
use super::checks::check;
use super::global::Global;
use super::listener::ListenerSettings;
use super::option::Group;
use super::origin::{Rejected, Remark};
use super::persona::Persona;
use super::plugins::PluginSettings;

/// What a broker is to be, as its users have written it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Whose defaults hold.
    pub persona: Persona,
    /// The broker as a whole.
    pub global: Global,
    /// Where clients connect. There is always one.
    pub listeners: Vec<ListenerSettings>,
    /// Mosquitto's plugins whose work is to be done.
    pub plugins: Vec<PluginSettings>,
    /// Whether nobody has said where to listen: then it is this machine alone, and everybody on it
    /// may come in.
    pub is_local: bool,
    /// What is to be said about it, in the order of the lines. Nothing of it is a mistake.
    pub remarks: Vec<Remark>,
    pub(super) settings: Vec<Setting>,
}

impl Configuration {
    pub(super) fn new(mut assembly: Assembly) -> Result<Self, Rejected> {
        check(&mut assembly);
        let is_wrong = assembly.is_wrong();
        let persona = assembly.persona();
        let Assembly { global, listeners, plugins, settings, remarks, is_local, .. } = assembly;
        if is_wrong {
            return Err(Rejected { remarks });
        }
        Ok(Self { persona, global, listeners, plugins, is_local, remarks, settings })
    }

    /// Whether anybody has said where the log goes, or what is in it.
    pub fn says_of_log(&self) -> bool {
        self.settings.iter().any(|setting| setting.option.group == Group::Logging)
    }

    /// Every value that was given, in the order in which they were read: what comes later counts
    /// more.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}
