//! Shows the rows to servers at TCP addresses and reports what they make of them.

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use ferrymq_conformance::{Finding, Report, TcpTarget, allow_many_sockets, markdown, run, tables};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}\n\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    match report(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::from(2)
        }
    }
}

const USAGE: &str = "\
usage: ferrymq-conformance --target HOST:PORT [--name NAME] [--websocket HOST:PORT] [--target …]
                           [--only SUBSTRING] [--report FILE] [--threads NUMBER]";

#[derive(Debug, Default)]
struct Options {
    servers: Vec<Server>,
    only: String,
    report: Option<String>,
    threads: Option<usize>,
}

#[derive(Debug)]
struct Server {
    name: String,
    address: SocketAddr,
    /// Its listener for WebSocket.
    websocket: Option<SocketAddr>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, UsageError> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| UsageError(format!("{name} what?")))?;
            match name.as_str() {
                "--target" => {
                    let address = address(&value)?;
                    options.servers.push(Server { name: value, address, websocket: None });
                }
                "--name" => options.last(&name)?.name = value,
                "--websocket" => options.last(&name)?.websocket = Some(address(&value)?),
                "--only" => options.only = value,
                "--report" => options.report = Some(value),
                "--threads" => {
                    let bad = |_| UsageError(format!("not a number: {value}"));
                    options.threads = Some(value.parse().map_err(bad)?);
                }
                _ => return Err(UsageError(format!("unknown option {name}"))),
            }
        }
        if options.servers.is_empty() {
            return Err(UsageError("a --target is needed".into()));
        }
        Ok(options)
    }

    /// The server that this option is about.
    fn last(&mut self, option: &str) -> Result<&mut Server, UsageError> {
        let missing = || UsageError(format!("{option} comes after its --target"));
        self.servers.last_mut().ok_or_else(missing)
    }
}

fn address(text: &str) -> Result<SocketAddr, UsageError> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| UsageError(format!("no such address: {text}")))
}

#[derive(Debug)]
struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether every server kept every row.
fn report(options: &Options) -> io::Result<bool> {
    allow_many_sockets()?;
    let threads = options.threads.unwrap_or(THREADS);
    let mut out = io::stdout().lock();
    let mut reports = Vec::new();
    for Server { name, address, websocket } in &options.servers {
        let target = || Box::new(TcpTarget::new(*address).with_websocket(*websocket)) as _;
        let outcomes = run(&tables(), &options.only, threads, &target);
        let report = Report { name: name.clone(), outcomes };
        for outcome in report.broken() {
            if let Finding::Broken(failure) = &outcome.finding {
                writeln!(out, "{name}: {}: {failure}", outcome.name)?;
            }
        }
        let (kept, broken, excepted) = report.totals();
        writeln!(out, "{name}: {kept} kept, {broken} broken, {excepted} not checked")?;
        reports.push(report);
    }
    if let Some(file) = &options.report {
        std::fs::write(file, markdown(&reports))?;
    }
    Ok(reports.iter().all(|report| report.broken().next().is_none()))
}

/// Most rows wait most of the time.
const THREADS: usize = 48;
