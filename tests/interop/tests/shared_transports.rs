//! Debian's `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr` and ours, with both brokers, over
//! every transport that they share: [`WAYS`] says which those are.

use std::sync::atomic::{AtomicU32, Ordering};

use ferrymq_interop::{Broker, Certificates, PATIENCE, Peer, Program, Proxy, Tools, Trust};
use tempfile::TempDir;

/// A way from a tool to a broker.
struct Way {
    name: &'static str,
    /// Whose tools know it: those of Mosquitto 2.0 have no WebSocket.
    tools: &'static [Peer],
    /// Whose brokers know it: Mosquitto 2.0 has no PROXY protocol.
    brokers: &'static [Peer],
    /// What a tool is told to take it.
    flags: fn(&Place) -> Vec<String>,
}

const WAYS: [Way; 7] = [
    Way { name: "TCP", tools: BOTH, brokers: BOTH, flags: |place| port(place.tcp) },
    Way {
        name: "Unix socket",
        tools: BOTH,
        brokers: BOTH,
        flags: |place| words(&["--unix", &place.socket]),
    },
    Way {
        name: "TLS",
        tools: BOTH,
        brokers: BOTH,
        flags: |place| [port(place.tls), trust(&place.trust)].concat(),
    },
    Way {
        name: "TLS with a certificate of the client",
        tools: BOTH,
        brokers: BOTH,
        flags: |place| [port(place.mutual_tls), trust(&place.identity)].concat(),
    },
    Way {
        name: "WebSocket",
        tools: OURS,
        brokers: BOTH,
        flags: |place| [port(place.websocket), words(&["--ws"])].concat(),
    },
    Way {
        name: "WebSocket over TLS",
        tools: OURS,
        brokers: BOTH,
        flags: |place| {
            [port(place.secure_websocket), trust(&place.trust), words(&["--ws"])].concat()
        },
    },
    Way {
        name: "PROXY protocol",
        tools: BOTH,
        brokers: OURS,
        flags: |place| port(place.proxy.port()),
    },
];

const BOTH: &[Peer] = &[Peer::FerryMq, Peer::Mosquitto];
const OURS: &[Peer] = &[Peer::FerryMq];

#[test]
fn what_one_publishes_the_other_prints_over_every_transport() {
    every_way(|place, way| {
        for sender in way.tools {
            for receiver in way.tools {
                let topic = place.fresh_topic();
                let to_topic = ["-t", &topic, "-q", "2"];
                let publish = [&to_topic[..], &["-r", "-s"]].concat();
                place.run(way, *sender, "pub", &publish, PAYLOAD);
                let subscribe = [&to_topic[..], &["-C", "1", "-N", "-W", "20"]].concat();
                let printed = place.run(way, *receiver, "sub", &subscribe, b"");
                assert_eq!(printed, PAYLOAD, "{sender:?} to {receiver:?}");
            }
        }
    });
}

#[test]
fn requests_are_answered_over_every_transport() {
    every_way(|place, way| {
        for asker in way.tools {
            for answerer in way.tools {
                let (request, response) = (place.fresh_topic(), place.fresh_topic());
                let mut listener = place.launch(
                    way,
                    *answerer,
                    "sub",
                    &["-V", "5", "-d", "-t", &request, "-C", "1", "-F", "=> %R %p"],
                );
                listener.line_where(PATIENCE, |line| line.starts_with("Subscribed"));
                let question = ["-t", &request, "-e", &response, "-m", "question", "-W", "20"];
                let asking = place.launch(way, *asker, "rr", &question);
                let heard = listener.line_where(PATIENCE, |line| line.starts_with("=> "));
                assert_eq!(heard, format!("=> {response} question"));
                place.run(way, *answerer, "pub", &["-t", &response, "-m", "answer"], b"");
                let (status, said) = asking.finish(PATIENCE);
                assert!(status.success(), "{asker:?}: {said:?}");
                assert!(said.iter().any(|(_, line)| line == "answer"), "{asker:?}: {said:?}");
            }
        }
    });
}

