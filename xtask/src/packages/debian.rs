//! The Debian packages: `ferrymq`, and `ferrymq-mosquitto` with the links that take Mosquitto's place.
//!
//! `dpkg-deb` makes them of a folder. It is part of every Debian; a tool for Rust's packages would
//! first have to be compiled, and debhelper installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::product::Product;
use super::stage::Stage;
use crate::command::{House, output, succeed};

/// Makes both packages; where they are.
pub(super) fn build(house: &House, built: &Path) -> Result<Vec<PathBuf>, String> {
    let place = house.target.join("packages");
    let product = Product::of(house, built, &place.join("product"))?;
    let workshop = Workshop { house, place, product };
    Ok(vec![workshop.broker()?, workshop.links()?])
}

struct Workshop<'a> {
    house: &'a House,
    place: PathBuf,
    product: Product,
}

impl Workshop<'_> {
    fn broker(&self) -> Result<PathBuf, String> {
        let stage = self.stage(BROKER)?;
        stage.copy(&self.product.binary, "usr/bin/ferrymq", 0o755)?;
        stage.copy(self.source("ferrymq.conf"), "etc/ferrymq/ferrymq.conf", 0o644)?;
        stage.copy(self.source("conf.d.README"), "etc/ferrymq/conf.d/README", 0o644)?;
        self.unit(&stage, "ferrymq.service")?;
        for (place, script) in &self.product.completions {
            stage.file(place, script, 0o644)?;
        }
        for page in self.product.pages.iter().filter(|page| !page.is_of_link()) {
            let place = format!("usr/share/man/man{}/{}", page.section, page.name);
            stage.gzip(place, &page.text)?;
        }
        let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
        let libc = glibc(&fs::read(&self.product.binary).map_err(|error| error.to_string())?);
        let headers = output(Command::new("objdump").arg("-p").arg(&self.product.binary))?;
        if let Some(library) = needed(&headers).find(|library| !LIBRARIES.contains(library)) {
            return Err(format!(
                "the program needs {library}, and the package does not depend on it"
            ));
        }
        let depends = format!("libc6 (>= {libc}), libgcc-s1 (>= 4.2), adduser");
        self.pack(&stage, BROKER, architecture.trim(), &[("Depends", depends)])
    }

    fn links(&self) -> Result<PathBuf, String> {
        let stage = self.stage(LINKS)?;
        for page in self.product.pages.iter().filter(|page| page.is_of_link()) {
            if let Some(link) = page.link() {
                let is_beside = link.starts_with("usr/bin");
                stage.link(link, if is_beside { "ferrymq" } else { "../bin/ferrymq" })?;
            }
            let place = format!("usr/share/man/man{}/{}", page.section, page.name);
            stage.gzip(place, &page.text)?;
        }
        let configuration = "usr/share/ferrymq-mosquitto/mosquitto.conf";
        stage.copy(self.source("mosquitto.conf"), configuration, 0o644)?;
        self.unit(&stage, "mosquitto.service")?;
        let mosquitto = &self.product.mosquitto;
        let provides = format!("mosquitto (= {mosquitto}), mosquitto-clients (= {mosquitto})");
        let depends = format!("ferrymq (= {}), adduser", self.version());
        self.pack(&stage, LINKS, "all", &[("Depends", depends), ("Provides", provides)])
    }

    /// A folder with what every package has.
    fn stage(&self, name: &str) -> Result<Stage, String> {
        let stage = Stage::new(self.place.join(name))?;
        let documents = Path::new("usr/share/doc").join(name);
        stage.copy(self.source("debian/copyright"), documents.join("copyright"), 0o644)?;
        stage.gzip(documents.join("changelog.Debian"), self.changelog(name)?)?;
        if name == BROKER {
            let changes = self.house.root.join("CHANGELOG.md");
            let changes = fs::read(changes).map_err(|error| error.to_string())?;
            stage.gzip(documents.join("changelog"), changes)?;
        }
        Ok(stage)
    }

    fn unit(&self, stage: &Stage, name: &str) -> Result<(), String> {
        let place = Path::new("lib/systemd/system").join(name);
        stage.copy(self.source("systemd").join(name), place, 0o644)
    }

    fn pack(
        &self,
        stage: &Stage,
        name: &str,
        architecture: &str,
        fields: &[(&str, String)],
    ) -> Result<PathBuf, String> {
        let sums = "find . -type f ! -path './DEBIAN/*' -printf '%P\\0' | LC_ALL=C sort -z | \
                    xargs -0 md5sum";
        let sums = output(Command::new("sh").args(["-c", sums]).current_dir(&stage.root))?;
        let size =
            output(Command::new("du").args(["-k", "-s", "--apparent-size"]).arg(&stage.root))?;
        let size = size.split_whitespace().next().unwrap_or_default();
        let mut control = format!(
            "Package: {name}\nVersion: {}\nArchitecture: {architecture}\nInstalled-Size: {size}\n\
             Maintainer: {MAINTAINER}\nHomepage: {HOMEPAGE}\nPriority: optional\n",
            self.version()
        );
        for (field, value) in fields {
            control.extend([field, ": ", value, "\n"]);
        }
        let own = self.source("debian").join(name);
        let failure = |error: std::io::Error| format!("{}: {error}", own.display());
        control.push_str(&fs::read_to_string(own.join("control")).map_err(failure)?);
        stage.file("DEBIAN/control", control, 0o644)?;
        stage.file("DEBIAN/md5sums", sums, 0o644)?;
        for script in ["postinst", "prerm", "postrm"] {
            stage.copy(own.join(script), Path::new("DEBIAN").join(script), 0o755)?;
        }
        if own.join("conffiles").exists() {
            stage.copy(own.join("conffiles"), "DEBIAN/conffiles", 0o644)?;
        }
        let package = self.place.join(format!("{name}_{}_{architecture}.deb", self.version()));
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", "-Zxz", "--build"]).args([&stage.root, &package]);
        succeed(pack.env("SOURCE_DATE_EPOCH", &self.product.epoch))?;
        Ok(package)
    }

    /// What the package has changed, which is nothing of the program.
    fn changelog(&self, name: &str) -> Result<String, String> {
        let time = format!("@{}", self.product.epoch);
        let time = output(Command::new("date").args(["-R", "-u", "-d", &time]).env("LC_ALL", "C"))?;
        Ok(format!(
            "{name} ({}) unstable; urgency=medium\n\n  * FerryMQ {}.\n\n -- {MAINTAINER}  {time}",
            self.version(),
            self.product.version
        ))
    }

    fn version(&self) -> String {
        format!("{}-1", self.product.version)
    }

    fn source(&self, name: &str) -> PathBuf {
        self.house.root.join("packaging").join(name)
    }
}

