//! What is measured: a broker, or the relay that does nothing but copy.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{process, relay};

/// A program under measurement.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// As it comes: a shard for each core.
    FerryMq(PathBuf),
    /// One shard, so that no message changes threads; Mosquitto has but one.
    OneShard(PathBuf),
    Mosquitto(PathBuf),
    Relay,
}

impl Subject {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::FerryMq(_) => "FerryMQ",
            Self::OneShard(_) => "FerryMQ, 1 shard",
            Self::Mosquitto(_) => "Mosquitto",
            Self::Relay => "relay",
        }
    }

    /// Whether it understands what it passes on.
    pub(crate) const fn is_broker(&self) -> bool {
        !matches!(self, Self::Relay)
    }

    /// What the program says about itself, and its SHA-256: between two releases
    /// the version alone does not tell what was measured.
    pub(crate) fn version(&self) -> Option<String> {
        let (path, argument) = match self {
            Self::FerryMq(path) | Self::OneShard(path) => (path, "--version"),
            Self::Mosquitto(path) => (path, "-h"),
            Self::Relay => return None,
        };
        let output = Command::new(path).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.lines().next()?;
        let sum = Command::new("sha256sum").arg(path).output().ok()?;
        let digest = sum.stdout.get(..16).and_then(|digest| str::from_utf8(digest).ok())?;
        Some(format!("{version}, {digest}"))
    }

    /// How it is started, apart from its port.
    pub(crate) const fn configuration(&self) -> &'static str {
        match self {
            Self::FerryMq(_) => "ferrymq serve",
            Self::OneShard(_) => "ferrymq serve --shards 1",
            Self::Mosquitto(_) => MOSQUITTO,
            Self::Relay => "reads from one connection, writes to the other",
        }
    }

    pub(crate) fn start(&self, core: Option<u32>) -> Result<Running> {
        let command = |program: &Path| process::command_on(core, program);
        match self {
            Self::FerryMq(path) | Self::OneShard(path) => {
                let mut command = command(path);
                command.args(["serve", "-p", "0"]);
                if matches!(self, Self::OneShard(_)) {
                    command.args(["--shards", "1"]);
                }
                Running::with_announced_port(command, "listening on 127.0.0.1:")
            }
            Self::Mosquitto(path) => start_mosquitto(command(path)),
            Self::Relay => {
                let mut command = command(&std::env::current_exe()?);
                command.arg("relay");
                Running::with_announced_port(command, relay::LISTENING)
            }
        }
    }
}

/// A running subject; it ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    port: u16,
}

impl Running {
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.child.id())
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.child.id())
    }

    fn with_announced_port(mut command: Command, words: &'static str) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("the pipe was asked for")?;
        let (sender, port) = channel();
        // The thread reads on to the end, so that the subject never waits for us.
        thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            let mut line = String::new();
            while matches!(lines.read_line(&mut line), Ok(1..)) {
                if let Some((_, rest)) = line.split_once(words) {
                    let digits = rest.trim_end().parse::<u16>().ok();
                    // Only the first announcement is waited for.
                    let _ = sender.send(digits);
                }
                line.clear();
            }
        });
        // Made first, so that the child ends also when it announces nothing.
        let mut running = Self { child, port: 0 };
        let announced = port.recv_timeout(START).context("no port was announced")?;
        running.port = announced.context("the announcement ends with a port")?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a child that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start_mosquitto(mut command: Command) -> Result<Running> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let path = std::env::temp_dir().join(format!("ferrymq-bench-{port}.conf"));
    fs::write(&path, format!("listener {port} 127.0.0.1\n{MOSQUITTO}"))?;
    let child = command.arg("-c").arg(&path).stderr(Stdio::piped()).spawn()?;
    let mut running = Running { child, port };
    let mut stderr = running.child.stderr.take().context("the pipe was asked for")?;
    let deadline = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < deadline, "mosquitto does not listen");
        thread::yield_now();
    }
    fs::remove_file(&path)?;
    thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    Ok(running)
}

/// As it comes, but with no window smaller than the generator's.
const MOSQUITTO: &str = "\
allow_anonymous true
log_type error
max_inflight_messages 1024
";

const START: Duration = Duration::from_secs(20);
