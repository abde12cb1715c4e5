//! `ferrymq pub`, `sub` and `rr` beside Debian's `mosquitto_pub`, `mosquitto_sub` and
//! `mosquitto_rr`: the same words against Debian's Mosquitto, and what a script would notice must be the same. Then
//! each over the transports that they share.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use ferrymq_interop::{PATIENCE, Program, ferrymq, free_port, installed};
use tempfile::TempDir;

#[test]
fn formats_print_the_same() {
    let broker = Mosquitto::start();
    let properties = "-D publish content-type text/plain -D publish correlation-data c-d \
                      -D publish message-expiry-interval 1000 -D publish response-topic r/t \
                      -D publish payload-format-indicator 1 -D publish user-property a b \
                      -D publish user-property a c";
    let sent = format!("-V 5 -t f/1 -m hello -r -q 1 {properties}");
    broker.publish(&sent.split(' ').collect::<Vec<_>>());
    broker.publish(&["-t", "f/2", "-r", "-m", r#"{"a":[1,{"b":"c"}],"d":null}"#]);
    let formats = [
        "%%|%5%|%t|%p|%l|%q|%r|%m",
        "%A|%C|%D|%F|%P|%R|%S",
        "%5A|%05A|%20C|%-20C|%.3C|%8.3C|%-8.3C|%20R",
        "%3F|%03l|%-4l|%5m|%3S",
        "%10t|%-10t|%.2t|%10.2t|%010t|%4p|%10p|%-10p|%010p",
        "%x|%X",
        r"\\|\0|\a|\e|\n|\r|\t|\v|@@",
        "@Q|@E|@i|@n|@t|@a|@B|@F|@j|@U",
    ];
    for topic in ["f/1", "f/2"] {
        for format in formats {
            let words = ["-t", topic, "-C", "1", "-q", "1", "-F", format];
            broker.compare("sub", &words);
            let identifier = ["-N", "-D", "subscribe", "subscription-identifier", "7"];
            broker.compare("sub", &[&words[..], &identifier].concat());
        }
    }
}

/// All but the time, and numbers, which Mosquitto's writes anew.
#[test]
fn json_says_the_same() {
    let broker = Mosquitto::start();
    broker.publish(&["-t", "j/1", "-r", "-q", "1", "-m", r#"{"a":[1,{"b":"c"}],"d":{}}"#]);
    broker.publish(&[
        "-V",
        "5",
        "-t",
        "j/2",
        "-r",
        "-m",
        "7",
        "-D",
        "publish",
        "content-type",
        "x",
    ]);
    for topic in ["j/1", "j/2"] {
        for words in [&["-F", "%j"][..], &["-F", "%J"], &["-F", "%J", "--pretty"]] {
            let words = [&["-V", "5", "-t", topic, "-C", "1", "-q", "2"], words].concat();
            let [theirs, ours] = broker.both("sub", &words).map(|output| {
                let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
                let (before, after) = text.split_once("\"tst\":").expect("it has a time");
                let (_, after) = after.split_once(',').expect("more follows");
                format!("{before}{after}")
            });
            assert_eq!(ours, theirs, "{words:?}");
        }
    }
}

#[test]
fn debugging_output_is_the_same() {
    let broker = Mosquitto::start();
    let rows: [(&str, &[&str]); 5] = [
        ("pub", &["-d", "-i", "me", "-t", "d/1", "-m", "x", "-q", "1", "-r"]),
        ("pub", &["-d", "-t", "d/1", "-m", "x", "-q", "2", "--repeat", "2"]),
        ("sub", &["-d", "-i", "me", "-t", "d/2", "-t", "d/3", "-E"]),
        ("sub", &["-d", "-V", "5", "-i", "me", "-t", "d", "-R", "--retain-as-published", "-E"]),
        ("sub", &["-d", "-i", "me", "-t", "d/none", "-W", "1"]),
    ];
    for (tool, words) in rows {
        broker.compare(tool, words);
    }
}

#[test]
fn exit_status_is_the_same() {
    let broker = Mosquitto::start();
    broker.publish(&["-t", "s/retained", "-m", "x", "-r"]);
    let rows: [(&str, &[&str]); 22] = [
        ("sub", &["-t", "s/none", "-W", "1"]),
        ("sub", &["-t", "s/retained", "-C", "1"]),
        ("sub", &["-t", "a", "--unknown"]),
        ("sub", &["-t"]),
        ("sub", &[]),
        ("sub", &["-t", "a/#/b"]),
        ("sub", &["-t", "a", "-T", "#b"]),
        ("sub", &["-t", "a", "-R", "--retained-only"]),
        ("sub", &["-t", "a", "-c"]),
        ("sub", &["-t", "a", "-i", "x", "-I", "y"]),
        ("sub", &["-t", "a", "-P", "x"]),
        ("sub", &["-t", "a", "-F", "%z"]),
        ("sub", &["-t", "a", "--will-payload", "x"]),
        ("sub", &["-t", "a", "-L", "http://x/y"]),
        ("sub", &["-t", "a", "--cafile", "/no/such/file"]),
        ("sub", &["-t", "a", "--proxy", "http://x"]),
        ("sub", &["-t", "a", "-D", "publish", "will-delay-interval", "1"]),
        ("pub", &["-t", "a"]),
        ("pub", &["-t", "a/+", "-m", "x"]),
        ("pub", &["-t", "a", "-m", "x", "-n"]),
        ("pub", &["-t", "a", "-f", "/no/such/file"]),
        ("rr", &["-t", "a", "-m", "x"]),
    ];
    for (tool, words) in rows {
        let [theirs, ours] = broker.both(tool, words);
        assert_eq!(ours.status.code(), theirs.status.code(), "{tool} {words:?}");
        assert_eq!(ours.stderr.is_empty(), theirs.stderr.is_empty(), "{tool} {words:?}");
    }
}

#[test]
fn what_one_publishes_the_other_prints_over_every_transport() {
    let broker = Mosquitto::start();
    let (port, tls_port) = (broker.port.to_string(), broker.tls_port.to_string());
    let path = |name: &str| broker.files.path().join(name).to_str().expect("UTF-8").to_owned();
    let (socket, ca) = (path("socket"), path("ca.crt"));
    let transports: [&[&str]; 4] = [
        &["-p", &port],
        &["--unix", &socket],
        &["-p", &tls_port, "--cafile", &ca],
        &["-p", &tls_port, "--cafile", &ca, "--tls-version", "tlsv1.3", "--tls-alpn", "mqtt"],
    ];
    for (number, transport) in transports.iter().enumerate() {
        for (sender, receiver) in [(Whose::Ours, Whose::Theirs), (Whose::Theirs, Whose::Ours)] {
            let topic = format!("t/{number}/{sender:?}");
            let words = [transport, &["-t", &topic, "-q", "2", "-r", "-s"][..]].concat();
            let sent = run(&mut tool(sender, "pub"), &words, PAYLOAD);
            assert!(sent.status.success(), "{words:?}: {sent:?}");
            let words =
                [transport, &["-t", &topic, "-q", "2", "-C", "1", "-N", "-W", "20"][..]].concat();
            let received = run(&mut tool(receiver, "sub"), &words, b"");
            assert_eq!(received.stdout, PAYLOAD, "{words:?}: {received:?}");
        }
    }
    // Who is not known is not believed, unless that is asked for.
    let stranger = ["-p", &tls_port, "--tls-use-os-certs", "-t", "t", "-m", "x"];
    let refused = run(&mut tool(Whose::Ours, "pub"), &stranger, b"");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let believed =
        run(&mut tool(Whose::Ours, "pub"), &[&stranger[..], &["--insecure"]].concat(), b"");
    assert!(believed.status.success(), "{believed:?}");
}

/// Debian's Mosquitto with a listener of each kind that it has.
struct Mosquitto {
    _program: Program,
    files: TempDir,
    port: u16,
    tls_port: u16,
}

impl Mosquitto {
    fn start() -> Self {
        let files = TempDir::new().expect("there is room for files");
        let (port, tls_port) = (free_port(), free_port());
        let directory = files.path().to_str().expect("UTF-8");
        make_certificate(directory);
        let lines = [
            // It would give up its rights, and with them the directory.
            "user root".to_owned(),
            "allow_anonymous true".to_owned(),
            format!("listener {port} 127.0.0.1"),
            format!("listener 0 {directory}/socket"),
            format!("listener {tls_port} 127.0.0.1"),
            format!("certfile {directory}/server.crt"),
            format!("keyfile {directory}/server.key"),
        ];
        let path = files.path().join("mosquitto.conf");
        fs::write(&path, lines.join("\n")).expect("there is room for files");
        let mut program = Program::start(Command::new(installed("mosquitto")).arg("-c").arg(&path));
        program.line_where(PATIENCE, |line| line.ends_with(" running"));
        Self { _program: program, files, port, tls_port }
    }

    /// Publishes with Debian's client.
    fn publish(&self, words: &[&str]) {
        let port = self.port.to_string();
        let output = run(&mut tool(Whose::Theirs, "pub"), &[words, &["-p", &port]].concat(), b"");
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// What Debian's client and ours say to the same words.
    fn both(&self, name: &str, words: &[&str]) -> [Output; 2] {
        let port = self.port.to_string();
        let words = [&["-p", &port], words].concat();
        [Whose::Theirs, Whose::Ours].map(|whose| run(&mut tool(whose, name), &words, b""))
    }

    #[track_caller]
    fn compare(&self, name: &str, words: &[&str]) {
        let [theirs, ours] = self.both(name, words);
        assert_eq!(
            ours.stdout.escape_ascii().to_string(),
            theirs.stdout.escape_ascii().to_string(),
            "{name} {words:?}"
        );
        assert_eq!(ours.status.code(), theirs.status.code(), "{name} {words:?}");
    }
}

/// A certificate for localhost, of an authority of its own.
fn make_certificate(directory: &str) {
    let script = format!(
        "cd {directory} && umask 077 && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=authority \
         -keyout ca.key -out ca.crt -days 2 && \
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
         -keyout server.key -out server.csr && \
         printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' \
         > extensions && \
         openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
         -extfile extensions -out server.crt"
    );
    installed("openssl");
    let output = run(Command::new("sh").arg("-c").arg(script).stdin(Stdio::null()), &[], b"");
    assert!(output.status.success(), "{output:?}");
}

/// Whose client it is.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Ours,
    Theirs,
}

fn tool(whose: Whose, name: &str) -> Command {
    let mut command = match whose {
        Whose::Theirs => Command::new(installed(&format!("mosquitto_{name}"))),
        Whose::Ours => {
            let mut command = Command::new(ferrymq());
            command.arg(name);
            command
        }
    };
    // Options files of the user have no place here.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("FERRYMQ_PASSWORD");
    command
}

fn run(command: &mut Command, words: &[&str], input: &[u8]) -> Output {
    let mut child = command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    thread::scope(|scope| {
        scope.spawn(move || {
            // Who is told nothing but an error does not read.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("it ends")
    })
}

const PAYLOAD: &[u8] = b"\0\xff\n lines\nand more";
