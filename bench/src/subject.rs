//! What is measured: a broker, or the relay that does nothing but copy.

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::report::Description;
use crate::{process, relay};

/// A program under measurement.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// As it comes: a shard for each core, and every acknowledgement means on disk.
    FerryMq(PathBuf),
    /// One shard, so that no message changes threads; Mosquitto has but one.
    OneShard(PathBuf),
    /// An acknowledgement means that the broker may be killed.
    Process(PathBuf),
    /// An acknowledgement means nothing more than that the broker has it.
    InMemory(PathBuf),
    Mosquitto(PathBuf),
    /// With its persistence. It acknowledges first and saves later: every half hour,
    /// and when it ends in peace.
    SavingMosquitto(PathBuf),
    Relay,
}

impl Subject {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::FerryMq(_) => "FerryMQ",
            Self::OneShard(_) => "FerryMQ, 1 shard",
            Self::Process(_) => "FerryMQ, process",
            Self::InMemory(_) => "FerryMQ, none",
            Self::Mosquitto(_) => "Mosquitto",
            Self::SavingMosquitto(_) => "Mosquitto, saves later",
            Self::Relay => "relay",
        }
    }

    /// Whether it understands what it passes on.
    pub(crate) const fn is_broker(&self) -> bool {
        !matches!(self, Self::Relay)
    }

    /// Whether what it has acknowledged outlives a kill.
    pub(crate) const fn survives_a_kill(&self) -> bool {
        matches!(self, Self::FerryMq(_) | Self::OneShard(_) | Self::Process(_))
    }

    /// What the program says about itself, and its SHA-256: between two releases
    /// the version alone does not tell what was measured.
    fn version(&self) -> Option<String> {
        let (path, argument) = match self {
            Self::FerryMq(path)
            | Self::OneShard(path)
            | Self::Process(path)
            | Self::InMemory(path) => (path, "--version"),
            Self::Mosquitto(path) | Self::SavingMosquitto(path) => (path, "-h"),
            Self::Relay => return None,
        };
        let output = Command::new(path).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.lines().next()?;
        let sum = Command::new("sha256sum").arg(path).output().ok()?;
        let digest = sum.stdout.get(..16).and_then(|digest| str::from_utf8(digest).ok())?;
        Some(format!("{version}, {digest}"))
    }

    /// How it is started, apart from its port and its directory.
    const fn configuration(&self) -> &'static str {
        match self {
            Self::FerryMq(_) => "ferrymq serve",
            Self::OneShard(_) => "ferrymq serve --shards 1",
            Self::Process(_) => "ferrymq serve --durability process",
            Self::InMemory(_) => "ferrymq serve --durability none",
            Self::Mosquitto(_) => MOSQUITTO,
            Self::SavingMosquitto(_) => SAVING_MOSQUITTO,
            Self::Relay => "reads from one connection, writes to the other",
        }
    }

    /// Who it is, for a report.
    pub(crate) fn describe(&self) -> Description {
        (self.name(), self.version(), self.configuration())
    }

    /// Starts it on an empty directory that ends with it.
    pub(crate) fn start(&self, core: Option<u32>) -> Result<Running> {
        let data = tempfile::Builder::new().prefix("ferrymq-bench-").tempdir_in(ON_DISK)?;
        let mut running = self.start_in(data.path(), core)?;
        running.data = Some(data);
        Ok(running)
    }

    /// Starts it on a directory, which may have something in it.
    pub(crate) fn start_in(&self, data: &Path, core: Option<u32>) -> Result<Running> {
        let (path, options): (_, &[&str]) = match self {
            Self::FerryMq(path) => (path, &[]),
            Self::OneShard(path) => (path, &["--shards", "1"]),
            Self::Process(path) => (path, &["--durability", "process"]),
            Self::InMemory(path) => (path, &["--durability", "none"]),
            Self::Mosquitto(path) => return start_mosquitto(path, core, data, MOSQUITTO),
            Self::SavingMosquitto(path) => {
                return start_mosquitto(path, core, data, SAVING_MOSQUITTO);
            }
            Self::Relay => {
                let mut command = process::command_on(core, &std::env::current_exe()?);
                command.arg("relay");
                return Running::with_announced_port(command, relay::LISTENING);
            }
        };
        let mut command = process::command_on(core, path);
        command.args(["serve", "-p", "0", "--data"]).arg(data).args(options);
        Running::with_announced_port(command, LISTENING)
    }

    /// Starts a broker with one listener, for which `directives` hold, in the language that
    /// both read.
    pub(crate) fn start_with(&self, directives: &str, core: Option<u32>) -> Result<Running> {
        let data = tempfile::Builder::new().prefix("ferrymq-bench-").tempdir_in(ON_DISK)?;
        let mut running = match self {
            Self::FerryMq(path) => {
                let port = free_port()?;
                let file = data.path().join("ferrymq.conf");
                let lines =
                    format!("allow_anonymous true\nlistener {port} 127.0.0.1\n{directives}");
                fs::write(&file, lines)?;
                let mut command = process::command_on(core, path);
                command.arg("serve").arg("-c").arg(&file).arg("--data").arg(data.path());
                Running::with_announced_port(command, LISTENING)?
            }
            Self::Mosquitto(path) => {
                // It ends at once if all its listeners speak WebSocket.
                let plain = format!("listener {} 127.0.0.1\n", free_port()?);
                let configuration =
                    format!("{directives}{plain}{MOSQUITTO}{MOSQUITTO_WITH_LISTENERS}");
                start_mosquitto(path, core, data.path(), &configuration)?
            }
            _ => bail!("{} is not measured with listeners", self.name()),
        };
        running.data = Some(data);
        Ok(running)
    }
}

