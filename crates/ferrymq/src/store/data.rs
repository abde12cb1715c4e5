//! What all commands of `ferrymq store` have in common: which data directory, and how its user is
//! told of what happens.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;
use ferrymq_server::offline::{Damage, DataDirectory, LogOptions, Moment};

use crate::serve::home;

/// Which data directory.
#[derive(Args, Debug)]
pub(crate) struct DataArguments {
    /// The data directory of a broker that does not run. Without it: the one of `serve`
    #[arg(long, value_name = "DIR", env = "FERRYMQ_DATA", hide_env = true)]
    data: Option<PathBuf>,
    /// The size of a file of the log
    #[arg(long, value_name = "BYTES", hide = true)]
    segment_bytes: Option<u64>,
}

impl DataArguments {
    pub(super) fn directory<'a>(
        &self,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> anyhow::Result<DataDirectory<'a>> {
        let directory =
            self.data.clone().or_else(home::directory).context(
                "where is the data kept? There is no home directory: say with --data DIR",
            )?;
        let mut options = LogOptions::default();
        if let Some(bytes) = self.segment_bytes {
            options.segment_bytes = bytes;
        }
        Ok(DataDirectory::new(&directory, options, progress))
    }
}

/// Damage that does not end the work.
#[derive(Default)]
pub(super) struct Warnings {
    pub(super) is_damaged: bool,
}

impl Warnings {
    pub(super) fn tell(&mut self, damage: &Damage) {
        self.is_damaged = true;
        eprintln!("{damage}");
    }
}

/// How far reading has come, where somebody watches and has to wait.
#[derive(Default)]
pub(super) struct Progress {
    percent: Option<u64>,
}

impl Progress {
    pub(super) fn tell(&mut self, done: u64, all: u64) {
        if all < WORTH_TELLING || !io::stderr().is_terminal() {
            return;
        }
        let percent = done.saturating_mul(100) / all;
        if self.percent.replace(percent) != Some(percent) {
            let end = if done >= all { "\n" } else { "" };
            eprint!("\rreading {} of the log: {percent} %{end}", size(all));
        }
    }
}

/// A line on standard output. Where it cannot go, there is nobody to tell.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

pub(super) fn now() -> anyhow::Result<Moment> {
    moment(SystemTime::now()).context("the clock of this machine stands before 1970; set it")
}

/// `None` before 1970.
pub(super) fn moment(time: SystemTime) -> Option<Moment> {
    let since: Duration = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Moment::from_unix(since)
}

pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Less is read before anybody wonders.
const WORTH_TELLING: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let rows = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((5 << 30) + (512 << 20), "5.5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, words) in rows {
            assert_eq!(size(bytes), words);
        }
    }
}
