//! `ferrymq serve`: the broker.

pub(crate) mod flags;
mod flood;
pub(crate) mod home;
pub(crate) mod take_over;

use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use ferrymq_server::configuration::{
    Configuration, Endpoint, Persona, Reload as When, Sources, Weight, read,
};
use ferrymq_server::{
    ClientLog, Listener, Log, LogSettings, LogTypes, Reload, ServeOptions, Server,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::flags::OptionFlags;
use self::flood::FloodGate;
use crate::config::environment;
use crate::log_lines::LogLines;
use crate::supervise::{self, Household};

/// Run the broker.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// A configuration file, in the language of mosquitto.conf
    #[arg(short, long, value_name = "FILE", env = "FERRYMQ_CONFIG_FILE", hide_env = true)]
    pub(crate) config_file: Option<PathBuf>,
    /// The port to listen on. Without it: 1883, or what the configuration file says
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// An address to listen on; may be repeated. Without it: 127.0.0.1 and `::1`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Vec<IpAddr>,
    /// Log every detail, and every line of a flood
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) options: OptionFlags,
}

/// Serves until a signal ends it.
pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    let sources = arguments.sources(environment());
    let configuration = read(&sources).context(UNUSABLE)?;
    let log = begin_log(&configuration, arguments.verbose)?;
    tell(&configuration);
    let mut options = options(&configuration)?;
    if let Some(log) = log.clone() {
        options.observer = Box::new(move |_| Box::new(ClientLog::new(log.clone())));
    }
    let (files, verbose) = (files(&configuration, &options.listen), arguments.verbose);
    let mut broker = Configured { sources, configuration, log, verbose, files };
    // The words name the cause already: the chain of causes would say it twice.
    let ended = supervise::run(options, &mut broker).map_err(|error| anyhow!("{error}"));
    if let Some(log) = broker.log {
        log.drain();
    }
    ended
}

/// A broker with its configuration.
struct Configured {
    sources: Sources,
    configuration: Configuration,
    /// The log as it is configured; without it there are events on standard error.
    log: Option<Log>,
    verbose: bool,
    /// The files of TLS, users and rights.
    files: Vec<PathBuf>,
}

impl Household for Configured {
    fn running(&mut self, server: &Server) {
        if let Some(log) = &self.log {
            log.set_publisher(server.sys_publisher());
        }
    }

    fn reload(&mut self, server: &Server) {
        if self.sources.file.is_none() && self.files.is_empty() {
            tracing::info!("there is nothing to read again: all was said on the command line");
            return;
        }
        match self.go_over(server) {
            Ok(()) => tracing::info!("the configuration is reloaded"),
            Err(error) => {
                for line in format!("{error:#}").lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("the configuration stays as it was");
            }
        }
    }

    fn reopen_log(&mut self) {
        if let Some(log) = &self.log {
            log.reopen();
        }
    }

    fn watched_files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    fn is_impatient(&self) -> bool {
        true
    }
}

impl Configured {
    /// Goes over to what is configured now. Nothing changes if anything of it is wrong.
    fn go_over(&mut self, server: &Server) -> anyhow::Result<()> {
        let configuration = read(&self.sources).context(UNUSABLE)?;
        let listen = configuration.listen()?;
        let policy = Some(configuration.policy().load()?);
        let files = files(&configuration, &listen);
        let (limits, sockets) = (configuration.limits(), configuration.sockets());
        server.reload(Reload { listen, limits, sockets, policy })?;
        match &self.log {
            Some(log) => {
                log.set(log_settings(&configuration, self.verbose));
                log.set_wants_connections(configuration.global.connection_messages);
                log.reopen();
            }
            None if configuration.says_of_log() => {
                tracing::warn!("what is said of the log holds after a start");
            }
            None => {}
        }
        tell(&configuration);
        for difference in self.configuration.differences(&configuration) {
            match difference.reload {
                When::Live => tracing::info!("{difference}"),
                When::Restart => tracing::warn!("{difference}"),
            }
        }
        self.configuration = configuration;
        self.files = files;
        Ok(())
    }
}

impl ServeArguments {
    /// What the broker is told, and by whom.
    fn sources(&self, environment: Vec<(String, String)>) -> Sources {
        let endpoints = match (self.bind.as_slice(), self.port) {
            ([], None) => Vec::new(),
            ([], Some(port)) => vec![Endpoint::Loopback { port }],
            (addresses, port) => addresses
                .iter()
                .map(|address| Endpoint::Tcp {
                    port: port.unwrap_or(1883),
                    host: Some(address.to_string()),
                })
                .collect(),
        };
        Sources {
            persona: Persona::Ferrymq,
            file: self.config_file.clone(),
            environment,
            flags: self.options.0.clone(),
            endpoints,
            local_ports: Vec::new(),
        }
    }
}

