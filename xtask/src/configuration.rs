//! Writes the page that lists all options of the configuration, from their definitions. A test of
//! the server compares the page with them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::command::House;

/// Asks the program for the page.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let arguments =
        ["run", "--locked", "--quiet", "--package", "ferrymq", "--", "config", "reference"];
    let mut command = House::new(root).cargo(&arguments);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the program has no page".to_owned());
    }
    fs::write(root.join(PAGE), output.stdout).map_err(|error| format!("{PAGE}: {error}"))?;
    println!("{PAGE} is written");
    Ok(())
}

const PAGE: &str = "docs/src/configuration.md";
