//! `ferrymq store import`: from an export, or from a `mosquitto.db`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use ferrymq_server::offline::{
    DataDirectory, Imported, LeftOut, Moment, MosquittoDatabase, OpenImport, is_mosquitto,
};

use super::data::{DataArguments, Progress, moment, now, say};

/// Add what was exported.
#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    data: DataArguments,
    /// Put sessions and retained messages in the place of those that are there
    #[arg(long)]
    replace: bool,
    /// Only look whether it can be imported
    #[arg(long)]
    check: bool,
    /// An export, or a mosquitto.db. Without it: standard input
    file: Option<PathBuf>,
}

pub(super) fn run(arguments: &ImportArguments) -> anyhow::Result<u8> {
    let mut progress = Progress::default();
    let mut tell = |done, all| progress.tell(done, all);
    let mut directory = arguments.data.directory(&mut tell)?;
    let only_check = arguments.check;
    let imported = if let Some(path) = &arguments.file {
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let import = directory.import(arguments.replace, now()?.0)?;
        from_file(import, file, only_check).with_context(|| path.display().to_string())?
    } else {
        let import = directory.import(arguments.replace, now()?.0)?;
        from_input(import, io::stdin().lock(), only_check)?
    };
    let verb = if arguments.check { "can be imported" } else { "imported" };
    say(&format!(
        "{verb}: {} sessions ({} in place of others), {} subscriptions, {} wills, {} messages, {} \
         retained messages",
        imported.sessions,
        imported.replaced,
        imported.subscriptions,
        imported.wills,
        imported.messages,
        imported.retained,
    ));
    Ok(0)
}

/// Imports a database of Mosquitto.
pub(crate) fn database(directory: &mut DataDirectory<'_>, path: &Path) -> anyhow::Result<Imported> {
    let file = File::open(path)?;
    from_file(directory.import(false, now()?.0)?, file, false)
}

/// A file is looked through before anything is written.
fn from_file(import: OpenImport, file: File, only_check: bool) -> anyhow::Result<Imported> {
    let written = file.metadata().ok().and_then(|metadata| metadata.modified().ok());
    let mut input = BufReader::new(file);
    if is_mosquitto(input.fill_buf()?) {
        let written = written.and_then(moment).map_or_else(now, Ok)?;
        return from_mosquitto(import, input, written, only_check);
    }
    let checked = import.check(&mut input)?;
    if only_check {
        return Ok(checked);
    }
    input.rewind()?;
    Ok(import.run(input)?)
}

/// What comes only once is imported as it comes.
fn from_input(
    import: OpenImport,
    mut input: impl BufRead,
    only_check: bool,
) -> anyhow::Result<Imported> {
    if is_mosquitto(input.fill_buf()?) {
        return from_mosquitto(import, input, now()?, only_check);
    }
    Ok(if only_check { import.check(input)? } else { import.run(input)? })
}

fn from_mosquitto(
    import: OpenImport,
    mut input: impl Read,
    written: Moment,
    only_check: bool,
) -> anyhow::Result<Imported> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let database = MosquittoDatabase::parse(&bytes, written.0)?;
    tell_left_out(database.left_out());
    let checked = import.check_mosquitto(&database)?;
    if only_check {
        return Ok(checked);
    }
    Ok(import.run_mosquitto(&database)?)
}

fn tell_left_out(left_out: LeftOut) {
    let rows = [
        (left_out.sessions, "sessions that end with their connection, or are not valid"),
        (left_out.subscriptions, "subscriptions of those, or such that are not valid"),
        (left_out.messages, "messages of those, of QoS 0, or not in the file"),
        (left_out.retained, "retained messages of $SYS, or not in the file"),
    ];
    for (count, what) in rows {
        if count > 0 {
            eprintln!("left out: {count} {what}");
        }
    }
}
