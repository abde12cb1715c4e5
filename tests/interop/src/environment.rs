//! Where the programs are that a test runs, and what to do when they are not.

use std::env;
use std::path::{Path, PathBuf};

/// The binary under test.
///
/// # Panics
/// Without a built binary: the message says how to build it.
pub fn ferrymq() -> PathBuf {
    if let Some(path) = env::var_os("FERRYMQ_BIN") {
        return present(path.into(), "FERRYMQ_BIN names no file");
    }
    // A test executable lies in target/<profile>/deps/.
    let profile = ancestor(2);
    present(profile.join("ferrymq"), "build it first: cargo build -p ferrymq")
}

/// MQTT.js and what it needs, for `NODE_PATH`.
///
/// # Panics
/// Before `prepare.sh`.
pub fn nodejs_modules() -> PathBuf {
    prepared("mqttjs/node_modules")
}

/// Python with paho-mqtt and aiomqtt.
pub(crate) fn python() -> PathBuf {
    prepared("venv/bin/python")
}

/// A driver's program.
pub(crate) fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// A program of the system that tests cannot do without.
///
/// # Panics
/// When it is not installed: the message says what installs it.
pub fn installed(name: &str) -> PathBuf {
    let mut places: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    // Daemons live where only the administrator's PATH leads.
    places.push("/usr/sbin".into());
    places
        .iter()
        .map(|place| place.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; run tests/interop/prepare.sh"))
}

/// Where the tests keep files of their own.
pub(crate) fn scratch() -> PathBuf {
    let place = target().join("interop");
    std::fs::create_dir_all(&place).expect("the target directory takes files");
    place
}

fn prepared(path: &str) -> PathBuf {
    present(target().join("interop").join(path), "run tests/interop/prepare.sh first")
}

fn target() -> PathBuf {
    ancestor(3)
}

fn ancestor(levels: usize) -> PathBuf {
    let executable = env::current_exe().expect("the system names the running executable");
    executable.ancestors().nth(levels).expect("a test lies under target/").to_owned()
}

fn present(path: PathBuf, remedy: &str) -> PathBuf {
    assert!(path.exists(), "{} does not exist; {remedy}", path.display());
    path
}
