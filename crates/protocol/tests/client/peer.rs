//! A client machine with a scripted server: packets are told as short text.

use std::time::Duration;

use ferrymq_codec::{
    Acknowledgement, ConnAck, Delivery, Frame, Framing, Packet, PacketId, PacketType, Properties,
    Property, PropertyBuffer, Publish, QoS, ReasonCode, ReasonCodes, SubAck, SubscriptionOptions,
    TopicFilter, TopicName, Version,
};
use ferrymq_protocol::client::{
    Client, Completed, ConnectOptions, Event, Message, Outcome, ReceiveError, Received, Subscribe,
};
use ferrymq_protocol::time::Instant;

/// A client with the wire to it. Packets are compared as short text, see [`text`].
pub(crate) struct Peer {
    pub(crate) client: Client<&'static str>,
    version: Version,
    pub(crate) now: Instant,
    pub(crate) out: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(options: ConnectOptions) -> Self {
        let version = options.version;
        Self { client: Client::new(options), version, now: Instant::ZERO, out: Vec::new() }
    }

    /// A client of MQTT 5.0 whose session outlives its connections, connected for the first time.
    pub(crate) fn connected() -> Self {
        let mut peer = Self::new(persistent());
        peer.connect(false, &[]);
        peer
    }

    pub(crate) fn connect(&mut self, session_present: bool, granted: &[Property<'_>]) {
        // What the last connection did not deliver is lost with it.
        self.out.clear();
        self.client.connect(&mut self.out).unwrap();
        assert!(self.sent().starts_with("CONNECT"));
        let mut properties = PropertyBuffer::new();
        for property in granted {
            properties.push(*property).unwrap();
        }
        let properties = properties.as_properties();
        let connack = ConnAck { session_present, reason: ReasonCode::Success, properties };
        self.receive(&Packet::ConnAck(connack)).unwrap();
    }

    /// The server sends a packet; the event is told as text.
    pub(crate) fn receive(&mut self, packet: &Packet<'_>) -> Result<String, ReceiveError> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).unwrap();
        match self.client.receive(&bytes, self.now, &mut self.out)? {
            Received::Incomplete { .. } => panic!("the packet is whole"),
            Received::Packet { length, event } => {
                assert_eq!(length, bytes.len());
                Ok(event.map_or_else(String::new, |event| told(&event)))
            }
        }
    }

    pub(crate) fn publish(&mut self, qos: QoS, payload: &'static str) {
        let mut message = Message::new(TopicName::parse("t").unwrap(), payload);
        message.qos = qos;

        self.client.publish(message, payload, self.now, &mut self.out);
    }

    pub(crate) fn subscribe(&mut self, filter: &'static str) {
        let options = SubscriptionOptions::default();
        let subscribe = Subscribe::new(TopicFilter::parse(filter).unwrap(), options);
        self.client.subscribe(subscribe, filter, self.now, &mut self.out);
    }

    /// What the client has written since the last call.
    pub(crate) fn sent(&mut self) -> String {
        let bytes = std::mem::take(&mut self.out);
        packets(&bytes, self.version).join(" | ")
    }

    /// The requests that have ended since the last call.
    pub(crate) fn ended(&mut self) -> String {
        let mut ended = Vec::new();
        while let Some(Completed { ticket, outcome }) = self.client.completed() {
            ended.push(match outcome {
                Outcome::Published(reason) => format!("{ticket}: {reason}"),
                Outcome::Subscribed(reasons) | Outcome::Unsubscribed(reasons) => {
                    format!("{ticket}: {reasons:?}")
                }
                Outcome::Failed(error) => format!("{ticket}: failed, {error}"),
            });
        }
        ended.join(" | ")
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> Result<(), ReceiveError> {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
        self.client.poll(self.now, &mut self.out)
    }
}

pub(crate) fn persistent() -> ConnectOptions {
    let mut options = ConnectOptions::new(Version::V5);
    options.client_id = "c".into();
    options.session_expiry_interval = 3600;
    options.send_topic_aliases = false;
    options
}

pub(crate) fn packets(bytes: &[u8], version: Version) -> Vec<String> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let Framing::Complete(frame) = Frame::parse(rest, usize::MAX).unwrap() else {
            panic!("half a packet was written");
        };
        rest = &rest[frame.length()..];
        packets.push(text(&frame.decode(version).unwrap()));
    }
    packets
}

