//! What the tests need beside Rust: Debian's packages first, then the clients of other projects.
//!
//! Nothing is installed twice, and nothing is asked of the system when all is there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::succeed;

/// Installs what is missing.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    install(PACKAGES)?;
    succeed(Command::new("sh").arg(root.join("tests/interop/prepare.sh")).current_dir(root))
}

/// Installs those of Debian's packages that are missing. Beside each stands a question to the shell
/// that is answered by yes when it is there.
pub(crate) fn install(packages: &[(&str, &str)]) -> Result<(), String> {
    let missing = packages.iter().filter(|(_, probe)| !answers_yes(probe));
    let missing: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    apt_get(&["update"])?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(missing);
    apt_get(&install)
}

fn answers_yes(probe: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", probe]).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = if answers_yes("test \"$(id -u)\" -eq 0") {
        Command::new("env")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
    succeed(&mut command)
}

/// What the tests need of Debian.
const PACKAGES: &[(&str, &str)] = &[
    ("mosquitto", "test -x /usr/sbin/mosquitto || command -v mosquitto"),
    ("mosquitto-clients", "command -v mosquitto_sub && command -v mosquitto_pub"),
    ("nodejs", "command -v node"),
    ("npm", "command -v npm"),
    ("postgresql", "ls /usr/lib/postgresql/*/bin/initdb"),
    ("python3", "command -v python3"),
    ("python3-venv", "python3 -c 'import ensurepip, venv'"),
    ("valgrind", "command -v valgrind"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_yes_failing_probe_is_no() {
        assert!(answers_yes("true"));
        assert!(!answers_yes("false"));
        assert!(!answers_yes("command -v a-program-that-nobody-has"));
    }
}
