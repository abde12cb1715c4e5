//! As much of MQTT 3.1.1 as a load generator needs: ready-made packets, and a
//! reader that cuts a stream into packets without looking far into them. MQTT 5.0
//! only where a session is resumed: 3.1.1 has no Receive Maximum.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use crate::way::{Layers, Way};

/// A connection to a broker, or to the relay.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    layers: Option<Box<Layers>>,
    buffer: Vec<u8>,
    /// What has been read and not yet taken: `buffer[start..end]`.
    start: usize,
    end: usize,
}

impl Link {
    /// A TCP connection on which nothing has been said.
    pub(crate) fn raw(port: u16) -> Result<Self> {
        Self::from(Ipv4Addr::LOCALHOST, &Way::plain(port), 1 << 16)
    }

    /// An MQTT connection over TCP.
    pub(crate) fn mqtt(port: u16, client_id: &str) -> Result<Self> {
        Self::mqtt_by(&Way::plain(port), client_id)
    }

    /// An MQTT connection.
    pub(crate) fn mqtt_by(way: &Way, client_id: &str) -> Result<Self> {
        let mut link = Self::from(Ipv4Addr::LOCALHOST, way, 1 << 16)?;
        link.connect(client_id)?;
        Ok(link)
    }

    /// An MQTT connection with one subscription, from one of many source addresses:
    /// an address has only so many ports.
    pub(crate) fn subscriber(way: &Way, number: u32, filter: &str, qos: u8) -> Result<Self> {
        let source = Ipv4Addr::from(Ipv4Addr::LOCALHOST.to_bits() + number / PORTS_OF_AN_ADDRESS);
        let mut link = Self::from(source, way, 256)?;
        link.connect(&format!("subscriber-{number:06}"))?;
        link.subscribe(filter, qos)?;
        Ok(link)
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) -> Result<()> {
        self.write(&subscribe(filter, qos))?;
        self.subscribed(qos)
    }

    /// Waits for the answer to [`connect`].
    pub(crate) fn connected(&mut self) -> Result<()> {
        let (kind, connack) = self.packet()?;
        ensure!(kind == CONNACK && connack == [0, 0], "no connection: {connack:?}");
        Ok(())
    }

    /// Waits for the answer to [`subscribe`].
    pub(crate) fn subscribed(&mut self, qos: u8) -> Result<()> {
        let (kind, suback) = self.packet()?;
        ensure!(kind == SUBACK && suback == [0, 1, qos], "no subscription: {suback:?}");
        Ok(())
    }

    /// Waits until the broker has closed the connection.
    pub(crate) fn closed(&mut self) -> Result<()> {
        let length = self.stream.read(&mut self.buffer)?;
        ensure!(length == 0, "something came after DISCONNECT");
        Ok(())
    }

    /// Waits until the broker has closed the connection, whatever it says before.
    pub(crate) fn ended(&mut self) -> Result<()> {
        while self.stream.read(&mut self.buffer)? > 0 {}
        Ok(())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(layers) = &mut self.layers {
            layers.send(bytes);
            return self.flush();
        }
        self.stream.write_all(bytes).context(TAKES_NO_MORE)
    }

