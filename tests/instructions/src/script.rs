//! The script: one client publishes, another receives and acknowledges.

use std::ops::Range;
use std::sync::Arc;

use ferrymq_broker::{
    Ask, ControlRequest, Directory, Durability, Limits, Shard, ShardIndex, ShardOptions,
};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{Admission, Control, Entrance, Mailbox, SocketLimits, Turn, TurnParts, Wake};

use crate::keeping::Keeping;
use crate::rights::Rights;
use crate::stage::Stage;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    qos: QoS,
    durability: Durability,
    /// Whether the receiver's session ends with its connection.
    clean_session: bool,
    /// Messages that come together.
    burst: u16,
    rights: Rights,
}

/// With which quality of service messages are published and received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QoS {
    Zero,
    One,
}

impl Case {
    /// Plays the script to the end.
    pub(crate) fn play(&self, messages: u32) -> Result<(), String> {
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let keeping = Keeping::new(self.durability, data.path())?;
        let mut theatre = Theatre::new(self, keeping)?;
        let receiver = theatre.connect(b"receiver", self.clean_session)?;
        theatre.say(receiver, SUBSCRIBE)?;
        theatre.hear(receiver, SUBACK)?;
        let publisher = theatre.connect(b"publisher", true)?;
        for _ in 0..messages / u32::from(self.burst) {
            match self.qos {
                QoS::Zero => theatre.publish_at_most_once(publisher, receiver, self.burst)?,
                QoS::One => theatre.publish_at_least_once(publisher, receiver, self.burst)?,
            }
        }
        Ok(())
    }
}

/// A broker of one shard.
struct Theatre {
    turn: Turn<Stage>,
    keeping: Keeping,
    /// What a publisher says and what it is to hear, for a whole burst.
    publishes: Vec<u8>,
    pubacks: Vec<u8>,
    heard: Vec<u8>,
    acknowledgements: Vec<u8>,
}

impl Theatre {
    fn new(case: &Case, keeping: Keeping) -> Result<Self, String> {
        let (durability, ids) = (case.durability, 1..=case.burst);
        let sys_interval = std::time::Duration::ZERO;
        let limits = Arc::new(Limits { durability, sys_interval, ..Limits::default() });
        let (index, now) = (ShardIndex(0), Instant::ZERO);
        let shard = Shard::new(ShardOptions {
            index,
            limits: Arc::clone(&limits),
            directory: Arc::new(Directory::new(1, SEED)),
            access: case.rights.access()?,
            now,
            seed: SEED,
            first_record: 1,
        });
        let turn = Turn::new(TurnParts {
            network: Stage::new(now),
            shard,
            index,
            listeners: vec![Entrance::new(())],
            post: Arc::new([Mailbox::new(Box::new(Nobody))]),
            store: keeping.store(),
            control: Arc::new(Nobody),
            admission: Arc::new(Admission::new(usize::MAX)),
            limits,
            sockets: SocketLimits::default(),
        });
        let publishes = match case.qos {
            QoS::Zero => PUBLISH_AT_MOST_ONCE.repeat(usize::from(case.burst)),
            QoS::One => ids.clone().flat_map(publish).collect(),
        };
        let pubacks = ids.flat_map(puback).collect();
        let (heard, acknowledgements) = (Vec::new(), Vec::new());
        Ok(Self { turn, keeping, publishes, pubacks, heard, acknowledgements })
    }

    /// A burst of messages that nobody acknowledges.
    fn publish_at_most_once(
        &mut self,
        publisher: usize,
        receiver: usize,
        burst: u16,
    ) -> Result<(), String> {
        self.say_burst(publisher);
        self.work()?;
        self.turn.network().read_down(receiver, &mut self.heard);
        if self.heard.len() != usize::from(burst) * PUBLISH_AT_MOST_ONCE.len() {
            return Err(format!("{} bytes were delivered", self.heard.len()));
        }
        Ok(())
    }

    /// A burst of messages that both sides acknowledge.
    fn publish_at_least_once(
        &mut self,
        publisher: usize,
        receiver: usize,
        burst: u16,
    ) -> Result<(), String> {
        self.say_burst(publisher);
        self.work()?;
        self.turn.network().read_down(receiver, &mut self.heard);
        self.acknowledgements.clear();
        for packet in self.heard.chunks(PUBLISH_LENGTH) {
            let id = packet.get(PACKET_ID).ok_or("the last message is not all there")?;
            self.acknowledgements.extend_from_slice(&[0x40, 2]);
            self.acknowledgements.extend_from_slice(id);
        }
        if self.acknowledgements.len() != usize::from(burst) * PUBACK_LENGTH {
            return Err(format!("{} bytes were delivered", self.heard.len()));
        }
        self.turn.network().write_up(receiver, &self.acknowledgements);
        self.work()?;
        self.turn.network().read_down(publisher, &mut self.heard);
        if self.heard != self.pubacks {
            return Err(format!("the broker said {:?} to the publisher", self.heard));
        }
        Ok(())
    }

    fn say_burst(&mut self, publisher: usize) {
        self.turn.network().write_up(publisher, &self.publishes);
    }

