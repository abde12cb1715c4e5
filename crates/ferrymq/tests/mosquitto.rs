//! The program invoked as `mosquitto`, as supervisors, scripts and readers of logs meet it: flags,
//! exit status, words, signals. Where Mosquitto itself is installed, its log is compared with ours.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[test]
fn mistakes_on_the_command_line_have_the_words_and_the_status_of_mosquitto() {
    let place = Place::new();
    let wrong = place.write("wrong.conf", "listener 1883\nallow_anonymus true\n");
    let right = place.write("right.conf", "listener 1883\nallow_anonymous true\n");
    let (wrong, right) = (wrong.to_str().unwrap(), right.to_str().unwrap());
    let place_of_mistake = format!("Error found at {wrong}:2.");
    let rows: [(&[&str], i32, &[&str]); 12] = [
        (&["-h"], 3, &["mosquitto version 2.1.2\n", "Usage: mosquitto [-c config_file]"]),
        (&["--version"], 0, &["mosquitto version 2.1.2\n", "FerryMQ"]),
        (&["--foo"], 3, &["Error: Unknown option '--foo'.\n", "Usage: mosquitto"]),
        (&["-p"], 3, &[": Error: -p argument given, but no port specified.\n"]),
        (&["-p", "abc"], 3, &[": Error: Invalid port specified (0).\n"]),
        (&["-c"], 3, &[": Error: -c argument given, but no config file specified.\n"]),
        (&["-c", "/no/such"], 3, &[": Error: Unable to open config file /no/such."]),
        (&["-c", wrong], 3, &[MISSPELT, "allow_anonymous", &place_of_mistake]),
        (&["-c", wrong, "--test-config"], 3, &[&place_of_mistake]),
        (&["-c", wrong, "-d"], 3, &[&place_of_mistake]),
        (&["-c", right, "--test-config"], 0, &[": Configuration file is OK.\n"]),
        (&["--test-config"], 3, &[": Please provide a configuration file to test.\n"]),
    ];
    for (words, status, expected) in rows {
        let Output { status: ended, stdout, stderr } = place.run(words);
        assert_eq!(ended.code(), Some(status), "{words:?}");
        let shown = String::from_utf8([stderr, stdout].concat()).unwrap();
        for part in expected {
            assert!(shown.contains(part), "{words:?}: {part:?} is not in {shown}");
        }
    }
}

const MISSPELT: &str = ": Error: Unknown configuration variable \"allow_anonymus\".";

#[test]
fn broker_says_what_scripts_wait_for_and_ends_with_success() {
    let place = Place::new();
    let port = free_port();
    let mut broker = place.start(&["-p", &port.to_string()]);
    broker.wait_for("mosquitto version 2.1.2 starting");
    broker.wait_for("Using default config.");
    broker.wait_for("Starting in local only mode.");
    broker.wait_for(&format!("Opening ipv4 listen socket on port {port}."));
    let line = broker.wait_for("mosquitto version 2.1.2 running");
    let (seconds, words) = line.split_once(": ").expect("a line begins with the time");
    assert!(seconds.parse::<u64>().is_ok_and(|seconds| seconds > 1_700_000_000), "{line}");
    assert_eq!(words, "mosquitto version 2.1.2 running");

    let taken = place.run(&["-p", &port.to_string()]);
    assert_eq!(taken.status.code(), Some(1));
    let words = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(words.contains(": Error: Address already in use\n"), "{words}");

    // Who is told twice is not ended at once.
    broker.signal("-TERM");
    broker.signal("-TERM");
    broker.wait_for("mosquitto version 2.1.2 terminating");
    assert_eq!(broker.ended().code(), Some(0));
}

