//! What carries MQTT, compared: what TLS and WebSocket add to a message, how fast
//! megabytes go through them, what a handshake costs, and what an idle connection keeps.
//!
//! The certificate is one for ECDSA with P-256 of `ferrymq cert`, and the client chooses
//! the cipher, so that all brokers do the same work.

use std::fs::File;
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ferrymq_transport::tls::ClientOptions;
use tempfile::TempDir;

use crate::rounds::{Common, run_rounds};
use crate::sample::Sample;
use crate::subject::{Running, Subject};
use crate::way::{HOST, Transport, Way};
use crate::wire::{self, DISCONNECT, Link};
use crate::{idle, peer_to_peer};

/// Measures FerryMQ and Mosquitto over every transport.
pub(crate) fn run(common: &Common, connections: u32) -> Result<()> {
    let ferrymq = common.ferrymq()?;
    let authority = Authority::new(&ferrymq)?;
    let mut subjects = vec![Subject::FerryMq(ferrymq)];
    if common.mosquitto.is_file() {
        subjects.push(Subject::Mosquitto(common.mosquitto.clone()));
    }
    run_rounds(common, &subjects, |subject| {
        let mut samples = Vec::new();
        for transport in Transport::ALL {
            let bench = Bench { common, subject, authority: &authority, transport };
            let measured = bench.measure(connections);
            samples.extend(
                measured
                    .with_context(|| format!("{} over {}", subject.name(), transport.name()))?,
            );
        }
        Ok(samples)
    })
}

/// One subject with one transport.
struct Bench<'a> {
    common: &'a Common,
    subject: &'a Subject,
    authority: &'a Authority,
    transport: Transport,
}

impl Bench<'_> {
    fn measure(&self, connections: u32) -> Result<Vec<Sample>> {
        let prefix = format!("{}: ", self.transport.name());
        let duration = Duration::from_secs(self.common.seconds);
        let running = self.start()?;
        let way = self.way(&running)?;
        let mut samples =
            peer_to_peer::measure_running(self.subject, &running, &way, &prefix, duration)?;
        samples.extend(self.megabytes(&running, &way, duration)?);
        samples.extend(self.handshakes(&running, Session::New)?);
        if self.transport.has_tls() {
            samples.extend(self.handshakes(&running, Session::Resumed)?);
        }
        drop(running);
        // Memory is compared on a broker that has done nothing else.
        let running = self.start()?;
        let way = self.way(&running)?;
        samples.extend(idle::measure_running(self.subject, &running, &way, &prefix, connections)?);
        Ok(samples)
    }

    /// Messages of a megabyte, each as soon as the one before has come.
    fn megabytes(&self, running: &Running, way: &Way, duration: Duration) -> Result<Vec<Sample>> {
        let message = wire::publish(TOPIC, 0, 0, &vec![b'x'; MEGABYTE]);
        let length = message.len();
        let mut subscriber = Link::mqtt_by(way, "subscriber of megabytes")?;
        subscriber.subscribe(TOPIC, 0)?;
        let mut publisher = Link::mqtt_by(way, "publisher of megabytes")?;
        let socket = publisher.socket()?;
        let (arrived, next) = channel();
        let cpu_before = running.cpu_time()?;
        let start = Instant::now();
        let publishing =
            thread::spawn(
                move || while publisher.write(&message).is_ok() && next.recv().is_ok() {},
            );
        let mut bytes = 0;
        while start.elapsed() < duration || bytes < length && start.elapsed() < LONGEST_MEGABYTE {
            if let Some(more) = subscriber.skim(SHORT_PATIENCE)? {
                for _ in bytes / length..(bytes + more) / length {
                    arrived.send(())?;
                }
                bytes += more;
            }
        }
        let (elapsed, cpu) = (start.elapsed(), running.cpu_time()?.saturating_sub(cpu_before));
        // Whatever the publisher waits for ends now.
        drop(arrived);
        socket.shutdown(Shutdown::Both)?;
        ensure!(publishing.join().is_ok(), "the publisher panicked");
        let megabytes = bytes as f64 / MEGABYTE as f64;
        let case = "messages of 1 MiB, one at a time";
        let mut samples =
            vec![self.sample(case, "MiB per second", megabytes / elapsed.as_secs_f64())];
        if bytes > 0 {
            let cpu = cpu.as_secs_f64() * 1e6 / megabytes;
            samples.push(self.sample(case, "broker CPU per MiB, µs", cpu));
        }
        Ok(samples)
    }

    /// Connections one after the other, each until its CONNACK.
    fn handshakes(&self, running: &Running, session: Session) -> Result<Vec<Sample>> {
        let shared = self.way(running)?;
        let open = |way: &Way, number: u32| -> Result<Link> {
            Link::mqtt_by(way, &format!("visitor-{number}"))
        };
        // The first session is what the others resume.
        leave(open(&shared, 0)?)?;
        let (mut opened, mut resumed, mut busy) = (0, 0, Duration::ZERO);
        let cpu_before = running.cpu_time()?;
        let begun = Instant::now();
        while opened < HANDSHAKES && begun.elapsed() < LONGEST_HANDSHAKES {
            opened += 1;
            let way = match session {
                Session::New => self.way(running)?,
                Session::Resumed => shared.clone(),
            };
            let start = Instant::now();
            let link = open(&way, opened)?;
            busy += start.elapsed();
            if self.transport.has_tls() {
                resumed += u32::from(link.is_resumed()?);
            }
            leave(link)?;
        }
        let cpu = running.cpu_time()?.saturating_sub(cpu_before);
        let (expected, case) = match session {
            Session::New => (0, "connect"),
            Session::Resumed => (opened, "connect, session resumed"),
        };
        if resumed != expected {
            eprintln!("{}: {resumed} of {opened} sessions were resumed", self.subject.name());
            return Ok(Vec::new());
        }
        let (count, busy) = (f64::from(opened), busy.as_secs_f64());
        Ok(vec![
            self.sample(case, "broker CPU per connection, µs", cpu.as_secs_f64() * 1e6 / count),
            self.sample(case, "connections per second, one after the other", count / busy),
        ])
    }

    fn start(&self) -> Result<Running> {
        let mut directives = String::new();
        if self.transport.has_websocket() {
            directives.push_str("protocol websockets\n");
        }
        if self.transport.has_tls() {
            directives.push_str(&self.authority.directives());
        }
        self.subject.start_with(&directives, self.common.broker_core)
    }

    /// A way of its own: no session of TLS is known to it.
    fn way(&self, running: &Running) -> Result<Way> {
        Way::new(running.port(), self.transport, &self.authority.trust())
    }

    fn sample(&self, case: &str, quantity: &'static str, value: f64) -> Sample {
        let case = format!("{}: {case}", self.transport.name());
        Sample { case, quantity, subject: self.subject.name(), value }
    }
}

