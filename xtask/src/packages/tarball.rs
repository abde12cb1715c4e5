//! The tarball: a program that needs no library of the system, and what belongs to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::product::Product;
use super::stage::Stage;
use crate::command::{House, output, succeed};

/// Builds and packs; where the tarball is.
pub(super) fn build(house: &House) -> Result<PathBuf, String> {
    let advice = format!(
        "{TARGET} cannot be built: it needs `rustup target add {TARGET}` and Debian's package \
         musl-tools"
    );
    let program = ["build", "--locked", "--release", "--package", "ferrymq", "--target", TARGET];
    succeed(&mut house.cargo(&program)).map_err(|error| format!("{error}\n{advice}"))?;
    let built = house.target.join(TARGET).join("release/ferrymq");
    let place = house.target.join("packages");
    let product = Product::of(house, &built, &place.join("static"))?;
    let name = format!("ferrymq-{}-{TARGET}", product.version);
    let stage = Stage::new(place.join(&name))?;
    fill(house, &product, &stage)?;
    let tarball = place.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    // The same sources make the same tarball.
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", product.epoch))
        .args(["--use-compress-program=gzip -9 -n", "-C"])
        .args([&place, Path::new("-cf"), &tarball, Path::new(&name)]);
    succeed(&mut tar)?;
    let libraries = output(Command::new("ldd").arg(&built)).unwrap_or_default();
    if libraries.contains("=>") {
        return Err(format!("{} needs libraries of the system:\n{libraries}", built.display()));
    }
    Ok(tarball)
}

/// The folders are those below /usr/local, where it can be unpacked; the rest stands beside them.
fn fill(house: &House, product: &Product, stage: &Stage) -> Result<(), String> {
    stage.copy(&product.binary, "bin/ferrymq", 0o755)?;
    for page in &product.pages {
        let place = format!("share/man/man{}/{}", page.section, page.name);
        stage.file(place, &page.text, 0o644)?;
        if let Some(name) = page.link().as_deref().and_then(Path::file_name) {
            // For whoever wants them: nothing of Mosquitto's is replaced by unpacking.
            stage.link(Path::new("links").join(name), "../bin/ferrymq")?;
        }
    }
    for (place, script) in &product.completions {
        let place = place.strip_prefix("usr").map_err(|error| error.to_string())?;
        stage.file(place, script, 0o644)?;
    }
    for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        stage.copy(house.root.join(name), name, 0o644)?;
    }
    let packaging = house.root.join("packaging");
    stage.copy(packaging.join("ferrymq.conf"), "ferrymq.conf", 0o644)?;
    stage.copy(packaging.join("systemd/ferrymq.sysusers"), "systemd/ferrymq.sysusers", 0o644)?;
    let unit = packaging.join("systemd/ferrymq.service");
    let unit = fs::read_to_string(&unit).map_err(|error| format!("{}: {error}", unit.display()))?;
    stage.file("systemd/ferrymq.service", unit.replace("/usr/bin/", "/usr/local/bin/"), 0o644)
}

const TARGET: &str = "x86_64-unknown-linux-musl";
