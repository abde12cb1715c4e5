//! Users and rights as those meet them who run the program: files that change while it runs, what its
//! log says, and what it never says.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A broker with a password file and an ACL file.
struct Broker {
    directory: TempDir,
    child: Child,
    port: String,
    log: mpsc::Receiver<String>,
}

impl Broker {
    fn start(users: &[(&str, &str, &str)], rights: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (scheme, name, password) in users {
            add_user(&directory.path().join("users"), scheme, name, password);
        }
        fs::write(directory.path().join("rights"), rights).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = directory.path().display();
        let text = format!(
            "persistence false\nlistener {port} 127.0.0.1\npassword_file {at}/users\n\
             acl_file {at}/rights\n"
        );
        let file = directory.path().join("ferrymq.conf");
        fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrymq"))
            .args(["serve", "-c"])
            .arg(&file)
            // All that it can say, it says.
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        let broker = Self { directory, child, port: port.to_string(), log };
        broker.wait_for("listening on 127.0.0.1:");
        broker
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn wait_for(&self, words: &str) {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the line comes");
            if line.contains(words) {
                return;
            }
        }
    }

    /// Publishes with these flags.
    fn publish(&self, words: &[&str]) -> Output {
        let flags = ["pub", "-V", "5", "-q", "1", "-m", "x", "-p", &self.port];
        run(&[&flags[..], words].concat())
    }

    fn accepts(&self, username: &str, password: &str) -> bool {
        self.publish(&["-t", "home/lamp", "-u", username, "-P", password]).status.success()
    }

    /// Ends it; the whole rest of its log.
    fn end(mut self) -> Vec<String> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        self.log.iter().collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
    command.args(words).env_remove("RUST_LOG").stdin(Stdio::null());
    command.output().expect("the binary was built")
}

/// Whether a message was refused. As with Mosquitto that is a warning, and the client succeeds.
fn is_denied(publish: &Output) -> bool {
    String::from_utf8_lossy(&publish.stderr).contains("Not authorized: the broker refused")
}

/// Gives a user a password, in a file that may be new. So few iterations are for tests alone.
fn add_user(file: &Path, scheme: &str, name: &str, password: &str) {
    let file = file.to_str().unwrap();
    let iterations = if scheme == "scram-sha-256" { "4096" } else { "2" };
    let mut words = vec!["passwd", "-H", scheme, "-I", iterations, "-b"];
    if !Path::new(file).exists() {
        words.push("-c");
    }
    words.extend([file, name, password]);
    let output = run(&words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const PBKDF2: &str = "sha512-pbkdf2";
const SCRAM: &str = "scram-sha-256";
const RIGHTS: &str = "user anna\ntopic home/#\ntopic deny home/safe\nuser carl\ntopic home/#\n";
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn changed_files_are_noticed_without_a_signal() {
    let broker = Broker::start(&[(PBKDF2, "anna", "sesame")], RIGHTS);
    assert!(broker.accepts("anna", "sesame"));
    add_user(&broker.path("users"), PBKDF2, "anna", "barley");
    broker.wait_for("users has changed");
    broker.wait_for("the configuration is reloaded");
    assert!(!broker.accepts("anna", "sesame"));
    assert!(broker.accepts("anna", "barley"));
    fs::write(broker.path("rights"), "user anna\ntopic read home/#\n").unwrap();
    broker.wait_for("rights has changed");
    broker.wait_for("the configuration is reloaded");
    let denied = broker.publish(&["-t", "home/lamp", "-u", "anna", "-P", "barley"]);
    assert!(is_denied(&denied), "{denied:?}");
}

#[test]
fn log_names_the_line_that_denies_once_and_no_secret_ever() {
    let users = [(PBKDF2, "anna", "open sesame"), (SCRAM, "carl", "sim sala bim")];
    let broker = Broker::start(&users, RIGHTS);
    let anna = ["-i", "c", "-u", "anna", "-P", "open sesame"];
    for topic in ["home/safe", "home/safe", "home/safe", "garden", "garden"] {
        let denied = broker.publish(&[&anna[..], &["-t", topic]].concat());
        assert!(is_denied(&denied), "{topic}: {denied:?}");
    }
    let carl = ["-t", "home/lamp", "-u", "carl"];
    assert!(broker.publish(&[&carl[..], &["-P", "sim sala bim"]].concat()).status.success());
    let proved = broker.publish(&[&carl[..], &["-P", "sim sala bim", "--scram"]].concat());
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stderr));
    for (name, password) in
        [("anna", "open wheat"), ("carl", "abracadabra"), ("eve", "hocus pocus")]
    {
        let who = ["-t", "home/lamp", "-u", name, "-P", password];
        assert!(!broker.publish(&who).status.success());
        assert!(!broker.publish(&[&who[..], &["--scram"]].concat()).status.success());
    }
    let rights = broker.path("rights").display().to_string();
    let hashes = fs::read_to_string(broker.path("users")).unwrap();
    let log = broker.end();
    let denials: Vec<&str> =
        log.iter().filter_map(|line| line.split_once("denied: ")).map(|(_, words)| words).collect();
    let by_rule = format!(r#"publish "home/safe" by client "c", user "anna": {rights}:3"#);
    let by_none = r#"publish "garden" by client "c", user "anna": no rule allows it"#;
    assert_eq!(denials, [by_rule.as_str(), by_none]);
    let passwords =
        ["open sesame", "sim sala bim", "open wheat", "abracadabra", "hocus pocus"].into_iter();
    // In a hash everything behind its cost is secret.
    let hashes = hashes.lines().filter_map(|line| line.rsplit('$').next());
    for secret in passwords.chain(hashes) {
        let told = log.iter().find(|line| line.contains(secret));
        assert_eq!(told, None, "{secret} is in the log");
    }
}