#[test]
fn quiet_broker_says_nothing_and_pid_file_is_there_while_it_runs() {
    let place = Place::new();
    let pid_file = place.path("broker.pid");
    let port = free_port();
    let file = place.listener("quiet.conf", port, &format!("pid_file {}", pid_file.display()));
    let mut broker = place.start(&[OsStr::new("-q"), OsStr::new("-c"), file.as_os_str()]);
    let _client = Client::connect(port, "a");
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), broker.child.id().to_string());
    broker.signal("-TERM");
    assert_eq!(broker.ended().code(), Some(0));
    assert!(!pid_file.exists());
    assert_eq!(broker.log.iter().collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn client_is_logged_in_the_words_of_mosquitto() {
    let place = Place::new();
    let ours = log_of_a_client(&place.path("mosquitto"));
    let expected = [
        "New connection from ADDRESS on port PORT.",
        "New client connected from ADDRESS as pp (p2, c1, k60, u'me').",
        "Will message specified (3 bytes) (r1, q1).",
        "\tgone",
        "Sending CONNACK to pp (0, 0)",
        "Received SUBSCRIBE from pp",
        "\ta/# (QoS 1)",
        "pp 1 a/#",
        "Sending SUBACK to pp",
        "Received PUBLISH from pp (d0, q0, r1, m0, 'a/b', ... (5 bytes))",
        "Sending PUBLISH to pp (d0, q0, r0, m0, 'a/b', ... (5 bytes))",
        "Received PINGREQ from pp",
        "Sending PINGRESP to pp",
        "Received UNSUBSCRIBE from pp",
        "\ta/#",
        "pp a/#",
        "Sending UNSUBACK to pp",
        "Received DISCONNECT from pp",
        "Client pp disconnected.",
    ];
    assert_eq!(ours, expected);
    let theirs = Path::new("/usr/sbin/mosquitto");
    if theirs.exists() {
        assert_eq!(log_of_a_client(theirs), expected, "Mosquitto itself");
    }
}

#[test]
fn log_file_that_was_moved_away_is_made_anew() {
    let place = Place::new();
    let (log, moved) = (place.path("broker.log"), place.path("broker.log.1"));
    let port = free_port();
    let file = place.listener("a.conf", port, &format!("log_dest file {}", log.display()));
    let broker = place.start(&[OsStr::new("-c"), file.as_os_str()]);
    drop(Client::connect(port, "first"));
    wait_until("the first client is in the file", || holds(&log, " as first "));
    fs::rename(&log, &moved).unwrap();
    broker.signal("-RTMIN");
    wait_until("there is a new file", || log.exists());
    drop(Client::connect(port, "second"));
    wait_until("the second client is in the new file", || holds(&log, " as second "));
    assert!(!holds(&log, " as first ") && holds(&moved, " as first "));
}

#[test]
fn reload_adds_a_listener_under_load_and_a_wrong_one_changes_nothing() {
    let place = Place::new();
    let (first, second, third) = (free_port(), free_port(), free_port());
    let file = place.listener("a.conf", first, "");
    let broker = place.start(&[OsStr::new("-c"), file.as_os_str()]);
    broker.wait_for("running");
    let mut clients: Vec<_> =
        (0..20).map(|number| Client::connect(first, &format!("c{number}"))).collect();
    let (stop, stopped) = mpsc::channel::<()>();
    let load = thread::spawn(move || {
        let mut answers: u64 = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            for client in &mut clients {
                client.ping();
                answers += 1;
            }
        }
        answers
    });
    place.listener("a.conf", first, &format!("listener {second} 127.0.0.1"));
    broker.signal("-HUP");
    wait_until("the new listener answers", || TcpStream::connect(("127.0.0.1", second)).is_ok());
    drop(Client::connect(second, "new"));
    place.listener("a.conf", first, &format!("listener {third} 127.0.0.1\nmax_qoss 1"));
    broker.signal("-HUP");
    broker.wait_for("Error found at ");
    broker.wait_for("The configuration stays as it was");
    drop(Client::connect(second, "still"));
    assert!(TcpStream::connect(("127.0.0.1", third)).is_err());
    stop.send(()).unwrap();
    assert!(load.join().expect("nobody was dropped") > 0);
}

#[test]
fn subscriptions_are_told_on_sigusr2() {
    let place = Place::new();
    let port = free_port();
    let file = place.listener("a.conf", port, "");
    let broker = place.start(&[OsStr::new("-c"), file.as_os_str()]);
    broker.wait_for("running");
    let mut client = Client::connect(port, "a");
    client.send(SUBSCRIBE);
    assert_eq!(client.packet()[0], 0x90);
    broker.signal("-USR2");
    broker.wait_for("1 topic filters are subscribed to");
    broker.wait_for("    a/# (1)");
}

#[test]
fn supervisor_is_told_that_the_broker_is_ready_lives_reloads_and_ends() {
    let place = Place::new();
    let address = place.path("notify");
    let supervisor = UnixDatagram::bind(&address).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = |what: &str| {
        let mut bytes = [0; 512];
        loop {
            let length = supervisor.recv(&mut bytes).expect("the supervisor is told");
            let words = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if words.lines().any(|line| line.starts_with(what)) {
                return words;
            }
        }
    };
    let port = free_port();
    let file = place.listener("a.conf", port, "");
    let mut command = place.command();
    command.env("NOTIFY_SOCKET", &address).env("WATCHDOG_USEC", "200000").arg("-c").arg(&file);
    let mut broker = Broker::start(command);
    told("READY=1");
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    broker.signal("-HUP");
    assert!(told("RELOADING=1").contains("MONOTONIC_USEC="));
    told("READY=1");
    broker.signal("-TERM");
    told("STOPPING=1");
    assert_eq!(broker.ended().code(), Some(0));
}

