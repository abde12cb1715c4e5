//! All rows against Mosquitto, if it is installed, in the version whose differences are known.

mod support;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use ferrymq_conformance::known::{MOSQUITTO, unexplained};
use support::Server;

#[test]
fn mosquitto_differs_where_it_is_known_to() {
    let Some(binary) = installed() else {
        drop(writeln!(std::io::stderr(), "skipped: no Mosquitto {VERSION} is installed"));
        return;
    };
    let server = Server::start(Command::new(binary), |_| " running".to_owned());
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
