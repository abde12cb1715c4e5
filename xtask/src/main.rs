//! The project's chores, written in Rust so that they run wherever the broker builds.
//!
//! ```text
//! cargo xtask ci                    prepares, then runs everything that CI runs, in its order
//! cargo xtask prepare               installs what the tests need beside Rust
//! cargo xtask tidy                  checks the rules of the house that no compiler knows
//! cargo xtask conformance-report    writes docs/src/conformance.md
//! cargo xtask configuration-reference   writes docs/src/configuration.md
//! cargo xtask manual                writes the manual pages below target, to be looked at
//! cargo xtask deb [PROGRAM]         makes the Debian packages of the release build
//! cargo xtask tarball               builds a static program and packs it
//! cargo xtask package-test [PROGRAM]    installs and removes the Debian packages in a Debian of its own
//! ```
#![expect(clippy::print_stdout, reason = "a chore speaks to whoever called it")]

mod ci;
mod command;
mod configuration;
mod conformance;
mod packages;
mod prepare;
mod tidy;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let root = workspace_root()?;
    match env::args().nth(1).as_deref() {
        Some("ci") => ci::run(&root),
        Some("prepare") => prepare::run(&root),
        Some("tidy") => tidy::run(&root),
        Some("conformance-report") => conformance::run(&root),
        Some("configuration-reference") => configuration::run(&root),
        Some("manual") => packages::manual(&root),
        Some("deb") => packages::debian(&root, env::args().nth(2)),
        Some("tarball") => packages::tarball(&root),
        Some("package-test") => packages::test(&root, env::args().nth(2)),
        _ => Err(USAGE.to_owned()),
    }
}

/// Asked of cargo when it runs us, not when it built us: a copy of the tree may share the build.
fn workspace_root() -> Result<PathBuf, String> {
    let package = env::var_os("CARGO_MANIFEST_DIR").ok_or("run this as cargo xtask")?;
    Path::new(&package).parent().map(Path::to_owned).ok_or_else(|| "xtask is nowhere".to_owned())
}

const USAGE: &str = "usage: cargo xtask ci | prepare | tidy | conformance-report | \
                     configuration-reference | manual | deb | tarball | package-test";
