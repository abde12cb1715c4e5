//! What stands before the flags of a client: its options file. And `-D`, which takes as many words as
//! its property needs.
//!
//! The words of the file come first, so that the command line has the last word, except for flags
//! that may be repeated.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, Command};

/// What follows the last word of a property that has three.
pub(crate) const END_OF_PROPERTY: &str = "\u{1}end";

/// Completes the words of a command line, if it is one of a client: `program NAME ...`.
pub(crate) fn complete(words: Vec<OsString>, command: &Command) -> anyhow::Result<Vec<OsString>> {
    let Some((name, client)) = words.get(1).and_then(|name| client_named(name, command)) else {
        return Ok(words);
    };
    let own = words.get(2..).unwrap_or_default();
    let flags = Flags(client);
    let file = match flags.value_of('o', own)? {
        Some(path) => Some((PathBuf::from(path), true)),
        None => default_file(name).map(|path| (path, false)),
    };
    let mut all = Vec::new();
    if let Some((path, is_required)) = file {
        match fs::read_to_string(&path) {
            Ok(text) => all.extend(text.lines().flat_map(line_words)),
            Err(_) if !is_required => {}
            Err(error) => return Err(error).context(format!("cannot read {}", path.display())),
        }
    }
    all.extend_from_slice(own);
    let mut complete: Vec<OsString> = words.into_iter().take(2).collect();
    complete.extend(flags.with_ends_of_properties(all));
    Ok(complete)
}

fn client_named<'c>(name: &OsStr, command: &'c Command) -> Option<(&'c str, &'c Command)> {
    let client = command.find_subcommand(name)?;
    // Only clients have such a flag.
    client.get_arguments().any(|flag| flag.get_short() == Some('o')).then_some(())?;
    Some((client.get_display_name()?, client))
}

/// The file with the options of this client, where Mosquitto's client of that name has it.
fn default_file(name: &str) -> Option<PathBuf> {
    let directory = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(directory.join(name))
}

/// The words of a line: a flag, and the rest is its value; nothing for a comment. A property is
/// divided further.
fn line_words(line: &str) -> Vec<OsString> {
    let line = line.trim_end_matches('\r');
    if line.starts_with('#') {
        return Vec::new();
    }
    let line = line.trim_start_matches(' ');
    match line.split_once(' ') {
        None if line.is_empty() => Vec::new(),
        None => vec![line.into()],
        Some((flag @ ("-D" | "--property"), property)) => {
            let count = if property.split(' ').nth(1) == Some("user-property") { 4 } else { 3 };
            std::iter::once(flag).chain(property.splitn(count, ' ')).map(OsString::from).collect()
        }
        Some((flag, value)) => vec![flag.into(), value.into()],
    }
}

/// The flags of one client.
struct Flags<'c>(&'c Command);

impl Flags<'_> {
    /// The value of a flag that has one letter.
    fn value_of<'w>(
        &self,
        letter: char,
        words: &'w [OsString],
    ) -> anyhow::Result<Option<&'w OsStr>> {
        let mut found = None;
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(flag) = self.taking_values(word) else {
                continue;
            };
            let value = rest.next();
            if flag.get_short() == Some(letter) {
                if found.is_some() {
                    bail!("Duplicate -{letter} argument given.");
                }
                found = value;
            }
        }
        Ok(found.map(OsString::as_os_str))
    }

    /// The same words, and after each property that has three of them its end.
    fn with_ends_of_properties(&self, words: Vec<OsString>) -> Vec<OsString> {
        let mut out = Vec::with_capacity(words.len());
        let mut rest = words.into_iter();
        while let Some(word) = rest.next() {
            let flag = self.taking_values(&word);
            let is_property = flag.is_some_and(|flag| flag.get_short() == Some('D'));
            out.push(word);
            if is_property {
                let start = out.len();
                out.extend(rest.by_ref().take(3));
                if out.get(start + 1).is_some_and(|name| name == "user-property") {
                    out.extend(rest.next());
                } else {
                    out.push(END_OF_PROPERTY.into());
                }
            } else if flag.is_some() {
                out.extend(rest.next());
            }
        }
        out
    }

    /// The flag that this word is, if the next word is its value.
    fn taking_values(&self, word: &OsStr) -> Option<&Arg> {
        let word = word.to_str()?;
        let mut flags = self.0.get_arguments();
        if let Some(name) = word.strip_prefix("--") {
            return flags.find(|flag| flag.get_long() == Some(name) && takes_values(flag));
        }
        // Of letters that stand together, the first that takes a value takes what follows it.
        let letters = word.strip_prefix('-')?;
        let taking = |letter| {
            let mut flags = self.0.get_arguments();
            flags.find(|flag| flag.get_short() == Some(letter) && takes_values(flag))
        };
        let (position, flag) =
            letters.char_indices().find_map(|(at, letter)| Some((at, taking(letter)?)))?;
        let is_last = letters.chars().count() == letters.get(..position)?.chars().count() + 1;
        is_last.then_some(flag)
    }
}

fn takes_values(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Set | ArgAction::Append)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Arguments;

    fn completed(line: &str) -> Vec<String> {
        let words = line.split(' ').map(OsString::from).collect();
        let words = complete(words, &Arguments::command()).unwrap();
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn property_takes_as_many_words_as_it_needs() {
        let end = END_OF_PROPERTY;
        let rows = [
            ("x pub -D publish content-type -t", format!("x pub -D publish content-type -t {end}")),
            (
                "x pub -D publish user-property a b -t c",
                "x pub -D publish user-property a b -t c".to_owned(),
            ),
            ("x pub -m -D a", "x pub -m -D a".to_owned()),
            ("x sub -vD a b c -R", format!("x sub -vD a b c {end} -R")),
            ("x sub -tD a b c", "x sub -tD a b c".to_owned()),
            ("x serve -D a b c", "x serve -D a b c".to_owned()),
        ];
        for (line, expected) in rows {
            assert_eq!(completed(line).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn words_of_a_file_come_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("options");
        let text =
            "# a comment\n-t a topic\n\n-d\r\n  -u me\n-D publish content-type text/plain x\n";
        fs::write(&path, text).unwrap();
        let words = ["x", "sub", "-o", path.to_str().unwrap(), "-v"].map(OsString::from).to_vec();
        let words = complete(words, &Arguments::command()).unwrap();
        let expected = [
            "x",
            "sub",
            "-t",
            "a topic",
            "-d",
            "-u",
            "me",
            "-D",
            "publish",
            "content-type",
            "text/plain x",
            END_OF_PROPERTY,
            "-o",
            path.to_str().unwrap(),
            "-v",
        ];
        assert_eq!(words, expected.map(OsString::from));
    }

    #[test]
    fn file_that_was_asked_for_must_be_there_and_be_one() {
        for line in ["x sub -o /no/such/file", "x sub -o a -o b"] {
            let words = line.split(' ').map(OsString::from).collect();
            assert!(complete(words, &Arguments::command()).is_err(), "{line}");
        }
    }
}
