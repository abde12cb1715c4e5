//! One message to many subscribers, QoS 0, 64 bytes of payload; the next follows
//! when the last of them has it.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::sample::Sample;
use crate::subject::Subject;
use crate::way::Way;
use crate::wire::{self, Link};

/// Measures a fresh broker.
pub(crate) fn measure(
    subject: &Subject,
    subscribers: u32,
    duration: Duration,
    core: Option<u32>,
) -> Result<Vec<Sample>> {
    let running = subject.start(core)?;
    let mut audience = Audience::open(running.port(), subscribers)?;
    let mut publisher = Link::mqtt(running.port(), "publisher")?;
    let message = wire::publish(TOPIC, 0, 0, &[b'x'; 64]);
    // What reaches a subscriber is what was published, byte for byte.
    let expected = message.len() * subscribers as usize;
    let mut latency: Histogram<u64> = Histogram::new_with_bounds(1, LONGEST, 3)?;
    let mut round = || -> Result<Duration> {
        let start = Instant::now();
        publisher.write(&message)?;
        audience.receive(expected)?;
        Ok(start.elapsed())
    };
    for _ in 0..WARM_UP {
        round()?;
    }
    let cpu_before = running.cpu_time()?;
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        latency.saturating_record(u64::try_from(round()?.as_nanos())?);
    }
    let cpu = running.cpu_time()?.saturating_sub(cpu_before);
    let deliveries = latency.len() as f64 * f64::from(subscribers);
    let case = format!("fan-out, 1 to {subscribers}, QoS 0");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    Ok(vec![
        sample("broker CPU per message, µs", cpu.as_secs_f64() * 1e6 / deliveries),
        sample("last subscriber p50, µs", latency.value_at_quantile(0.5) as f64 / 1000.0),
        sample("last subscriber p99, µs", latency.value_at_quantile(0.99) as f64 / 1000.0),
    ])
}

/// The subscribers of one topic.
struct Audience {
    poll: Poll,
    events: Events,
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Audience {
    fn open(port: u16, subscribers: u32) -> Result<Self> {
        let (poll, way) = (Poll::new()?, Way::plain(port));
        let mut streams = Vec::new();
        for number in 0..subscribers {
            let stream = Link::subscriber(&way, number, TOPIC, 0)?.into_stream();
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(streams.len()), Interest::READABLE)?;
            streams.push(stream);
        }
        Ok(Self { poll, events: Events::with_capacity(1024), streams, buffer: vec![0; 1 << 12] })
    }

    /// Reads until `expected` bytes have come to all of them together.
    fn receive(&mut self, expected: usize) -> Result<()> {
        let mut received = 0;
        while received < expected {
            self.poll.poll(&mut self.events, Some(PATIENCE))?;
            ensure!(!self.events.is_empty(), "{received} of {expected} bytes came");
            for event in &self.events {
                match self.streams[event.token().0].read(&mut self.buffer) {
                    Ok(0) => anyhow::bail!("the broker closed a connection"),
                    Ok(length) => received += length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        ensure!(received == expected, "{received} bytes came instead of {expected}");
        Ok(())
    }
}

const TOPIC: &str = "bench/everybody";

/// Messages before the measurement.
const WARM_UP: u32 = 20;

const PATIENCE: Duration = Duration::from_secs(20);

/// No connection waits this long, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
