//! Writes the page that says, for each normative statement, whether the broker keeps it, how that
//! is known, and where the code says so.
//!
//! The suite plays its rows against the program and writes a table; here the files are added.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::command::{House, succeed};
use crate::tidy;

/// Plays the suite and writes the page.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let house = House::new(root);
    let build = ["build", "--locked", "--release", "--package"];
    succeed(house.cargo(&build).args(["ferrymq", "--package", "ferrymq-conformance"]))?;
    let report = house.target.join("conformance.md");
    let verdict = {
        let broker = Broker::start(&house)?;
        let mut suite = Command::new(house.target.join("release/ferrymq-conformance"));
        let [target, websocket] = broker.ports.map(|port| format!("127.0.0.1:{port}"));
        suite.args(["--target", &target, "--name", "FerryMQ", "--websocket", &websocket]);
        suite.arg("--report").arg(&report);
        succeed(&mut suite)
    };
    let table = fs::read_to_string(&report).map_err(|error| format!("no report: {error}"))?;
    let page = with_places(&table, &tidy::statements(root)?);
    fs::write(root.join(PAGE), page).map_err(|error| format!("{PAGE}: {error}"))?;
    println!("{PAGE} is written");
    verdict
}

/// A running broker, which ends with this value.
struct Broker {
    process: Child,
    /// Of its listeners for TCP and for WebSocket.
    ports: [u16; 2],
}

impl Broker {
    fn start(house: &House) -> Result<Self, String> {
        let failure = |error: io::Error| format!("ferrymq: {error}");
        let ports = [free_port().map_err(failure)?, free_port().map_err(failure)?];
        let [tcp, websocket] = ports;
        let configuration = house.target.join("conformance.conf");
        let lines = format!(
            "allow_anonymous true\nlistener {tcp} 127.0.0.1\nlistener {websocket} 127.0.0.1\n\
             protocol websockets\n"
        );
        fs::write(&configuration, lines).map_err(failure)?;
        let mut command = Command::new(house.target.join("release/ferrymq"));
        command.args(["serve", "--durability", "none", "-c"]).arg(configuration);
        let mut process = command.stderr(Stdio::piped()).spawn().map_err(failure)?;
        let stderr = process.stderr.take().expect("it was piped above");
        let broker = Self { process, ports };
        let mut lines = BufReader::new(stderr).lines();
        let listening = format!("listening on 127.0.0.1:{websocket}");
        lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains(&listening))
            .ok_or("ferrymq ended before it listened")?;
        // What it goes on to say is read, or it would wait for us one day.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(broker)
    }
}

/// A port that nobody used a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself; the suite has said so then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Adds a column with the files that name a statement, to the tables about MQTT 5.0: it is their
/// numbers that the code uses.
fn with_places(report: &str, places: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut page = String::new();
    let mut joined = false;
    for line in report.lines() {
        if line == TITLE {
            page.push_str(TITLE);
            page.push_str(HOW_TO_READ);
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            joined = title.starts_with("MQTT 5.0");
        }
        page.push_str(line);
        if joined && let Some(first) = line.strip_prefix('|').and_then(|row| row.split('|').next())
        {
            let id = first.trim();
            let files = places.get(id).map(|files| files.iter().map(|file| short(file)).collect());
            let cell = match id {
                "id" => " code |".to_owned(),
                "---" => " --- |".to_owned(),
                _ => {
                    format!(" {} |", files.map_or(String::new(), |files: Vec<_>| files.join(", ")))
                }
            };
            page.push_str(&cell);
        }
        page.push('\n');
    }
    page
}

fn short(path: &str) -> String {
    format!("`{}`", path.strip_prefix("crates/").unwrap_or(path))
}

const TITLE: &str = "# Conformance";

const HOW_TO_READ: &str = "\n
This page is written by `cargo xtask conformance-report`, which plays the suite in `tests/conformance`
against the program. A row is a normative statement of the specification, under the number that the
specification gives it, or a kind of hostile input.

- *yes*: the broker does what the statement says, as far as it can be seen from outside.
- **no**: it does not; the note says what came instead.
- –: it is not checked here, for the reason in the note.

The last column of the tables about MQTT 5.0 names the files whose comments carry the statement's
number. Statements without a file are kept by the shape of the code rather than by one place in it.
";

const PAGE: &str = "docs/src/conformance.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_places_tables_of_mqtt_5_get_a_column() {
        let report = "# Conformance\n\n| server | kept |\n|---|---|\n\n## MQTT 5.0: CONNECT\n\n\
                      | id | statement |\n| --- | --- |\n| MQTT-3.1.0-1 | first |\n| MQTT-3.1.0-2 | x |\n\n\
                      ## MQTT 3.1.1\n\n| id | statement |\n| --- | --- |\n| MQTT-3.1.0-1 | first |\n";
        let files = ["crates/codec/src/a.rs".to_owned(), "crates/codec/src/b.rs".to_owned()];
        let places = BTreeMap::from([("MQTT-3.1.0-1".to_owned(), BTreeSet::from(files))]);
        let expected = format!(
            "{TITLE}{HOW_TO_READ}\n| server | kept |\n|---|---|\n\n## MQTT 5.0: CONNECT\n\n\
                        | id | statement | code |\n| --- | --- | --- |\n\
                        | MQTT-3.1.0-1 | first | `codec/src/a.rs`, `codec/src/b.rs` |\n\
                        | MQTT-3.1.0-2 | x |  |\n\n\
                        ## MQTT 3.1.1\n\n| id | statement |\n| --- | --- |\n| MQTT-3.1.0-1 | first |\n"
        );
        assert_eq!(with_places(report, &places), expected);
    }
}
