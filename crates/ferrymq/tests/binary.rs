//! The binary as its users meet it: exit status, standard output, the words on standard error, and
//! signals. Each test has a broker of its own, at a port that the system chooses.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[test]
fn wrong_words_are_answered_with_advice_and_status_1() {
    let rows: [(&[&str], &str); 9] = [
        (&["pub", "-t", "a", "-m", "x", "--reatin"], "--retain"),
        (&["pub", "-m", "x"], "--topic <TOPIC>"),
        (&["pub", "-t", "a"], "--message <MESSAGE>"),
        (&["pub", "-t", "a", "-m", "x", "-q", "3"], "3 is not in 0..=2"),
        (&["pub", "-t", "a/#", "-m", "x"], "--topic a/#: the Topic Name contains a wildcard"),
        (&["pub", "-t", "a", "-f", "/no/such/file"], "cannot read /no/such/file"),
        (&["sub", "-v"], "--topic <TOPIC>"),
        (&["sub", "-t", "a/##"], "--topic a/##"),
        (&["serv"], "serve"),
    ];
    for (words, advice) in rows {
        let output = run(words, b"");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(advice), "{words:?}: {errors}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn second_broker_on_a_port_is_told_to_choose_another() {
    let broker = Broker::start();
    let output = run(&["-p", &broker.port()], b"");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("already in use") && errors.contains("-p"), "{errors}");
}

