//! A broker that begins where Mosquitto has ended: its database becomes our data, once.

use std::fs;

use anyhow::Context;
use ferrymq_server::DataOptions;
use ferrymq_server::configuration::Configuration;
use ferrymq_server::offline::DataDirectory;

use crate::store::import;

/// Takes over Mosquitto's database if there is one and the broker has no data of its own.
pub(crate) fn take_over(configuration: &Configuration, data: &DataOptions) -> anyhow::Result<()> {
    let log = data.directory.join(LOG);
    let Some(database) = configuration.mosquitto_database().filter(|file| file.is_file()) else {
        return Ok(());
    };
    if log.exists() {
        return Ok(());
    }
    // An import that does not come to its end leaves nothing that looks like data.
    let unfinished = data.directory.join(UNFINISHED);
    let context = || format!("{} cannot be taken over", database.display());
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(context)?;
    }
    let mut progress = |_, _| {};
    let mut directory = DataDirectory::new(&unfinished, data.log.clone(), &mut progress);
    let imported = import::database(&mut directory, &database).with_context(context)?;
    fs::rename(unfinished.join(LOG), &log).with_context(context)?;
    fs::remove_dir_all(&unfinished).with_context(context)?;
    tracing::info!(
        "{} is taken over: {} sessions, {} subscriptions, {} messages and {} retained messages; it \
         is left as it is and not read again",
        database.display(),
        imported.sessions,
        imported.subscriptions,
        imported.messages,
        imported.retained
    );
    Ok(())
}

/// The directory of the log in that of the data.
const LOG: &str = "log";
const UNFINISHED: &str = "import-unfinished";
