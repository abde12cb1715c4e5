//! `ferrymq manual`: the manual pages, made from the definitions of the command line and of the
//! options of the configuration, so that they say what the program does.

mod commands;
mod configuration;
mod mosquitto;
mod page;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};

use self::page::Page;

/// Where to write.
#[derive(Args, Debug)]
pub(crate) struct ManualArguments {
    /// The directory. Pages of commands are written to man1 in it, that of the configuration to man5,
    /// and that of the broker by the name of mosquitto to man8
    directory: PathBuf,
}

/// Writes all pages about a command line.
pub(crate) fn run(arguments: &ManualArguments, command: Command) -> anyhow::Result<u8> {
    for page in pages(command) {
        let directory = arguments.directory.join(format!("man{}", page.section));
        let path = directory.join(format!("{}.{}", page.name, page.section));
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&path, &page.text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(0)
}

fn pages(command: Command) -> Vec<Page> {
    let mut pages = commands::pages(command);
    pages.push(configuration::page());
    pages.extend(mosquitto::pages());
    pages
}
