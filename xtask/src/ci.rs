//! What CI runs, in its order, to the first failure.
//!
//! Each step is named and timed. The results of all tests are summed from the lines in which the
//! test harness states them, so that the last line of a run says how much was really tested.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command::{House, succeed};
use crate::{packages, prepare, tidy};

/// Runs every step.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let house = House::new(root);
    let mut tally = Tally::default();
    let begin = Instant::now();
    for (name, step) in STEPS {
        println!("=== {name}");
        let start = Instant::now();
        let outcome = step(&house, &mut tally);
        println!("=== {name}: {:.1} s", start.elapsed().as_secs_f64());
        if let Err(message) = outcome {
            return Err(format!("{name}: {message}\n{tally}"));
        }
    }
    println!("all steps: {:.0} s", begin.elapsed().as_secs_f64());
    println!("{tally}");
    Ok(())
}

type Step = fn(&House, &mut Tally) -> Result<(), String>;

const STEPS: &[(&str, Step)] = &[
    ("prepare", |house, _| prepare::run(&house.root)),
    ("format", format),
    ("clippy", clippy),
    ("tidy", |house, _| tidy::run(&house.root)),
    ("build", build),
    ("packages", packages),
    ("test", test),
    ("instructions", instructions),
    ("documentation", documentation),
    ("fuzz", fuzz),
    ("deny", deny),
];

fn format(house: &House, _: &mut Tally) -> Result<(), String> {
    succeed(&mut house.cargo(&["fmt", "--all", "--check"]))?;
    succeed(&mut house.cargo(&["fmt", "--manifest-path", FUZZ_MANIFEST, "--check"]))
}

fn clippy(house: &House, _: &mut Tally) -> Result<(), String> {
    let warnings = ["--all-targets", "--", "-D", "warnings"];
    succeed(house.cargo(&["clippy", "--locked", "--workspace"]).args(warnings))?;
    let fuzz = ["clippy", "--locked", "--manifest-path", FUZZ_MANIFEST];
    succeed(house.cargo(&fuzz).args(warnings))
}

fn build(house: &House, _: &mut Tally) -> Result<(), String> {
    succeed(&mut house.cargo(&["build", "--locked", "--release", "--package", "ferrymq"]))
}

/// That they can be made; `cargo xtask package-test` installs them.
fn packages(house: &House, _: &mut Tally) -> Result<(), String> {
    packages::debian(&house.root, None)
}

fn test(house: &House, tally: &mut Tally) -> Result<(), String> {
    let mut command = house.cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    command.env("FERRYMQ_BIN", house.target.join("release/ferrymq"));
    count(&mut command, tally)
}

/// What a message costs the broker, compared with the table in the tree.
fn instructions(house: &House, _: &mut Tally) -> Result<(), String> {
    let package = ["--package", "ferrymq-instructions", "--", "check"];
    succeed(house.cargo(&["run", "--locked", "--quiet", "--release"]).args(package))
}

/// With private items, for those who work here; so what is public may link to what is not.
fn documentation(house: &House, _: &mut Tally) -> Result<(), String> {
    let mut command =
        house.cargo(&["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    succeed(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

/// The fuzz targets as seeded tests, for an equal share of the time each.
fn fuzz(house: &House, tally: &mut Tally) -> Result<(), String> {
    let arguments = ["test", "--locked", "--release", "--manifest-path", FUZZ_MANIFEST];
    let targets = fuzz_targets(&house.root)?;
    let seconds = FUZZ_SECONDS / targets.max(1);
    let mut command = house.cargo(&arguments);
    command.env("FERRYMQ_FUZZ_SECONDS", seconds.to_string());
    count(command.args(["--", "--test-threads=1"]), tally)
}

fn fuzz_targets(root: &Path) -> Result<u64, String> {
    let place = root.join("fuzz/fuzz_targets");
    let entries = place.read_dir().map_err(|error| format!("{}: {error}", place.display()))?;
    let is_rust = |path: PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    Ok(entries.flatten().filter(|entry| is_rust(entry.path())).count() as u64)
}

/// Advisories are left out: they change without us, and fetching them needs the network.
fn deny(house: &House, _: &mut Tally) -> Result<(), String> {
    let mut probe = house.cargo(&["deny", "--version"]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        println!("cargo-deny is not installed: licences, bans and sources were NOT checked");
        return Ok(());
    }
    succeed(&mut house.cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]))
}

/// How many tests passed and failed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Counts a line like `test result: ok. 3 passed; 0 failed; …`.
    fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        self.passed += number_before(result, " passed");
        self.failed += number_before(result, " failed");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else {
        return 0;
    };
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Runs tests, shows what they print and counts their results.
fn count(command: &mut Command, tally: &mut Tally) -> Result<(), String> {
    let failure = |error| format!("cargo: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failure)?;
    let output = child.stdout.take().expect("the output was piped above");
    for line in BufReader::new(output).lines() {
        let line = line.map_err(failure)?;
        tally.read(&line);
        println!("{line}");
    }
    let status = child.wait().map_err(failure)?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// The fuzz crate is no member of the workspace.
const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// What all fuzz targets may take together.
const FUZZ_SECONDS: u64 = 180;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tally_lines_of_the_harness_are_summed() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; finished in 0.1s");
        tally
            .read("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.read("test tests::something_passed ... ok");
        assert_eq!(tally.to_string(), "15 passed, 2 failed");
    }

    #[test]
    fn count_failing_command_is_an_error_and_still_counted() {
        let mut tally = Tally::default();
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 3"]);
        assert!(count(&mut command, &mut tally).is_err());
        assert_eq!(tally, Tally { passed: 1, failed: 1 });
    }
}
