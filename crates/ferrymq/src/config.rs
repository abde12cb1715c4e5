//! `ferrymq config`: what a configuration says, what is wrong with it, and what a change would do.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use ferrymq_server::configuration::{
    Configuration, Held, OptionDefinition, Origin, Persona, Rejected, Reload, ServingError,
    Sources, State, Weight, nearest, option, options, read,
};

/// Look at a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration file. The exit status is 1 if the broker would not
    /// start with it
    Check(CheckArguments),
    /// Say what an option does, what it is, and who said so
    Explain(ExplainArguments),
    /// Say what would change from one file to another, and what of it only with a new start
    Diff(DiffArguments),
    /// Write the reference page of all options
    #[command(hide = true)]
    Reference,
}

/// Which file to check.
#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    persona: PersonaArguments,
}

/// What to explain.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The name of an option. Without it: all that anybody has said something about
    name: Option<String>,
    /// The configuration file
    #[arg(short = 'c', long = "config-file", value_name = "FILE", env = "FERRYMQ_CONFIG_FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    persona: PersonaArguments,
}

/// What to compare.
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// The file before; if it is the only one, it is compared with no file at all
    before: PathBuf,
    /// The file afterwards
    after: Option<PathBuf>,
    #[command(flatten)]
    persona: PersonaArguments,
}

/// Whose defaults hold.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct PersonaArguments {
    /// With the defaults of Mosquitto, as when the program is invoked by that name
    #[arg(long)]
    mosquitto: bool,
}

/// Runs the command.
pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<u8> {
    match command {
        ConfigCommand::Check(arguments) => Ok(check(arguments)),
        ConfigCommand::Explain(arguments) => explain(arguments),
        ConfigCommand::Diff(arguments) => diff(arguments),
        ConfigCommand::Reference => {
            say(&ferrymq_server::configuration::reference());
            Ok(0)
        }
    }
}

/// The variables of the environment that are text.
pub(crate) fn environment() -> Vec<(String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The exit status.
fn check(arguments: &CheckArguments) -> u8 {
    let file = arguments.file.as_path();
    let sources = sources(Some(file), arguments.persona, Vec::new());
    let (remarks, failure) = match read(&sources) {
        // The files that it names are read, and nothing is made of them.
        Ok(configuration) => (configuration.remarks.clone(), failure(&configuration)),
        Err(Rejected { remarks }) => (remarks, None),
    };
    let is_wrong = remarks.iter().any(|remark| remark.weight == Weight::Mistake);
    for remark in &remarks {
        say(&format!("{}: {remark}\n", remark.weight));
    }
    match failure {
        Some(failure) => say(&format!("Mistake: {}: {failure}\n", file.display())),
        None if is_wrong => {}
        None => {
            say(&format!("{}: the broker can start with it\n", file.display()));
            return 0;
        }
    }
    1
}

/// Why a configuration without mistakes cannot be used.
fn failure(configuration: &Configuration) -> Option<ServingError> {
    let files = configuration.listen().map(|_| ());
    files.and_then(|()| configuration.policy().load().map(|_| ()).map_err(Into::into)).err()
}

fn explain(arguments: &ExplainArguments) -> anyhow::Result<u8> {
    let sources = sources(arguments.file.as_deref(), arguments.persona, environment());
    let configuration = read(&sources)?;
    let Some(name) = &arguments.name else {
        for option in options() {
            for held in configuration.held(option).iter().filter(|held| !held.origins.is_empty()) {
                say(&format!("{}\n", line(held)));
            }
        }
        return Ok(0);
    };
    // A flag is as good a name.
    let name = name.trim_start_matches('-').replace('-', "_");
    let Some(option) = option(&name) else {
        match nearest(&name) {
            Some(nearest) => bail!("there is no {name:?}; do you mean {nearest}?"),
            None => bail!("there is no {name:?}"),
        }
    };
    say(&explanation(option, &configuration));
    Ok(0)
}

fn explanation(option: &'static OptionDefinition, configuration: &Configuration) -> String {
    let mut text = String::new();
    for held in configuration.held(option) {
        row(&mut text, "now", &line(&held));
    }
    let [ours, mosquitto] = [Persona::Ferrymq, Persona::Mosquitto].map(|persona| {
        let texts = option.default_of(persona);
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    });
    let default = match ours == mosquitto {
        true => ours,
        false => format!("{ours}; invoked as mosquitto: {mosquitto}"),
    };
    row(&mut text, "does", option.about());
    row(&mut text, "takes", &option.kind().syntax());
    row(&mut text, "default", &default);
    if let Some(advice) = option.advice() {
        row(&mut text, "out of date", advice);
    }
    let state = match option.state() {
        State::Works => "works".to_owned(),
        State::Accepted(why) => format!("changes nothing: {why}"),
        State::Later("") => "does nothing yet".to_owned(),
        State::Later(why) => format!("does nothing yet: {why}"),
        State::NotWithout(why) | State::Refused(why) => format!("the broker does not start: {why}"),
    };
    row(&mut text, "state", &state);
    row(
        &mut text,
        "a change holds",
        match option.reload() {
            Reload::Live => "when the configuration is reloaded",
            Reload::Restart => "when the broker is started again",
        },
    );
    if !option.aliases().is_empty() {
        row(&mut text, "also", &option.aliases().join(", "));
    }
    if let (Some(flag), Some(variable)) = (option.flag(), option.variable()) {
        row(&mut text, "elsewhere", &format!("--{flag}, {variable}"));
    }
    text
}

fn row(text: &mut String, name: &str, words: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{name:<15} {words}");
}

/// What an option is in one place, and who said so.
fn line(held: &Held) -> String {
    let of = if held.of.is_empty() { String::new() } else { format!("{}: ", held.of) };
    let texts = if held.texts.is_empty() { "nothing".to_owned() } else { held.texts.join(", ") };
    let origins: Vec<String> = held.origins.iter().map(Origin::to_string).collect();
    let origins = if origins.is_empty() { "the default".to_owned() } else { origins.join(", ") };
    format!("{of}{} {texts} ({origins})", held.option.name())
}

fn diff(arguments: &DiffArguments) -> anyhow::Result<u8> {
    let persona = arguments.persona;
    let (before, after) = match &arguments.after {
        Some(after) => (Some(arguments.before.as_path()), after.as_path()),
        None => (None, arguments.before.as_path()),
    };
    let load = |file| read(&sources(file, persona, Vec::new()));
    let differences = load(before)?.differences(&load(Some(after))?);
    for difference in &differences {
        say(&format!("{difference}\n"));
    }
    Ok(0)
}

fn sources(
    file: Option<&Path>,
    persona: PersonaArguments,
    environment: Vec<(String, String)>,
) -> Sources {
    Sources {
        persona: if persona.mosquitto { Persona::Mosquitto } else { Persona::Ferrymq },
        file: file.map(Path::to_owned),
        environment,
        ..Sources::default()
    }
}

/// Where it cannot go, there is nobody to tell.
fn say(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}
