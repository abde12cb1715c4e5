//! A broker that is Mosquitto to those around it: what it says when it starts, reloads and ends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::anyhow;
use ferrymq_server::configuration::{Configuration, Reload as When, Sources, read};
use ferrymq_server::{
    Bind, ClientLog, Listener, Log, LogDestination, LogSettings, LogType, LogTypes, Reload,
    ServeError, Server,
};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::command_line::CommandLine;
use super::identity::{self, Owner, PidFile};
use super::words::{OURS, VERSION, words_of};
use crate::log_lines::LogLines;
use crate::serve::files;
use crate::serve::take_over::take_over;
use crate::supervise::{self, Household};

/// What was asked for when the program was started.
pub(super) struct Order {
    pub(super) line: CommandLine,
    pub(super) sources: Sources,
    pub(super) configuration: Configuration,
    /// Whether the program is in the background.
    pub(super) in_background: bool,
}

/// A broker that runs.
struct Mosquitto {
    order: Order,
    log: Log,
    /// The files of TLS, users and rights.
    files: Vec<PathBuf>,
}

/// Serves until a signal ends it. `false`: it did not come to that, and the log says why.
///
/// # Errors
///
/// What happens before there is a log, and in the background also what prevents the broker: the log
/// is not on the terminal at which somebody waits.
pub(super) fn serve(order: Order) -> anyhow::Result<bool> {
    let global = &order.configuration.global;
    let (owner, warning) = Owner::find(global.user.as_deref())?;
    identity::set_umask()?;
    let pid_file = global.pid_file.as_deref();
    let _pid_file = pid_file.map(|path| PidFile::write(path, owner.as_ref())).transpose()?;
    let log = Log::start(order.log_settings(&order.configuration))?;
    log.set_wants_connections(global.connection_messages);
    if let Some(owner) = &owner {
        give_log(&global.log, owner);
    }
    tracing_subscriber::registry().with(LogLines::new(log.clone(), SAID_OTHERWISE)).init();
    if let Some(words) = warning {
        log.say(LogType::Warning, words);
    }
    let in_background = order.in_background;
    let served = run(order, &log, owner);
    if let Err(error) = &served {
        log.say(LogType::Error, format_args!("Error: {error:#}"));
    }
    log.say(LogType::Information, format_args!("mosquitto version {VERSION} terminating"));
    log.drain();
    match served {
        Err(error) if in_background => Err(error),
        served => Ok(served.is_ok()),
    }
}

fn run(order: Order, log: &Log, owner: Option<Owner>) -> anyhow::Result<()> {
    order.introduce(log);
    let configuration = order.configuration.clone();
    let mut options = configuration.serve_options(None)?;
    let listeners = options.listen.clone();
    let data = options.data.clone();
    let files = files(&configuration, &listeners);
    options.observer = {
        let log = log.clone();
        Box::new(move |_| Box::new(ClientLog::new(log.clone())))
    };
    options.when_bound = {
        let log = log.clone();
        Box::new(move |addresses| {
            tell_listeners(&log, &listeners, addresses);
            owner.map_or(Ok(()), |owner| owner.become_it())?;
            // What is taken over is to belong to who will use it.
            let taken = data.map_or(Ok(()), |data| take_over(&configuration, &data));
            taken.map_err(|error| io::Error::other(format!("{error:#}")))
        })
    };
    let mut mosquitto = Mosquitto { order, log: log.clone(), files };
    supervise::run(options, &mut mosquitto).map_err(|error| in_its_words(log, &error))
}

impl Household for Mosquitto {
    fn running(&mut self, server: &Server) {
        self.log.set_publisher(server.sys_publisher());
        self.log.say(LogType::Information, format_args!("mosquitto version {VERSION} running"));
        if self.order.in_background
            && let Err(error) = identity::stay_in_background()
        {
            tracing::warn!("the terminal cannot be let go of: {error}");
        }
    }

    fn reload(&mut self, server: &Server) {
        self.log.say(LogType::Information, "Reloading config.");
        if let Err(error) = self.go_over(server) {
            if let Some(error) = error {
                tracing::error!("{error:#}");
            }
            tracing::warn!("The configuration stays as it was.");
        }
    }

    fn reopen_log(&mut self) {
        self.log.reopen();
    }

    fn watched_files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// `timeout` and some supervisors tell a process twice.
    fn is_impatient(&self) -> bool {
        false
    }
}

