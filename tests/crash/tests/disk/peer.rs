//! An MQTT 5.0 client that asks one thing at a time and waits for the answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ferrymq_codec::{
    Acknowledgement, Connect, Delivery, Frame, Framing, MAX_REMAINING_LENGTH, Packet, PacketId,
    Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, TopicName, Version,
};

/// A connected client.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    /// Connects, with a session that outlives the connection or without, and goes on with what
    /// there is. The reason code of a refusal is the error.
    pub(crate) fn connect(
        port: u16,
        client_id: &str,
        is_durable: bool,
    ) -> Result<Self, ReasonCode> {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the system has clocks");
        let mut peer = Self { stream, input: Vec::new() };
        let mut properties = PropertyBuffer::new();
        let expiry = if is_durable { 1000 } else { 0 };
        properties.push(Property::SessionExpiryInterval(expiry)).expect("numbers are short");
        peer.send(&Packet::Connect(Connect {
            version: Version::V5,
            clean_start: false,
            keep_alive: 0,
            client_id,
            will: None,
            username: None,
            password: None,
            properties: properties.as_properties(),
        }));
        let reason = peer.receive(|packet| match packet {
            Packet::ConnAck(connack) => Some(connack.reason),
            _ => None,
        });
        if reason == ReasonCode::Success { Ok(peer) } else { Err(reason) }
    }

    /// Subscribes with QoS 1 and returns what SUBACK says.
    pub(crate) fn subscribe(&mut self, filter: &str) -> ReasonCode {
        let mut bytes = Vec::new();
        let options =
            SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
        SubscriptionFilters::encode_into([(TopicFilter::trusted(filter), options)], &mut bytes)
            .expect("the filter is short");
        self.send(&Packet::Subscribe(Subscribe {
            packet_id: PacketId::FIRST,
            properties: Properties::EMPTY,
            filters: SubscriptionFilters::trusted(&bytes),
        }));
        self.receive(|packet| match packet {
            Packet::SubAck(suback) => suback.reasons.iter().next(),
            _ => None,
        })
    }

    /// Publishes and returns what PUBACK says; Success where there is none.
    pub(crate) fn publish(&mut self, topic: &str, qos: QoS, payload: &[u8]) -> ReasonCode {
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce(PacketId::FIRST),
            QoS::ExactlyOnce => Delivery::ExactlyOnce(PacketId::FIRST),
        };
        self.send(&Packet::Publish(Publish {
            dup: false,
            delivery,
            retain: false,
            topic: Some(TopicName::trusted(topic)),
            properties: Properties::EMPTY,
            payload,
        }));
        if qos == QoS::AtMostOnce {
            return ReasonCode::Success;
        }
        self.receive(|packet| match packet {
            Packet::PubAck(ack) | Packet::PubRec(ack) => Some(ack.reason),
            _ => None,
        })
    }

    /// The payload of the next message, which is acknowledged.
    pub(crate) fn receive_payload(&mut self) -> Vec<u8> {
        let (payload, delivery) = self.receive(|packet| match packet {
            Packet::Publish(publish) => Some((publish.payload.to_vec(), publish.delivery)),
            _ => None,
        });
        if let Delivery::AtLeastOnce(packet_id) = delivery {
            let (reason, properties) = (ReasonCode::Success, Properties::EMPTY);
            self.send(&Packet::PubAck(Acknowledgement { packet_id, reason, properties }));
        }
        payload
    }

    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).expect("the packet is short");
        self.stream.write_all(&bytes).expect("the broker reads");
    }

    /// Waits for the next packet that is meant; others are passed over.
    fn receive<T>(&mut self, meant: impl Fn(&Packet<'_>) -> Option<T>) -> T {
        loop {
            while let Framing::Complete(frame) =
                Frame::parse(&self.input, MAX_REMAINING_LENGTH).expect("the broker knows MQTT")
            {
                let length = frame.length();
                let packet = frame.decode(Version::V5).expect("the broker knows MQTT");
                let found = meant(&packet);
                self.input.drain(..length);
                if let Some(found) = found {
                    return found;
                }
            }
            let mut buffer = [0; 4096];
            let length = self.stream.read(&mut buffer).expect("the broker answers in time");
            assert!(length > 0, "the broker has closed the connection");
            self.input.extend_from_slice(&buffer[..length]);
        }
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
