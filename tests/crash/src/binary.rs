//! Which program is tested.

use std::env;
use std::path::PathBuf;

/// The binary: `FERRYMQ_BIN`, or the one beside the running executable.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = env::var_os("FERRYMQ_BIN") {
        return path.into();
    }
    let executable = env::current_exe().expect("the system names the running executable");
    // A program lies in target/<profile>/, a test in target/<profile>/deps/.
    let built = executable.ancestors().skip(1).take(2).map(|folder| folder.join("ferrymq"));
    let found = built.into_iter().find(|path| path.is_file());
    found.expect("build the broker first: cargo build -p ferrymq")
}
