//! Other programs, run to their end.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where everything is built.
pub(crate) struct House {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl House {
    pub(crate) fn new(root: &Path) -> Self {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        Self { root: root.to_owned(), target: root.join(target) }
    }

    /// Every build shares one target folder, the one of the workspace's own.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

/// Runs a program whose failure is an error that names it.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// What a program says, whose failure is an error that names it.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn succeed_failing_command_is_named() {
        assert_eq!(succeed(&mut Command::new("true")), Ok(()));
        assert_eq!(output(Command::new("echo").arg("word")), Ok("word\n".to_owned()));
        assert!(output(&mut Command::new("false")).is_err());
        let error = succeed(Command::new("false").arg("why")).expect_err("false fails");
        assert!(error.contains("\"false\" \"why\""), "{error}");
    }
}
