//! A program that was built, and what it says of itself.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{House, output, succeed};

/// The program, stripped, with its pages and completions in files.
pub(super) struct Product {
    pub(super) binary: PathBuf,
    pub(super) version: String,
    /// The version of Mosquitto that it is by that name.
    pub(super) mosquitto: String,
    pub(super) pages: Vec<Page>,
    pub(super) completions: Vec<(PathBuf, Vec<u8>)>,
    /// When the sources were changed last, in seconds since 1970: the time of all files in packages,
    /// so that the same sources make the same packages.
    pub(super) epoch: String,
}

/// A manual page.
pub(super) struct Page {
    /// As `ferrymq.1`.
    pub(super) name: String,
    pub(super) section: String,
    pub(super) text: Vec<u8>,
}

impl Page {
    /// Whether it is about the program by another name.
    pub(super) fn is_of_link(&self) -> bool {
        self.name.starts_with("mosquitto")
    }

    /// Where there is a link, if the page is about one.
    pub(super) fn link(&self) -> Option<PathBuf> {
        let (name, _) = self.name.rsplit_once('.')?;
        let place = match self.section.as_str() {
            "1" => "usr/bin",
            "8" => "usr/sbin",
            _ => return None,
        };
        self.is_of_link().then(|| Path::new(place).join(name))
    }
}

impl Product {
    /// Looks at a program; what it says is put into `place`.
    pub(super) fn of(house: &House, built: &Path, place: &Path) -> Result<Self, String> {
        if !built.is_file() {
            let advice = "build it first: cargo build --release --package ferrymq";
            return Err(format!("there is no {}; {advice}", built.display()));
        }
        fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        let binary = place.join("ferrymq");
        succeed(Command::new("strip").args(STRIP).arg("-o").args([&binary, built]))?;
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => output(
                Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(&house.root),
            )?,
        };
        Ok(Self {
            version: last_word(&output(Command::new(&binary).arg("--version"))?)?,
            mosquitto: last_word(&output(
                Command::new(&binary).arg0("mosquitto").arg("--version"),
            )?)?,
            pages: pages(&binary, &place.join("manual"))?,
            completions: completions(&binary)?,
            epoch: epoch.trim().to_owned(),
            binary,
        })
    }
}

const STRIP: &[&str] = &["--remove-section=.comment", "--remove-section=.note"];

/// The last word of the first line.
fn last_word(text: &str) -> Result<String, String> {
    let line = text.lines().next().unwrap_or_default();
    let word =
        line.rsplit(' ').next().filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    word.map(str::to_owned).ok_or_else(|| format!("{line:?} does not end in a version"))
}

fn pages(binary: &Path, place: &Path) -> Result<Vec<Page>, String> {
    if place.exists() {
        fs::remove_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    succeed(Command::new(binary).arg("manual").arg(place))?;
    let mut pages = Vec::new();
    for section in ["1", "5", "8"] {
        let place = place.join(format!("man{section}"));
        let failure = |error| format!("{}: {error}", place.display());
        for entry in place.read_dir().map_err(failure)? {
            let entry = entry.map_err(failure)?;
            pages.push(Page {
                name: entry.file_name().to_string_lossy().into_owned(),
                section: section.to_owned(),
                text: fs::read(entry.path()).map_err(failure)?,
            });
        }
    }
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pages)
}

/// Where the shells of Debian look for them below the root, and what they are.
fn completions(binary: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let places = [
        ("bash", "usr/share/bash-completion/completions/ferrymq"),
        ("fish", "usr/share/fish/vendor_completions.d/ferrymq.fish"),
        ("zsh", "usr/share/zsh/vendor-completions/_ferrymq"),
    ];
    let made = places.map(|(shell, place)| {
        let script = output(Command::new(binary).args(["completions", shell]))?;
        Ok((PathBuf::from(place), script.into_bytes()))
    });
    made.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_word_version_is_read_and_nothing_else_is() {
        assert_eq!(last_word("mosquitto version 2.1.2\n\nThis is"), Ok("2.1.2".to_owned()));
        assert!(last_word("no such thing").is_err());
    }

    #[test]
    fn link_stands_where_its_section_says() {
        let page = |name: &str, section: &str| Page {
            name: name.to_owned(),
            section: section.to_owned(),
            text: Vec::new(),
        };
        assert_eq!(page("mosquitto.8", "8").link(), Some("usr/sbin/mosquitto".into()));
        assert_eq!(page("mosquitto_pub.1", "1").link(), Some("usr/bin/mosquitto_pub".into()));
        assert_eq!(page("mosquitto.conf.5", "5").link(), None);
        assert_eq!(page("ferrymq.1", "1").link(), None);
    }
}
