//! Password files and ACL files between us and Debian's Mosquitto.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ferrymq_access::acl::{AclFile, Rules};
use ferrymq_access::password::{Check, PasswordFile};
use ferrymq_access::{Action, Who};
use ferrymq_interop::{PATIENCE, Program, ferrymq, free_port, installed};
use tempfile::TempDir;

#[test]
fn what_debians_tool_writes_is_verified() {
    let files = scratch();
    let users = files.path().join("users");
    for (flags, username, password) in [
        (&["-c", "-b"][..], "anna", "one"),
        (&["-b", "-H", "sha512"][..], "bert", "two words"),
        (&["-b", "-H", "sha512-pbkdf2"][..], "\u{e7}a", "p\u{e4}ss:word"),
    ] {
        let mut tool = Command::new(installed("mosquitto_passwd"));
        succeed(tool.args(flags).arg(&users).args([username, password]));
    }
    let text = fs::read(&users).expect("it has written the file");
    let file = PasswordFile::parse("users", &text).expect("it can be read");
    for (username, password) in
        [("anna", "one"), ("bert", "two words"), ("\u{e7}a", "p\u{e4}ss:word")]
    {
        let check = file.check(username, password.as_bytes());
        assert!(matches!(check, Check::Right { .. }), "{username}");
        assert_eq!(file.check(username, b"one "), Check::WrongPassword, "{username}");
    }
}

#[test]
fn what_our_tool_writes_lets_users_in_at_debians_broker() {
    let files = scratch();
    let users = files.path().join("users");
    fs::write(&users, "carl:three\n").expect("there is room for files");
    let passwd = |flags: &[&str], words: &[&str]| {
        let mut tool = Command::new(ferrymq());
        tool.args(["passwd", "-H", "sha512-pbkdf2"]).args(flags).arg(&users).args(words);
        succeed(&mut tool);
    };
    passwd(&["-U"], &[]);
    passwd(&["-b"], &["anna", "one"]);
    passwd(&["-b", "-I", "5000"], &["bert", "two"]);
    let broker = Mosquitto::start(&files, &format!("password_file {}", users.display()));
    for (username, password, status) in
        [("anna", "one", 0), ("bert", "two", 0), ("carl", "three", 0), ("anna", "two", 5)]
    {
        let words = ["-u", username, "-P", password, "-t", "a", "-m", "x"];
        let output = broker.publish(&words);
        assert_eq!(output.status.code(), Some(status), "{username}: {output:?}");
    }
}

/// Publishing only, because that is answered. Version 2.0 fills in `%c` and `%u` inside of a level
/// too, and names with a separator; these are left out here.
#[test]
fn acl_files_say_the_same_to_both() {
    let files = scratch();
    let acl = files.path().join("acl");
    fs::write(&acl, ACL).expect("there is room for files");
    let directives = format!("allow_anonymous true\nacl_file {}", acl.display());
    let broker = Mosquitto::start(&files, &directives);
    let rules = Rules::new(&AclFile::parse("acl", ACL.as_bytes()).expect("it can be read"));
    for username in [None, Some("anna"), Some("bert"), Some("wi+ld")] {
        for topic in TOPICS {
            let who = Who { username, client_id: "meter" };
            let ours = rules.decide(who, Action::Publish, topic).allowed;
            let mut words = vec!["-V", "5", "-q", "1", "-i", "meter", "-t", topic, "-m", "x"];
            words.extend(username.iter().flat_map(|username| ["-u", *username]));
            let output = broker.publish(&words);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let theirs = !said.contains("Not authorized");
            assert_eq!(ours, theirs, "{username:?} {topic}: {said}");
        }
    }
}

const ACL: &str = "# anonymous\ntopic write public/#\ntopic deny public/closed\n\
                   user anna\ntopic home/+/set\ntopic deny home/safe/set\ntopic read home/safe/state\n\
                   topic write a b/c\nuser bert\ntopic #\ntopic deny home/#\n\
                   pattern write devices/%c/#\npattern deny devices/%c/key\npattern write users/%u\n";

const TOPICS: &[&str] = &[
    "public",
    "public/a/b",
    "public/closed",
    "home/lamp/set",
    "home/safe/set",
    "home/safe/state",
    "a b/c",
    "anything",
    "devices/meter",
    "devices/meter/value",
    "devices/meter/key",
    "devices/other/value",
    "users/anna",
    "users/bert",
    "$other/topic",
];

/// Debian's broker with these directives.
struct Mosquitto {
    _program: Program,
    port: u16,
}

impl Mosquitto {
    fn start(files: &TempDir, directives: &str) -> Self {
        let port = free_port();
        let path = files.path().join("mosquitto.conf");
        // As another user it could not read the files.
        let lines = format!("user root\nlistener {port} 127.0.0.1\n{directives}\n");
        fs::write(&path, lines).expect("there is room for files");
        let mut program = Program::start(Command::new(installed("mosquitto")).arg("-c").arg(&path));
        program.line_where(PATIENCE, |line| line.ends_with(" running"));
        Self { _program: program, port }
    }

    /// Publishes with Debian's client.
    fn publish(&self, words: &[&str]) -> Output {
        let mut client = Command::new(installed("mosquitto_pub"));
        client.args(["-p", &self.port.to_string()]).args(words);
        client.output().expect("the client runs")
    }
}

fn scratch() -> TempDir {
    TempDir::new().expect("there is room for files")
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().expect("the program runs");
    let name = Path::new(command.get_program()).display();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}
