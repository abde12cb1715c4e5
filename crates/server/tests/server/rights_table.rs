//! Every source of users and their rights, with every right, in every version of the protocol, by our
//! rules and by Mosquitto's: what clients are answered, what they are sent, what others get of them,
//! and what becomes of their wills is what the model says.

mod model;
mod places;
#[expect(dead_code, reason = "the tests of the source itself use all of it")]
#[path = "../../src/access/sources/tests/postgresql_cluster.rs"]
mod postgresql_cluster;
mod service;

use ferrymq_codec::{Connect, Packet, Properties, QoS, TopicName, Version, Will};
use ferrymq_server::configuration::Persona;

use self::model::{Observed, TOPICS, expected};
use self::places::Place;
use crate::peer::{self, Peer};

/// Who knows users and what they may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// A password file and an ACL file.
    Files,
    /// Certificates of clients and an ACL file.
    Certificates,
    Tokens,
    Service,
    Sqlite,
    PostgreSql,
}

/// What somebody may do with the topics below `t`. A user is called as his right is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Right {
    None,
    Read,
    Write,
    ReadWrite,
    /// Everything, and nothing with `t/x`.
    Deny,
    /// Everything with all topics: for those who look on.
    All,
}

impl Right {
    const TESTED: [Self; 5] = [Self::None, Self::Read, Self::Write, Self::ReadWrite, Self::Deny];

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
            Self::Deny => "deny",
            Self::All => "all",
        }
    }
}

/// A user with each right.
fn names() -> impl Iterator<Item = &'static str> {
    Right::TESTED.into_iter().chain([Right::All]).map(Right::name)
}

#[test]
fn rights_of_files() {
    rights_are_those_of_the_model(Known::Files);
}

#[test]
fn rights_of_certificates() {
    rights_are_those_of_the_model(Known::Certificates);
}

#[test]
fn rights_of_tokens() {
    rights_are_those_of_the_model(Known::Tokens);
}

#[test]
fn rights_of_a_service() {
    rights_are_those_of_the_model(Known::Service);
}

#[test]
fn rights_of_sqlite() {
    rights_are_those_of_the_model(Known::Sqlite);
}

#[test]
fn rights_of_postgresql() {
    rights_are_those_of_the_model(Known::PostgreSql);
}

fn rights_are_those_of_the_model(known: Known) {
    for persona in [Persona::Ferrymq, Persona::Mosquitto] {
        let place = Place::open(known, persona);
        let mut onlooker = Onlooker::enter(&place);
        for right in Right::TESTED {
            for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
                let found = observe(&place, &mut onlooker, right, version);
                let expected = expected(known, persona, right, version);
                assert_eq!(found, expected, "{known:?} {persona:?} {right:?} {version:?}");
            }
        }
    }
}

/// Two clients that may do everything: one publishes what others may or may not get, the other sees
/// what others publish.
struct Onlooker {
    speaker: Peer,
    listener: Peer,
}

impl Onlooker {
    fn enter(place: &Place) -> Self {
        let enter = |client_id: &str| {
            let (mut peer, connack) = place.knock(Right::All, client_id, Version::V5, None);
            assert_eq!(connack, 0);
            peer.ping();
            peer
        };
        let (speaker, mut listener) = (enter("speaker"), enter("listener"));
        listener.subscribe(peer::Version::V5, "t/#", 1);
        Self { speaker, listener }
    }

    /// Publishes to all topics. When it is back, the broker has passed them on.
    fn speak(&mut self) {
        for topic in TOPICS {
            self.speaker.send(&peer::publish(peer::Version::V5, 1, 1, topic, b"spoken"));
            self.speaker.expect_kind(0x40);
        }
    }

    /// The topics of what others have said until now.
    fn hears(&mut self) -> Vec<&'static str> {
        let mut heard = messages(&mut self.listener, peer::Version::V5);
        heard.retain(|(_, payload)| payload != b"spoken");
        heard.into_iter().map(|(topic, _)| topic).collect()
    }
}

/// What a client with this right sees, and what others see of it.
fn observe(place: &Place, onlooker: &mut Onlooker, right: Right, version: Version) -> Observed {
    let on_wire = on_wire(version);
    let (mut client, connack) = place.knock(right, "client", version, None);
    assert_eq!(connack, 0);
    let subacks = ["t/#", "t/x"].map(|filter| {
        client.send(&peer::subscribe(on_wire, 5, filter, 1));
        client.expect_kind(0x90)
    });
    onlooker.speak();
    let delivered = messages(&mut client, on_wire).into_iter().map(|(topic, _)| topic).collect();
    // What it publishes from here on is not to come back to it.
    for filter in ["t/#", "t/x"] {
        client.send(&peer::unsubscribe(on_wire, 6, filter));
        client.expect_kind(0xb0);
    }
    onlooker.hears();
    let pubacks = TOPICS.map(|topic| {
        client.send(&peer::publish(on_wire, 1, 7, topic, b"said"));
        client.expect_kind(0x40)
    });
    let published = onlooker.hears();
    let wills = TOPICS.map(|topic| {
        let will = Will {
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: TopicName::parse(topic).unwrap(),
            payload: b"last words",
            properties: Properties::EMPTY,
        };
        let (mut client, connack) = place.knock(right, "mortal", version, Some(will));
        if connack == 0 {
            client.close_write();
        }
        client.expect_end();
        connack
    });
    let wills_published = onlooker.hears();
    Observed { subacks, delivered, pubacks, published, wills, wills_published }
}

/// The topics and payloads of the messages that have come until now; they are acknowledged. Whatever
/// was on its way comes before the answer to a question that is asked afterwards.
fn messages(peer: &mut Peer, version: peer::Version) -> Vec<(&'static str, Vec<u8>)> {
    let mut messages = Vec::new();
    peer.send(&[0xc0, 0]);
    loop {
        let packet = peer.receive().expect("the connection stands");
        if packet == [0xd0, 0] {
            return messages;
        }
        assert_eq!(packet[0], 0x32, "{packet:02x?}");
        let (packet_id, payload) = peer::published(version, &packet);
        // The topics differ in their last letter alone.
        let topic = TOPICS.into_iter().find(|topic| packet[4..].starts_with(topic.as_bytes()));
        messages.push((topic.expect("it is one of ours"), payload.to_vec()));
        peer.send(&peer::acknowledge(0x40, packet_id));
    }
}

/// The same packets, but for CONNECT, are those of 3.1 and 3.1.1.
const fn on_wire(version: Version) -> peer::Version {
    match version {
        Version::V3_1 | Version::V3_1_1 => peer::Version::V3_1_1,
        Version::V5 => peer::Version::V5,
    }
}

/// A CONNECT with a new session.
fn connect(
    version: Version,
    client_id: &str,
    who: (Option<&str>, Option<&[u8]>),
    will: Option<Will<'_>>,
) -> Vec<u8> {
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id,
        will,
        username: who.0,
        password: who.1,
        properties: Properties::EMPTY,
    };
    let mut bytes = Vec::new();
    Packet::Connect(connect).encode(version, &mut bytes).unwrap();
    bytes
}