    /// Reads what there is and forgets it; returns how many bytes of MQTT it was, and
    /// nothing when nothing came for `patience`.
    pub(crate) fn skim(&mut self, patience: Duration) -> Result<Option<usize>> {
        self.stream.set_read_timeout(Some(patience))?;
        (self.start, self.end) = (0, 0);
        match self.read_once() {
            Ok(()) => Ok(Some(self.end)),
            Err(error) if is_timeout(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Another handle of the socket.
    pub(crate) fn socket(&self) -> Result<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    /// Whether the TLS session of an earlier connection was resumed.
    pub(crate) fn is_resumed(&self) -> Result<bool> {
        self.layers.as_ref().context("only TLS has sessions")?.is_resumed()
    }

    /// Waits for the next packet.
    pub(crate) fn packet(&mut self) -> Result<(u8, &[u8])> {
        while self.buffered().is_none() {
            self.read()?;
        }
        let (kind, body) = self.buffered().context("a packet was read above")?;
        self.start = body.end;
        Ok((kind, &self.buffer[body]))
    }

    /// The next packet that is already here.
    pub(crate) fn ready_packet(&mut self) -> Option<(u8, &[u8])> {
        let (kind, body) = self.buffered()?;
        self.start = body.end;
        Some((kind, &self.buffer[body]))
    }

    /// The bare socket.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn from(source: Ipv4Addr, way: &Way, buffer: usize) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if source != Ipv4Addr::LOCALHOST {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, way.port())).into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let layers = way.layers()?.map(Box::new);
        let (stream, buffer) = (socket.into(), vec![0; buffer]);
        let mut link = Self { stream, layers, buffer, start: 0, end: 0 };
        link.flush()?;
        while link.layers.as_ref().is_some_and(|layers| !layers.is_open()) {
            link.read()?;
        }
        Ok(link)
    }

    fn connect(&mut self, client_id: &str) -> Result<()> {
        self.write(&connect(client_id, true))?;
        self.connected()
    }

    fn read(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.read_once().map_err(|error| match is_timeout(&error) {
            true => error.context(format!("nothing came for {PATIENCE:?}")),
            false => error,
        })
    }

    /// Adds what the socket has to the buffer.
    fn read_once(&mut self) -> Result<()> {
        let Some(layers) = &mut self.layers else {
            let length = self.stream.read(&mut self.buffer[self.end..])?;
            ensure!(length > 0, CLOSED);
            self.end += length;
            return Ok(());
        };
        let mut arrived = [0; 1 << 14];
        let length = self.stream.read(&mut arrived)?;
        ensure!(length > 0, CLOSED);
        // The buffer grows here: a record or a frame comes whole or not at all.
        self.buffer.truncate(self.end);
        layers.receive(&arrived[..length], &mut self.buffer)?;
        self.end = self.buffer.len();
        self.flush()
    }

    /// Writes what the layers have to say.
    fn flush(&mut self) -> Result<()> {
        if let Some(layers) = &mut self.layers {
            self.stream.write_all(&layers.leaving).context(TAKES_NO_MORE)?;
            layers.leaving.clear();
        }
        Ok(())
    }

    fn buffered(&self) -> Option<(u8, std::ops::Range<usize>)> {
        let (kind, body, rest) = cut(&self.buffer[self.start..self.end])?;
        let end = self.end - rest.len();
        Some((kind, end - body.len()..end))
    }
}

fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// A CONNECT without keep alive.
pub(crate) fn connect(client_id: &str, clean_session: bool) -> Vec<u8> {
    let flags = if clean_session { 2 } else { 0 };
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.extend([flags, 0, 0]);
    push_text(&mut body, client_id);
    packet(CONNECT, &body)
}

/// A CONNECT of a user.
pub(crate) fn log_in(client_id: &str, username: &str, password: &str) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.extend([0xc2, 0, 0]);
    push_text(&mut body, client_id);
    push_text(&mut body, username);
    push_text(&mut body, password);
    packet(CONNECT, &body)
}

/// An MQTT 5.0 CONNECT for a session that exists and is to go on existing.
pub(crate) fn resume(client_id: &str, receive_maximum: u16) -> Vec<u8> {
    let [high, low] = receive_maximum.to_be_bytes();
    let mut body = b"\x00\x04MQTT\x05\x00\x00\x00".to_vec();
    // Session Expiry Interval without end, and Receive Maximum.
    body.extend([8, 0x11, 0xff, 0xff, 0xff, 0xff, 0x21, high, low]);
    push_text(&mut body, client_id);
    packet(CONNECT, &body)
}

/// A SUBSCRIBE with packet id 1.
pub(crate) fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    push_text(&mut body, filter);
    body.push(qos);
    packet(SUBSCRIBE, &body)
}

/// Cuts the first packet off, if all of it is there: its type, its body, the rest.
pub(crate) fn cut(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, rest @ ..] = bytes else { return None };
    let (mut length, mut shift) = (0, 0);
    for (position, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let (body, rest) = rest[position + 1..].split_at_checked(length)?;
            return Some((kind & 0xf0, body, rest));
        }
    }
    None
}

/// A PUBLISH, with `packet_id` where `qos` has one.
pub(crate) fn publish(topic: &str, qos: u8, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    push_text(&mut body, topic);
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    body.extend(payload);
    packet(PUBLISH | qos << 1, &body)
}

/// The PUBACK that answers the body of a QoS 1 PUBLISH.
pub(crate) fn puback(publish: &[u8]) -> Result<[u8; 4]> {
    let (length, rest) = publish.split_first_chunk().context("a topic has a length")?;
    let topic = usize::from(u16::from_be_bytes(*length));
    let id = rest.get(topic..topic + 2).context("a packet id follows the topic")?;
    Ok([PUBACK, 2, id[0], id[1]])
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let [low, ..] = (length % 0x80).to_le_bytes();
        length /= 0x80;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("the bench's names are short");
    body.extend(length.to_be_bytes());
    body.extend(text.as_bytes());
}

pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
const CONNECT: u8 = 0x10;
pub(crate) const CONNACK: u8 = 0x20;
pub(crate) const PUBLISH: u8 = 0x30;
pub(crate) const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

const CLOSED: &str = "the broker closed the connection";
const TAKES_NO_MORE: &str = "the connection takes no more bytes";

/// How long the load generator waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fewer than the ephemeral ports of an address.
const PORTS_OF_AN_ADDRESS: u32 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_has_a_length_of_several_bytes() {
        assert_eq!(packet(PUBLISH, &[0; 127])[..2], [0x30, 127]);
        assert_eq!(packet(PUBLISH, &[0; 128])[..3], [0x30, 0x80, 1]);
        assert_eq!(packet(PUBLISH, &[0; 16_384])[..4], [0x30, 0x80, 0x80, 1]);
    }

    #[test]
    fn an_acknowledgement_bears_the_packet_id() {
        let publish = publish("a/b", 1, 0x1234, b"text");
        assert_eq!(puback(&publish[2..]).unwrap(), [PUBACK, 2, 0x12, 0x34]);
    }
}