/// Who is not known is not believed, unless that is asked for.
#[test]
fn tools_believe_no_strangers_certificate() {
    for broker in BOTH {
        let place = Place::start(*broker);
        let port = place.tls.to_string();
        let stranger = ["-p", &port, "--tls-use-os-certs", "-t", "t", "-m", "x"];
        let refused = place.tools.run(Peer::FerryMq, "pub", &stranger, b"");
        assert_eq!(refused.status.code(), Some(8), "{refused:?}");
        let anybody = [&stranger[..], &["--insecure"]].concat();
        let believed = place.tools.run(Peer::FerryMq, "pub", &anybody, b"");
        assert!(believed.status.success(), "{believed:?}");
    }
}

/// Plays on both brokers, over every way that leads to them.
fn every_way(play: impl Fn(&Place, &Way)) {
    for broker in BOTH {
        let place = Place::start(*broker);
        for way in WAYS.iter().filter(|way| way.brokers.contains(broker)) {
            eprintln!("{broker:?} over {}", way.name);
            play(&place, way);
        }
    }
}

/// A broker with a listener of each kind, and what it takes to get there.
struct Place {
    _broker: Broker,
    tools: Tools,
    _certificates: Certificates,
    _files: TempDir,
    tcp: u16,
    tls: u16,
    mutual_tls: u16,
    websocket: u16,
    secure_websocket: u16,
    socket: String,
    proxy: Proxy,
    trust: Trust,
    identity: Trust,
    topics: AtomicU32,
}

impl Place {
    fn start(whose: Peer) -> Self {
        let certificates = Certificates::new();
        // Paths of Unix sockets are short.
        let files = TempDir::new().expect("there is room for files");
        let socket = files.path().join("socket").to_str().expect("it is UTF-8").to_owned();
        let secure = certificates.directives();
        let authority = certificates.authority_directive();
        let mutual = format!("{secure}{authority}require_certificate true\n");
        let secure_websocket = format!("protocol websockets\n{secure}");
        let unix = format!("listener 0 {socket}\n");
        // The first broker alone is behind a proxy; a listener for the other is one more for TCP.
        let proxied = match whose {
            Peer::FerryMq => "enable_proxy_protocol 1\n",
            Peer::Mosquitto => "",
        };
        let (broker, [tcp, tls, mutual_tls, websocket, secure_websocket, behind_proxy]) =
            Broker::start_of(
                whose,
                [&unix, &secure, &mutual, "protocol websockets\n", &secure_websocket, proxied],
            );
        Self {
            _broker: broker,
            tools: Tools::new(),
            trust: certificates.trust(),
            identity: certificates.client("robot"),
            _certificates: certificates,
            _files: files,
            tcp,
            tls,
            mutual_tls,
            websocket,
            secure_websocket,
            socket,
            proxy: Proxy::with_header(behind_proxy, PROXY_HEADER),
            topics: AtomicU32::new(0),
        }
    }

    fn fresh_topic(&self) -> String {
        format!("topic/{}", self.topics.fetch_add(1, Ordering::Relaxed))
    }

    /// What a tool prints that does its work and ends.
    fn run(&self, way: &Way, whose: Peer, name: &str, more: &[&str], input: &[u8]) -> Vec<u8> {
        let flags = (way.flags)(self);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let output = self.tools.run(whose, name, &[&flags, more].concat(), input);
        assert!(output.status.success(), "{whose:?} {name} {more:?}: {output:?}");
        output.stdout
    }

    /// A tool that goes on running.
    fn launch(&self, way: &Way, whose: Peer, name: &str, more: &[&str]) -> Program {
        Program::start(self.tools.command(whose, name).args((way.flags)(self)).args(more))
    }
}

fn port(port: u16) -> Vec<String> {
    // Certificates are for this name.
    words(&["-h", "localhost", "-p", &port.to_string()])
}

/// What to believe, and what to show.
fn trust(trust: &Trust) -> Vec<String> {
    let path = |path: &std::path::Path| path.to_str().expect("it is UTF-8").to_owned();
    let mut flags = Vec::new();
    if let Some(authority) = &trust.authority {
        flags.extend(["--cafile".to_owned(), path(authority)]);
    }
    if let Some((certificate, key)) = &trust.identity {
        flags.extend(["--cert".to_owned(), path(certificate), "--key".to_owned(), path(key)]);
    }
    flags
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// As a proxy says it: version 1, of an address for examples.
const PROXY_HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 127.0.0.1 50000 1883\r\n";

const PAYLOAD: &[u8] = b"\0\xff\n lines\nand more";
