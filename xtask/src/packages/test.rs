//! The Debian packages in use: installed in a small Debian, with a network of its own, used, removed.
//!
//! There is no systemd in it. The test starts the broker as the unit says, as the unit's user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{House, succeed};
use crate::prepare;

/// Tests packages. Needs root, and a mirror of Debian.
pub(super) fn run(house: &House, packages: &[PathBuf]) -> Result<(), String> {
    prepare::install(TOOLS)?;
    succeed(Command::new("lintian").args(LINTIAN).args(packages))?;
    let place = house.target.join("packages/debian");
    let pristine = place.join("pristine");
    if !pristine.join("packages").exists() {
        debootstrap(&pristine)?;
    }
    let script = house.root.join("packaging/debian/test.sh");
    for scene in ["alone", "instead-of-mosquitto"] {
        println!("--- {scene}");
        let root = place.join(scene);
        remove(&root)?;
        succeed(Command::new("cp").arg("-a").args([&pristine, &root]))?;
        for package in packages {
            let name = package.file_name().ok_or("a package is a file")?;
            copy(package, &root.join("packages").join(name))?;
        }
        copy(&script, &root.join("packages/test.sh"))?;
        // The network within is this one alone: port 1883 is free, whatever runs on this machine.
        let within = "ip link set lo up && exec chroot \"$0\" sh /packages/test.sh \"$1\"";
        let mut test = Command::new("unshare");
        test.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", within]);
        succeed(test.arg(&root).arg(scene))?;
        remove(&root)?;
    }
    Ok(())
}

/// A small Debian, with Mosquitto's packages at hand but not installed.
fn debootstrap(root: &Path) -> Result<(), String> {
    remove(root)?;
    let mirror = mirror();
    println!("debootstrap {SUITE} from {mirror}");
    succeed(Command::new("debootstrap").args(["--variant=minbase", SUITE]).arg(root).arg(mirror))?;
    // Packages ask whether they may start services. There is nobody to start them.
    let policy = root.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")
        .map_err(|error| format!("{}: {error}", policy.display()))?;
    succeed(Command::new("chmod").arg("755").arg(&policy))?;
    let download = "apt-get install -y --no-install-recommends --download-only";
    let within = format!("{download} mosquitto mosquitto-clients");
    succeed(Command::new("chroot").arg(root).args(["sh", "-c", &within]))?;
    // Its presence says that the root is complete.
    fs::create_dir(root.join("packages")).map_err(|error| error.to_string())
}

/// The mirror from which this machine has its packages, or Debian's own.
fn mirror() -> String {
    let policy = Command::new("apt-cache").arg("policy").output();
    let policy = policy.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let lines = policy.unwrap_or_default();
    let suite = format!("{SUITE}/main");
    let mirror = lines.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (mirror, of) = (words.next()?, words.next()?);
        (of == suite).then(|| mirror.to_owned())
    });
    mirror.unwrap_or_else(|| "http://deb.debian.org/debian".to_owned())
}

fn remove(root: &Path) -> Result<(), String> {
    succeed(Command::new("rm").args(["-rf", "--one-file-system"]).arg(root))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", to.display()))
}

/// The tag is about packages that come into Debian itself: somebody has asked there for each.
const LINTIAN: &[&str] =
    &["--fail-on=error,warning", "--suppress-tags=initial-upload-closes-no-bugs", "--allow-root"];

/// The Debian in which the packages are tested.
const SUITE: &str = "bookworm";

const TOOLS: &[(&str, &str)] = &[
    ("debootstrap", "command -v debootstrap"),
    ("iproute2", "command -v ip"),
    ("lintian", "command -v lintian"),
];
