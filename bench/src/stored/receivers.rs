//! Sessions that come back and take what waits for them, driven by one thread.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::sleepers;
use crate::wire::{self, CONNACK, Link, PUBLISH};

/// Resumes `sessions` sessions and takes `messages` messages; returns how long that
/// took from the first CONNECT on.
pub(crate) fn drain(
    port: u16,
    sessions: u32,
    receive_maximum: u16,
    messages: u64,
) -> Result<Duration> {
    let poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut receivers = Vec::new();
    for number in 0..sessions {
        receivers.push(Receiver::new(
            Link::raw(port)?,
            &poll,
            receivers.len(),
            number,
            receive_maximum,
        )?);
    }
    let mut buffer = vec![0; 1 << 18];
    let mut received = 0;
    let start = Instant::now();
    for receiver in &mut receivers {
        receiver.write()?;
    }
    let mut poll = poll;
    while received < messages {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "{received} of {messages} messages came");
        for event in &events {
            received += receivers[event.token().0].turn(&mut buffer)?;
        }
    }
    ensure!(received == messages, "{received} messages came instead of {messages}");
    Ok(start.elapsed())
}

struct Receiver {
    stream: TcpStream,
    /// The beginning of a packet whose end has not come.
    kept: Vec<u8>,
    output: Vec<u8>,
}

impl Receiver {
    fn new(
        link: Link,
        poll: &Poll,
        token: usize,
        number: u32,
        receive_maximum: u16,
    ) -> Result<Self> {
        let stream = link.into_stream();
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(token), interest)?;
        let output = wire::resume(&sleepers::client_id(number), receive_maximum);
        Ok(Self { stream, kept: Vec::new(), output })
    }

    /// Reads all that is here and acknowledges it; returns how many messages came.
    fn turn(&mut self, buffer: &mut [u8]) -> Result<u64> {
        let mut messages = 0;
        loop {
            let kept = self.kept.len();
            buffer[..kept].copy_from_slice(&self.kept);
            let length = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => bail!("the broker closed a receiver's connection"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let is_all = kept + length < buffer.len();
            messages += self.take(&buffer[..kept + length])?;
            if is_all {
                break;
            }
        }
        self.write()?;
        Ok(messages)
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<u64> {
        let mut messages = 0;
        while let Some((kind, body, rest)) = wire::cut(bytes) {
            match kind {
                PUBLISH => {
                    self.output.extend(wire::puback(body)?);
                    messages += 1;
                }
                CONNACK => ensure!(body.starts_with(&[1, 0]), "no session present: {body:?}"),
                kind => bail!("packet type {kind:#x} came for a message"),
            }
            bytes = rest;
        }
        self.kept.clear();
        self.kept.extend(bytes);
        Ok(messages)
    }

    fn write(&mut self) -> Result<()> {
        let mut written = 0;
        while written < self.output.len() {
            match self.stream.write(&self.output[written..]) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.output.drain(..written);
        Ok(())
    }
}

/// How long the broker may keep everybody waiting.
const PATIENCE: Duration = Duration::from_secs(20);