#[test]
fn broker_in_the_background_listens_when_the_command_returns() {
    let place = Place::new();
    let pid_file = place.path("broker.pid");
    let port = free_port();
    let file = place.listener("a.conf", port, &format!("pid_file {}", pid_file.display()));
    let words = [OsStr::new("-d"), OsStr::new("-c"), file.as_os_str()];
    assert_eq!(place.run(&words).status.code(), Some(0));
    drop(Client::connect(port, "a"));
    let number = fs::read_to_string(&pid_file).unwrap();
    // A second one fails where somebody sees it.
    let other = place.listener("b.conf", port, "");
    let failed = place.run(&[OsStr::new("-d"), OsStr::new("-c"), other.as_os_str()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("Address already in use"));
    assert!(Command::new("kill").args(["-TERM", &number]).status().unwrap().success());
    wait_until("it has ended", || !pid_file.exists());
}

/// What a broker with all kinds of lines logs of a client, without times, addresses and ports.
fn log_of_a_client(program: &Path) -> Vec<String> {
    let place = Place::new();
    let port = free_port();
    let file = place.listener("a.conf", port, "log_type all\nlog_timestamp false");
    let mut command = Command::new(program);
    command.arg("-c").arg(&file);
    let broker = Broker::start(command);
    broker.wait_for("running");
    let mut client = Client::open(port);
    client.send(CONNECT_WITH_WILL);
    assert_eq!(client.packet(), [0x20, 2, 0, 0]);
    client.send(SUBSCRIBE);
    assert_eq!(client.packet()[0], 0x90);
    client.send(b"\x31\x0a\0\x03a/bhello");
    assert_eq!(client.packet(), b"\x30\x0a\0\x03a/bhello");
    client.ping();
    client.send(b"\xa2\x07\0\x02\0\x03a/#");
    assert_eq!(client.packet()[0], 0xb0);
    client.send(b"\xe0\0");
    let address = client.socket.local_addr().unwrap().to_string();
    let mut lines = Vec::new();
    loop {
        let line = broker.log.recv_timeout(PATIENCE).expect("the client's end is logged");
        let is_last = line == "Client pp disconnected.";
        lines.push(line.replace(&address, "ADDRESS").replace(&port.to_string(), "PORT"));
        if is_last {
            return lines;
        }
    }
}

/// A directory with files for a broker, and the program by its other name.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room for files");
        let program = directory.path().join("mosquitto");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ferrymq"), program).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, lines).unwrap();
        path
    }

    /// A configuration for everybody on this machine. Root stays root: the directory is private.
    fn listener(&self, name: &str, port: u16, more: &str) -> PathBuf {
        let lines = format!("user root\nallow_anonymous true\nlistener {port} 127.0.0.1\n{more}\n");
        self.write(name, &lines)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.path("mosquitto"));
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[impl AsRef<OsStr>]) -> Output {
        let output = self.command().args(words).output();
        output.expect("the binary was built")
    }

    fn start(&self, words: &[impl AsRef<OsStr>]) -> Broker {
        let mut command = self.command();
        command.args(words);
        Broker::start(command)
    }
}

/// A broker that ends with the test.
struct Broker {
    child: Child,
    log: mpsc::Receiver<String>,
}

impl Broker {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary was built");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        Self { child, log }
    }

    fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is kill").success());
    }

    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the broker has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of MQTT 3.1.1.
struct Client {
    socket: TcpStream,
}

impl Client {
    /// A connection to a broker that may not listen yet.
    fn open(port: u16) -> Self {
        let mut socket = None;
        wait_until("the broker listens", || {
            socket = TcpStream::connect(("127.0.0.1", port)).ok();
            socket.is_some()
        });
        let socket = socket.expect("it is there");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket }
    }

    fn connect(port: u16, client_id: &str) -> Self {
        let mut client = Self::open(port);
        let length = u8::try_from(client_id.len()).unwrap();
        let mut connect = vec![0x10, 12 + length];
        connect.extend_from_slice(b"\0\x04MQTT\x04\x02\0\x3c\0");
        connect.push(length);
        connect.extend_from_slice(client_id.as_bytes());
        client.send(&connect);
        assert_eq!(client.packet(), [0x20, 2, 0, 0]);
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    fn ping(&mut self) {
        self.send(b"\xc0\0");
        assert_eq!(self.packet(), [0xd0, 0]);
    }

    /// The next packet, which is a short one.
    fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2];
        self.socket.read_exact(&mut packet).expect("a packet comes");
        packet.resize(2 + usize::from(packet[1]), 0);
        self.socket.read_exact(&mut packet[2..]).unwrap();
        packet
    }
}

/// A port at which nobody listened a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn holds(path: &Path, words: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(words))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::yield_now();
    }
}

/// MQTT 3.1.1, clean session, keep alive 60 s, `pp`, a retained will of QoS 1, user name `me`.
const CONNECT_WITH_WILL: &[u8] =
    b"\x10\x1d\0\x04MQTT\x04\xae\0\x3c\0\x02pp\0\x04gone\0\x03abc\0\x02me";
/// `a/#` with QoS 1.
const SUBSCRIBE: &[u8] = b"\x82\x08\0\x01\0\x03a/#\x01";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
