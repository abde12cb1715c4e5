//! The definition of an option: everything that is said about it is said here once, and the parser,
//! the flags, the names in the environment and the reference page are made from it.

use std::fmt;

use super::global::Global;
use super::listener::{Endpoint, ListenerSettings, Security};
use super::persona::Persona;
use super::value::{Kind, Value};

/// An option of the configuration: what Mosquitto calls a directive.
pub struct OptionDefinition {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) group: Group,
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) state: State,
    pub(super) reload: Reload,
    pub(super) repeat: Repeat,
    pub(super) advice: Option<&'static str>,
    pub(super) is_ours: bool,
    pub(super) is_everyday: bool,
    pub(super) about: &'static str,
}

/// What options are about. The order is that of the reference page and the help text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The broker as a whole.
    General,
    /// Where and how clients connect.
    Listeners,
    /// Certificates and ciphers.
    Tls,
    /// Who may do what.
    Security,
    /// Users that are known elsewhere.
    Users,
    /// How much of everything.
    Limits,
    /// What survives.
    Storage,
    /// The log.
    Logging,
    /// How much of everything, where Mosquitto has no word for it.
    Bounds,
    /// Connections to other brokers.
    Bridges,
}

/// Whether an option does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Works,
    /// There is nothing to do, for this reason: it is taken and changes nothing.
    Accepted(&'static str),
    /// Not yet; the broker starts and says so.
    Later(&'static str),
    /// Not yet; the broker does not start, since it would let in whom it should not.
    NotWithout(&'static str),
    /// Never; the broker does not start. What to do instead.
    Refused(&'static str),
}

/// When a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// When the configuration is read again.
    Live,
    /// When the broker starts again.
    Restart,
}

/// What it means if an option is given again in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The last one holds.
    Last,
    /// It is a mistake.
    Mistake,
    /// One more.
    More,
}

/// Where the value is kept.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Global(fn(&mut Global) -> &mut dyn Value),
    Listener(Without, fn(&mut ListenerSettings) -> &mut dyn Value),
    /// With the listener if each has its own settings, otherwise with the broker.
    Security(fn(&mut Security) -> &mut dyn Value),
    /// Nowhere: the text is looked at and remembered.
    Noted(Section),
    /// It begins something.
    Begins(Beginning),
}

/// What happens to an option of a listener before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// It is a mistake.
    Mistake,
    /// It begins the listener of port 1883.
    Default,
    /// It is a mistake, also where only the listener of port 1883 is there.
    MistakeAlsoByDefault,
}

/// The part of a configuration to which an option belongs that is only noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Section {
    Global,
    Listener,
    Bridge,
    Plugin,
}

/// What an option begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    Listener,
    DefaultPort,
    DefaultAddress,
    Bridge,
    Plugin(Loading),
    Files,
}

/// For whom a plugin is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loading {
    /// For the listener before it, if each has its own settings, otherwise for all.
    Here,
    /// For all.
    Everywhere,
    /// For the listeners that ask for it by name.
    Named,
}

impl OptionDefinition {
    /// The name in a file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Other names in a file.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// What it is about.
    pub fn group(&self) -> Group {
        self.group
    }

    /// What it takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it does what it says.
    pub fn state(&self) -> State {
        self.state
    }

    /// When a change holds.
    pub fn reload(&self) -> Reload {
        self.reload
    }

