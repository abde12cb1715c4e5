//! The broker under test, as a process of its own on a free loopback port.

use std::env;
use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::environment;
use crate::output::Program;

/// A running broker; it ends with this value.
#[derive(Debug)]
pub struct Broker {
    /// Ends the process when it is dropped.
    _program: Program,
    /// What it keeps is removed after that.
    _data: TempDir,
    port: u16,
}

/// Whose program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The binary under test.
    FerryMq,
    /// Debian's Mosquitto: as a broker, also to check the tests themselves.
    Mosquitto,
}

impl Broker {
    /// A broker with its defaults on a free port.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start() -> Self {
        Self::start_with(None, None)
    }

    /// A broker that takes packets of up to `bytes`.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start_with_max_packet_size(bytes: u32) -> Self {
        Self::start_with(None, Some(bytes))
    }

    /// A broker on a port of the caller's choice.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start_on(port: u16) -> Self {
        Self::start_with(Some(port), None)
    }

    /// A broker that reads a file with these listeners, each by the directives that
    /// follow its port, one a line. They may name files.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start_with_listeners<const N: usize>(listeners: [&str; N]) -> (Self, [u16; N]) {
        Self::start_of(Peer::chosen(), listeners)
    }

    /// The same, of this kind of broker.
    ///
    /// # Panics
    /// When it does not listen within twenty seconds.
    pub fn start_of<const N: usize>(peer: Peer, listeners: [&str; N]) -> (Self, [u16; N]) {
        let ports = listeners.map(|_| free_port());
        let mut lines = vec!["allow_anonymous true".to_owned()];
        for (port, directives) in ports.iter().zip(listeners) {
            lines.push(format!("listener {port} 127.0.0.1\n{directives}"));
        }
        let lines = lines.join("\n");
        let broker = match peer {
            Peer::FerryMq => {
                let data = scratch();
                let path = data.path().join("ferrymq.conf");
                fs::write(&path, lines).expect("the target directory takes files");
                let mut command = Command::new(environment::ferrymq());
                command.arg("serve").arg("-c").arg(path).arg("--data").arg(data.path());
                let mut program = Program::start(&mut command);
                for port in ports {
                    let listening = format!("{LISTENING}{port}");
                    program.line_where(START, |line| line.contains(&listening));
                }
                Self { _program: program, _data: data, port: ports[0] }
            }
            Peer::Mosquitto => run_mosquitto(ports[0], &lines),
        };
        (broker, ports)
    }

    /// The port it listens on, on loopback; the first, if there are several.
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn start_with(port: Option<u16>, max_packet_size: Option<u32>) -> Self {
        match Peer::chosen() {
            Peer::FerryMq => start_ferrymq(port.unwrap_or(0), max_packet_size),
            Peer::Mosquitto => start_mosquitto(port.unwrap_or_else(free_port), max_packet_size),
        }
    }
}

impl Peer {
    /// The broker that the environment asks for.
    fn chosen() -> Self {
        match env::var("FERRYMQ_INTEROP_BROKER").as_deref() {
            Err(_) | Ok("" | "ferrymq") => Self::FerryMq,
            Ok("mosquitto") => Self::Mosquitto,
            Ok(other) => panic!("FERRYMQ_INTEROP_BROKER is ferrymq or mosquitto, not {other}"),
        }
    }
}

/// A port that nobody used a moment ago.
///
/// # Panics
/// Without a loopback interface.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn start_ferrymq(port: u16, max_packet_size: Option<u32>) -> Broker {
    let mut command = Command::new(environment::ferrymq());
    command.arg("serve").arg("-p").arg(port.to_string());
    if let Some(bytes) = max_packet_size {
        command.arg("--max-packet-size").arg(bytes.to_string());
    }
    let data = scratch();
    command.arg("--data").arg(data.path());
    if let Ok(mode) = env::var("FERRYMQ_INTEROP_DURABILITY") {
        command.args(["--durability", &mode]);
    }
    let mut program = Program::start(&mut command);
    let line = program.line_where(START, |line| line.contains(LISTENING));
    let after = line.split(LISTENING).nth(1).expect("the line was chosen for these words");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let port = digits.parse().expect("a port follows the address");
    Broker { _program: program, _data: data, port }
}

fn start_mosquitto(port: u16, max_packet_size: Option<u32>) -> Broker {
    let mut lines = vec!["allow_anonymous true".to_owned(), format!("listener {port} 127.0.0.1")];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        lines.push(format!("listener {port} ::1"));
    }
    if let Some(bytes) = max_packet_size {
        lines.push(format!("max_packet_size {bytes}"));
    }
    run_mosquitto(port, &lines.join("\n"))
}

fn run_mosquitto(port: u16, lines: &str) -> Broker {
    let data = scratch();
    let path = data.path().join("mosquitto.conf");
    // As root it would become a user who cannot read the tests' keys.
    let lines = format!("user root\n{lines}\n");
    fs::write(&path, lines).expect("the target directory takes files");
    let mut command = Command::new(environment::installed("mosquitto"));
    command.arg("-c").arg(&path);
    let mut program = Program::start(&mut command);
    program.line_where(START, |line| line.ends_with(" running"));
    Broker { _program: program, _data: data, port }
}

/// A directory for one broker.
fn scratch() -> TempDir {
    TempDir::new_in(environment::scratch()).expect("the target directory takes files")
}

/// The words that a broker logs before the port of its IPv4 listener.
const LISTENING: &str = "listening on 127.0.0.1:";

/// How long a broker may take to listen.
const START: Duration = Duration::from_secs(20);