/// The lowest glibc that has all that a program asks of it: the highest version that it names.
fn glibc(program: &[u8]) -> String {
    let mut versions: Vec<(u32, u32)> = Vec::new();
    for (place, window) in program.windows(MARK.len()).enumerate() {
        if window == MARK {
            let rest = &program[place + MARK.len()..];
            let end = rest.iter().position(|byte| !b"0123456789.".contains(byte));
            let text = String::from_utf8_lossy(&rest[..end.unwrap_or(0)]).into_owned();
            let mut numbers = text.split('.').map(str::parse);
            if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
                versions.push((major, minor));
            }
        }
    }
    let (major, minor) = versions.into_iter().max().unwrap_or((2, 17));
    format!("{major}.{minor}")
}

/// The libraries that a program needs, as `objdump` lists them.
fn needed(headers: &str) -> impl Iterator<Item = &str> {
    headers.lines().filter_map(|line| line.trim().strip_prefix("NEEDED").map(str::trim))
}

/// What is in the packages libc6 and libgcc-s1.
const LIBRARIES: &[&str] =
    &["ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6"];
const MARK: &[u8] = b"GLIBC_";
const BROKER: &str = "ferrymq";
const LINKS: &str = "ferrymq-mosquitto";
const MAINTAINER: &str = "FerryMQ <ferrymq@users.noreply.github.com>";
const HOMEPAGE: &str = "https://github.com/ferrymq/ferrymq";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_libraries_are_those_of_the_headers() {
        let headers = "Dynamic Section:\n  NEEDED               libpq.so.5\n  INIT  0x1\n";
        assert_eq!(needed(headers).collect::<Vec<_>>(), ["libpq.so.5"]);
    }

    #[test]
    fn glibc_highest_version_is_found_by_number() {
        assert_eq!(glibc(b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0"), "2.34");
        assert_eq!(glibc(b"\0GLIBC_2.2.5\0"), "2.2");
    }
}
