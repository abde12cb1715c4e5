//! The program invoked as `mosquitto`: the broker with the flags, defaults, log lines, signals and
//! exit statuses of Mosquitto 2.1, so that a supervisor, a script or a test that was made for it
//! finds what it knows.

mod command_line;
mod household;
mod identity;
pub(crate) mod words;

use std::env;

use ferrymq_server::configuration::{Configuration, Persona, Sources, read};

use self::command_line::{CommandLine, Refused};
use self::household::Order;
use self::words::{complain, show, usage, version, words_of};
use crate::config::environment;

/// The name of a link by which the program is Mosquitto.
pub(crate) const NAME: &str = "mosquitto";

/// The names of links by which the program is one of Mosquitto's tools, and the subcommand that each
/// of them is. Manual pages and packages have what is in this list.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("mosquitto_pub", "pub"),
    ("mosquitto_sub", "sub"),
    ("mosquitto_rr", "rr"),
    ("mosquitto_ctrl", "ctl"),
    ("mosquitto_passwd", "passwd"),
];

/// Runs the program; its exit status.
pub(crate) fn run() -> u8 {
    match CommandLine::parse(env::args_os().skip(1)) {
        Ok(line) => start(line),
        Err(refused) => refuse(&refused),
    }
}

fn refuse(refused: &Refused) -> u8 {
    match refused {
        Refused::Version => {
            show(&version());
            return 0;
        }
        Refused::Help => show(&usage()),
        Refused::Unknown(word) => {
            eprintln!("Error: Unknown option '{word}'.");
            show(&usage());
        }
        Refused::Mistake(words) => complain(words),
    }
    WRONG
}

fn start(line: CommandLine) -> u8 {
    let sources = sources(&line);
    let configuration = match read(&sources) {
        Ok(configuration) => configuration,
        Err(rejected) => {
            words_of(&rejected.remarks).for_each(|(_, words)| complain(&words));
            return WRONG;
        }
    };
    if line.test_config {
        return test(&line, &configuration);
    }
    let in_background = identity::is_in_background();
    let status = if line.daemon && !in_background {
        identity::go_into_background()
    } else {
        let order = Order { line, sources, configuration, in_background };
        household::serve(order).map(|served| if served { 0 } else { FAILED })
    };
    status.unwrap_or_else(|error| {
        complain(&format!("Error: {error:#}"));
        FAILED
    })
}

/// Says whether a configuration can be used, after it was read.
fn test(line: &CommandLine, configuration: &Configuration) -> u8 {
    if line.config.is_none() {
        complain("Please provide a configuration file to test.");
        return WRONG;
    }
    words_of(&configuration.remarks).for_each(|(_, words)| complain(&words));
    if let Err(error) = configuration.serve_options(None) {
        complain(&format!("Error: {error:#}"));
        return WRONG;
    }
    complain("Configuration file is OK.");
    0
}

fn sources(line: &CommandLine) -> Sources {
    let keylog = line.tls_keylog.as_ref().map(|path| path.to_string_lossy().into_owned());
    Sources {
        persona: Persona::Mosquitto,
        file: line.config.clone(),
        environment: environment(),
        flags: keylog.map(|path| ("tls_keylog".to_owned(), path)).into_iter().collect(),
        endpoints: Vec::new(),
        local_ports: line.ports.clone(),
    }
}

/// The exit status for a wrong command line or configuration.
const WRONG: u8 = 3;
/// The exit status for everything else that prevents a broker.
const FAILED: u8 = 1;
