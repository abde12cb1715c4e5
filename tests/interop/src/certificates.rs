//! Certificates for one test, made as a user makes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::client::{PATIENCE, Trust};
use crate::environment;
use crate::output::Program;

/// An authority, a broker's certificate and those of clients, all of `ferrymq cert`.
#[derive(Debug)]
pub struct Certificates {
    place: TempDir,
}

impl Certificates {
    /// An authority, and a certificate of it for a broker on loopback.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn new() -> Self {
        let certificates = Self { place: place() };
        certificates.run(&["ca", "--out", "."]);
        certificates.run(&["server", "localhost", "127.0.0.1"]);
        certificates
    }

    /// The directives that let a listener show the broker's certificate.
    pub fn directives(&self) -> String {
        let (certificate, key) = (self.path("server.crt"), self.path("server.key"));
        directives(&certificate, &key)
    }

    /// The directive that lets a listener believe clients whom the authority has signed.
    pub fn authority_directive(&self) -> String {
        format!("cafile {}\n", self.path("ca.crt").display())
    }

    /// A client that believes the authority, and shows nothing.
    pub fn trust(&self) -> Trust {
        Trust { authority: Some(self.path("ca.crt")), identity: None }
    }

    /// A client of this name that believes the authority and shows a certificate of it.
    ///
    /// # Panics
    /// When the certificate cannot be made.
    pub fn client(&self, name: &str) -> Trust {
        self.run(&["client", name]);
        let identity = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        Trust { identity: Some(identity), ..self.trust() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(environment::ferrymq());
        succeed(command.arg("cert").args(arguments).current_dir(self.place.path()));
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

/// A certificate that vouches for itself, of which nobody has heard.
#[derive(Debug)]
pub struct SelfSigned {
    place: TempDir,
}

impl SelfSigned {
    /// Makes it with OpenSSL, as introductions show.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new() -> Self {
        let place = place();
        let mut command = Command::new(environment::installed("openssl"));
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365"]);
        command.args(["-subj", "/CN=broker.example.com"]);
        command.args(["-keyout", "server.key", "-out", "server.crt"]);
        succeed(command.current_dir(place.path()));
        Self { place }
    }

    /// The directives that let a listener show it.
    pub fn directives(&self) -> String {
        directives(&self.certificate(), &self.key())
    }

    /// The certificate.
    pub fn certificate(&self) -> PathBuf {
        self.place.path().join("server.crt")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.place.path().join("server.key")
    }
}

impl Default for SelfSigned {
    fn default() -> Self {
        Self::new()
    }
}

fn directives(certificate: &Path, key: &Path) -> String {
    format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display())
}

fn place() -> TempDir {
    TempDir::new_in(environment::scratch()).expect("the target directory takes files")
}

fn succeed(command: &mut Command) {
    let (status, said) = Program::start(command).finish(PATIENCE);
    assert!(status.success(), "{command:?}: {status}, {said:?}");
}
