//! The broker under test: a process that is started on a data directory and killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::binary::binary;
use crate::way::{Certificate, Transport};

/// How the broker is started.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// The data directory.
    pub data: PathBuf,
    /// How many threads share the clients.
    pub shards: u16,
    /// `power`, `process` or `none`.
    pub durability: String,
    /// The length of a segment of the log, if not the default.
    pub segment_bytes: Option<u64>,
    /// What its listener speaks.
    pub transport: Transport,
    /// What it shows where that has TLS.
    pub certificate: Option<Certificate>,
    /// A process whose file systems the broker sees instead of ours.
    pub beside: Option<u32>,
}

/// A broker's process. It ends with this value.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl BrokerOptions {
    /// The defaults on this data directory.
    pub fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            shards: 2,
            durability: "power".to_owned(),
            segment_bytes: None,
            transport: Transport::Tcp,
            certificate: None,
            beside: None,
        }
    }

    fn command(&self) -> Command {
        let mut command = match self.beside {
            None => Command::new(binary()),
            Some(process) => {
                // This program becomes the broker: its process stays the one that is killed.
                let mut command = Command::new("nsenter");
                command.args(["--user", "--mount", "--preserve-credentials", "--target"]);
                command.arg(process.to_string()).arg(binary());
                command
            }
        };
        command.args(["serve", "-p", "0", "--shards", &self.shards.to_string()]);
        command.args(["--durability", &self.durability]).arg("--data").arg(&self.data);
        if let Some(bytes) = self.segment_bytes {
            command.args(["--segment-bytes", &bytes.to_string()]);
        }
        if self.transport.has_tls()
            && let Some(certificate) = &self.certificate
        {
            command.arg("--certfile").arg(certificate.file());
            command.arg("--keyfile").arg(certificate.key());
        }
        if self.transport.has_websocket() {
            command.args(["--protocol", "websockets"]);
        }
        command
    }
}

impl Broker {
    /// Starts a process and does not wait for it.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(options: &BrokerOptions) -> Self {
        let mut command = options.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let errors = child.stderr.take().expect("the pipe was asked for");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until the broker listens, and returns the port.
    ///
    /// # Errors
    ///
    /// The last words of a broker that ends, or says nothing for too long.
    pub fn port(&mut self) -> Result<u16, String> {
        let line = self.line_with(LISTENING)?;
        let digits = line.split(LISTENING).nth(1).unwrap_or_default();
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().map_err(|_| format!("no port in: {line}"))
    }

    /// Waits for a line that contains these words.
    ///
    /// # Errors
    ///
    /// The last words of a broker that ends, or says nothing for too long.
    pub fn line_with(&mut self, words: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the broker never said \"{words}\"\n{}", self.words()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the broker has ended\n{}", self.words()));
                }
            }
        }
    }

    /// Lets the broker say what it wants to say, for so long or until it ends.
    pub fn listen_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Ok(line) =
            self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push(line);
        }
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// Its words, if it goes on.
    ///
    /// # Panics
    /// When the system does not say how.
    pub fn end(&mut self) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The pipe ends with the process.
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the broker does not end\n{}", self.words()));
                }
            }
        }
        Ok(self.child.wait().expect("a child can be waited for"))
    }

    /// Whether the process has ended by itself, and how.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills the process. When this returns, it is dead.
    pub fn kill(&mut self) {
        // Both fail only for a child that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end, as an operator would.
    ///
    /// # Panics
    /// Without the program `kill`.
    pub fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        Command::new("kill").arg(pid).status().expect("kill is everywhere");
    }

    /// What it has said so far, the last lines of it.
    pub fn words(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        let first = self.said.len().saturating_sub(WORDS);
        self.said.get(first..).unwrap_or_default().join("\n")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The words before the port of the IPv4 listener.
const LISTENING: &str = "listening on 127.0.0.1:";

/// How long the broker may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many lines are shown.
const WORDS: usize = 40;
