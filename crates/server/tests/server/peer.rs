//! A client of the tests that speaks in bytes: what it sends is spelled out, what it gets is cut
//! into packets and nothing more. All waiting has a bound.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use ferrymq_broker::{Directory, ShardIndex};

/// One end of a connection to the broker.
pub(crate) struct Peer {
    socket: Box<dyn Socket>,
    received: Vec<u8>,
}

/// A protocol version as it stands in CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V3_1_1 = 4,
    V5 = 5,
}

/// A socket of any kind.
pub(crate) trait Socket: Read + Write + Send {
    /// Bounds all waiting.
    fn set_patience(&self);

    fn close_write(&mut self);
}

impl Socket for TcpStream {
    fn set_patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
        self.set_write_timeout(Some(PATIENCE)).unwrap();
    }

    fn close_write(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

#[cfg(unix)]
impl Socket for std::os::unix::net::UnixStream {
    fn set_patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
        self.set_write_timeout(Some(PATIENCE)).unwrap();
    }

    fn close_write(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Peer {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the broker listens");
        socket.set_nodelay(true).unwrap();
        Self::over(socket)
    }

    /// Speaks through a socket that is connected already.
    pub(crate) fn over(socket: impl Socket + 'static) -> Self {
        socket.set_patience();
        Self { socket: Box::new(socket), received: Vec::new() }
    }

    /// Opens a connection and sends CONNECT, if the broker still takes it.
    pub(crate) fn open_and_greet(address: SocketAddr) -> Self {
        let mut peer = Self::open(address);
        let _taken = peer.socket.write_all(&connect(Version::V5, "greeter", true));
        peer
    }

    /// Opens a connection and has it accepted with a new session.
    pub(crate) fn connect(address: SocketAddr, version: Version, client_id: &str) -> Self {
        let mut peer = Self::open(address);
        peer.send(&connect(version, client_id, true));
        peer.expect_connack();
        peer
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the broker reads");
    }

    /// The next packet, or `None` at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(length) = packet_length(&self.received) {
                let rest = self.received.split_off(length);
                return Some(std::mem::replace(&mut self.received, rest));
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "the broker closed amid a packet");
                    return None;
                }
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came in time: {error}"),
            }
        }
    }

    pub(crate) fn expect(&mut self, packet: &[u8]) {
        let received = self.receive();
        assert_eq!(received.as_deref(), Some(packet));
    }

    /// Takes a CONNACK that accepts.
    pub(crate) fn expect_connack(&mut self) {
        let packet = self.receive().expect("CONNACK comes before the end");
        assert_eq!((packet[0], packet[3]), (0x20, 0), "{packet:02x?}");
    }

    /// Takes a packet with this first byte.
    pub(crate) fn expect_kind(&mut self, first: u8) -> Vec<u8> {
        let packet = self.receive().expect("a packet comes before the end");
        assert_eq!(packet[0], first, "{packet:02x?}");
        packet
    }

    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.receive(), None);
    }

    pub(crate) fn subscribe(&mut self, version: Version, filter: &str, qos: u8) {
        self.send(&subscribe(version, 9, filter, qos));
        self.expect_kind(0x90);
    }

    /// Asks whether the broker is alive.
    pub(crate) fn ping(&mut self) {
        self.send(&[0xc0, 0]);
        self.expect(&[0xd0, 0]);
    }

    pub(crate) fn close_write(&mut self) {
        self.socket.close_write();
    }
}

pub(crate) fn connect(version: Version, client_id: &str, clean: bool) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([version as u8, u8::from(clean) << 1, 0, 60]);
    match version {
        Version::V3_1_1 => {}
        // A persistent session asks for ten minutes.
        Version::V5 if !clean => body.extend([5, 0x11, 0, 0, 2, 0x58]),
        Version::V5 => body.push(0),
    }
    body.extend(text(client_id));
    packet(0x10, &body)
}

/// A CONNECT with a new session that says who its client is.
pub(crate) fn connect_as(
    version: Version,
    client_id: &str,
    username: Option<&str>,
    password: Option<&[u8]>,
) -> Vec<u8> {
    let mut body = text("MQTT");
    let flags = 0x02 | u8::from(username.is_some()) << 7 | u8::from(password.is_some()) << 6;
    body.extend([version as u8, flags, 0, 60]);
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(text(client_id));
    body.extend(username.map(text).unwrap_or_default());
    if let Some(password) = password {
        body.extend(u16::try_from(password.len()).unwrap().to_be_bytes());
        body.extend(password);
    }
    packet(0x10, &body)
}

/// A CONNECT with a will of QoS 1 and no delay.
pub(crate) fn connect_with_will(
    version: Version,
    client_id: &str,
    clean: bool,
    topic: &str,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([version as u8, u8::from(clean) << 1 | 0x0c, 0, 60]);
    if version == Version::V5 {
        body.extend([5, 0x11, 0, 0, 2, 0x58]);
    }
    body.extend(text(client_id));
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(text(topic));
    body.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    body.extend(payload);
    packet(0x10, &body)
}

pub(crate) fn subscribe(version: Version, packet_id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(text(filter));
    body.push(qos);
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(version: Version, packet_id: u16, filter: &str) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(text(filter));
    packet(0xa2, &body)
}

/// `packet_id` 0: QoS 0.
pub(crate) fn publish(
    version: Version,
    qos: u8,
    packet_id: u16,
    topic: &str,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    if version == Version::V5 {
        body.push(0);
    }
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP in the short form.
pub(crate) fn acknowledge(first: u8, packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [first, 2, high, low]
}

/// The packet identifier of a PUBLISH with QoS 1 or 2, and its payload.
pub(crate) fn published(version: Version, packet: &[u8]) -> (u16, &[u8]) {
    let mut rest = packet;
    rest = &rest[1..];
    while rest[0] >= 0x80 {
        rest = &rest[1..];
    }
    rest = &rest[1..];
    let topic = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    rest = &rest[2 + topic..];
    let mut packet_id = 0;
    if packet[0] & 0x06 != 0 {
        packet_id = u16::from_be_bytes([rest[0], rest[1]]);
        rest = &rest[2..];
    }
    if version == Version::V5 {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    (packet_id, rest)
}

/// A client identifier whose home is this shard.
pub(crate) fn client_at(directory: &Directory, home: u16, name: &str) -> String {
    (0..1_000)
        .map(|number| format!("{name}-{number}"))
        .find(|client_id| directory.home(client_id) == ShardIndex(home))
        .expect("each shard is the home of half of all names")
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        if length == 0 {
            bytes.push(digit);
            break;
        }
        bytes.push(digit | 0x80);
    }
    bytes.extend_from_slice(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (at, byte) in bytes.get(1..)?.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let whole = 2 + at + length;
            return (bytes.len() >= whole).then_some(whole);
        }
    }
    None
}

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
