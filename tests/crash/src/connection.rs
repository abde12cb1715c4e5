//! A network connection: bytes in and out without waiting, through what layers it has.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};

use ferrymq_codec::{Frame, Framing, MAX_REMAINING_LENGTH, Packet, Version};
use ferrymq_transport::Layer;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::way::{ClientStack, Way};

/// A network connection to the broker.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What stands between the socket and MQTT.
    stack: Option<ClientStack>,
    version: Version,
    input: Vec<u8>,
    /// Packets that are to go down.
    packets: Vec<u8>,
    /// What is to be written to the socket.
    output: Vec<u8>,
    has_ended: bool,
    error: Option<String>,
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
        way: &Way,
        version: Version,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, way.port)))?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut output = Vec::new();
        Ok(Self {
            stream,
            stack: way.open(&mut output),
            version,
            input: Vec::new(),
            packets: Vec::new(),
            output,
            has_ended: false,
            error: None,
        })
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.packets).expect("the packets of a plan are short");
    }

    /// Whether so much waits to be written that more would only cost memory.
    pub(crate) const fn is_congested(&self) -> bool {
        self.packets.len() + self.output.len() > OUTPUT
    }

    /// Whether the broker, or the system, has ended the connection and all was read.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What the layers have found wrong with what the broker says.
    pub(crate) fn take_error(&mut self) -> Option<String> {
        self.error.take()
    }

    /// Writes what can be written at once.
    pub(crate) fn flush(&mut self) {
        self.wrap();
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

    /// Sends the packets through the layers, once these are open.
    fn wrap(&mut self) {
        match &mut self.stack {
            None => self.output.append(&mut self.packets),
            Some(stack) if stack.is_open() => {
                stack.send(&[IoSlice::new(&self.packets)], &mut self.output);
                self.packets.clear();
            }
            Some(_) => {}
        }
    }

    /// Takes what was read.
    fn unwrap(&mut self, bytes: &[u8]) {
        let Some(stack) = &mut self.stack else {
            self.input.extend_from_slice(bytes);
            return;
        };
        if let Err(error) = stack.receive(bytes, &mut self.input, &mut self.output) {
            self.error = Some(error.to_string());
        }
        self.has_ended |= stack.has_ended();
    }

    /// Takes what there is. Give it back with [`Self::put_back`] when its packets are read.
    pub(crate) fn take_input(&mut self) -> Input {
        let mut buffer = [0; 1 << 14];
        while !self.has_ended {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.has_ended = true,
                Ok(length) => self.unwrap(buffer.get(..length).unwrap_or_default()),
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
