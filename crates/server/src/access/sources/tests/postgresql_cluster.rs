//! A PostgreSQL server of the test's own, in a directory of its own: as a program, not as a service.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A cluster with its server. Both end with it.
pub(crate) struct Cluster {
    directory: TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Cluster {
    /// A server that listens at a Unix socket and at a port of this machine, there with TLS.
    /// `certificate` and `key` are what it shows.
    pub(crate) fn start(certificate: &str, key: &str) -> Self {
        let binaries = binaries();
        // Paths of Unix sockets are short.
        let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let port = free_port();
        let cluster = Self { directory, binaries, port };
        let home = cluster.home();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(home.join("server.crt"), certificate).unwrap();
        fs::write(home.join("server.key"), key).unwrap();
        fs::set_permissions(home.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = other_user() {
            for path in [home.clone(), home.join("server.crt"), home.join("server.key")] {
                chown(path, Some(user), Some(group)).unwrap();
            }
        }
        cluster.run("initdb", &["-U", "owner", "-A", "trust", "-N"]);
        let data = home.join("data");
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
        )
        .unwrap();
        cluster.up();
        cluster
    }

    fn home(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Starts the server, and waits until it takes connections.
    pub(crate) fn up(&self) {
        let home = self.home();
        let home = home.display();
        let options = format!(
            "-p {} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c ssl=on \
             -c ssl_cert_file={home}/server.crt -c ssl_key_file={home}/server.key",
            self.port
        );
        let log = format!("{home}/log");
        self.run("pg_ctl", &["start", "-w", "-s", "-l", &log, "-o", &options]);
    }

    /// Ends the server at once.
    pub(crate) fn down(&self) {
        self.run("pg_ctl", &["stop", "-w", "-s", "-m", "immediate"]);
    }

    /// Runs statements.
    pub(crate) fn execute(&self, statements: &str) {
        let mut command = self.command("psql");
        let output = command
            .args(["-h", &self.home().display().to_string(), "-p", &self.port.to_string()])
            .args([
                "-U",
                "owner",
                "-d",
                "postgres",
                "-v",
                "ON_ERROR_STOP=1",
                "-q",
                "-c",
                statements,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The address of its Unix socket.
    pub(crate) fn local(&self) -> String {
        let home = self.home();
        format!("host={} port={} user=owner dbname=postgres", home.display(), self.port)
    }

    /// Its address in the network of this machine.
    pub(crate) fn remote(&self) -> String {
        format!("postgresql://broker@localhost:{}/postgres?hostaddr=127.0.0.1", self.port)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let data = self.home().join("data");
        let mut command = self.command(program);
        command.arg("-D").arg(data).args(arguments);
        // The server would keep a pipe open.
        let status = command.stdout(Stdio::null()).status().unwrap();
        let log = fs::read_to_string(self.home().join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {log}");
    }

    /// One of its programs. The server does not run as root, so root becomes somebody else.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = Command::new(program);
        if let Some((user, group)) = other_user() {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
        command.current_dir("/").env("LC_ALL", "C");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.home().join("data");
        let mut command = self.command("pg_ctl");
        // It may have ended before.
        let _ = command
            .args(["stop", "-w", "-s", "-m", "immediate", "-D"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// The programs of the newest version that Debian has installed.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin"))
        .filter(|binaries| Path::new(&binaries.join("initdb")).exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is not installed: cargo xtask prepare installs it")
}

/// `nobody`, if this is root.
fn other_user() -> Option<(u32, u32)> {
    nix::unistd::Uid::effective().is_root().then(|| {
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        (nobody.uid.as_raw(), nobody.gid.as_raw())
    })
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
