//! The configuration as users meet it: `ferrymq config`, and a broker that has a file.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[test]
fn file_is_checked_and_everything_wrong_has_its_place() {
    let house = House::new("listener 1883\nmax_qos 3\nlog_tpye all\nautosave_interval 5\n");
    let output = house.config(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let file = house.file.display();
    let expected = format!(
        "Mistake: {file}:2: max_qos: 3 is out of range; it takes quality of service from 0 to 2\n\
         Mistake: {file}:3: there is no \"log_tpye\"; do you mean log_type?\n\
         Notice: {file}:4: autosave_interval changes nothing: what must survive is always written \
         at once\n\
         Warning: {file}:1: listener 1883: nobody can come in: there is no password_file nor any \
         other source of users, and allow_anonymous is not true\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    house.write("listener 1883\nallow_anonymous true\n");
    let output = house.config(&["check"]);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!("{file}: the broker can start with it\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn option_is_explained_with_who_said_so() {
    let house = House::new("max_packet_size 64K\n");
    let file = house.file.to_str().unwrap();
    let explain = |name: &str, variable: &str| {
        let mut command = command(&["config", "explain", name, "-c", file]);
        command.env("FERRYMQ_MAX_QUEUED_MESSAGES", variable);
        let output = command.output().expect("the binary was built");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let text = explain("max-packet-size", "7");
    let first = format!("now             max_packet_size 65536 ({file}:1)\n");
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("default         16777216; invoked as mosquitto: 2000000\n"), "{text}");
    let text = explain("max_queued_messages", "7");
    assert!(text.contains("max_queued_messages 7 (FERRYMQ_MAX_QUEUED_MESSAGES)\n"), "{text}");
    let text = explain("max_queued_mesages", "7");
    assert!(text.contains("do you mean max_queued_messages?"), "{text}");
}

#[test]
fn files_are_compared() {
    let house = House::new("listener 1883\npersistence false\n");
    let after = house.directory.path().join("after.conf");
    fs::write(&after, "listener 1884\npersistence false\nmax_keepalive 60\n").unwrap();
    let output = house.config(&["diff", after.to_str().unwrap()]);
    let expected = "max_keepalive: 60 becomes 0\nlistener 1884 is removed\nlistener 1883 is new\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn broker_does_not_start_without_the_passwords_it_was_told_to_ask_for() {
    let house = House::new("listener 1883\nallow_anonymous false\npassword_file /etc/passwords\n");
    let output = house.serve().output().expect("the binary was built");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("/etc/passwords: it cannot be read: "), "{errors}");
}

#[test]
fn reload_holds_and_a_wrong_one_changes_nothing() {
    let port = free_port();
    let house = House::new(&format!("listener {port} 127.0.0.1\n"));
    let mut broker = Broker::start(&house);
    assert_eq!(connack(port), NOT_AUTHORIZED, "nobody has allowed anonymous clients");
    house.write(&format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    broker.reload("the configuration is reloaded");
    assert_eq!(connack(port), SUCCESS);
    house.write(&format!("listener {port} 127.0.0.1\nallow_anonymous false\nnonsense\n"));
    broker.reload("the configuration stays as it was");
    assert_eq!(connack(port), SUCCESS);
}

#[test]
fn log_goes_where_the_file_says() {
    let port = free_port();
    let house = House::new("");
    let place = house.directory.path().join("broker.log");
    house.write(&format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_dest file {}\n\
         log_timestamp_format %Y\n",
        place.display()
    ));
    let mut broker = Broker::start(&house);
    assert_eq!(connack(port), SUCCESS);
    broker.wait_for(" as c (p5, c1, k0).");
    drop(broker);
    let text = fs::read_to_string(&place).unwrap();
    let line = text.lines().find(|line| line.contains("New client connected from 127.0.0.1:"));
    let (time, _) = line.and_then(|line| line.split_once(": ")).expect("the file has the line");
    assert!(time.len() == 4 && time.starts_with("20"), "{text}");
}

#[test]
fn database_of_mosquitto_is_taken_over_once() {
    let house = House::new("");
    let data = house.directory.path().join("data");
    fs::create_dir(&data).unwrap();
    let database =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/fixtures/mosquitto_v6.db");
    fs::copy(database, data.join("mosquitto.db")).unwrap();
    house.write(&format!(
        "listener {} 127.0.0.1\npersistence true\npersistence_location {}\n",
        free_port(),
        data.display()
    ));
    let taken = |broker: &Broker| broker.lines.iter().any(|line| line.contains("is taken over"));
    let broker = Broker::start(&house);
    assert!(taken(&broker), "{:?}", broker.lines);
    drop(broker);
    assert!(data.join("mosquitto.db").is_file() && data.join("ferrymq/log").is_dir());
    let broker = Broker::start(&house);
    assert!(!taken(&broker), "{:?}", broker.lines);
}

/// A directory with a configuration file.
struct House {
    directory: TempDir,
    file: PathBuf,
}

impl House {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room for files");
        let house = Self { file: directory.path().join("broker.conf"), directory };
        house.write(text);
        house
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, text).unwrap();
    }

    fn config(&self, words: &[&str]) -> Output {
        let mut command = command(&["config"]);
        command.args(words).arg(&self.file).output().expect("the binary was built")
    }

    fn serve(&self) -> Command {
        let mut command = command(&["serve", "-c"]);
        command.arg(&self.file).env("XDG_STATE_HOME", self.directory.path());
        command
    }
}

struct Broker {
    child: Child,
    log: mpsc::Receiver<String>,
    /// What it has said so far.
    lines: Vec<String>,
}

impl Broker {
    fn start(house: &House) -> Self {
        let mut command = house.serve();
        // Where root would keep its data is not for a test.
        if !fs::read_to_string(&house.file).unwrap().contains("persistence") {
            command.env("FERRYMQ_DURABILITY", "none");
        }
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary was built");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut broker = Self { child, log, lines: Vec::new() };
        broker.wait_for("listening on 127.0.0.1:");
        broker
    }

    fn wait_for(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.lines.last().is_some_and(|line| line.contains(words)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            self.lines.push(line.unwrap_or_else(|_| panic!("no {words:?} in {:#?}", self.lines)));
        }
    }

    fn reload(&mut self, words: &str) {
        self.signal("-HUP");
        self.wait_for(words);
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is kill").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.signal("-TERM");
        // It has been told to end, and nobody waits for more.
        let _ = self.child.wait();
    }
}

/// The reason in the answer to a CONNECT of MQTT 5.0.
fn connack(port: u16) -> u8 {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01c").unwrap();
    let mut head = [0; 4];
    socket.read_exact(&mut head).expect("CONNACK comes");
    head[3]
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
    command.args(words);
    command
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|at| at.local_addr())
        .expect("a port is free")
        .port()
}

const PATIENCE: Duration = Duration::from_mins(1);
const SUCCESS: u8 = 0;
const NOT_AUTHORIZED: u8 = 0x87;
