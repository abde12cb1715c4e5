//! `pub`, `sub` and `rr` by the names under which Mosquitto's users know them: Debian's
//! programs, and links to the binary under test.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::broker::Peer;
use crate::environment;

/// The command line tools of both.
#[derive(Debug)]
pub struct Tools {
    /// Where ours have the names of Mosquitto's.
    links: TempDir,
}

impl Tools {
    /// Makes the links.
    ///
    /// # Panics
    /// When the target directory takes no links.
    pub fn new() -> Self {
        let links =
            TempDir::new_in(environment::scratch()).expect("the target directory takes files");
        for name in NAMES {
            symlink(environment::ferrymq(), links.path().join(name)).expect("it takes links");
        }
        Self { links }
    }

    /// A command for one of the tools: `pub`, `sub` or `rr`.
    ///
    /// # Panics
    /// When Debian's are not installed.
    pub fn command(&self, whose: Peer, name: &str) -> Command {
        let name = format!("mosquitto_{name}");
        let mut command = match whose {
            Peer::FerryMq => Command::new(self.links.path().join(name)),
            // Into a pipe Debian's write in blocks, which would hold lines back.
            Peer::Mosquitto => {
                let mut command = Command::new(environment::installed("stdbuf"));
                command.arg("-oL").arg(environment::installed(&name));
                command
            }
        };
        // Options files of the user have no place here.
        command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("FERRYMQ_PASSWORD");
        command
    }

    /// Runs one of the tools to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, whose: Peer, name: &str, words: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(whose, name)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let mut stdin = child.stdin.take().expect("it is piped");
        thread::scope(|scope| {
            scope.spawn(move || {
                // Who is told nothing but an error does not read.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().expect("it ends")
        })
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self::new()
    }
}

const NAMES: [&str; 3] = ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"];
