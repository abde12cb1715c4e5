//! How many instructions a message costs the broker: a script that is the same every
//! time, counted by callgrind. Time would depend on the machine and on who else uses it.
//!
//! ```text
//! ferrymq-instructions check              counts, and compares with the table in the tree
//! ferrymq-instructions bless              counts, and writes the table
//! ferrymq-instructions play CASE MESSAGES only plays the script
//! ```
//!
//! A case is played twice, with more messages the second time: the difference is what the
//! messages cost, without the start.

mod keeping;
mod rights;
mod script;
mod stage;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::script::CASES;
use crate::table::Table;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["check"] => check(),
        ["bless"] => bless(),
        ["play", case, messages] => play(case, messages),
        _ => Err("usage: ferrymq-instructions check | bless | play CASE MESSAGES".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), String> {
    let counted = count_all()?;
    let _ = write!(io::stdout(), "{counted}");
    let text =
        std::fs::read_to_string(Path::new(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    counted.compare(&Table::parse(&text)?)
}

fn bless() -> Result<(), String> {
    let counted = count_all()?;
    let _ = write!(io::stdout(), "{counted}");
    std::fs::write(TABLE, counted.to_string()).map_err(|error| format!("{TABLE}: {error}"))
}

fn play(case: &str, messages: &str) -> Result<(), String> {
    let case = CASES.iter().find(|known| known.name == case).ok_or("there is no such case")?;
    case.play(messages.parse().map_err(|error| format!("{messages}: {error}"))?)
}

fn count_all() -> Result<Table, String> {
    let mut table = Table::default();
    for case in CASES {
        let few = count(case.name, FEW)?;
        let many = count(case.name, MANY)?;
        table.push(case.name, many.saturating_sub(few) / u64::from(MANY - FEW));
    }
    Ok(table)
}

/// The instructions of a whole run.
fn count(case: &str, messages: u32) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["play", case, &messages.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; `cargo xtask prepare` installs it"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    match collected.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("{case}: {}\n{said}", output.status)),
    }
}

/// What is expected, beside this crate's manifest.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.md");

/// Multiples of the largest burst.
const FEW: u32 = 640;
const MANY: u32 = 3_200;
