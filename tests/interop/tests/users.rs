//! Users and rights as introductions have them: a password file written by Debian's
//! `mosquitto_passwd`, a listener with a certificate, and clients of other projects.
//!
//! With `FERRYMQ_INTEROP_BROKER=mosquitto` the same is asked of Debian's Mosquitto.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ferrymq_interop::{Broker, PATIENCE, Program, SelfSigned, installed, nodejs_modules};
use tempfile::TempDir;

/// A directory with a password file and an ACL file.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(TempDir::new().expect("there is room for files"));
        files.set_password(&["-c", "-b"], "myuser", "mypassword");
        files.set_password(&["-b"], "other", "otherpassword");
        files
    }

    fn set_password(&self, flags: &[&str], user: &str, password: &str) {
        let mut command = Command::new(installed("mosquitto_passwd"));
        let done = command.args(flags).arg(self.users()).args([user, password]).output();
        assert!(done.expect("mosquitto_passwd is installed").status.success());
    }

    fn users(&self) -> PathBuf {
        self.0.path().join("passwd")
    }

    fn rights(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("acl");
        fs::write(&path, text).expect("there is room for files");
        path
    }
}

/// What a program of MQTT.js prints first.
fn mqttjs(text: &str) -> String {
    let mut command = Command::new("node");
    command.env("NODE_PATH", nodejs_modules()).args(["-e", text]);
    Program::start(&mut command).next_stdout(PATIENCE)
}

/// Whether `mosquitto_pub` was let in, and what it said.
fn publish(
    port: u16,
    certificate: Option<&SelfSigned>,
    topic: &str,
    words: &[&str],
) -> (Option<i32>, String) {
    let mut command = Command::new(installed("mosquitto_pub"));
    command.args(["-h", "localhost", "-p", &port.to_string(), "-t", topic, "-m", "x"]);
    if let Some(certificate) = certificate {
        command.arg("--cafile").arg(certificate.certificate()).arg("--insecure");
    }
    let (status, said) = Program::start(command.args(words)).finish(PATIENCE);
    let said: Vec<String> = said.into_iter().map(|(_, line)| line).collect();
    (status.code(), said.join("\n"))
}

/// `allow_anonymous false`, a `password_file`, a listener with `certfile` and `keyfile`.
#[test]
fn printed_configuration_lets_in_who_has_a_password() {
    let (files, certificate) = (Files::new(), SelfSigned::new());
    let (_broker, [port]) = Broker::start_with_listeners([&format!(
        "{}allow_anonymous false\npassword_file {}\n",
        certificate.directives(),
        files.users().display()
    )]);
    let example = include_str!("../examples/secure.js").replace("8883", &port.to_string());
    assert_eq!(mqttjs(&example), "home/temperature: 25.5°C");
    // As MQTT.js knows return code 5.
    assert_eq!(mqttjs(&example.replace("mypassword", "guess")), "5");
    let rows: [(&[&str], Option<i32>); 4] = [
        (&["-u", "myuser", "-P", "mypassword"], Some(0)),
        (&["-u", "other", "-P", "otherpassword", "-V", "5", "-q", "1"], Some(0)),
        (&["-u", "myuser", "-P", "otherpassword"], Some(5)),
        (&[], Some(5)),
    ];
    for (words, status) in rows {
        let (found, said) = publish(port, Some(&certificate), "quay", words);
        assert_eq!(found, status, "{words:?}: {said}");
    }
    let (found, said) = publish(port, Some(&certificate), "quay", &["-u", "myuser", "-V", "5"]);
    assert_eq!(found, Some(135), "{said}");
}

/// What somebody may not read does not come, though the subscription is granted by Mosquitto.
#[test]
fn messages_come_to_whom_the_acl_file_lets_read_them() {
    let files = Files::new();
    let rights = files.rights("user myuser\ntopic home/#\n\npattern read own/%u/#\n");
    let (_broker, [port]) = Broker::start_with_listeners([&format!(
        "allow_anonymous false\npassword_file {}\nacl_file {}\n",
        files.users().display(),
        rights.display()
    )]);
    // Into a pipe it would write in blocks, and hold lines back.
    let mut command = Command::new(installed("stdbuf"));
    command.arg("-oL").arg(installed("mosquitto_sub"));
    command.args(["-h", "localhost", "-p", &port.to_string(), "-u", "myuser", "-P", "mypassword"]);
    command.args(["-d", "-t", "home/#", "-F", "got %t"]);
    let mut reader = Program::start(&mut command);
    reader.line_where(PATIENCE, |line| line.starts_with("Subscribed (mid: "));
    let other = ["-u", "other", "-P", "otherpassword", "-q", "1"];
    let (status, said) = publish(port, None, "home/other", &other);
    assert_eq!(status, Some(0), "before MQTT 5.0 nobody is told: {said}");
    let own = ["-u", "myuser", "-P", "mypassword", "-q", "1"];
    assert_eq!(publish(port, None, "home/own", &own).0, Some(0));
    let first = reader.line_where(PATIENCE, |line| line.starts_with("got "));
    assert_eq!(first, "got home/own", "what others may not publish reaches nobody");
    reader.kill();
}
