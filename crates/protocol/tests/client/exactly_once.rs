//! QoS 2 in both directions over connections that break.

use std::collections::VecDeque;

use ferrymq_codec::{
    ConnAck, Delivery, Frame, Framing, Packet, PacketId, Properties, QoS, ReasonCode, TopicName,
    Version,
};
use ferrymq_protocol::client::{Client, Message, Outcome, Received};
use ferrymq_protocol::time::Instant;

use crate::peer::*;

/// Three messages each way with QoS 2, and the connection is lost after every possible number of
/// packets: each arrives once and in order all the same.
#[test]
fn exactly_once_holds_wherever_the_connection_is_cut() {
    let uncut = Exchange::new().run(usize::MAX);
    assert_eq!(uncut, 24, "four packets for each of six messages");
    for cut in 1..=uncut {
        Exchange::new().run(cut);
    }
}

/// A server that keeps the rules in the plainest way, and the packets on their way.
struct Exchange {
    client: Client<usize>,
    ended: Vec<usize>,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    server_received: Vec<String>,
    server_unreleased: Vec<PacketId>,
    /// What the server has to say: a message until PUBREC, PUBREL until PUBCOMP.
    server_sending: Vec<(PacketId, Option<&'static str>)>,
    client_received: Vec<String>,
}

impl Exchange {
    fn new() -> Self {
        let server_sending = vec![(id(1), Some("x")), (id(2), Some("y")), (id(3), Some("z"))];
        Self {
            client: Client::new(persistent()),
            ended: Vec::new(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            server_received: Vec::new(),
            server_unreleased: Vec::new(),
            server_sending,
            client_received: Vec::new(),
        }
    }

    /// Loses everything on its way once, after `cut` packets; returns how many arrived.
    fn run(mut self, cut: usize) -> usize {
        self.connect(false);
        for (ticket, payload) in ["a", "b", "c"].into_iter().enumerate() {
            let topic = TopicName::parse("t").unwrap();
            let mut message = Message::new(topic, payload);
            message.qos = QoS::ExactlyOnce;

            let mut out = Vec::new();
            self.client.publish(message, ticket, Instant::ZERO, &mut out);
            self.keep(&out);
        }
        let mut arrived = 0;
        while self.step() {
            arrived += 1;
            if arrived == cut {
                self.to_server.clear();
                self.to_client.clear();
                self.connect(true);
            }
            assert!(arrived < 100, "the exchange does not end");
        }
        assert_eq!(self.server_received, ["a", "b", "c"], "cut after {cut}");
        assert_eq!(self.client_received, ["t: x", "t: y", "t: z"], "cut after {cut}");
        assert_eq!(self.ended, [0, 1, 2], "cut after {cut}");
        assert_eq!(self.client.unfinished(), 0);
        assert!(self.server_sending.is_empty() && self.server_unreleased.is_empty());
        arrived
    }

    fn connect(&mut self, session_present: bool) {
        let mut out = Vec::new();
        self.client.connect(&mut out).unwrap();
        let mut bytes = Vec::new();
        let properties = Properties::EMPTY;
        let connack = ConnAck { session_present, reason: ReasonCode::Success, properties };
        Packet::ConnAck(connack).encode(Version::V5, &mut bytes).unwrap();
        out.clear();
        self.client.receive(&bytes, Instant::ZERO, &mut out).unwrap();
        self.keep(&out);
        for (packet_id, payload) in self.server_sending.clone() {
            match payload {
                Some(payload) => self.reply(&message(Delivery::ExactlyOnce(packet_id), payload)),
                None => self.reply(&pubrel(packet_id.get())),
            }
        }
    }

    /// Lets one packet arrive, in turns; `false` if none is on its way.
    fn step(&mut self) -> bool {
        if self.to_server.len() >= self.to_client.len()
            && let Some(bytes) = self.to_server.pop_front()
        {
            self.server(&bytes);
            return true;
        }
        let Some(bytes) = self.to_client.pop_front() else {
            return false;
        };
        let mut out = Vec::new();
        let received = self.client.receive(&bytes, Instant::ZERO, &mut out).unwrap();
        if let Received::Packet { event: Some(event), .. } = received {
            self.client_received.push(told(&event));
        }
        self.keep(&out);
        while let Some(completed) = self.client.completed() {
            assert_eq!(completed.outcome, Outcome::Published(ReasonCode::Success));
            self.ended.push(completed.ticket);
        }
        true
    }

    fn server(&mut self, bytes: &[u8]) {
        let Framing::Complete(frame) = Frame::parse(bytes, usize::MAX).unwrap() else {
            panic!("half a packet");
        };
        match frame.decode(Version::V5).unwrap() {
            Packet::Publish(publish) => {
                let packet_id = publish.delivery.packet_id().unwrap();
                if !self.server_unreleased.contains(&packet_id) {
                    self.server_unreleased.push(packet_id);
                    let payload = str::from_utf8(publish.payload).unwrap();
                    self.server_received.push(payload.to_owned());
                }
                self.reply(&pubrec(packet_id.get()));
            }
            Packet::PubRel(packet) => {
                self.server_unreleased.retain(|packet_id| *packet_id != packet.packet_id);
                self.reply(&pubcomp(packet.packet_id.get()));
            }
            Packet::PubRec(packet) => {
                for (packet_id, payload) in &mut self.server_sending {
                    if *packet_id == packet.packet_id {
                        *payload = None;
                    }
                }
                self.reply(&pubrel(packet.packet_id.get()));
            }
            Packet::PubComp(packet) => {
                self.server_sending.retain(|(packet_id, _)| *packet_id != packet.packet_id);
            }
            packet => panic!("unexpected {packet:?}"),
        }
    }

    fn reply(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).unwrap();
        self.to_client.push_back(bytes);
    }

    /// Puts what the client has written on its way, packet by packet.
    fn keep(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Framing::Complete(frame) = Frame::parse(rest, usize::MAX).unwrap() {
            self.to_server.push_back(rest[..frame.length()].to_vec());
            rest = &rest[frame.length()..];
        }
    }
}
