//! A certificate that is renewed while the broker runs: nobody tells it, and nobody is disconnected.

use std::fs;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ferrymq_transport::tls::{ClientLayer, ClientOptions, ClientSettings};
use ferrymq_transport::{Layer, TransportError};

#[test]
fn certificate_that_is_replaced_is_shown_to_who_comes_and_ends_nobody() {
    let place = tempfile::tempdir().expect("a directory for the test");
    make(place.path(), "old");
    make(place.path(), "new");
    let (old, new) = (trust(place.path(), "old"), trust(place.path(), "new"));
    let broker = Broker::start(place.path());
    let mut before = Client::connect(broker.port, &old).expect("the old certificate is believed");
    Client::connect(broker.port, &new).map(drop).expect_err("the new one is not there yet");

    // The certificate alone fits no key: whoever looks now must look again.
    for name in ["server.crt", "server.key"] {
        fs::rename(place.path().join("new").join(name), place.path().join("old").join(name))
            .expect("files can be moved");
    }
    broker.wait_for("the configuration is reloaded");

    let mut after = Client::connect(broker.port, &new).expect("the new certificate is believed");
    Client::connect(broker.port, &old).map(drop).expect_err("the old one is shown to nobody");
    before.ping();
    after.ping();
}

/// An authority and a certificate of it.
fn make(place: &Path, name: &str) {
    for words in [["ca", "--out", name].as_slice(), &["server", "--ca", name, "localhost"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
        let output = command.current_dir(place).arg("cert").args(words).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

/// Of a client that believes one authority.
fn trust(place: &Path, name: &str) -> ClientSettings {
    let ca_file = Some(place.join(name).join("ca.crt"));
    let options = ClientOptions { ca_file, ..ClientOptions::default() };
    ClientSettings::load(&options).expect("the authority was just made")
}

/// A broker that ends with the test.
struct Broker {
    child: Child,
    log: mpsc::Receiver<String>,
    port: u16,
}

impl Broker {
    fn start(place: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
        command.current_dir(place).args(["serve", "-p", "0", "--allow-anonymous"]);
        command.args(["--certfile", "old/server.crt", "--keyfile", "old/server.key"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (lines, log) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        let mut broker = Self { child, log, port: 0 };
        let line = broker.wait_for(LISTENING);
        let digits = line.split(LISTENING).nth(1).expect("it was found");
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        broker.port = digits.parse().expect("a port");
        broker
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
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of MQTT 3.1.1 over TLS.
struct Client {
    socket: TcpStream,
    layer: ClientLayer,
    above: Vec<u8>,
}

impl Client {
    fn connect(port: u16, settings: &ClientSettings) -> Result<Self, TransportError> {
        let mut below = Vec::new();
        let layer = ClientLayer::new(settings, "localhost", &mut below)?;
        let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("the system has clocks");
        socket.write_all(&below).expect("the broker reads");
        let mut client = Self { socket, layer, above: Vec::new() };
        while !client.layer.is_open() {
            client.receive()?;
        }
        client.send(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0");
        assert_eq!(client.packet(), [0x20, 2, 0, 0]);
        Ok(client)
    }

    fn ping(&mut self) {
        self.send(b"\xc0\0");
        assert_eq!(self.packet(), [0xd0, 0]);
    }

    fn send(&mut self, packet: &[u8]) {
        let mut below = Vec::new();
        self.layer.send(&[IoSlice::new(packet)], &mut below);
        self.socket.write_all(&below).expect("the broker reads");
    }

    /// The next packet, which is a short one.
    fn packet(&mut self) -> Vec<u8> {
        while self.above.len() < 2 || self.above.len() < 2 + usize::from(self.above[1]) {
            self.receive().expect("the broker speaks TLS");
        }
        let length = 2 + usize::from(self.above[1]);
        self.above.drain(..length).collect()
    }

    fn receive(&mut self) -> Result<(), TransportError> {
        let mut buffer = [0; 16 * 1024];
        let count = self.socket.read(&mut buffer).expect("the broker answers");
        assert!(count > 0, "the broker has closed");
        let mut below = Vec::new();
        let received = self.layer.receive(&buffer[..count], &mut self.above, &mut below);
        self.socket.write_all(&below).expect("the broker reads");
        received
    }
}

/// The words before the port.
const LISTENING: &str = "listening on 127.0.0.1:";

/// Files are looked at every ten seconds, and twice if they change one after the other.
const PATIENCE: Duration = Duration::from_mins(1);
