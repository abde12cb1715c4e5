//! What the broker keeps, and where: the flags of `serve` about its data.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ferrymq_client::TopicFilter;
use ferrymq_server::{DataOptions, Durability, Limits};

#[derive(Args, Debug)]
pub(crate) struct KeepArguments {
    /// The directory of what the broker keeps. Without it: /var/lib/ferrymq for root, for others
    /// ferrymq in the directory that `XDG_STATE_HOME` names, or .local/state/ferrymq at home
    #[arg(long, value_name = "DIR", env = "FERRYMQ_DATA", hide_env = true)]
    pub(crate) data: Option<PathBuf>,
    /// What an acknowledgement promises: that what it acknowledges survives
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        default_value_t = Mode::Power,
        env = "FERRYMQ_DURABILITY",
        hide_env = true
    )]
    pub(crate) durability: Mode,
    /// The same for the messages of some topics; may be repeated, the first filter that matches
    /// decides
    #[arg(long, value_name = "FILTER=MODE", value_parser = topic_mode)]
    pub(crate) topic_durability: Vec<(Box<str>, Mode)>,
    /// The size of a file of the log
    #[arg(long, value_name = "BYTES", hide = true)]
    pub(crate) segment_bytes: Option<u64>,
}

/// A level of durability as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The loss of power: it was on the disk before the acknowledgement
    Power,
    /// The end of the process: it was written before, and reaches the disk within a second
    Process,
    /// Nothing: it is in memory only, and no directory is touched
    None,
}

impl KeepArguments {
    /// Where the broker keeps its data; `None` if it keeps nothing.
    pub(crate) fn data(&self) -> anyhow::Result<Option<DataOptions>> {
        if self.durability == Mode::None {
            if !self.topic_durability.is_empty() {
                bail!(
                    "--topic-durability needs a broker that keeps something: choose --durability process or power"
                );
            }
            return Ok(None);
        }
        let directory = self.data.clone().or_else(default_directory).context(
            "where shall the data be kept? There is no home directory: choose a directory with \
             --data DIR, or --durability none to keep nothing",
        )?;
        let mut options = DataOptions::new(directory);
        if let Some(bytes) = self.segment_bytes {
            options.log.segment_bytes = bytes;
        }
        Ok(Some(options))
    }

    /// Sets the levels of durability.
    pub(crate) fn set_levels(&self, limits: &mut Limits) {
        limits.durability = self.durability.into();
        limits.topic_durability = self
            .topic_durability
            .iter()
            .map(|(filter, mode)| (filter.clone(), (*mode).into()))
            .collect();
    }
}

impl From<Mode> for Durability {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Power => Self::Power,
            Mode::Process => Self::Process,
            Mode::None => Self::None,
        }
    }
}

fn topic_mode(text: &str) -> anyhow::Result<(Box<str>, Mode)> {
    // A filter may contain the sign, a mode does not.
    let (filter, mode) = text.rsplit_once('=').context("write it as FILTER=MODE")?;
    TopicFilter::parse(filter)?;
    let mode = Mode::from_str(mode, false)
        .ok()
        .with_context(|| format!("{mode:?} is no mode: choose power, process or none"))?;
    Ok((Box::from(filter), mode))
}

/// Where data is kept if nobody says where.
#[cfg(unix)]
pub(crate) fn default_directory() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/ferrymq"));
    }
    user_directory(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::home_dir())
}

#[cfg(not(unix))]
pub(crate) fn default_directory() -> Option<PathBuf> {
    user_directory(env::var_os("LOCALAPPDATA").map(PathBuf::from), env::home_dir())
}

/// Relative paths in `XDG_STATE_HOME` are invalid and to be ignored, says the specification of it.
fn user_directory(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    state
        .filter(|path| path.is_absolute())
        .or_else(|| home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state")))
        .map(|state| state.join("ferrymq"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_user_lies_where_the_desktop_specification_says() {
        let path = |text: &str| Some(PathBuf::from(text));
        let rows = [
            (path("/state"), path("/u/x"), path("/state/ferrymq")),
            (path("state"), path("/u/x"), path("/u/x/.local/state/ferrymq")),
            (None, path("/u/x"), path("/u/x/.local/state/ferrymq")),
            (None, path(""), None),
            (None, None, None),
        ];
        for (state, home, expected) in rows {
            assert_eq!(user_directory(state.clone(), home.clone()), expected, "{state:?} {home:?}");
        }
    }

    #[test]
    fn topic_and_mode_are_told_apart_at_the_last_sign() {
        let (filter, mode) = topic_mode("a=b/+=process").unwrap();
        assert_eq!((&*filter, mode), ("a=b/+", Mode::Process));
        for wrong in ["a/b", "a/b=sometimes", "a/#/b=none", "=none"] {
            assert!(topic_mode(wrong).is_err(), "{wrong}");
        }
    }
}
