//! The flags that the options of the configuration have: one for each that means something alone.

use std::fmt::Write as _;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use ferrymq_server::configuration::{Group, Kind, OptionDefinition, Persona, options};

/// What the flags say, by the names of their options, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionFlags(pub(crate) Vec<(String, String)>);

impl Args for OptionFlags {
    fn augment_args(command: Command) -> Command {
        options().filter_map(flag).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OptionFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let mut given: Vec<(usize, &str, String)> = Vec::new();
        for option in options().filter(|option| option.flag().is_some()) {
            let name = option.name();
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            let places = matches.indices_of(name).into_iter().flatten();
            given.extend(places.zip(values).map(|(place, value)| (place, name, value)));
        }
        given.sort_by_key(|(place, ..)| *place);
        self.0 = given.into_iter().map(|(_, name, value)| (name.to_owned(), value)).collect();
        Ok(())
    }
}

fn flag(option: &'static OptionDefinition) -> Option<Arg> {
    let long = option.flag()?;
    let arg = Arg::new(option.name())
        .long(long)
        // As it is written in a file.
        .alias(option.name())
        .action(ArgAction::Append)
        .allow_negative_numbers(true)
        .help_heading(title(option.group()))
        .hide_short_help(!option.is_everyday())
        .help(first_sentence(option.about()))
        .long_help(long_help(option))
        .value_name(value_name(option.kind()));
    Some(match option.kind() {
        Kind::Switch => arg
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false", "1", "0"]))
            .hide_possible_values(true),
        Kind::Word(words) => arg.value_parser(PossibleValuesParser::new(words)),
        _ => arg,
    })
}

/// What is said in the help text before the options of a group.
pub(crate) const fn title(group: Group) -> &'static str {
    match group {
        Group::General => "General",
        Group::Listeners => "Listeners",
        Group::Tls => "TLS",
        Group::Security => "Security",
        Group::Users => "Users that are known elsewhere",
        Group::Limits => "Limits",
        Group::Storage => "Storage",
        Group::Logging => "Log",
        Group::Bounds => "Further limits",
        Group::Bridges => "Bridges",
    }
}

fn long_help(option: &'static OptionDefinition) -> StyledStr {
    let mut text = option.about().to_owned();
    // Writing into a text cannot fail.
    let default = option.default_of(Persona::Ferrymq);
    if !default.is_empty() && !option.is_list() {
        let _ = write!(text, " [default: {}]", default.join(" "));
    }
    if let Some(variable) = option.variable() {
        let _ = write!(text, " [env: {variable}]");
    }
    text.into()
}

fn first_sentence(text: &'static str) -> &'static str {
    text.find(". ").map_or(text, |end| &text[..end]).trim_end_matches('.')
}

const fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "BOOL",
        Kind::Whole(_) => "N",
        Kind::Word(_) => "WORD",
        Kind::Text(_) | Kind::Anything => "TEXT",
        Kind::Path => "PATH",
        Kind::Form(_) => "VALUE",
    }
}
