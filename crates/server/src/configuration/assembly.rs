//! Lines become a configuration: each line finds its option and its place, and everything that is
//! wrong is remembered, so that all of it is told at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::global::Global;
use super::listener::{Endpoint, ListenerSettings};
use super::option::{
    Beginning, DEFAULT_PORT, Loading, OptionDefinition, Place, Repeat, Section, State, Without,
};
use super::origin::{Origin, Rank, Remark, Weight};
use super::persona::Persona;
use super::plugins::{PluginSettings, Reach, StockPlugin, foreign};
use super::table::{nearest, option};

/// What lines have said so far.
pub(super) struct Assembly {
    pub(super) global: Global,
    pub(super) listeners: Vec<ListenerSettings>,
    pub(super) plugins: Vec<PluginSettings>,
    pub(super) settings: Vec<Setting>,
    pub(super) remarks: Vec<Remark>,
    /// Whether nobody has said where to listen.
    pub(super) is_local: bool,
    persona: Persona,
    /// The listener that needs no line of its own.
    default_listener: Option<usize>,
    /// Where the current file is.
    current: Current,
    bridges: HashMap<Box<str>, Origin>,
    bridge_count: usize,
    security_begun: bool,
    /// Who was the first to give an option in a place.
    first: HashMap<(&'static str, Scope, Rank), Origin>,
    /// What flags and the environment say of every listener.
    for_all_listeners: Vec<(&'static OptionDefinition, String, Origin)>,
    mistakes: usize,
}

/// What the lines of a file refer to.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    listener: Option<usize>,
    bridge: Option<usize>,
    plugin: Option<usize>,
}

/// One value that was given.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Of which option.
    pub(super) option: &'static OptionDefinition,
    /// Of what.
    pub(super) scope: Scope,
    /// The value, as the option writes it.
    pub(super) text: String,
    /// Who said so.
    pub(super) origin: Origin,
}

impl Setting {
    /// Of which option.
    pub fn option(&self) -> &'static OptionDefinition {
        self.option
    }

    /// Of what.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The value, as the option writes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who said so.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// What an option is an option of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The broker as a whole.
    Global,
    /// The listener of this index.
    Listener(usize),
    /// The bridge of this index.
    Bridge(usize),
    /// The plugin of this index.
    Plugin(usize),
}

/// What a line asks its caller to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Continue,
    /// To read the files of this directory.
    Include(String),
    /// To stop: there are too many mistakes.
    Stop,
}

impl Assembly {
    pub(super) fn new(persona: Persona) -> Self {
        Self {
            global: Global::new(persona),
            listeners: Vec::new(),
            plugins: Vec::new(),
            settings: Vec::new(),
            remarks: Vec::new(),
            is_local: true,
            persona,
            default_listener: None,
            current: Current::default(),
            bridges: HashMap::new(),
            bridge_count: 0,
            security_begun: false,
            first: HashMap::new(),
            for_all_listeners: Vec::new(),
            mistakes: 0,
        }
    }

