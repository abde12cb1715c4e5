//! What holds, option by option: for those who ask, who compare, and who write it down.

use std::fmt;

use super::assembly::{Scope, Setting};
use super::contents::Configuration;
use super::option::{Beginning, OptionDefinition, Place, Reload, Section};
use super::origin::Origin;
use super::plugins::Reach;
use super::table::options;

/// What an option is in one place.
#[derive(Clone, Debug)]
pub struct Held {
    /// The option.
    pub option: &'static OptionDefinition,
    /// Of what: empty for the broker as a whole, otherwise the line that begins it.
    pub of: String,
    /// The texts of its values; empty: nothing.
    pub texts: Vec<String>,
    /// Who said so; empty: it is the default.
    pub origins: Vec<Origin>,
}

/// A difference between two configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of what: empty for the broker as a whole, otherwise the line that begins it.
    pub of: String,
    /// What differs; `None`: it is not there as a whole.
    pub option: Option<&'static str>,
    /// The texts of the values before.
    pub before: Vec<String>,
    /// The texts of the values afterwards.
    pub after: Vec<String>,
    /// When it holds.
    pub reload: Reload,
}

impl Configuration {
    /// What holds for this option, in each place where it can be.
    pub fn held(&self, option: &'static OptionDefinition) -> Vec<Held> {
        let places = self.places().into_iter().filter(|(scope, _)| self.can_be(option, *scope));
        places
            .map(|(scope, of)| Held {
                option,
                of,
                texts: self.texts(option, scope),
                origins: self.origins(option, scope),
            })
            .collect()
    }

