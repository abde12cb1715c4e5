//! The words after `mosquitto`, as Mosquitto 2.1 takes them: no word is joined with its value, the
//! last of a kind holds, and mistakes are told in its words, because scripts know them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What a command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a flag")]
pub(super) struct CommandLine {
    /// The file of the configuration.
    pub(super) config: Option<PathBuf>,
    /// Whether to go into the background.
    pub(super) daemon: bool,
    /// Ports of this machine to listen on, if the configuration names no listener.
    pub(super) ports: Vec<u16>,
    /// Whether to log nothing.
    pub(super) quiet: bool,
    /// Whether to log everything.
    pub(super) verbose: bool,
    /// Whether to look at the configuration only.
    pub(super) test_config: bool,
    /// Where the secrets of TLS connections are written.
    pub(super) tls_keylog: Option<PathBuf>,
}

/// Why a command line starts no broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It asks for help.
    Help,
    /// It asks for the version.
    Version,
    /// It has a word that is not known.
    Unknown(String),
    /// It has a mistake.
    Mistake(String),
}

impl CommandLine {
    /// Reads the words after the name of the program.
    pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, Refused> {
        let mut line = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-c" | "--config-file") => {
                    line.config = Some(value(&mut words, "-c", "config file")?.into());
                }
                Some("-d" | "--daemon") => line.daemon = true,
                Some("-h" | "--help") => return Err(Refused::Help),
                Some("--version") => return Err(Refused::Version),
                Some("-p" | "--port") => line.add_port(&value(&mut words, "-p", "port")?)?,
                Some("-q" | "--quiet") => line.quiet = true,
                Some("-v" | "--verbose") => line.verbose = true,
                Some("--test-config") => line.test_config = true,
                Some("--tls-keylog") => {
                    line.tls_keylog = Some(value(&mut words, "--tls-keylog", "file")?.into());
                }
                _ => return Err(Refused::Unknown(word.to_string_lossy().into_owned())),
            }
        }
        Ok(line)
    }

    fn add_port(&mut self, word: &OsStr) -> Result<(), Refused> {
        let number = leading_number(&word.to_string_lossy());
        let port = u16::try_from(number).ok().filter(|port| *port != 0);
        let Some(port) = port else {
            let words = format!("Error: Invalid port specified ({number}).");
            return Err(Refused::Mistake(words));
        };
        if self.ports.len() == PORTS {
            let words = format!("Error: Only {PORTS} ports can be specified on the command line.");
            return Err(Refused::Mistake(words));
        }
        self.ports.push(port);
        Ok(())
    }
}

fn value(
    words: &mut impl Iterator<Item = OsString>,
    flag: &str,
    what: &str,
) -> Result<OsString, Refused> {
    words.next().ok_or_else(|| {
        Refused::Mistake(format!("Error: {flag} argument given, but no {what} specified."))
    })
}

/// The number with which a word begins; 0 if it does not. Mosquitto takes `1883/tcp` too.
fn leading_number(word: &str) -> i64 {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if word.starts_with('-') { -number } else { number }
}

/// As many ports as a command line may name.
const PORTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, Refused> {
        CommandLine::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_flag_has_a_short_or_a_long_form() {
        let short = parse("-c a.conf -d -p 1883 -p 1884 -q -v").unwrap();
        let long = parse("--config-file a.conf --daemon --port 1883 --port 1884 --quiet --verbose");
        assert_eq!(long, Ok(short));
        let line = parse("-c a.conf --test-config --tls-keylog keys -c b.conf").unwrap();
        assert_eq!(line.config, Some(PathBuf::from("b.conf")));
        assert!(line.test_config && !line.daemon && line.ports.is_empty());
        assert_eq!(line.tls_keylog, Some(PathBuf::from("keys")));
        assert_eq!(parse(""), Ok(CommandLine::default()));
    }

    #[test]
    fn mistakes_are_told_in_the_words_that_scripts_know() {
        let mistake = |words: &str| Err(Refused::Mistake(words.to_owned()));
        let rows = [
            ("-p", mistake("Error: -p argument given, but no port specified.")),
            ("-c", mistake("Error: -c argument given, but no config file specified.")),
            ("--tls-keylog", mistake("Error: --tls-keylog argument given, but no file specified.")),
            ("-p 0", mistake("Error: Invalid port specified (0).")),
            ("-p -7", mistake("Error: Invalid port specified (-7).")),
            ("-p x", mistake("Error: Invalid port specified (0).")),
            ("-p 65536", mistake("Error: Invalid port specified (65536).")),
            (
                &"-p 1 ".repeat(11),
                mistake("Error: Only 10 ports can be specified on the command line."),
            ),
            ("-x", Err(Refused::Unknown("-x".to_owned()))),
            ("-p 1 serve", Err(Refused::Unknown("serve".to_owned()))),
            ("-p 1 -h", Err(Refused::Help)),
            ("--version -x", Err(Refused::Version)),
        ];
        for (line, refused) in rows {
            assert_eq!(parse(line), refused, "{line}");
        }
        assert_eq!(parse("-p 1883/tcp").unwrap().ports, [1883]);
    }
}