/// Whether a client has been there before.
#[derive(Clone, Copy, Debug)]
enum Session {
    New,
    Resumed,
}

/// Says goodbye, and lets the broker close: ports that we close are not free for a minute.
fn leave(mut link: Link) -> Result<()> {
    link.write(&DISCONNECT)?;
    link.ended()
}

/// An authority, and a certificate of it for loopback.
pub(crate) struct Authority {
    place: TempDir,
}

impl Authority {
    pub(crate) fn new(ferrymq: &Path) -> Result<Self> {
        let place = TempDir::new()?;
        for arguments in [&["ca", "--out", "."][..], &["server", HOST]] {
            let made = Command::new(ferrymq)
                .arg("cert")
                .args(arguments)
                .current_dir(place.path())
                .stdout(File::create(place.path().join("said"))?)
                .status()?;
            ensure!(made.success(), "ferrymq cert: {made}");
        }
        Ok(Self { place })
    }

    pub(crate) fn directives(&self) -> String {
        let place = self.place.path().display();
        format!("certfile {place}/server.crt\nkeyfile {place}/server.key\n")
    }

    fn trust(&self) -> ClientOptions {
        let ca_file = Some(self.place.path().join("ca.crt"));
        ClientOptions { ca_file, ..ClientOptions::default() }
    }
}

const TOPIC: &str = "bench/large";
const MEGABYTE: usize = 1 << 20;

/// Connections of one case, and how long they may take.
const HANDSHAKES: u32 = 1_000;
const LONGEST_HANDSHAKES: Duration = Duration::from_secs(5);

/// A broker over which a megabyte takes longer is measured by what has come of it.
const LONGEST_MEGABYTE: Duration = Duration::from_mins(1);

/// How long the subscriber waits before it looks at the clock again.
const SHORT_PATIENCE: Duration = Duration::from_millis(100);
