//! The project's chores, written in Rust so that they run wherever the broker builds.
//!
//! ```text
//! cargo xtask ci                    prepares, then runs everything that CI runs, in its order
//! cargo xtask prepare               installs what the tests need beside Rust
//! cargo xtask tidy                  checks the rules of the house that no compiler knows
//! cargo xtask conformance-report    writes docs/src/conformance.md
//! ```
#![expect(clippy::print_stdout, reason = "a chore speaks to whoever called it")]

mod ci;
mod command;
mod conformance;
mod prepare;
mod tidy;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = workspace_root();
    let chore = env::args().nth(1);
    let result = match chore.as_deref() {
        Some("ci") => ci::run(&root),
        Some("prepare") => prepare::run(&root),
        Some("tidy") => tidy::run(&root),
        Some("conformance-report") => conformance::run(&root),
        _ => Err("usage: cargo xtask ci | prepare | tidy | conformance-report".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("xtask lies in the workspace").to_owned()
}
