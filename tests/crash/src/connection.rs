//! A network connection: bytes in and out without waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};

use ferrymq_codec::{Frame, Framing, MAX_REMAINING_LENGTH, Packet, Version};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A network connection to the broker.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    version: Version,
    input: Vec<u8>,
    output: Vec<u8>,
    has_ended: bool,
}

/// Whole packets that were taken from a connection.
#[derive(Debug)]
pub(crate) struct Input {
    version: Version,
    bytes: Vec<u8>,
    taken: usize,
}

impl Connection {
    pub(crate) fn open(
        port: u16,
        version: Version,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, version, input: Vec::new(), output: Vec::new(), has_ended: false })
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.output).expect("the packets of a plan are short");
    }

    /// Whether so much waits to be written that more would only cost memory.
    pub(crate) const fn is_congested(&self) -> bool {
        self.output.len() > OUTPUT
    }

    /// Whether the broker, or the system, has ended the connection and all was read.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Writes what can be written at once.
    pub(crate) fn flush(&mut self) {
        let mut written = 0;
        while let Some(rest) = self.output.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A connection that has failed is noticed by reading.
                Err(_) => break,
            }
        }
        self.output.drain(..written);
    }

    /// Takes what there is. Give it back with [`Self::put_back`] when its packets are read.
    pub(crate) fn take_input(&mut self) -> Input {
        let mut buffer = [0; 1 << 14];
        while !self.has_ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.has_ended = true,
                Ok(length) => self.input.extend(buffer.iter().take(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_connecting(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.has_ended = true,
            }
        }
        Input { version: self.version, bytes: mem::take(&mut self.input), taken: 0 }
    }

    pub(crate) fn put_back(&mut self, mut input: Input) {
        input.bytes.drain(..input.taken);
        self.input = input.bytes;
    }
}

impl Input {
    /// The next whole packet.
    pub(crate) fn next_packet(&mut self) -> Option<Result<Packet<'_>, String>> {
        let bytes = self.bytes.get(self.taken..)?;
        let frame = match Frame::parse(bytes, MAX_REMAINING_LENGTH) {
            Ok(Framing::Complete(frame)) => frame,
            Ok(Framing::Incomplete { .. }) => return None,
            Err(error) => return Some(Err(error.to_string())),
        };
        self.taken += frame.length();
        Some(frame.decode(self.version).map_err(|error| error.to_string()))
    }
}

fn is_connecting(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotConnected
}

/// How many bytes may wait to be written before a client stops to say more.
const OUTPUT: usize = 1 << 20;