/// The files that were read and are not read again by themselves: those of TLS, of users and of
/// rights.
pub(crate) fn files(configuration: &Configuration, listeners: &[Listener]) -> Vec<PathBuf> {
    let layers = listeners.iter().filter_map(|listener| listener.transport.tls.as_ref());
    let of_tls = layers.flat_map(|tls| tls.files().to_vec());
    of_tls.chain(configuration.policy().files()).collect()
}

/// Logs what is to be said of a configuration.
fn tell(configuration: &Configuration) {
    for remark in &configuration.remarks {
        match remark.weight {
            Weight::Notice => tracing::info!("{remark}"),
            Weight::Warning | Weight::Mistake => tracing::warn!("{remark}"),
        }
    }
}

/// What the server takes, when Mosquitto's data is ours.
fn options(configuration: &Configuration) -> anyhow::Result<ServeOptions> {
    let options = configuration.serve_options(home::directory())?;
    if let Some(data) = &options.data {
        take_over::take_over(configuration, data)?;
    }
    Ok(options)
}

/// Begins the log that is configured, with the lines of clients that Mosquitto's users know. If
/// nothing is said of it, events go to standard error.
fn begin_log(configuration: &Configuration, verbose: bool) -> anyhow::Result<Option<Log>> {
    if !configuration.says_of_log() {
        log_to_stderr(verbose);
        return Ok(None);
    }
    let log = Log::start(log_settings(configuration, verbose))?;
    log.set_wants_connections(configuration.global.connection_messages);
    tracing_subscriber::registry().with(LogLines::new(log.clone(), &[])).init();
    Ok(Some(log))
}

fn log_settings(configuration: &Configuration, verbose: bool) -> LogSettings {
    let mut settings = configuration.global.log.clone();
    if verbose {
        settings.types = LogTypes::ALL;
    }
    settings
}

/// `RUST_LOG` has the last word on what is logged. Who wants every detail gets every line.
fn log_to_stderr(verbose: bool) {
    let level = if verbose { "debug" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter)
        .with((!verbose).then(FloodGate::default))
        .with(lines)
        .init();
}

const UNUSABLE: &str = "the configuration cannot be used";

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use clap::Parser;
    use ferrymq_server::{Bind, Durability, Limits};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArguments,
    }

    fn parse(line: &str) -> ServeOptions {
        let arguments = Line::parse_from(line.split(' ')).serve;
        let configuration = read(&arguments.sources(Vec::new())).expect("the line is right");
        configuration.serve_options(Some(PathBuf::from("/nowhere"))).expect("there is a place")
    }

    #[test]
    fn broker_is_for_this_machine_until_told_otherwise() {
        let binds = |line: &str| -> Vec<Bind> {
            parse(line).listen.into_iter().map(|listener| listener.bind).collect()
        };
        assert_eq!(binds("serve"), [Bind::Loopback { port: 1883 }]);
        assert_eq!(binds("serve -p 0"), [Bind::Loopback { port: 0 }]);
        assert_eq!(
            binds("serve --bind 10.0.0.1 --bind :: -p 7"),
            [
                Bind::from(SocketAddr::from(([10, 0, 0, 1], 7))),
                Bind::from(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], 7))),
            ]
        );
    }

    #[test]
    fn largest_packet_fits_where_messages_wait() {
        let limits = parse("serve --max-packet-size 80000000").limits;
        assert_eq!(limits.connection.maximum_packet_size, 80_000_000);
        assert!(limits.queued_bytes >= 80_000_000);
        assert_eq!(limits.output_bytes, Limits::default().output_bytes);
    }

    #[test]
    fn flags_are_options_of_the_configuration() {
        let line = "serve --shards 3 --durability process --topic-durability a/#=none --data /d \
                    --sleepers client=a*,resume --max-inflight-messages 7 --max_queued_messages 9 \
                    --allow-anonymous --max-connections -1";
        let options = parse(line);
        assert_eq!(options.shards.map(u16::from), Some(3));
        assert_eq!(options.data.map(|data| data.directory), Some(PathBuf::from("/d")));
        let limits = options.limits;
        assert_eq!(limits.durability, Durability::Process);
        assert_eq!(limits.topic_durability, [(Box::from("a/#"), Durability::None)]);
        assert!(limits.sleepers[0].resume);
        assert_eq!((limits.connection.send_maximum, limits.connection.receive_maximum), (7, 7));
        assert_eq!(limits.queued_messages, 9);
    }

    #[test]
    fn defaults_of_the_configuration_are_those_of_the_server() {
        let options = parse("serve");
        let defaults = ServeOptions::default();
        assert_eq!(format!("{:?}", options.limits), format!("{:?}", defaults.limits));
        assert_eq!(format!("{:?}", options.sockets), format!("{:?}", defaults.sockets));
    }
}