/// A running subject; it ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    port: u16,
    /// What is removed when it has ended.
    data: Option<TempDir>,
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

    /// Bytes that went, or must go, to a disk.
    pub(crate) fn written_bytes(&self) -> Result<u64> {
        process::written_bytes(self.child.id())
    }

    /// Ends it as an administrator would, and waits for the end.
    pub(crate) fn terminate(mut self) -> Result<()> {
        process::terminate(self.child.id())?;
        self.child.wait()?;
        Ok(())
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
                    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
                    let digits = digits.and_then(|digits| digits.parse::<u16>().ok());
                    // Only the first announcement is waited for.
                    let _ = sender.send(digits);
                }
                line.clear();
            }
        });
        // Made first, so that the child ends also when it announces nothing.
        let mut running = Self { child, port: 0, data: None };
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

fn start_mosquitto(
    program: &Path,
    core: Option<u32>,
    data: &Path,
    configuration: &str,
) -> Result<Running> {
    let port = free_port()?;
    let path = data.join("mosquitto.conf");
    let mut text = format!("listener {port} 127.0.0.1\n{configuration}");
    writeln!(text, "persistence_location {}/", data.display())?;
    fs::write(&path, text)?;
    let mut command = process::command_on(core, program);
    let child = command.arg("-c").arg(&path).stderr(Stdio::piped()).spawn()?;
    let mut running = Running { child, port, data: None };
    let mut stderr = running.child.stderr.take().context("the pipe was asked for")?;
    let deadline = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < deadline, "mosquitto does not listen");
        thread::yield_now();
    }
    thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    Ok(running)
}

/// A port that nobody used a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The words before the port of FerryMQ's listener.
const LISTENING: &str = "listening on 127.0.0.1:";

/// As it comes, but with no window smaller than the generator's.
const MOSQUITTO: &str = "\
allow_anonymous true
log_type error
max_inflight_messages 1024
";

/// It would give up its rights, and with them the key. And it would wait 40 ms for more to
/// write after each part of a handshake.
const MOSQUITTO_WITH_LISTENERS: &str = "\
user root
set_tcp_nodelay true
";

/// The same with what it needs to keep the messages of the experiments. It would
/// give its rights up, and could not write to our directory.
const SAVING_MOSQUITTO: &str = "\
allow_anonymous true
log_type error
max_inflight_messages 1024
max_queued_messages 0
persistence true
user root
";

/// Where brokers keep what they keep: a temporary directory may be memory.
pub(crate) const ON_DISK: &str = "/var/tmp";

const START: Duration = Duration::from_secs(20);
