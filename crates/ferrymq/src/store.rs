//! `ferrymq store`: a data directory without a broker.

mod data;
pub(crate) mod import;
mod inspect;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use ferrymq_server::offline::{ExportError, Exported, OfflineError};

use self::data::{DataArguments, Progress, Warnings, now, say, size};
use self::import::ImportArguments;
use self::inspect::InspectArguments;

/// What to do with a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Say what is in it
    Inspect(InspectArguments),
    /// Read everything and say what is damaged
    Verify(DataArguments),
    /// Give back the space of what does not hold any more
    Compact(DataArguments),
    /// Write what is in it as lines of JSON
    Export(ExportArguments),
    /// Add what was exported, or what Mosquitto has kept in a mosquitto.db
    Import(ImportArguments),
}

/// Write what is in it.
#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    data: DataArguments,
    /// A file that is not there yet. Without it: standard output
    file: Option<PathBuf>,
}

/// Does it. The exit status is 1 where something is damaged.
pub(crate) fn run(command: &StoreCommand) -> anyhow::Result<u8> {
    match command {
        StoreCommand::Inspect(arguments) => inspect::run(arguments),
        StoreCommand::Verify(arguments) => verify(arguments),
        StoreCommand::Compact(arguments) => compact(arguments),
        StoreCommand::Export(arguments) => export(arguments),
        StoreCommand::Import(arguments) => import::run(arguments),
    }
}

fn verify(arguments: &DataArguments) -> anyhow::Result<u8> {
    let mut damages: u64 = 0;
    let mut progress = Progress::default();
    let mut tell = |done, all| progress.tell(done, all);
    let verified = arguments.directory(&mut tell)?.verify(&mut |damage| {
        damages += 1;
        say(&damage.to_string());
    })?;
    let (segments, batches, records) = (verified.segments, verified.batches, verified.records);
    say(&format!("{records} records in {batches} batches in {segments} segments can be read"));
    Ok(u8::from(damages > 0))
}

fn compact(arguments: &DataArguments) -> anyhow::Result<u8> {
    let mut progress = Progress::default();
    let mut tell = |done, all| progress.tell(done, all);
    let compacted = arguments.directory(&mut tell)?.compact(now()?.0)?;
    let (before, after) = (size(compacted.bytes_before), size(compacted.bytes_after));
    say(&format!("the log had {before} and has {after} now"));
    Ok(0)
}

fn export(arguments: &ExportArguments) -> anyhow::Result<u8> {
    let mut progress = Progress::default();
    let mut tell = |done, all| progress.tell(done, all);
    let mut directory = arguments.data.directory(&mut tell)?;
    let mut warnings = Warnings::default();
    let mut warn = |damage| warnings.tell(&damage);
    let exported = match &arguments.file {
        Some(path) => {
            let file = create(path).with_context(|| {
                format!("{} cannot be made; choose a file that is not there yet", path.display())
            })?;
            let mut output = BufWriter::new(file);
            let exported = directory.export(&mut output, &mut warn)?;
            let file = output.into_inner().map_err(io::IntoInnerError::into_error);
            file.and_then(|file| file.sync_all())
                .with_context(|| format!("{} cannot be written", path.display()))?;
            exported
        }
        None => match directory.export(BufWriter::new(io::stdout().lock()), &mut warn) {
            // Whoever reads has enough.
            Err(OfflineError::Export(ExportError::Write(error)))
                if error.kind() == io::ErrorKind::BrokenPipe =>
            {
                Exported::default()
            }
            exported => exported?,
        },
    };
    if exported.missing > 0 {
        eprintln!("{} messages that sessions are owed are not in the log", exported.missing);
    }
    Ok(u8::from(warnings.is_damaged || exported.missing > 0))
}

/// A new file for its owner only: it has other people's messages in it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
