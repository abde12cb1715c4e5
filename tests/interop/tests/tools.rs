//! `ferrymq pub`, `sub` and `rr` beside Debian's `mosquitto_pub`, `mosquitto_sub` and
//! `mosquitto_rr`: the same words against Debian's Mosquitto, and what a script would notice must be
//! the same.

use std::process::Output;

use ferrymq_interop::{Broker, Certificates, Peer, Tools};

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
fn exit_status_is_the_same_where_nobody_speaks_tls() {
    let broker = Mosquitto::start();
    let certificates = Certificates::new();
    let authority = certificates.trust().authority.expect("a client believes it");
    let authority = authority.to_str().expect("it is UTF-8");
    let plain = ["-h", "localhost", "-t", "t", "--cafile", authority];
    let [theirs, ours] = broker.both("pub", &[&plain[..], &["-m", "x"]].concat());
    assert_eq!(ours.status.code(), theirs.status.code(), "{ours:?}");
    let said = String::from_utf8_lossy(&ours.stderr);
    assert!(said.contains("Check that this port speaks TLS"), "{said}");
}

/// Debian's Mosquitto, whose answers are the same for both.
struct Mosquitto {
    broker: Broker,
    tools: Tools,
}

impl Mosquitto {
    fn start() -> Self {
        let (broker, [_]) = Broker::start_of(Peer::Mosquitto, [""]);
        Self { broker, tools: Tools::new() }
    }

    /// Publishes with Debian's client.
    fn publish(&self, words: &[&str]) {
        let port = self.broker.port().to_string();
        let words = [words, &["-p", &port]].concat();
        let output = self.tools.run(Peer::Mosquitto, "pub", &words, b"");
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// What Debian's client and ours say to the same words.
    fn both(&self, name: &str, words: &[&str]) -> [Output; 2] {
        let port = self.broker.port().to_string();
        let words = [&["-p", &port], words].concat();
        [Peer::Mosquitto, Peer::FerryMq].map(|whose| self.tools.run(whose, name, &words, b""))
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
