//! Bytes that a server sends, to a client that asks it for all there is.

use std::collections::BTreeSet;
use std::time::Duration;

use ferrymq_codec::{
    Frame, Framing, Packet, Property, QoS, SubscriptionOptions, TopicFilter, TopicName, Version,
};
use ferrymq_protocol::client::{
    Client, Completed, ConnectOptions, Event, Message, Received, Subscribe, Unsubscribe,
};
use ferrymq_protocol::time::Instant;

use crate::pieces::pieces;

/// The data says what the client is like and how the bytes behind it arrive. Whatever they are, the
/// client writes whole packets that a client may send, and ends each request at most once, also
/// when it connects again and hears the same.
///
/// # Panics
///
/// If one of these does not hold.
pub fn client_link(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let in_pieces: Vec<&[u8]> = pieces(bytes, *lengths).collect();
    let outcome = hear(*head, &in_pieces);
    // Where nothing happens between the pieces it does not matter how many they are.
    if head & (BUSY | SLOW) == 0 {
        assert_eq!(hear(*head, &[bytes]), outcome, "in any pieces");
    }
}

/// What a client writes that hears these pieces, and the requests that have ended, in order.
fn hear(head: u8, pieces: &[&[u8]]) -> (Vec<u8>, Vec<Completed<usize>>) {
    let mut peer = Peer::new(head);
    let connections = if head & AGAIN > 0 { 2 } else { 1 };
    for _ in 0..connections {
        peer.connect();
        if head & WELCOME > 0 {
            peer.receive(peer.welcome());
        }
        for piece in pieces {
            peer.receive(piece);
            if head & BUSY > 0 {
                peer.ask();
            }
            if head & SLOW > 0 {
                peer.pass();
            }
        }
    }
    peer.check_output();
    let ended = peer.check_requests(connections);
    (peer.out, ended)
}

/// A client, the wire from it, and what was asked of it.
struct Peer {
    client: Client<usize>,
    now: Instant,
    /// What makes up no packet yet.
    unread: Vec<u8>,
    out: Vec<u8>,
    asked: usize,
}

impl Peer {
    fn new(head: u8) -> Self {
        let version = VERSIONS[usize::from(head & VERSION)];
        let mut options = ConnectOptions::new(version);
        if head & VERSION == WITH_METHOD {
            let method = Property::AuthenticationMethod("m");
            options.properties.push(method).expect("there is room for it");
        }
        options.client_id = "c".into();
        options.clean_start = head & PERSISTENT == 0;
        options.session_expiry_interval = if head & PERSISTENT > 0 { 100 } else { 0 };
        options.topic_alias_maximum = 2;
        options.unfinished_maximum = 20;
        let now = Instant::ZERO;
        let client = Client::new(options);
        let mut peer = Self { client, now, unread: Vec::new(), out: Vec::new(), asked: 0 };
        if head & EARLY > 0 {
            (0..10).for_each(|_| peer.ask());
        }
        peer
    }

    fn version(&self) -> Version {
        self.client.options().version
    }

    fn has_method(&self) -> bool {
        self.client.options().authentication_method().is_some()
    }

    fn connect(&mut self) {
        self.unread.clear();
        let data = self.has_method().then_some(&b"first"[..]);
        self.client.connect_with(data, &mut self.out).expect("options that any version has");
    }

    /// CONNACK that accepts, without a session.
    fn welcome(&self) -> &'static [u8] {
        match self.version() {
            Version::V5 if self.has_method() => b"\x20\x07\0\0\x04\x15\0\x01m",
            Version::V5 => b"\x20\x03\0\0\0",
            Version::V3_1 | Version::V3_1_1 => b"\x20\x02\0\0",
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        // After an error or a farewell the caller closes the connection and reads no more.
        while let Ok(Received::Packet { length, event }) =
            self.client.receive(&self.unread, self.now, &mut self.out)
        {
            if matches!(event, Some(Event::Authenticate { .. })) {
                let answered = self.client.authenticate(Some(b"next"), self.now, &mut self.out);
                answered.expect("the server waits for it");
            }
            assert!(length <= self.unread.len(), "a packet is of what has come");
            self.unread.drain(..length);
        }
    }

