//! Many publishers of QoS 1 with a window each, driven by one thread that does as
//! little as it can: ready-made packets, and acknowledgements that are compared
//! with the packet ids in their order.
//!
//! They publish as fast as their windows allow, or at a given rate: then as many as
//! have become due every millisecond, whether the earlier ones are acknowledged or
//! not. A message that finds its window full waits, and its waiting counts.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::plan::{LONGEST, Load};
use crate::wire::{self, Link, PUBACK};

/// Some publishers, connected.
pub(crate) struct Publishers {
    poll: Poll,
    events: Events,
    all: Vec<Publisher>,
    window: usize,
    tally: Tally,
}

/// What publishing has brought.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    /// Until the last of them.
    elapsed: Duration,
    /// How many when the time was over, and when that was.
    in_time: Option<(u64, Duration)>,
    /// From the moment a message is handed over to its PUBACK, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

/// When publishing ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    After(Duration),
    AfterMessages(u64),
}

/// When messages are due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When another one is acknowledged.
    Window,
    /// So many a second, of all publishers together.
    PerSecond(u64),
}

impl Publishers {
    /// Connects publishers that take turns in saying one message on each topic, so
    /// that every topic gets the same share of a number of messages that they, the
    /// topics and twice the window divide.
    pub(crate) fn open(
        port: u16,
        load: Load,
        topics: u32,
        make: impl Fn(u32, u16) -> Vec<u8>,
    ) -> Result<Self> {
        let poll = Poll::new()?;
        // Of two windows, an id is free before it comes again.
        let ids = load.window * 2;
        let count = u32::from(load.publishers);
        let slots =
            least_common_multiple(topics / greatest_common_divisor(topics, count), ids.into());
        ensure!(
            u64::from(slots) * u64::from(count) <= MOST_PACKETS,
            "choose numbers of publishers, sessions and messages in flight that divide each other"
        );
        let mut all = Vec::new();
        for number in 0..count {
            // The port makes other client identifiers every time: a broker may
            // place its clients by them.
            let link = Link::mqtt(port, &format!("publisher-{port}-{number}"))?;
            let mut packets = Vec::new();
            for slot in 0..slots {
                let id = u16::try_from(slot % u32::from(ids))? + 1;
                packets.push(make((slot * count + number) % topics, id));
            }
            all.push(Publisher::new(link, &poll, number as usize, &packets, ids)?);
        }
        let events = Events::with_capacity(1024);
        Ok(Self { poll, events, all, window: load.window.into(), tally: Tally::new()? })
    }

    /// Publishes, and waits for every acknowledgement. Those that come late count
    /// for the latency, but not for the time that was given.
    pub(crate) fn run(&mut self, end: End, pace: Pace) -> Result<Tally> {
        let start = Instant::now();
        let mut deadline = None;
        let publishers = self.all.len() as u64;
        for (number, publisher) in self.all.iter_mut().enumerate() {
            publisher.left = match end {
                End::After(_) => u64::MAX,
                End::AfterMessages(all) => {
                    all / publishers + u64::from((number as u64) < all % publishers)
                }
            };
            if let Pace::Window = pace {
                publisher.begin(self.window, start)?;
                publisher.send(self.window)?;
            }
        }
        if let End::After(duration) = end {
            deadline = Some(start + duration);
        }
        self.tally = Tally::new()?;
        let mut due = Due { start, messages: 0 };
        let mut heard = start;
        while self.all.iter().any(|one| one.left > 0 || !one.in_flight.is_empty()) {
            self.poll.poll(&mut self.events, Some(TICK))?;
            let now = Instant::now();
            if !self.events.is_empty() {
                heard = now;
            }
            ensure!(now - heard < PATIENCE, "no acknowledgement for {PATIENCE:?}");
            if let Pace::PerSecond(rate) = pace {
                self.begin_due(&mut due, rate, now)?;
            }
            self.receive(now, matches!(pace, Pace::Window))?;
            if deadline.take_if(|deadline| *deadline <= now).is_some() {
                self.tally.in_time = Some((self.tally.acknowledged, start.elapsed()));
                self.all.iter_mut().for_each(|publisher| publisher.left = 0);
            }
        }
        self.tally.elapsed = start.elapsed();
        Ok(std::mem::replace(&mut self.tally, Tally::new()?))
    }

    /// Begins what has become due, the same number for each publisher.
    fn begin_due(&mut self, due: &mut Due, rate: u64, now: Instant) -> Result<()> {
        let until = u64::try_from((now - due.start).as_nanos() * u128::from(rate) / 1_000_000_000)?;
        let publishers = self.all.len() as u64;
        let each = (until - due.messages) / publishers;
        if each > 0 {
            due.messages += each * publishers;
            for publisher in &mut self.all {
                publisher.begin(usize::try_from(each)?, now)?;
                publisher.send(self.window)?;
            }
        }
        Ok(())
    }

    /// Takes acknowledgements; each may be followed by another message.
    fn receive(&mut self, now: Instant, followed: bool) -> Result<()> {
        for event in &self.events {
            let publisher = self.all.get_mut(event.token().0);
            let publisher = publisher.context("a token is a publisher")?;
            let count = publisher.receive(now, &mut self.tally)?;
            if followed {
                publisher.begin(count, now)?;
            }
            publisher.send(self.window)?;
        }
        Ok(())
    }
}

