//! Other programs, run to their end.

use std::process::Command;

/// Runs a program whose failure is an error that names it.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn succeed_failing_command_is_named() {
        assert_eq!(succeed(&mut Command::new("true")), Ok(()));
        let error = succeed(Command::new("false").arg("why")).expect_err("false fails");
        assert!(error.contains("\"false\" \"why\""), "{error}");
    }
}