    /// How another configuration differs from this one.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let (mine, others) = (self.places(), after.places());
        let mut differences = Vec::new();
        for (scope, of) in &mine {
            let Some((other, _)) = others.iter().find(|(_, other)| other == of) else {
                differences.push(Difference::of_whole(of, true));
                continue;
            };
            for option in options().filter(|option| self.can_be(option, *scope)) {
                let (before, after) = (self.texts(option, *scope), after.texts(option, *other));
                if before != after {
                    let (of, option, reload) = (of.clone(), Some(option.name), option.reload);
                    differences.push(Difference { of, option, before, after, reload });
                }
            }
        }
        let new = others.iter().filter(|(_, of)| !mine.iter().any(|(_, known)| known == of));
        differences.extend(new.map(|(_, of)| Difference::of_whole(of, false)));
        differences
    }

    /// The broker, its listeners, bridges and plugins, with the lines that begin them.
    fn places(&self) -> Vec<(Scope, String)> {
        let mut places = vec![(Scope::Global, String::new())];
        // A plugin stands after the listener whose it is, and before all that ask for it by name.
        places.extend(self.beginnings(|scope| match scope {
            Scope::Plugin(index) => self.listener_of_plugin(index).is_none(),
            _ => false,
        }));
        for (index, listener) in self.listeners.iter().enumerate() {
            places.push((Scope::Listener(index), format!("listener {}", listener.endpoint)));
            places.extend(self.beginnings(|scope| match scope {
                Scope::Plugin(plugin) => self.listener_of_plugin(plugin) == Some(index),
                _ => false,
            }));
        }
        places.extend(self.beginnings(|scope| matches!(scope, Scope::Bridge(_))));
        places
    }

    /// The lines that begin something of this kind.
    fn beginnings(
        &self,
        is_meant: impl Fn(Scope) -> bool,
    ) -> impl Iterator<Item = (Scope, String)> {
        let begin = self.settings.iter().filter(move |setting| {
            matches!(setting.option.place, Place::Begins(_)) && is_meant(setting.scope)
        });
        begin.map(|setting| (setting.scope, format!("{} {}", setting.option.name, setting.text)))
    }

    fn listener_of_plugin(&self, index: usize) -> Option<usize> {
        match self.plugins.get(index)?.reach {
            Reach::Listener(listener) => Some(listener),
            Reach::All | Reach::Named(..) => None,
        }
    }

    fn can_be(&self, option: &OptionDefinition, scope: Scope) -> bool {
        match (option.place, scope) {
            (Place::Global(_), Scope::Global) | (Place::Listener(..), Scope::Listener(_)) => true,
            (Place::Security(_), Scope::Global) => !self.global.per_listener_settings,
            (Place::Security(_), Scope::Listener(_)) => self.global.per_listener_settings,
            (Place::Noted(section), scope) => matches!(
                (section, scope),
                (Section::Global, Scope::Global)
                    | (Section::Listener, Scope::Listener(_))
                    | (Section::Bridge, Scope::Bridge(_))
                    | (Section::Plugin, Scope::Plugin(_))
            ),
            _ => false,
        }
    }

    fn texts(&self, option: &OptionDefinition, scope: Scope) -> Vec<String> {
        let listener = match scope {
            Scope::Listener(index) => self.listeners.get(index).cloned(),
            _ => None,
        };
        match (option.place, listener) {
            (Place::Global(field), _) => field(&mut self.global.clone()).written(),
            (Place::Security(field), None) => field(&mut self.global.security.clone()).written(),
            (Place::Security(field), Some(mut listener)) => field(&mut listener.security).written(),
            (Place::Listener(_, field), Some(mut listener)) => field(&mut listener).written(),
            (Place::Noted(_), _) => {
                self.given(option, scope).map(|setting| setting.text.clone()).collect()
            }
            (Place::Listener(..) | Place::Begins(_), _) => Vec::new(),
        }
    }

    /// Those whose word holds: for a list all who counted most, otherwise the last.
    fn origins(&self, option: &OptionDefinition, scope: Scope) -> Vec<Origin> {
        let mut origins: Vec<Origin> =
            self.given(option, scope).map(|setting| setting.origin.clone()).collect();
        if let Some(last) = origins.last().cloned() {
            origins.retain(|origin| match option.is_list() {
                true => origin.rank() == last.rank(),
                false => *origin == last,
            });
        }
        origins
    }

    fn given(&self, option: &OptionDefinition, scope: Scope) -> impl Iterator<Item = &Setting> {
        let name = option.name;
        self.settings
            .iter()
            .filter(move |setting| setting.option.name == name && setting.scope == scope)
    }

    /// Writes the options of a place that are not as they would be if nobody said anything.
    fn write(&self, f: &mut fmt::Formatter<'_>, scope: Scope) -> fmt::Result {
        // What it says holds for what follows.
        let first = options().filter(|option| option.name == PER_LISTENER_SETTINGS);
        let others = options().filter(|option| option.name != PER_LISTENER_SETTINGS);
        for option in first.chain(others).filter(|option| self.can_be(option, scope)) {
            let texts = self.texts(option, scope);
            if texts != option.default_of(self.persona) {
                for text in texts {
                    match option.name.strip_suffix('*') {
                        Some(start) => writeln!(f, "{start}{text}")?,
                        None => writeln!(f, "{} {text}", option.name)?,
                    }
                }
            }
        }
        Ok(())
    }
}

impl Difference {
    fn of_whole(of: &str, was_there: bool) -> Self {
        let (before, after) = if was_there {
            (vec![of.to_owned()], Vec::new())
        } else {
            (Vec::new(), vec![of.to_owned()])
        };
        Self { of: of.to_owned(), option: None, before, after, reload: Reload::Live }
    }
}

/// The configuration as a file that says the same. What only a flag can say is left out.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scope, begins) in self.places() {
            let is_unsaid =
                scope == Scope::Global || self.is_local && matches!(scope, Scope::Listener(_));
            if !is_unsaid {
                writeln!(f, "{begins}")?;
            }
            self.write(f, scope)?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(option) = self.option else {
            let word = if self.after.is_empty() { "is removed" } else { "is new" };
            return write!(f, "{} {word}", self.of);
        };
        if !self.of.is_empty() {
            write!(f, "{}: ", self.of)?;
        }
        let texts = |texts: &[String]| match texts {
            [] => "nothing".to_owned(),
            texts => texts.join(", "),
        };
        write!(f, "{option}: {} becomes {}", texts(&self.before), texts(&self.after))?;
        match self.reload {
            Reload::Live => Ok(()),
            Reload::Restart => f.write_str(" when the broker is started again"),
        }
    }
}

impl OptionDefinition {
    /// Whether the line begins a listener.
    pub(super) fn begins_listener(&self) -> bool {
        matches!(self.place, Place::Begins(Beginning::Listener))
    }
}

const PER_LISTENER_SETTINGS: &str = "per_listener_settings";