/// How far a run at a rate has come.
struct Due {
    start: Instant,
    messages: u64,
}

struct Publisher {
    stream: TcpStream,
    packets: Vec<u8>,
    packet_length: usize,
    ids: u16,
    /// How many messages it may still begin.
    left: u64,
    /// How many have begun and wait for room in the window, and how many are in it.
    held: usize,
    flying: usize,
    /// What is written next, and how much of it may be.
    position: usize,
    budget: usize,
    /// When how many were begun, the oldest first.
    in_flight: VecDeque<(Instant, usize)>,
    next_id: u16,
    buffer: Vec<u8>,
    /// The beginning of a packet whose end has not come.
    kept: usize,
}

impl Publisher {
    fn new(link: Link, poll: &Poll, number: usize, packets: &[Vec<u8>], ids: u16) -> Result<Self> {
        let packet_length = packets[0].len();
        ensure!(packets.iter().all(|packet| packet.len() == packet_length), "lengths differ");
        let stream = link.into_stream();
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), interest)?;
        Ok(Self {
            stream,
            packets: packets.concat(),
            packet_length,
            ids,
            left: 0,
            held: 0,
            flying: 0,
            position: 0,
            budget: 0,
            in_flight: VecDeque::new(),
            next_id: 1,
            buffer: vec![0; 1 << 14],
            kept: 0,
        })
    }

    /// Begins up to `count` messages.
    fn begin(&mut self, count: usize, since: Instant) -> Result<()> {
        let count = count.min(usize::try_from(self.left)?);
        self.left -= count as u64;
        if count > 0 {
            self.in_flight.push_back((since, count));
            self.held += count;
        }
        Ok(())
    }

    /// Writes as much as goes of all that has begun and has room in the window.
    fn send(&mut self, window: usize) -> Result<()> {
        let count = self.held.min(window - self.flying);
        self.held -= count;
        self.flying += count;
        self.budget += count * self.packet_length;
        while self.budget > 0 {
            let end = self.packets.len().min(self.position + self.budget);
            match self.stream.write(&self.packets[self.position..end]) {
                Ok(written) => {
                    self.budget -= written;
                    self.position = (self.position + written) % self.packets.len();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes the acknowledgements that are here; returns how many.
    fn receive(&mut self, now: Instant, tally: &mut Tally) -> Result<usize> {
        let mut count = 0;
        loop {
            let length = match self.stream.read(&mut self.buffer[self.kept..]) {
                Ok(0) => anyhow::bail!("the broker closed a publisher's connection"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let end = self.kept + length;
            let (packets, rest) = self.buffer[..end].as_chunks::<4>();
            for packet in packets {
                let [high, low] = self.next_id.to_be_bytes();
                ensure!(*packet == [PUBACK, 2, high, low], "{packet:?} came for {}", self.next_id);
                self.next_id = self.next_id % self.ids + 1;
            }
            count += packets.len();
            self.kept = rest.len();
            self.buffer.copy_within(end - self.kept..end, 0);
            if end < self.buffer.len() {
                break;
            }
        }
        self.flying = self.flying.checked_sub(count).context("more PUBACKs than messages")?;
        self.take(count, now, tally)?;
        Ok(count)
    }

    fn take(&mut self, count: usize, now: Instant, tally: &mut Tally) -> Result<()> {
        tally.acknowledged += u64::try_from(count)?;
        let mut rest = count;
        while rest > 0 {
            let (since, sent) = self.in_flight.front_mut().context("more PUBACKs than messages")?;
            let taken = rest.min(*sent);
            let waited = u64::try_from((now - *since).as_nanos())?;
            tally.latency.saturating_record_n(waited, u64::try_from(taken)?);
            *sent -= taken;
            rest -= taken;
            if *sent == 0 {
                self.in_flight.pop_front();
            }
        }
        Ok(())
    }
}

impl Tally {
    fn new() -> Result<Self> {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3)?;
        Ok(Self { acknowledged: 0, elapsed: Duration::ZERO, in_time: None, latency })
    }

    pub(crate) fn per_second(&self) -> f64 {
        let (acknowledged, elapsed) = self.in_time.unwrap_or((self.acknowledged, self.elapsed));
        acknowledged as f64 / elapsed.as_secs_f64()
    }
}

/// A PUBLISH on the topic of a sleeper.
pub(crate) fn to_sleeper(sleeper: u32, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    wire::publish(&super::sleepers::topic(sleeper), 1, packet_id, payload)
}

/// A retained PUBLISH on a topic to which nobody has subscribed.
pub(crate) fn retained(number: u32, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = wire::publish(&format!("bench/retained/{number:07}"), 1, packet_id, payload);
    packet[0] |= 1;
    packet
}

const fn least_common_multiple(one: u32, other: u32) -> u32 {
    one / greatest_common_divisor(one, other) * other
}

const fn greatest_common_divisor(mut one: u32, mut other: u32) -> u32 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Packets that are made before the measurement, of all publishers.
const MOST_PACKETS: u64 = 4_000_000;

/// How often messages become due, at a rate.
const TICK: Duration = Duration::from_millis(1);

/// How long the broker may keep everybody waiting.
const PATIENCE: Duration = Duration::from_mins(1);
