//! `ferrymq serve`: the broker.

mod flood;
pub(crate) mod keep;

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use ferrymq_server::{Bind, Limits, Listener, ServeOptions, Server, Sleepers};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::flood::FloodGate;
use self::keep::KeepArguments;
use crate::supervise::{self, Household};

/// Run the broker.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// The port to listen on
    #[arg(short, long, default_value_t = 1883, value_name = "PORT")]
    pub(crate) port: u16,
    /// An address to listen on; may be repeated. Without it: 127.0.0.1 and `::1`
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Vec<IpAddr>,
    /// How many threads share the clients. Without it: one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) shards: Option<u16>,
    /// The largest packet that a client may send
    #[arg(long, default_value_t = 16 * 1024 * 1024, value_name = "BYTES")]
    pub(crate) max_packet_size: u32,
    /// Keep the sessions of some clients although they do not ask for it; may be repeated. For
    /// example `client=phone-*,user=app,expiry=7d,messages=100000,bytes=64M,resume`
    #[arg(long, value_name = "RULE", value_parser = ferrymq_server::configuration::parse_sleepers)]
    pub(crate) sleepers: Vec<Sleepers>,
    #[command(flatten)]
    pub(crate) keep: KeepArguments,
    /// Log every detail, and every line of a flood
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Serves until a signal ends it.
pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<()> {
    log_to_stderr(arguments.verbose);
    // The words name the cause already: the chain of causes would say it twice.
    supervise::run(options(arguments)?, &mut Flags).map_err(|error| anyhow!("{error}"))
}

/// A broker whose configuration is on its command line, and whose log is standard error.
struct Flags;

impl Household for Flags {
    fn running(&mut self, _server: &Server) {}

    fn reload(&mut self, _server: &Server) {
        tracing::info!("there is nothing to read again: everything was said on the command line");
    }

    fn reopen_log(&mut self) {}

    fn watched_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn ending(&mut self) {}
}

fn options(arguments: &ServeArguments) -> anyhow::Result<ServeOptions> {
    let port = arguments.port;
    let listen = if arguments.bind.is_empty() {
        vec![Listener::new(Bind::Loopback { port })]
    } else {
        arguments.bind.iter().map(|at| Listener::at(SocketAddr::new(*at, port))).collect()
    };
    let mut limits = limits(arguments.max_packet_size);
    limits.sleepers.clone_from(&arguments.sleepers);
    arguments.keep.set_levels(&mut limits);
    Ok(ServeOptions {
        listen,
        shards: arguments.shards.and_then(NonZeroU16::new),
        limits,
        data: arguments.keep.data()?,
        ..ServeOptions::default()
    })
}

/// The default limits, with room for two of the largest packets in the queue of a session. The
/// output of a connection needs none: there the last message may go beyond the limit.
fn limits(maximum_packet_size: u32) -> Limits {
    let mut limits = Limits::default();
    let two =
        usize::try_from(maximum_packet_size).map_or(usize::MAX, |size| size.saturating_mul(2));
    limits.connection.maximum_packet_size = maximum_packet_size;
    limits.queued_bytes = limits.queued_bytes.max(two);
    limits
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArguments,
    }

    fn parse(line: &str) -> ServeOptions {
        options(&Line::parse_from(line.split(' ')).serve).expect("the line is right")
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
}
