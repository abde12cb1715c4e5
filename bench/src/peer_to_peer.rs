//! One publisher, one subscriber, 64 bytes of payload: one message at a time, where
//! every message wakes everybody, and 32 in flight, where work comes in batches.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use crate::sample::Sample;
use crate::subject::{Running, Subject};
use crate::way::Way;
use crate::wire::{self, Link, PUBACK, PUBLISH};

/// Measures all cases on one fresh subject.
pub(crate) fn measure(
    subject: &Subject,
    duration: Duration,
    core: Option<u32>,
) -> Result<Vec<Sample>> {
    let running = subject.start(core)?;
    let way = Way::plain(running.port());
    measure_running(subject, &running, &way, "", duration)
}

/// Measures all cases on one that runs. Their names begin with `prefix`.
pub(crate) fn measure_running(
    subject: &Subject,
    running: &Running,
    way: &Way,
    prefix: &str,
    duration: Duration,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for qos in [0, 1] {
        for window in [1, 32] {
            let mut pair = Pair::open(subject, way, qos, window)?;
            pair.run_for(WARM_UP)?;
            pair.latency.reset();
            let cpu_before = running.cpu_time()?;
            let start = Instant::now();
            let messages = pair.run_for(duration)?;
            let elapsed = start.elapsed();
            let cpu = running.cpu_time()?.saturating_sub(cpu_before);
            let case = format!("{prefix}p2p, QoS {qos}, {window} in flight");
            let mut add = |quantity, value| {
                samples.push(Sample {
                    case: case.clone(),
                    quantity,
                    subject: subject.name(),
                    value,
                });
            };
            add("broker CPU per message, µs", microseconds(cpu) / messages);
            add("messages per second", messages / elapsed.as_secs_f64());
            if window == 1 {
                add("latency p50, µs", pair.latency.value_at_quantile(0.5) as f64 / 1000.0);
                add("latency p99, µs", pair.latency.value_at_quantile(0.99) as f64 / 1000.0);
            }
        }
    }
    Ok(samples)
}

/// A publisher and a subscriber, driven by one thread.
struct Pair {
    publisher: Link,
    subscriber: Link,
    qos: u8,
    window: usize,
    /// Twice the window, so that a packet id is free before it comes again.
    packets: Vec<u8>,
    packet_length: usize,
    next: usize,
    acknowledgements: Vec<u8>,
    /// From the write to the complete exchange, in nanoseconds.
    latency: Histogram<u64>,
}

impl Pair {
    fn open(subject: &Subject, way: &Way, qos: u8, window: u16) -> Result<Self> {
        let (port, topic) = (way.port(), format!("bench/{qos}/{window}"));
        let (subscriber, publisher) = if subject.is_broker() {
            // The port makes other client identifiers every time: a broker may place
            // its clients by them.
            let mut subscriber = Link::mqtt_by(way, &format!("subscriber-{port}-{qos}-{window}"))?;
            subscriber.subscribe(&topic, qos)?;
            (subscriber, Link::mqtt_by(way, &format!("publisher-{port}-{qos}-{window}"))?)
        } else {
            (Link::raw(port)?, Link::raw(port)?)
        };
        let packets: Vec<Vec<u8>> =
            (1..=window * 2).map(|id| wire::publish(&topic, qos, id, &[b'x'; 64])).collect();
        Ok(Self {
            publisher,
            subscriber,
            qos,
            window: window.into(),
            packet_length: packets[0].len(),
            packets: packets.concat(),
            next: 0,
            acknowledgements: Vec::new(),
            latency: Histogram::new_with_bounds(1, LONGEST, 3)?,
        })
    }

    /// Passes messages for a while; returns how many.
    fn run_for(&mut self, duration: Duration) -> Result<f64> {
        let deadline = Instant::now() + duration;
        let mut messages = 0_u32;
        let mut sent = Instant::now();
        self.send(self.window)?;
        while sent < deadline {
            let delivered = self.receive()?;
            messages += u32::try_from(delivered)?;
            self.latency.saturating_record(u64::try_from(sent.elapsed().as_nanos())?);
            sent = Instant::now();
            self.send(delivered)?;
        }
        // Leave nothing in flight for the next run.
        let mut outstanding = self.window;
        while outstanding > 0 {
            outstanding -= self.receive()?;
        }
        Ok(f64::from(messages) + self.window as f64)
    }

    fn send(&mut self, count: usize) -> Result<()> {
        let mut rest = count;
        while rest > 0 {
            let run = rest.min(self.window * 2 - self.next);
            let bytes = self.next * self.packet_length..(self.next + run) * self.packet_length;
            self.publisher.write(&self.packets[bytes])?;
            self.next = (self.next + run) % (self.window * 2);
            rest -= run;
        }
        Ok(())
    }

    /// Waits for a message, takes what came with it, and completes all of it.
    fn receive(&mut self) -> Result<usize> {
        self.acknowledgements.clear();
        let mut delivered = 0;
        let (kind, body) = self.subscriber.packet()?;
        let mut packet = Some((kind, body));
        while let Some((kind, body)) = packet {
            ensure!(kind == PUBLISH, "packet type {kind:#x} came for a message");
            if self.qos > 0 {
                self.acknowledgements.extend(wire::puback(body)?);
            }
            delivered += 1;
            packet = self.subscriber.ready_packet();
        }
        if self.qos > 0 {
            self.subscriber.write(&self.acknowledgements)?;
            for _ in 0..delivered {
                let (kind, _) = self.publisher.packet()?;
                ensure!(kind == PUBACK, "packet type {kind:#x} came for a PUBACK");
            }
        }
        Ok(delivered)
    }
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

const WARM_UP: Duration = Duration::from_millis(100);

/// No connection waits this long, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
