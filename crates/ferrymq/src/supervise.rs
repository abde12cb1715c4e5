//! A broker and the world that watches over it: signals, the supervisor that has started it, files
//! that change. Both personas of the program run their broker here.

mod notify;
mod signals;
mod watch;

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use ferrymq_server::{DataError, ServeError, ServeOptions, Server, Stop};

use self::notify::Watchdog;
use self::signals::{Signal, Signals};
use self::watch::Watch;

/// What a program does for the broker that it runs.
pub(crate) trait Household {
    /// Clients can connect.
    fn running(&mut self, server: &Server);

    /// Reads its configuration again and gives the broker what has changed. A mistake is logged, and
    /// nothing changes.
    fn reload(&mut self, server: &Server);

    /// Opens the files of its log anew.
    fn reopen_log(&mut self);

    /// The files on which the configuration depends without being told of their changes, such as
    /// certificates.
    fn watched_files(&self) -> Vec<PathBuf>;

    /// Whether the second signal that ends the broker does not wait for clients any more.
    fn is_impatient(&self) -> bool;
}

/// Runs a broker until a signal ends it.
pub(crate) fn run(options: ServeOptions, household: &mut dyn Household) -> Result<(), ServeError> {
    let (events, inbox) = mpsc::channel();
    let stop = Stop::default();
    // Before anything is bound, so that nobody who sees us listen can be answered by the default of
    // a signal.
    let signals = Signals::watch(events.clone(), stop.clone(), household.is_impatient())?;
    stop.on_end(move || {
        // If nobody takes it, the broker has been waited for already.
        let _ = events.send(Signal::End);
    });
    // How the files look that were just read; to start may take a while.
    let watch = Watch::new(household.watched_files());
    let server = match Server::start_with(options, stop) {
        Ok(server) => server,
        // That is what was asked for.
        Err(ServeError::Data(DataError::Stopped)) => return Ok(()),
        Err(error) => return Err(error),
    };
    household.running(&server);
    notify::ready();
    attend(&server, household, watch, &inbox);
    notify::stopping();
    let ended = server.join();
    signals.close();
    ended
}

/// Does what it is told until it is told to end.
fn attend(
    server: &Server,
    household: &mut dyn Household,
    mut watch: Watch,
    inbox: &mpsc::Receiver<Signal>,
) {
    let mut watchdog = Watchdog::of_supervisor();
    loop {
        let signal = match watchdog.next().into_iter().chain(watch.next()).min() {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        let reload = match signal {
            Ok(Signal::Reload) => true,
            Ok(Signal::Save) => {
                tracing::info!("nothing to save: the log of records is always up to date");
                false
            }
            Ok(Signal::Tree) => {
                tell_tree(server);
                false
            }
            Ok(Signal::Reopen) => {
                household.reopen_log();
                false
            }
            Ok(Signal::End) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                watchdog.beat(server);
                let changed = watch.changed();
                if let Some(path) = changed {
                    tracing::info!("{} has changed", path.display());
                }
                changed.is_some()
            }
        };
        if reload {
            notify::reloading();
            let before = Watch::new(household.watched_files());
            household.reload(server);
            watch = before.go_on(household.watched_files());
            notify::ready();
        }
    }
}

/// Says who subscribes to what.
fn tell_tree(server: &Server) {
    let filters = server.directory().subscribed_filters();
    let retained = server.directory().retained_count();
    tracing::info!(
        "{} topic filters are subscribed to, {retained} messages are retained",
        filters.len()
    );
    for (filter, count) in filters {
        tracing::info!("    {filter} ({count})");
    }
}
