//! A TCP relay that is a bad network: little bandwidth, much delay, cut
//! connections. Lost packets are not modelled: TCP turns them into delay, or into
//! a cut connection, where whatever was under way is lost.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A link to the broker; clients connect to its port instead.
#[derive(Debug)]
pub struct SlowLink {
    port: u16,
    cuts: Arc<Mutex<Cuts>>,
}

impl SlowLink {
    /// A satellite link: 9.6 kbit/s each way and 800 ms round trip. Each number of
    /// `cuts` ends one connection after so many bytes; connections after the last
    /// cut live on.
    ///
    /// # Panics
    /// Without a loopback interface.
    pub fn satellite(broker_port: u16, cuts: &[u64]) -> Self {
        Self::start(broker_port, SATELLITE, cuts)
    }

    /// A link without delay, to be frozen later.
    ///
    /// # Panics
    /// Without a loopback interface.
    pub fn fast(broker_port: u16) -> Self {
        Self::start(broker_port, FAST, &[])
    }

    /// The port that clients connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were cut.
    ///
    /// # Panics
    /// After a panic in one of the link's threads.
    pub fn cuts(&self) -> usize {
        self.cuts.lock().expect(NO_PANIC).made
    }

    /// From now on nothing passes, and nobody is told: both ends see an open
    /// connection on which nothing comes.
    ///
    /// # Panics
    /// After a panic in one of the link's threads.
    pub fn freeze(&self) {
        self.cuts.lock().expect(NO_PANIC).frozen = true;
    }

    fn start(broker_port: u16, line: Line, cuts: &[u64]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let planned = cuts.iter().copied().collect();
        let cuts = Arc::new(Mutex::new(Cuts { planned, ..Cuts::default() }));
        let link = Self { port, cuts: Arc::clone(&cuts) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if cuts.lock().expect(NO_PANIC).ended {
                    return;
                }
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker_port)) else {
                    continue;
                };
                relay(&client, &broker, line, &cuts);
            }
        });
        link
    }
}

impl Drop for SlowLink {
    fn drop(&mut self) {
        if let Ok(mut cuts) = self.cuts.lock() {
            cuts.ended = true;
        }
        // The listener's thread waits for a connection: this is its last one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

#[derive(Debug, Default)]
struct Cuts {
    planned: VecDeque<u64>,
    made: usize,
    frozen: bool,
    ended: bool,
}

/// What one direction of the link can do.
#[derive(Clone, Copy, Debug)]
struct Line {
    bytes_per_second: u32,
    delay: Duration,
}

impl Line {
    fn transmission(self, bytes: usize) -> Duration {
        Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / self.bytes_per_second
    }
}

/// One relayed connection, shared by its four threads.
struct Connection {
    ends: [TcpStream; 2],
    /// How many bytes may still pass; nothing where the connection is not cut.
    remaining: Mutex<Remaining>,
    closed: Condvar,
}

struct Remaining {
    bytes: Option<u64>,
    closed: bool,
}

impl Connection {
    /// Waits for `due`, then takes the right to deliver `length` bytes, or as many
    /// as pass before the cut. Nothing when the connection is closed.
    fn wait(&self, due: Instant, length: usize, cuts: &Mutex<Cuts>) -> Option<usize> {
        let remaining = self.remaining.lock().expect(NO_PANIC);
        let timeout = due.saturating_duration_since(Instant::now());
        let (mut remaining, _) = self
            .closed
            .wait_timeout_while(remaining, timeout, |remaining| !remaining.closed)
            .expect(NO_PANIC);
        let mut cuts = cuts.lock().expect(NO_PANIC);
        if remaining.closed || cuts.frozen {
            return (!remaining.closed).then_some(0);
        }
        let Some(bytes) = remaining.bytes else {
            return Some(length);
        };
        let passed = length.min(usize::try_from(bytes).unwrap_or(usize::MAX));
        remaining.bytes = Some(bytes - passed as u64);
        if passed < length {
            cuts.made += 1;
            drop(cuts);
            self.close(&mut remaining);
            return None;
        }
        Some(passed)
    }

    fn close(&self, remaining: &mut Remaining) {
        remaining.closed = true;
        self.closed.notify_all();
        for end in &self.ends {
            // An end may have closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn relay(client: &TcpStream, broker: &TcpStream, line: Line, cuts: &Arc<Mutex<Cuts>>) {
    let bytes = cuts.lock().expect(NO_PANIC).planned.pop_front();
    for end in [client, broker] {
        end.set_nodelay(true).expect("a connected socket takes the option");
    }
    let duplicate = |end: &TcpStream| end.try_clone().expect("a socket can be duplicated");
    let connection = Arc::new(Connection {
        ends: [duplicate(client), duplicate(broker)],
        remaining: Mutex::new(Remaining { bytes, closed: false }),
        closed: Condvar::new(),
    });
    let directions =
        [(duplicate(client), duplicate(broker)), (duplicate(broker), duplicate(client))];
    for (from, to) in directions {
        let (sender, chunks) = sync_channel(UNDER_WAY);
        thread::spawn(move || receive(from, line, &sender));
        let (connection, cuts) = (Arc::clone(&connection), Arc::clone(cuts));
        thread::spawn(move || deliver(to, &chunks, &connection, &cuts));
    }
}

/// Reads at the speed of the line and says when each chunk arrives at the far end.
fn receive(mut from: TcpStream, line: Line, chunks: &SyncSender<(Instant, Vec<u8>)>) {
    let mut line_free = Instant::now();
    let mut buffer = [0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        line_free = line_free.max(Instant::now()) + line.transmission(length);
        if chunks.send((line_free + line.delay, buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn deliver(
    mut to: TcpStream,
    chunks: &Receiver<(Instant, Vec<u8>)>,
    connection: &Connection,
    cuts: &Mutex<Cuts>,
) {
    for (due, chunk) in chunks {
        let Some(length) = connection.wait(due, chunk.len(), cuts) else {
            return;
        };
        if to.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    connection.close(&mut connection.remaining.lock().expect(NO_PANIC));
}

const SATELLITE: Line = Line { bytes_per_second: 1200, delay: Duration::from_millis(400) };

const FAST: Line = Line { bytes_per_second: 1_000_000_000, delay: Duration::ZERO };

/// Small against what passes in a delay, so that a cut falls inside a packet.
const CHUNK: usize = 64;

/// Chunks between the ends of one direction, as the buffers of a modem.
const UNDER_WAY: usize = 64;

const NO_PANIC: &str = "no thread of the link panics while it holds the lock";