/// What Mosquitto has kept: its clients get it here.
#[test]
fn broker_goes_on_with_what_was_imported() {
    let items = include_str!("../../server/tests/fixtures/mosquitto_v6.ndjson")
        .replace("\"expires\":\"2026-11-21T12:28:08Z\",", "")
        .replace(",\"expires\":\"2026-11-21T12:28:08Z\"", "")
        .replace("\"expires\":\"2026-11-22T15:14:48Z\",", "");
    assert!(!items.contains("expires"), "the test is not to end some day");
    let data = tempfile::tempdir().expect("there is room for files");
    let path = data.path().to_str().expect("UTF-8");
    let import = ["store", "import", "--segment-bytes", "1000000", "--data", path];
    assert_eq!(run(&import, items.as_bytes()).status.code(), Some(0));
    let broker = Broker::start_in(data, command(&["-p", "0", "--segment-bytes", "1000000"]));
    let received = |client_id, count: &str| {
        let words = ["sub", "-i", client_id, "-c", "-q", "2", "-t", "no", "-v", "-C", count];
        let output = broker.run(&words, b"");
        assert_eq!(output.status.code(), Some(0), "{client_id}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let mut queue = vec![
        "/lead/x leading",
        "sensors/a/temp retained-1",
        "sensors/b/temp queued-2",
        "sensors/c/temp queued-3",
        "sensors/d/temp expiring",
    ];
    assert_eq!(received("phone-1", "5"), queue);
    queue.remove(0);
    assert_eq!(received("phone-3", "4"), queue);
    // One was in flight, and one was not released by its publisher.
    assert_eq!(received("phone-4", "2"), ["q/2 least", "q/3 held"]);
    let output = broker.run(&["sub", "-t", "bin/ary", "-C", "1", "-N"], b"");
    assert_eq!(output.stdout, b"\0\x01\xFF");
}

#[test]
fn bytes_arrive_as_they_were_given() {
    let broker = Broker::start();
    let payload = b"\xea\xb0\x80\0\xff\n";
    broker.run(&["pub", "-t", "집/온도", "-s", "-r", "-q", "2"], payload);
    let output = broker.run(&["sub", "-t", "집/#", "-C", "1", "-v", "-N"], b"");
    assert_eq!(output.stdout, ["집/온도 ".as_bytes(), payload].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn lines_of_standard_input_all_arrive_in_order() {
    let broker = Broker::start();
    let lines: Vec<String> = (0..20_000).map(|number| format!("{number}\n")).collect();
    let lines = lines.concat();
    for qos in ["1", "2"] {
        let topic = format!("lines/{qos}");
        // A session that is kept, so that it does not matter who is faster.
        let session = ["-i", "reader", "-c", "-q", qos, "-t", &topic];
        broker.run(&[&["sub", "-E"][..], &session].concat(), b"");
        let sent = broker.run(&["pub", "-t", &topic, "-l", "-q", qos], lines.as_bytes());
        assert_eq!(sent.status.code(), Some(0));
        let output = broker.run(&[&["sub", "-C", "20000"][..], &session].concat(), b"");
        assert!(output.stdout == lines.as_bytes(), "{} bytes", output.stdout.len());
    }
}

#[test]
fn subscriber_that_waits_in_vain_ends_with_status_27() {
    let broker = Broker::start();
    let output = broker.run(&["sub", "-t", "silence", "-W", "0.1"], b"");
    assert_eq!(output.status.code(), Some(27));
}

#[test]
fn signal_ends_the_subscriber_with_success() {
    let broker = Broker::start();
    broker.run(&["pub", "-t", "ready", "-m", "yes", "-r"], b"");
    for name in ["-INT", "-TERM"] {
        let mut child = command(&["sub", "-p", &broker.port(), "-t", "ready"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let mut ready = [0; 4];
        child.stdout.as_mut().expect("it is piped").read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"yes\n");
        signal(&child, name);
        assert_eq!(wait(&mut child), Some(0), "{name}");
    }
}

#[test]
fn subscriber_that_loses_its_broker_says_so_and_waits_for_the_next() {
    let broker = Broker::start();
    let port = broker.port();
    broker.run(&["pub", "-t", "before", "-m", "x", "-r"], b"");
    let mut child = command(&["sub", "-p", &port, "-t", "before", "-t", "after", "-C", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut before = [0; 2];
    child.stdout.as_mut().expect("it is piped").read_exact(&mut before).unwrap();
    drop(broker);
    let mut errors = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let warning = errors.next().expect("a line comes").unwrap();
    assert_eq!(warning, "Warning: connection lost: the server closed the connection; trying again");
    let next = Broker::start_as(command(&["-p", &port]));
    next.run(&["pub", "-t", "after", "-m", "y", "-r"], b"");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.stdout, b"y\n");
    assert!(errors.next().is_none(), "one line is enough");
}

#[test]
fn first_signal_ends_the_broker_with_success() {
    for name in ["-INT", "-TERM"] {
        let mut broker = Broker::start();
        let mut client = broker.connect();
        signal(&broker.child, name);
        // DISCONNECT with Server shutting down, and the end.
        let mut farewell = Vec::new();
        client.read_to_end(&mut farewell).unwrap();
        assert_eq!((farewell[0], farewell[2]), (0xe0, 0x8b), "{farewell:02x?}");
        drop(client);
        assert_eq!(wait(&mut broker.child), Some(0), "{name}");
    }
}

#[test]
fn second_signal_does_not_wait_for_clients() {
    // The broker's patience with a client that does not close is short, so on a machine that is
    // very busy it may end by itself first.
    let ended_at_once = (0..10).any(|_| {
        let mut broker = Broker::start();
        let client = broker.connect();
        signal(&broker.child, "-TERM");
        broker.wait_for("shutting down");
        signal(&broker.child, "-INT");
        let status = wait(&mut broker.child);
        drop(client);
        status == Some(1)
    });
    assert!(ended_at_once);
}

#[test]
fn broker_with_few_files_lets_clients_in_as_others_leave() {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" -p 0", env!("CARGO_BIN_EXE_ferrymq")]);
    let broker = Broker::start_as(limited);
    let crowd: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(broker.address).ok()).collect();
    assert!(crowd.len() > 64);
    drop(crowd);
    let deadline = Instant::now() + PATIENCE;
    while !broker.accepts() {
        assert!(Instant::now() < deadline, "nobody is let in again");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let broker = Broker::start();
    broker.run(&["sub", "-E", "-i", "reader", "-c", "-q", "1", "-t", "kept/#"], b"");
    broker.run(&["pub", "-t", "kept/a", "-q", "1", "-m", "queued"], b"");
    broker.run(&["pub", "-t", "kept/b", "-q", "2", "-m", "retained", "-r"], b"");
    let next = broker.kill_and_start_again();
    let session = ["sub", "-i", "reader", "-c", "-q", "1", "-t", "kept/#", "-v", "-C", "2", "-R"];
    let output = next.run(&session, b"");
    assert_eq!(output.stdout, b"kept/a queued\nkept/b retained\n");
    let output = next.run(&["sub", "-t", "#", "-C", "1", "-v"], b"");
    assert_eq!(output.stdout, b"kept/b retained\n");
}

#[test]
fn second_broker_on_a_directory_is_told_who_has_it() {
    let broker = Broker::start();
    let data = broker.data.path().to_str().expect("it is plain text");
    let output = run(&["-p", "0", "--durability", "power", "--data", data], b"");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    let who = format!("in use by process {}", broker.child.id());
    assert!(errors.contains(data) && errors.contains(&who), "{errors}");
}

#[test]
fn data_directory_is_for_its_owner_only() {
    let parent = tempfile::tempdir().expect("there is room for files");
    let data = parent.path().join("new/data");
    let mut command = command(&["-p", "0", "--segment-bytes", "1000000"]);
    command.arg("--data").arg(&data);
    let _broker = Broker::start_as(command);
    for directory in [data.clone(), data.join("log")] {
        let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", directory.display());
    }
}

#[test]
fn broker_that_keeps_nothing_touches_no_directory() {
    let broker = Broker::start_as({
        let mut command = command(&["-p", "0", "--durability", "none"]);
        command.env_remove("FERRYMQ_DATA");
        command
    });
    broker.run(&["pub", "-t", "a", "-q", "1", "-m", "x", "-r"], b"");
    assert_eq!(std::fs::read_dir(broker.data.path()).unwrap().count(), 0);
}

#[test]
fn strangers_do_not_flood_the_log() {
    let mut broker = Broker::start();
    for _ in 0..2_000 {
        drop(TcpStream::connect(broker.address).expect("the broker listens"));
    }
    // All others were accepted before.
    broker.connect();
    signal(&broker.child, "-TERM");
    wait(&mut broker.child);
    let begun = broker.started.elapsed().as_secs() + 1;
    let lines = usize::try_from(begun).unwrap() * 500;
    let log = broker.log.iter().count();
    assert!(log <= lines, "{log} lines in {begun} s");
}

/// A broker of this machine. It ends with the test, and so does what it keeps.
struct Broker {
    child: Child,
    address: SocketAddr,
    data: TempDir,
    /// Lines of its log.
    log: mpsc::Receiver<String>,
    started: Instant,
}

impl Broker {
    fn start() -> Self {
        Self::start_as(command(&["-p", "0", "--segment-bytes", "1000000"]))
    }

    fn start_as(command: Command) -> Self {
        Self::start_in(tempfile::tempdir().expect("there is room for files"), command)
    }

    fn start_in(data: TempDir, mut command: Command) -> Self {
        command.env("FERRYMQ_DATA", data.path()).env("FERRYMQ_DURABILITY", "power");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary was built");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut broker = Self { child, address, data, log, started: Instant::now() };
        let line = broker.wait_for("listening on 127.0.0.1:");
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        broker.address.set_port(port.expect("the line ends with the port"));
        broker
    }

    /// Ends it without a word, and starts another one on what it has kept.
    fn kill_and_start_again(mut self) -> Self {
        self.child.kill().expect("it runs");
        wait(&mut self.child);
        let nothing = tempfile::tempdir().expect("there is room for files");
        let data = std::mem::replace(&mut self.data, nothing);
        Self::start_in(data, command(&["-p", "0", "--segment-bytes", "1000000"]))
    }

    fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the line comes");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Runs a client of this broker.
    fn run(&self, words: &[&str], input: &[u8]) -> Output {
        run(&[words, &["-p", &self.port()]].concat(), input)
    }

    /// A client of MQTT 5.0 that is welcome and says nothing more.
    fn connect(&self) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).expect("the broker listens");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(CONNECT).unwrap();
        let mut head = [0; 2];
        socket.read_exact(&mut head).expect("CONNACK comes");
        assert_eq!(head[0], 0x20);
        let mut rest = vec![0; usize::from(head[1])];
        socket.read_exact(&mut rest).unwrap();
        assert_eq!(rest[1], 0, "it accepts");
        socket
    }

    /// Whether it answers a client.
    fn accepts(&self) -> bool {
        let Ok(mut socket) = TcpStream::connect(self.address) else {
            return false;
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = [0; 1];
        socket.write_all(CONNECT).is_ok() && socket.read_exact(&mut head).is_ok()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
    // Who has no directory of its own keeps nothing.
    command.args(words).env_remove("RUST_LOG").env("FERRYMQ_DURABILITY", "none");
    command.stdin(Stdio::null());
    command
}

fn run(words: &[&str], input: &[u8]) -> Output {
    let mut child = command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    thread::scope(|scope| {
        scope.spawn(move || {
            // Who is told nothing but an error does not read.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("it ends")
    })
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("there is kill").success());
}

/// The exit status, in time.
fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < deadline, "it does not end");
        thread::yield_now();
    }
}

/// MQTT 5.0, clean start, keep alive 60 s, no client identifier.
const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