    /// Makes the next of the requests by turns.
    fn ask(&mut self) {
        let (ticket, now, out) = (self.asked, self.now, &mut self.out);
        // It may have no method, no connection, or be at it.
        let _ = self.client.reauthenticate(None, now, out);
        self.asked += 1;
        let filter = TopicFilter::trusted("a/+");
        let qos = match ticket % 5 {
            0 => QoS::AtLeastOnce,
            1 => QoS::ExactlyOnce,
            2 => QoS::AtMostOnce,
            3 => {
                let maximum_qos = QoS::ExactlyOnce;
                let options = SubscriptionOptions { maximum_qos, ..Default::default() };
                self.client.subscribe(Subscribe::new(filter, options), ticket, now, out);
                return;
            }
            _ => {
                self.client.unsubscribe(Unsubscribe::new(filter), ticket, now, out);
                return;
            }
        };
        let mut message = Message::new(TopicName::trusted("a/b"), "x");
        message.qos = qos;
        self.client.publish(message, ticket, now, out);
    }

    /// Half a keep alive passes.
    fn pass(&mut self) {
        self.now = self.now.saturating_add(Duration::from_secs(30));
        // An error is the end of the connection, which the next call finds by itself.
        let _ = self.client.poll(self.now, &mut self.out);
        let deadline = self.client.deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "what is due was done");
    }

    /// What was written is packets, from the first byte to the last.
    fn check_output(&self) {
        let version = self.version();
        let mut rest = self.out.as_slice();
        while !rest.is_empty() {
            let framing = Frame::parse(rest, usize::MAX).expect("good output");
            let Framing::Complete(frame) = framing else { panic!("half a packet was written") };
            let packet = frame.decode(version).expect("good output");
            let is_of_a_server = matches!(
                packet,
                Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp
            );
            assert!(!is_of_a_server, "no client sends {packet:?}");
            // [MQTT-4.12.0-7]
            assert!(self.has_method() || !matches!(packet, Packet::Auth(_)), "{packet:?}");
            rest = &rest[frame.length()..];
        }
    }

    /// What was asked for has ended once, or waits.
    fn check_requests(&mut self, connections: usize) -> Vec<Completed<usize>> {
        let ended: Vec<_> = std::iter::from_fn(|| self.client.completed()).collect();
        let tickets: BTreeSet<usize> = ended.iter().map(|completed| completed.ticket).collect();
        assert_eq!(tickets.len(), ended.len(), "one ends twice: {ended:?}");
        assert!(tickets.iter().all(|ticket| *ticket < self.asked), "not asked for: {ended:?}");
        let waiting = self.asked - ended.len();
        let unfinished = self.client.unfinished();
        // On a second connection the client also asks, of itself, for its subscriptions.
        let has_lost_none = waiting == unfinished || connections > 1 && waiting < unfinished;
        assert!(has_lost_none, "{waiting} have not ended, {unfinished} wait");
        ended
    }
}

const VERSIONS: [Version; 4] = [Version::V5, Version::V3_1_1, Version::V3_1, Version::V5];

/// Which version the client speaks.
const VERSION: u8 = 0b0000_0011;
/// MQTT 5.0 with an Authentication Method.
const WITH_METHOD: u8 = 0b0000_0011;
/// A good CONNACK comes before the data.
const WELCOME: u8 = 0b0000_0100;
/// The session outlives the connection.
const PERSISTENT: u8 = 0b0000_1000;
/// Requests are made before the first connection.
const EARLY: u8 = 0b0001_0000;
/// A request is made after each piece.
const BUSY: u8 = 0b0010_0000;
/// Time passes after each piece.
const SLOW: u8 = 0b0100_0000;
/// The client connects a second time.
const AGAIN: u8 = 0b1000_0000;
