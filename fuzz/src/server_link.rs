//! Bytes that a client sends: to the rules of a server alone, and to a broker that has others to
//! serve.

use ferrymq_codec::{Connect, Frame, Framing, Packet, Properties, QoS, ReasonCode, Version};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::limits::ServerLimits;
use ferrymq_protocol::server::{Link, Received, receive_connect, refuse_malformed};
use ferrymq_protocol::time::Instant;

use crate::pieces::pieces;
use crate::world::{Got, World, qos1};

/// The data says how the bytes behind it arrive. Whatever they are, the server finds the same
/// packets in any pieces; the broker writes whole packets, goes on serving others, and has nothing
/// left of the client when it is gone.
///
/// # Panics
///
/// If one of these does not hold.
pub fn server_link(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let version = VERSIONS[usize::from(head % 3)];
    let shards = 1 + u16::from(head / 3 % 2);
    let with_connect = [connect(version), bytes.to_vec()].concat();
    for bytes in [bytes, &with_connect] {
        let at_once = Server::new().receive(bytes.chunks(bytes.len().max(1)));
        assert_eq!(Server::new().receive(pieces(bytes, *lengths)), at_once, "in any pieces");
    }
    let end = check_broker(shards, version, pieces(&with_connect, *lengths));
    assert_eq!(check_broker(shards, version, [&*with_connect].into_iter()), end, "in any pieces");
}

/// A server that notes what it is sent.
struct Server {
    limits: ServerLimits,
    link: Option<Link>,
    /// What makes up no packet yet.
    unread: Vec<u8>,
    noted: Noted,
}

/// The lengths of the packets, and how they ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Noted {
    lengths: Vec<usize>,
    topics: Vec<String>,
    error: Option<ProtocolError>,
}

impl Server {
    fn new() -> Self {
        let limits = ServerLimits { receive_maximum: 3, ..ServerLimits::default() };
        Self { limits, link: None, unread: Vec::new(), noted: Noted::default() }
    }

    fn receive<'a>(mut self, pieces: impl Iterator<Item = &'a [u8]>) -> Noted {
        for piece in pieces {
            self.unread.extend_from_slice(piece);
            loop {
                match self.receive_packet() {
                    Ok(Some(length)) => {
                        assert!(length <= self.unread.len(), "a packet is of what has come");
                        self.unread.drain(..length);
                        self.noted.lengths.push(length);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.refuse(error);
                        self.noted.error = Some(error);
                        return self.noted;
                    }
                }
            }
        }
        self.noted
    }

    /// The length of the next packet, if it is whole.
    fn receive_packet(&mut self) -> Result<Option<usize>, ProtocolError> {
        let now = Instant::ZERO;
        let Some(link) = &mut self.link else {
            return Ok(match receive_connect(&self.unread, &self.limits)? {
                Received::Incomplete { needed } => self.incomplete(needed),
                Received::Packet(connect, length) => {
                    self.link = Some(Link::accept(&connect, &self.limits, now));
                    Some(length)
                }
            });
        };
        let (packet, length) = match link.receive(&self.unread, &self.limits, now)? {
            Received::Incomplete { needed } => return Ok(self.incomplete(needed)),
            Received::Packet(packet, length) => (packet, length),
        };
        if let Packet::Publish(publish) = packet {
            let topic = link.topic(&publish)?.name().as_str().to_owned();
            if publish.delivery.qos() > QoS::AtMostOnce {
                link.admit()?;
            }
            self.noted.topics.push(topic);
        }
        Ok(Some(length))
    }

    fn incomplete(&self, needed: Option<usize>) -> Option<usize> {
        assert!(needed.is_none_or(|needed| needed > self.unread.len()), "the packet is whole");
        None
    }

    /// The last words are a packet or nothing.
    fn refuse(&self, error: ProtocolError) {
        let mut out = Vec::new();
        match &self.link {
            Some(link) => link.disconnect(error.reason(), Some(&error), &mut out),
            None => refuse_malformed(&self.unread, error, &mut out),
        }
        if !out.is_empty() {
            let framing = Frame::parse(&out, usize::MAX).expect("good output");
            assert!(matches!(framing, Framing::Complete(frame) if frame.length() == out.len()));
        }
    }
}

/// Whether the broker has ended the connection, and with which last words. What it writes before
/// may come in another order in other pieces: acknowledgements wait for the end of a turn.
fn check_broker<'a>(
    shards: u16,
    version: Version,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (bool, Option<Got>) {
    let mut world = World::new(shards);
    let listener = world.connect("listener", |with| {
        with.expiry(100);
    });
    world.subscribe(listener, "news", QoS::ExactlyOnce);
    let speaker = world.connect("speaker", |_| {});
    let stranger = world.open(0, version);
    for piece in pieces {
        world.send_bytes(stranger, piece);
    }
    let got = world.take(stranger);
    check_output(version, &got);
    let is_closed = world.is_closed(stranger);

    world.publish(speaker, "news", "the others are served", qos1(1));
    assert_eq!(world.take(speaker), [Got::PubAck(1, ReasonCode::Success)]);
    let payloads = world.payloads(listener);
    assert_eq!(payloads.last().map(String::as_str), Some("the others are served"));
    assert!(!world.is_closed(listener) && !world.is_closed(speaker), "the others stay");

    world.cut(stranger);
    // A will was published, or a message of the shared group goes to nobody.
    world.payloads(listener);
    assert_eq!(world.connections(), 2, "connections");
    assert_eq!(world.directory.metrics().sessions(), 2, "sessions");
    assert_eq!(world.directory.metrics().messages_queued(), 0, "queued messages");
    assert_eq!(world.directory.subscription_counts(), (1, 0), "subscriptions");
    assert_eq!(world.stored(), 0, "messages in the store");
    let farewell = got.into_iter().next_back().filter(|got| matches!(got, Got::Disconnect(_)));
    (is_closed, farewell)
}

/// CONNACK comes first and DISCONNECT last, which only MQTT 5.0 has from a server.
fn check_output(version: Version, got: &[Got]) {
    let welcome = Got::ConnAck { session_present: false, reason: ReasonCode::Success };
    let [first, others @ ..] = got else { panic!("CONNECT was not answered") };
    assert_eq!(*first, welcome);
    for (index, got) in others.iter().enumerate() {
        match got {
            Got::ConnAck { .. } => panic!("a second CONNACK"),
            Got::Disconnect(_) => {
                assert_eq!(version, Version::V5, "{got:?}");
                assert_eq!(index + 1, others.len(), "nothing follows {got:?}");
            }
            Got::Auth(_) => panic!("{got:?}: CONNECT has named no method"),
            _ => {}
        }
    }
}

fn connect(version: Version) -> Vec<u8> {
    let connect = Packet::Connect(Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_id: "stranger",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    });
    let mut bytes = Vec::new();
    connect.encode(version, &mut bytes).expect("a short packet");
    bytes
}

const VERSIONS: [Version; 3] = [Version::V5, Version::V3_1_1, Version::V3_1];