    /// What it does: one paragraph.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// What to write instead, if it is out of date.
    pub fn advice(&self) -> Option<&'static str> {
        self.advice
    }

    /// Whether Mosquitto does not know it.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Whether it may be given several times, for several values.
    pub fn is_list(&self) -> bool {
        self.repeat == Repeat::More
    }

    /// Whether a short help text names it.
    pub fn is_everyday(&self) -> bool {
        self.is_everyday
    }

    /// Its name in the environment, if it can be there: `FERRYMQ_` and the name.
    pub fn variable(&self) -> Option<String> {
        self.is_alone().then(|| format!("FERRYMQ_{}", self.name.to_uppercase().replace('.', "_")))
    }

    /// Its flag without the dashes before it, if there can be one.
    pub fn flag(&self) -> Option<String> {
        self.is_alone().then(|| self.name.replace('_', "-"))
    }

    /// Whether it means something without the lines before it.
    fn is_alone(&self) -> bool {
        match self.place {
            Place::Global(_) | Place::Listener(..) | Place::Security(_) => true,
            Place::Noted(section) => matches!(section, Section::Global | Section::Listener),
            Place::Begins(_) => false,
        }
    }

    /// What holds if nobody says anything: the texts of the values.
    pub fn default_of(&self, persona: Persona) -> Vec<String> {
        let endpoint = Endpoint::Loopback { port: DEFAULT_PORT };
        match self.place {
            Place::Global(field) => field(&mut Global::new(persona)).written(),
            Place::Listener(_, field) => {
                field(&mut ListenerSettings::new(persona, endpoint)).written()
            }
            Place::Security(field) => field(&mut Security::default()).written(),
            Place::Noted(_) | Place::Begins(_) => Vec::new(),
        }
    }

    const fn new(name: &'static str, group: Group, kind: Kind, place: Place) -> Self {
        let repeat = match kind {
            Kind::Text(_) | Kind::Path => Repeat::Mistake,
            _ => Repeat::Last,
        };
        Self {
            name,
            aliases: &[],
            group,
            kind,
            place,
            state: State::Works,
            reload: Reload::Live,
            repeat,
            advice: None,
            is_ours: false,
            is_everyday: false,
            about: "",
        }
    }

    /// Also known by these names.
    pub(super) const fn also(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Says what it does.
    pub(super) const fn does(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    pub(super) const fn state_is(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// Holds after a start only.
    pub(super) const fn at_start(self) -> Self {
        Self { reload: Reload::Restart, ..self }
    }

    /// If it is given again, the last one holds.
    pub(super) const fn last_holds(self) -> Self {
        Self { repeat: Repeat::Last, ..self }
    }

    /// May be given several times.
    pub(super) const fn several(self) -> Self {
        Self { repeat: Repeat::More, ..self }
    }

    /// Out of date.
    pub(super) const fn instead(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// Not known to Mosquitto.
    pub(super) const fn ours(self) -> Self {
        Self { is_ours: true, ..self }
    }

    /// Named by a short help text.
    pub(super) const fn everyday(self) -> Self {
        Self { is_everyday: true, ..self }
    }
}

impl fmt::Debug for OptionDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// An option of the broker as a whole.
pub(super) const fn global(
    name: &'static str,
    group: Group,
    kind: Kind,
    field: fn(&mut Global) -> &mut dyn Value,
) -> OptionDefinition {
    OptionDefinition::new(name, group, kind, Place::Global(field))
}

/// An option of a listener.
pub(super) const fn listener(
    name: &'static str,
    group: Group,
    kind: Kind,
    without: Without,
    field: fn(&mut ListenerSettings) -> &mut dyn Value,
) -> OptionDefinition {
    OptionDefinition::new(name, group, kind, Place::Listener(without, field))
}

/// An option about who may come in.
pub(super) const fn security(
    name: &'static str,
    kind: Kind,
    field: fn(&mut Security) -> &mut dyn Value,
) -> OptionDefinition {
    OptionDefinition::new(name, Group::Security, kind, Place::Security(field))
}

/// An option about users that are known elsewhere.
pub(super) const fn users(
    name: &'static str,
    kind: Kind,
    field: fn(&mut Security) -> &mut dyn Value,
) -> OptionDefinition {
    OptionDefinition::new(name, Group::Users, kind, Place::Security(field)).ours()
}

/// An option that is only noted.
pub(super) const fn noted(
    name: &'static str,
    group: Group,
    kind: Kind,
    section: Section,
) -> OptionDefinition {
    OptionDefinition::new(name, group, kind, Place::Noted(section))
}

/// An option that begins something.
pub(super) const fn begins(
    name: &'static str,
    group: Group,
    kind: Kind,
    beginning: Beginning,
) -> OptionDefinition {
    OptionDefinition::new(name, group, kind, Place::Begins(beginning))
}

/// The port of MQTT.
pub(super) const DEFAULT_PORT: u16 = 1883;