    /// What `read` makes of another file, in which no listener, bridge or plugin has begun yet.
    pub(super) fn within_file<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.current);
        let result = read(self);
        self.current = before;
        result
    }

    /// Takes one line of a file, or a flag or variable as if it were one.
    pub(super) fn line(&mut self, name: &str, rest: &str, origin: &Origin) -> Next {
        if let Err(words) = self.take(name, rest, origin) {
            match words {
                Stumble::Include(directory) => return Next::Include(directory),
                Stumble::Mistake(words) => self.mistake(origin, words),
            }
        }
        if self.mistakes >= MAXIMUM_MISTAKES { Next::Stop } else { Next::Continue }
    }

    pub(super) fn mistake(&mut self, origin: &Origin, words: impl Into<String>) {
        self.mistakes += 1;
        self.remark(origin, Weight::Mistake, words);
    }

    pub(super) fn remark(&mut self, origin: &Origin, weight: Weight, words: impl Into<String>) {
        self.remarks.push(Remark { origin: origin.clone(), weight, words: words.into() });
    }

    /// Whether there is a mistake.
    pub(super) fn is_wrong(&self) -> bool {
        self.mistakes > 0
    }

    /// Says where to listen if the lines do not, or if `endpoints` are to be used whatever they
    /// say; and lets what flags and the environment say of listeners hold for all of them.
    pub(super) fn finish(&mut self, endpoints: &[Endpoint], local_ports: &[u16]) {
        if !endpoints.is_empty() {
            self.listen_at(endpoints);
        } else if self.is_local {
            self.listen_locally(local_ports);
        }
        let overrides = std::mem::take(&mut self.for_all_listeners);
        for (option, text, origin) in overrides {
            for listener in 0..self.listeners.len() {
                let scope = Scope::Listener(listener);
                if let Err(words) = self.put(option, scope, text.clone(), &origin) {
                    self.mistake(&origin, words);
                    break;
                }
            }
        }
        if self.is_local || !endpoints.is_empty() {
            self.global.security.allow_anonymous.get_or_insert(true);
        }
    }

    /// Forgets the listeners of the lines for these.
    fn listen_at(&mut self, endpoints: &[Endpoint]) {
        self.settings.retain(|setting| !matches!(setting.scope, Scope::Listener(_)));
        let of_broker = |scope: &Scope| !matches!(scope, Scope::Listener(_));
        self.first.retain(|(_, scope, _), _| of_broker(scope));
        let new = |endpoint: &Endpoint| ListenerSettings::new(self.persona, endpoint.clone());
        self.listeners = endpoints.iter().map(new).collect();
        self.is_local = endpoints.iter().all(|at| matches!(at, Endpoint::Loopback { .. }));
    }

    /// Listens for this machine alone, as Mosquitto does where nobody says where to listen.
    fn listen_locally(&mut self, ports: &[u16]) {
        self.default_listener();
        let Some(listener) = self.listeners.first().cloned() else { return };
        if !ports.is_empty() {
            let new = |port: &u16| ListenerSettings {
                endpoint: Endpoint::Loopback { port: *port },
                ..listener.clone()
            };
            self.listeners = ports.iter().map(new).collect();
        }
    }

    fn take(&mut self, name: &str, rest: &str, origin: &Origin) -> Result<(), Stumble> {
        let Some(option) = option(name) else {
            return Err(Stumble::Mistake(unknown(name, self.persona)));
        };
        let (text, ignored) =
            option.kind.check(rest).map_err(|wrong| format!("{name}: {wrong}"))?;
        if let Some(ignored) = ignored.filter(|ignored| !ignored.starts_with('#')) {
            let words = format!("{name}: {ignored:?} after the value means nothing; take it out");
            self.remark(origin, Weight::Notice, words);
        }
        self.judge(option, name, origin)?;
        if let Place::Begins(beginning) = option.place {
            return self.begin(option, beginning, text, origin);
        }
        // An option with a name of many ends keeps the end beside its value.
        let text = match option.name.strip_suffix('*').and_then(|start| name.strip_prefix(start)) {
            Some(end) => format!("{end} {text}"),
            None => text,
        };
        if origin.rank() != Rank::File && option.is_of_listeners() {
            self.for_all_listeners.push((option, text, origin.clone()));
            return Ok(());
        }
        let scope = self.scope(option, name)?;
        Ok(self.put(option, scope, text, origin)?)
    }

    /// Says what there is to say about the option whatever its value is.
    fn judge(
        &mut self,
        option: &OptionDefinition,
        name: &str,
        origin: &Origin,
    ) -> Result<(), String> {
        if let Some(advice) = option.advice {
            self.remark(origin, Weight::Notice, format!("{name} is out of date: {advice}"));
        }
        match option.state {
            State::Works | State::Later("") => {}
            State::Accepted(why) => {
                self.remark(origin, Weight::Notice, format!("{name} changes nothing: {why}"));
            }
            State::Later(why) => {
                let words = format!("{name} has no effect yet: {why}");
                self.remark(origin, Weight::Warning, words);
            }
            State::NotWithout(why) | State::Refused(why) => return Err(format!("{name}: {why}")),
        }
        Ok(())
    }

    fn begin(
        &mut self,
        option: &'static OptionDefinition,
        beginning: Beginning,
        text: String,
        origin: &Origin,
    ) -> Result<(), Stumble> {
        let wrong = |wrong| format!("{}: {wrong}", option.name);
        let scope = match beginning {
            Beginning::Files => return Err(Stumble::Include(text)),
            Beginning::Listener => {
                let endpoint = Endpoint::read(&text).map_err(wrong)?;
                self.is_local = false;
                Scope::Listener(self.add_listener(ListenerSettings::new(self.persona, endpoint))?)
            }
            Beginning::DefaultPort | Beginning::DefaultAddress => {
                let listener = self.default_listener();
                self.current.listener = Some(listener);
                self.is_local = false;
                let endpoint = self.listeners.get_mut(listener).map(|on| &mut on.endpoint);
                if let Some(endpoint) = endpoint {
                    let (mut port, mut host) = match &*endpoint {
                        Endpoint::Tcp { port, host } => (*port, host.clone()),
                        _ => (DEFAULT_PORT, None),
                    };
                    match text.parse() {
                        Ok(number) if beginning == Beginning::DefaultPort => port = number,
                        _ => host = Some(text.clone()),
                    }
                    *endpoint = Endpoint::Tcp { port, host };
                }
                Scope::Listener(listener)
            }
            Beginning::Bridge => {
                let name = text.split(' ').next().unwrap_or_default();
                if let Some(first) = self.bridges.insert(Box::from(name), origin.clone()) {
                    let words = format!(
                        "connection: there is a bridge {name:?} already, at {first}; choose \
                         another name"
                    );
                    return Err(Stumble::Mistake(words));
                }
                self.current.bridge = Some(self.bridge_count);
                self.bridge_count += 1;
                Scope::Bridge(self.bridge_count - 1)
            }
            Beginning::Plugin(loading) => {
                let plugin = self.plugin(loading, &text, origin);
                self.plugins.push(plugin.map_err(|words| format!("{}: {words}", option.name))?);
                let index = self.plugins.len() - 1;
                self.current.plugin = Some(index);
                Scope::Plugin(index)
            }
        };
        self.settings.push(Setting { option, scope, text, origin: origin.clone() });
        Ok(())
    }

    /// The plugin that a line loads.
    fn plugin(
        &mut self,
        loading: Loading,
        text: &str,
        origin: &Origin,
    ) -> Result<PluginSettings, String> {
        // Until there is one, options have no plugin.
        self.current.plugin = None;
        let (name, path) = match loading {
            Loading::Named => {
                let (name, path) =
                    text.split_once(' ').ok_or("a name and the path of the plugin are missing")?;
                (Some(name), path.trim_start())
            }
            Loading::Here | Loading::Everywhere => (None, text),
        };
        let reach = match (loading, name, self.current.listener) {
            (_, Some(name), _) => Reach::Named(Box::from(name), Vec::new()),
            (Loading::Here, None, Some(listener)) if self.global.per_listener_settings => {
                Reach::Listener(listener)
            }
            (Loading::Here, None, None) if self.global.per_listener_settings => {
                return Err(
                    "write the line of its listener before it, or write global_plugin".to_owned()
                );
            }
            _ => Reach::All,
        };
        if let Reach::Named(name, _) = &reach
            && self.plugins.iter().any(|other| other.is_named(name))
        {
            return Err(format!("there is a plugin {name:?} already; choose another name"));
        }
        self.security_begun |= loading == Loading::Here;
        let plugin = StockPlugin::of_file(path).ok_or_else(|| foreign(path))?;
        if let Some(words) = plugin.remark() {
            self.remark(origin, Weight::Warning, format!("{}: {words}", plugin.name()));
        }
        Ok(PluginSettings { plugin, reach, options: Vec::new(), origin: origin.clone() })
    }

    /// Notes what is said of a plugin, or of a listener that uses it.
    fn note(&mut self, option: &OptionDefinition, scope: Scope, text: &str) -> Result<(), String> {
        match scope {
            Scope::Plugin(index) if option.name.ends_with('*') => {
                let (name, value) = text.split_once(' ').unwrap_or((text, ""));
                let Some(plugin) = self.plugins.get_mut(index) else { return Ok(()) };
                if !plugin.plugin.options().contains(&name) {
                    return Err(match plugin.plugin.options() {
                        [] => format!("{} has no options", plugin.plugin.name()),
                        known => format!(
                            "{} has no option {name:?}; there is {}",
                            plugin.plugin.name(),
                            known.join(", ")
                        ),
                    });
                }
                plugin.options.push((Box::from(name), Box::from(value)));
                Ok(())
            }
            Scope::Listener(listener) if option.name == PLUGIN_USE => {
                let named = self.plugins.iter_mut().find(|plugin| plugin.is_named(text));
                match named.map(|plugin| &mut plugin.reach) {
                    Some(Reach::Named(_, listeners)) => listeners.push(listener),
                    _ => {
                        return Err(format!(
                            "there is no plugin {text:?}; load it before with plugin_load {text} FILE"
                        ));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_listener(&mut self, settings: ListenerSettings) -> Result<usize, String> {
        if self.listeners.len() >= MAXIMUM_LISTENERS {
            return Err(format!("there are more than {MAXIMUM_LISTENERS} listeners"));
        }
        self.listeners.push(settings);
        let index = self.listeners.len() - 1;
        self.current.listener = Some(index);
        Ok(index)
    }

    /// The listener that needs no line of its own. Until somebody says where, it is for this
    /// machine alone.
    fn default_listener(&mut self) -> usize {
        *self.default_listener.get_or_insert_with(|| {
            let endpoint = Endpoint::Loopback { port: DEFAULT_PORT };
            self.listeners.push(ListenerSettings::new(self.persona, endpoint));
            self.listeners.len() - 1
        })
    }

    /// Of what the option of this line is an option.
    fn scope(&mut self, option: &OptionDefinition, name: &str) -> Result<Scope, String> {
        let no_listener = || format!("{name}: write the line of its listener before it");
        match option.place {
            Place::Global(_) | Place::Begins(_) | Place::Noted(Section::Global) => {
                Ok(Scope::Global)
            }
            Place::Listener(without, _) => match (self.current.listener, without) {
                (Some(current), Without::MistakeAlsoByDefault)
                    if Some(current) == self.default_listener =>
                {
                    Err(no_listener())
                }
                (Some(current), _) => Ok(Scope::Listener(current)),
                (None, Without::Default) => {
                    let listener = self.default_listener();
                    self.current.listener = Some(listener);
                    Ok(Scope::Listener(listener))
                }
                (None, _) => Err(no_listener()),
            },
            Place::Noted(Section::Listener) => {
                let listener = self.current.listener.unwrap_or_else(|| self.default_listener());
                Ok(Scope::Listener(listener))
            }
            Place::Security(_) => {
                self.security_begun = true;
                match (self.global.per_listener_settings, self.current.listener) {
                    (false, _) => Ok(Scope::Global),
                    (true, Some(current)) => Ok(Scope::Listener(current)),
                    (true, None) => Err(no_listener()),
                }
            }
            Place::Noted(Section::Bridge) => {
                self.current.bridge.map(Scope::Bridge).ok_or_else(|| {
                    format!("{name}: write the line connection NAME of its bridge before it")
                })
            }
            Place::Noted(Section::Plugin) => self
                .current
                .plugin
                .map(Scope::Plugin)
                .ok_or_else(|| format!("{name}: write the line of its plugin before it")),
        }
    }

    /// Puts a value in its place.
    fn put(
        &mut self,
        option: &'static OptionDefinition,
        scope: Scope,
        text: String,
        origin: &Origin,
    ) -> Result<(), String> {
        if self.settings.len() >= MAXIMUM_SETTINGS {
            return Err(format!("there are more than {MAXIMUM_SETTINGS} lines"));
        }
        if option.name == PER_LISTENER_SETTINGS
            && self.global.per_listener_settings != (text == "true")
        {
            if self.global.per_listener_settings {
                // Mosquitto never goes back.
                return Ok(());
            }
            if self.security_begun {
                return Err(format!("{PER_LISTENER_SETTINGS}: write it before all about users"));
            }
        }
        let is_first = self.is_first(option, scope, origin)?;
        let field = match (option.place, scope) {
            (Place::Global(field), _) => Some(field(&mut self.global)),
            (Place::Security(field), Scope::Global) => Some(field(&mut self.global.security)),
            (Place::Listener(_, field), Scope::Listener(index)) => {
                self.listeners.get_mut(index).map(field)
            }
            (Place::Security(field), Scope::Listener(index)) => {
                self.listeners.get_mut(index).map(|on| field(&mut on.security))
            }
            _ => None,
        };
        if let Some(field) = field {
            if is_first && option.is_list() {
                field.clear();
            }
            field.read(&text).map_err(|wrong| format!("{}: {wrong}", option.name))?;
        } else {
            self.note(option, scope, &text).map_err(|words| format!("{}: {words}", option.name))?;
        }
        self.settings.push(Setting { option, scope, text, origin: origin.clone() });
        Ok(())
    }

    /// Whether nobody who counts as much has given this option here; if so, a list begins anew.
    fn is_first(
        &mut self,
        option: &OptionDefinition,
        scope: Scope,
        origin: &Origin,
    ) -> Result<bool, String> {
        match self.first.entry((option.name, scope, origin.rank())) {
            Entry::Vacant(entry) => {
                entry.insert(origin.clone());
                Ok(true)
            }
            Entry::Occupied(entry) if option.repeat == Repeat::Mistake => Err(format!(
                "{}: it is given already, at {}; take one of them out",
                option.name,
                entry.get()
            )),
            Entry::Occupied(_) => Ok(false),
        }
    }

    /// Which program's defaults hold.
    pub(super) fn persona(&self) -> Persona {
        self.persona
    }
}

impl OptionDefinition {
    fn is_of_listeners(&self) -> bool {
        matches!(self.place, Place::Listener(..) | Place::Noted(Section::Listener))
    }
}

/// Why a line is not done with.
enum Stumble {
    Mistake(String),
    Include(String),
}

impl From<String> for Stumble {
    fn from(words: String) -> Self {
        Self::Mistake(words)
    }
}

/// What is wrong with a name that is no option, and what to do.
fn unknown(name: &str, persona: Persona) -> String {
    let separated = name.split_once(['\t', '=', ':']).filter(|(known, _)| option(known).is_some());
    let advice = match (separated, nearest(name)) {
        (Some((known, _)), _) => format!("write {known}, one space, and the value"),
        (None, Some(nearest)) => format!("do you mean {nearest}?"),
        (None, None) => "the reference page lists all options".to_owned(),
    };
    match persona {
        Persona::Ferrymq => format!("there is no {name:?}; {advice}"),
        // Scripts look for these words.
        Persona::Mosquitto => format!("Unknown configuration variable {name:?}. ({advice})"),
    }
}

const PER_LISTENER_SETTINGS: &str = "per_listener_settings";
const PLUGIN_USE: &str = "plugin_use";
/// Mistakes after which the rest is not looked at.
const MAXIMUM_MISTAKES: usize = 100;
/// Listeners of one broker.
const MAXIMUM_LISTENERS: usize = 1024;
/// Lines that say something, in all files.
const MAXIMUM_SETTINGS: usize = 100_000;