/// `PUBLISH q1 #7 dup payload`, `PUBREL #7`, and so on; a reason only where it is not Success.
pub(crate) fn text(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(connect) => {
            let clean = if connect.clean_start { " clean" } else { "" };
            format!("CONNECT{clean}{}", proof(connect.properties))
        }
        Packet::Auth(auth) => format!("AUTH {}{}", auth.reason, proof(auth.properties)),
        Packet::Publish(publish) => {
            let mut words = vec![format!("PUBLISH q{}", publish.delivery.qos() as u8)];
            words.extend(publish.delivery.packet_id().map(|id| format!("#{}", id.get())));
            words.extend(publish.dup.then(|| "dup".into()));
            words.extend(
                publish.properties.topic_alias().map(|alias| {
                    format!("{}={alias}", publish.topic.map_or("", TopicName::as_str))
                }),
            );
            words.push(str::from_utf8(publish.payload).unwrap().into());
            words.join(" ")
        }
        Packet::PubAck(packet) => acknowledgement("PUBACK", packet),
        Packet::PubRec(packet) => acknowledgement("PUBREC", packet),
        Packet::PubRel(packet) => acknowledgement("PUBREL", packet),
        Packet::PubComp(packet) => acknowledgement("PUBCOMP", packet),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> =
                subscribe.filters.iter().map(|(filter, _)| filter.as_str()).collect();
            format!("SUBSCRIBE #{} {}", subscribe.packet_id.get(), filters.join(","))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<_> = unsubscribe.filters.iter().map(TopicFilter::as_str).collect();
            format!("UNSUBSCRIBE #{} {}", unsubscribe.packet_id.get(), filters.join(","))
        }
        Packet::PingReq => "PINGREQ".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {}", disconnect.reason),
        _ => panic!("no client sends {packet:?}"),
    }
}

/// The Authentication Method and Data.
fn proof(properties: Properties<'_>) -> String {
    let method = properties.authentication_method().map(|method| format!(" {method}"));
    let data = properties.authentication_data().map(|data| format!(" {}", lossy(Some(data))));
    method.into_iter().chain(data).collect()
}

fn lossy(data: Option<&[u8]>) -> String {
    String::from_utf8_lossy(data.unwrap_or_default()).into_owned()
}

pub(crate) fn acknowledgement(name: &str, packet: &Acknowledgement<'_>) -> String {
    match packet.reason {
        ReasonCode::Success => format!("{name} #{}", packet.packet_id.get()),
        reason => format!("{name} #{} {reason}", packet.packet_id.get()),
    }
}

pub(crate) fn told(event: &Event<'_>) -> String {
    match event {
        Event::Connected(connected) => format!("connected {}", connected.session_present),
        Event::Refused { reason, .. } => format!("refused {reason}"),
        Event::Authenticate { data } => format!("asked {}", lossy(*data)),
        Event::Authenticated { data } => format!("authenticated {}", lossy(*data)),
        Event::Message(message) => {
            format!("{}: {}", message.topic, str::from_utf8(message.payload).unwrap())
        }
        Event::SubscriptionLost { reason } => format!("subscription lost {reason}"),
        Event::Disconnected { reason, .. } => format!("disconnected {reason}"),
        _ => panic!("unknown event {event:?}"),
    }
}

pub(crate) fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

pub(crate) fn answer(packet_id: u16, reason: ReasonCode) -> Acknowledgement<'static> {
    Acknowledgement { packet_id: id(packet_id), reason, properties: Properties::EMPTY }
}

pub(crate) fn puback(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(answer(packet_id, ReasonCode::Success))
}

pub(crate) fn pubrec(packet_id: u16) -> Packet<'static> {
    Packet::PubRec(answer(packet_id, ReasonCode::Success))
}

pub(crate) fn pubrel(packet_id: u16) -> Packet<'static> {
    Packet::PubRel(answer(packet_id, ReasonCode::Success))
}

pub(crate) fn pubcomp(packet_id: u16) -> Packet<'static> {
    Packet::PubComp(answer(packet_id, ReasonCode::Success))
}

pub(crate) fn message(delivery: Delivery, payload: &str) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        delivery,
        retain: false,
        topic: Some(TopicName::trusted("t")),
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    })
}

pub(crate) fn suback(packet_id: u16, reasons: &[u8]) -> Packet<'_> {
    Packet::SubAck(SubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        reasons: ReasonCodes::parse(reasons, PacketType::SubAck).unwrap(),
    })
}

pub(crate) fn unsuback(packet_id: u16, reasons: &[u8]) -> Packet<'_> {
    Packet::UnsubAck(SubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        reasons: ReasonCodes::parse(reasons, PacketType::UnsubAck).unwrap(),
    })
}
