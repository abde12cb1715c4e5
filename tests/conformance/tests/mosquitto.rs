//! All rows against Mosquitto, if it is installed, in the version whose differences are known.

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use ferrymq_conformance::known::{MOSQUITTO, unexplained};
use support::Server;

#[test]
fn mosquitto_differs_where_it_is_known_to() {
    let Some(binary) = installed() else {
        drop(writeln!(std::io::stderr(), "skipped: no Mosquitto {VERSION} is installed"));
        return;
    };
    let port = free_port();
    let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mosquitto-{port}.conf"));
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\n");
    std::fs::write(&config, text).expect("the configuration can be written");
    let mut command = Command::new(binary);
    command.arg("-c").arg(&config);
    let server = Server::start(command, move |line| {
        line.contains("running").then(|| SocketAddr::from(([127, 0, 0, 1], port)))
    });
    let outcomes = server.play("mosquitto");
    let differences = unexplained(&outcomes, MOSQUITTO);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

const VERSION: &str = "2.0.11";

fn installed() -> Option<PathBuf> {
    let binary = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())?;
    // Without a version option, it is the help that tells the version.
    let help = Command::new(&binary).arg("-h").output().ok()?;
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    text.lines().any(|line| line.ends_with(VERSION)).then_some(binary)
}

/// Mosquitto cannot be asked to choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