impl Mosquitto {
    /// Goes over to what is configured now. If anything of it is wrong, nothing changes, and the
    /// error is what was not said yet.
    fn go_over(&mut self, server: &Server) -> Result<(), Option<anyhow::Error>> {
        let configuration = read(&self.order.sources).map_err(|rejected| {
            words_of(&rejected.remarks).for_each(|(kind, words)| self.log.say(kind, words));
            None
        })?;
        let listen = configuration.listen().map_err(|error| Some(error.into()))?;
        let policy = configuration.policy().load().map_err(|error| Some(error.into()))?;
        let watched = files(&configuration, &listen);
        let (limits, sockets) = (configuration.limits(), configuration.sockets());
        let reload = Reload { listen, limits, sockets, policy: Some(policy) };
        server.reload(reload).map_err(|error| Some(anyhow!("{error}")))?;
        self.log.set(self.order.log_settings(&configuration));
        self.log.set_wants_connections(configuration.global.connection_messages);
        self.log.reopen();
        words_of(&configuration.remarks).for_each(|(kind, words)| self.log.say(kind, words));
        for difference in self.order.configuration.differences(&configuration) {
            match difference.reload {
                When::Live => tracing::info!("{difference}"),
                When::Restart => tracing::warn!("{difference}"),
            }
        }
        self.order.configuration = configuration;
        self.files = watched;
        Ok(())
    }
}

impl Order {
    /// What is said before anything is opened.
    fn introduce(&self, log: &Log) {
        let say = |words: &str| log.say(LogType::Information, words);
        say(&format!("mosquitto version {VERSION} starting"));
        say(OURS);
        match &self.line.config {
            Some(file) => say(&format!("Config loaded from {}.", file.display())),
            None => say("Using default config."),
        }
        for feature in ["Bridge support NOT", "Persistence support", "TLS support"] {
            say(&format!("{feature} available."));
        }
        say("TLS-PSK support NOT available.");
        say("Websockets support available.");
        words_of(&self.configuration.remarks).for_each(|(kind, words)| log.say(kind, words));
        if self.configuration.is_local {
            say(
                "Starting in local only mode. Connections will only be possible from clients running \
                 on this machine.",
            );
            say("Create a configuration file which defines a listener to allow remote access.");
        }
    }

    /// The log as it is configured, except for what the command line says. In the background there
    /// is no terminal.
    fn log_settings(&self, configuration: &Configuration) -> LogSettings {
        let mut settings = configuration.global.log.clone();
        if self.line.quiet {
            settings.types = LogTypes::NONE;
        } else if self.line.verbose {
            settings.types = LogTypes::ALL;
        }
        if self.in_background {
            let terminal = [LogDestination::Stdout, LogDestination::Stderr];
            settings.destinations.retain(|destination| !terminal.contains(destination));
        }
        settings
    }
}

/// Gives the files of the log to the user that we become, who has to open them again.
fn give_log(settings: &LogSettings, owner: &Owner) {
    for destination in &settings.destinations {
        if let LogDestination::File(path) = destination
            && let Err(error) = owner.give(path)
        {
            tracing::warn!("{} cannot be given to the user: {error}", path.display());
        }
    }
}

/// Says where the broker listens.
fn tell_listeners(log: &Log, listeners: &[Listener], addresses: &[SocketAddr]) {
    let say = |words: String| log.say(LogType::Information, words);
    for address in addresses {
        say(opening(*address));
    }
    for listener in listeners {
        if let Bind::Unix(path) = &listener.bind {
            say(format!("Opening unix listen socket on path {}.", path.display()));
        }
    }
}

fn opening(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    format!("Opening {family} listen socket on port {}.", address.port())
}

/// An error as Mosquitto tells it: an address that is in use is told after the line that announces
/// it.
fn in_its_words(log: &Log, error: &ServeError) -> anyhow::Error {
    if let ServeError::Listen(failed) = error
        && failed.source.kind() == io::ErrorKind::AddrInUse
        && let Ok(address) = failed.place.parse()
    {
        log.say(LogType::Information, opening(address));
        return anyhow!("Address already in use");
    }
    anyhow!("{error}")
}

/// Whose news Mosquitto has words of its own for: where the broker listens, and that it ends.
const SAID_OTHERWISE: &[&str] =
    &["ferrymq_server::serve", "ferrymq_server::listeners", "ferrymq::supervise::signals"];