    fn connect(&mut self, client_id: &[u8], clean_session: bool) -> Result<usize, String> {
        let connection = self.turn.network().connect();
        let [length, ..] = (12 + client_id.len() + USERNAME.len()).to_le_bytes();
        let [of_client_id, ..] = client_id.len().to_le_bytes();
        let mut bytes = vec![0x10, length];
        bytes.extend_from_slice(b"\x00\x04MQTT\x04");
        let flags = 0x80 | u8::from(clean_session) << 1;
        bytes.extend_from_slice(&[flags, 0, 0, 0, of_client_id]);
        bytes.extend_from_slice(client_id);
        bytes.extend_from_slice(USERNAME);
        self.say(connection, &bytes)?;
        self.hear(connection, CONNACK)?;
        Ok(connection)
    }

    /// A client writes, and the broker works until it has nothing left to do.
    fn say(&mut self, connection: usize, bytes: &[u8]) -> Result<(), String> {
        self.turn.network().write_up(connection, bytes);
        self.work()
    }

    /// The broker works until it has nothing left to do.
    fn work(&mut self) -> Result<(), String> {
        while self.keeping.step()? || !self.turn.network().asleep {
            self.turn.run_once();
        }
        Ok(())
    }

    /// A client reads: this and nothing else.
    fn hear(&mut self, connection: usize, expected: &[u8]) -> Result<(), String> {
        self.turn.network().read_down(connection, &mut self.heard);
        if self.heard != expected {
            return Err(format!("the broker said {:?} instead of {expected:?}", self.heard));
        }
        Ok(())
    }
}

/// Nobody sleeps, and nobody asks.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

impl Control for Nobody {
    fn ask(&self, _: Ask) {}

    fn control(&self, _: ControlRequest) {}
}

fn publish(packet_id: u16) -> [u8; PUBLISH_LENGTH] {
    let mut packet = [b'x'; PUBLISH_LENGTH];
    packet[..PACKET_ID.start].copy_from_slice(b"\x32\x4b\x00\x07a/topic");
    packet[PACKET_ID].copy_from_slice(&packet_id.to_be_bytes());
    packet
}

fn puback(packet_id: u16) -> [u8; PUBACK_LENGTH] {
    let [high, low] = packet_id.to_be_bytes();
    [0x40, 2, high, low]
}

/// With 64 bytes of payload.
const PUBLISH_LENGTH: usize = 77;
/// Where its packet id is.
const PACKET_ID: Range<usize> = 11..13;
const PUBACK_LENGTH: usize = 4;

/// The same without a packet id.
const PUBLISH_AT_MOST_ONCE: &[u8] = b"\x30\x49\x00\x07a/topic\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Both clients have the name `a`, with its length before it: it is the first level of their topic.
const USERNAME: &[u8] = b"\x00\x01a";
const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const SUBSCRIBE: &[u8] = b"\x82\x0c\x00\x01\x00\x07a/topic\x01";
const SUBACK: &[u8] = &[0x90, 3, 0, 1, 1];

/// The same in every run, so that tables of hashes are too.
const SEED: u64 = 0x5eed;

/// All cases, in the order of the table.
pub(crate) const CASES: [Case; 16] = [
    QOS_1.named("clean session, one at a time, none"),
    QOS_1.power().named("clean session, one at a time, power"),
    QOS_1.burst().named("clean session, 32 together, none"),
    QOS_1.burst().power().named("clean session, 32 together, power"),
    QOS_1.persistent().named("persistent session, one at a time, none"),
    QOS_1.persistent().power().named("persistent session, one at a time, power"),
    QOS_1.persistent().burst().named("persistent session, 32 together, none"),
    QOS_1.persistent().burst().power().named("persistent session, 32 together, power"),
    QOS_1.rights(Rights::Users).named("clean session, one at a time, none, ACL file"),
    QOS_1.rights(Rights::Patterns).named("clean session, one at a time, none, ACL patterns"),
    QOS_1.burst().rights(Rights::Users).named("clean session, 32 together, none, ACL file"),
    QOS_1.burst().rights(Rights::Patterns).named("clean session, 32 together, none, ACL patterns"),
    QOS_0.named("QoS 0, one at a time"),
    QOS_0.rights(Rights::Users).named("QoS 0, one at a time, ACL file"),
    QOS_0.burst().named("QoS 0, 32 together"),
    QOS_0.burst().rights(Rights::Users).named("QoS 0, 32 together, ACL file"),
];

const QOS_1: Case = Case {
    name: "",
    qos: QoS::One,
    durability: Durability::None,
    clean_session: true,
    burst: 1,
    rights: Rights::Open,
};
const QOS_0: Case = Case { qos: QoS::Zero, ..QOS_1 };

impl Case {
    const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    const fn power(self) -> Self {
        Self { durability: Durability::Power, ..self }
    }

    const fn persistent(self) -> Self {
        Self { clean_session: false, ..self }
    }

    const fn burst(self) -> Self {
        Self { burst: 32, ..self }
    }

    const fn rights(self, rights: Rights) -> Self {
        Self { rights, ..self }
    }
}
