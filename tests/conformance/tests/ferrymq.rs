//! All rows against the FerryMQ binary.

mod support;

use std::path::PathBuf;
use std::process::Command;

use ferrymq_conformance::known::unexplained;
use support::Server;

#[test]
fn ferrymq_keeps_every_statement() {
    let data = tempfile::tempdir().expect("there is room for files");
    let mut command = Command::new(binary());
    command.arg("serve").arg("--data").arg(data.path());
    let server = Server::start(command, |port| format!("listening on 127.0.0.1:{port}"));
    let outcomes = server.play("ferrymq");
    let broken = unexplained(&outcomes, &[]);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Beside this test, where cargo puts binaries, or where `FERRYMQ_BIN` says.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("FERRYMQ_BIN") {
        return path.into();
    }
    let mut path = std::env::current_exe().expect("a test knows where it is");
    path.pop();
    path.set_file_name("ferrymq");
    assert!(path.exists(), "no {}: run `cargo build -p ferrymq` first", path.display());
    path
}
