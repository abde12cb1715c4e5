//! The script: one client publishes QoS 1, another receives and acknowledges.

use std::sync::Arc;

use ferrymq_broker::{
    AllowAll, Ask, ControlRequest, Directory, Durability, Limits, Shard, ShardIndex, ShardOptions,
};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{Admission, Control, Entrance, Mailbox, SocketLimits, Turn, TurnParts, Wake};

use crate::keeping::Keeping;
use crate::stage::Stage;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) durability: Durability,
    /// Whether the receiver's session ends with its connection.
    clean_session: bool,
    /// Messages that come together.
    burst: u16,
}

impl Case {
    /// Plays the script to the end.
    pub(crate) fn play(&self, messages: u32) -> Result<(), String> {
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let keeping = Keeping::new(self.durability, data.path())?;
        let mut theatre = Theatre::new(self.durability, keeping);
        let receiver = theatre.connect(b"receiver", self.clean_session)?;
        theatre.say(receiver, SUBSCRIBE)?;
        theatre.hear(receiver, SUBACK)?;
        let publisher = theatre.connect(b"publisher", true)?;
        let publishes: Vec<u8> = (1..=self.burst).flat_map(publish).collect();
        let pubacks: Vec<u8> = (1..=self.burst).flat_map(puback).collect();
        let (mut delivered, mut acknowledgements) = (Vec::new(), Vec::new());
        for _ in 0..messages / u32::from(self.burst) {
            theatre.say(publisher, &publishes)?;
            theatre.turn.network().read_down(receiver, &mut delivered);
            acknowledgements.clear();
            for packet in delivered.chunks(PUBLISH_LENGTH) {
                let id = packet.get(PACKET_ID).ok_or("the last message is not all there")?;
                acknowledgements.extend_from_slice(&[0x40, 2]);
                acknowledgements.extend_from_slice(id);
            }
            theatre.say(receiver, &acknowledgements)?;
            theatre.hear(publisher, &pubacks)?;
            if acknowledgements.len() != pubacks.len() {
                return Err(format!("{} bytes were delivered", delivered.len()));
            }
        }
        Ok(())
    }
}

/// A broker of one shard.
struct Theatre {
    turn: Turn<Stage>,
    keeping: Keeping,
    heard: Vec<u8>,
}

impl Theatre {
    fn new(durability: Durability, keeping: Keeping) -> Self {
        let sys_interval = std::time::Duration::ZERO;
        let limits = Arc::new(Limits { durability, sys_interval, ..Limits::default() });
        let (index, now) = (ShardIndex(0), Instant::ZERO);
        let shard = Shard::new(ShardOptions {
            index,
            limits: Arc::clone(&limits),
            directory: Arc::new(Directory::new(1, SEED)),
            access: Box::new(AllowAll),
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
        Self { turn, keeping, heard: Vec::new() }
    }

    fn connect(&mut self, client_id: &[u8], clean_session: bool) -> Result<usize, String> {
        let connection = self.turn.network().connect();
        let [length, ..] = (12 + client_id.len()).to_le_bytes();
        let [of_client_id, ..] = client_id.len().to_le_bytes();
        let mut bytes = vec![0x10, length];
        bytes.extend_from_slice(b"\x00\x04MQTT\x04");
        bytes.extend_from_slice(&[u8::from(clean_session) << 1, 0, 0, 0, of_client_id]);
        bytes.extend_from_slice(client_id);
        self.say(connection, &bytes)?;
        self.hear(connection, CONNACK)?;
        Ok(connection)
    }

    /// A client writes, and the broker works until it has nothing left to do.
    fn say(&mut self, connection: usize, bytes: &[u8]) -> Result<(), String> {
        self.turn.network().write_up(connection, bytes);
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

fn puback(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0x40, 2, high, low]
}

/// With 64 bytes of payload.
const PUBLISH_LENGTH: usize = 77;
/// Where its packet id is.
const PACKET_ID: std::ops::Range<usize> = 11..13;

const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const SUBSCRIBE: &[u8] = b"\x82\x0c\x00\x01\x00\x07a/topic\x01";
const SUBACK: &[u8] = &[0x90, 3, 0, 1, 1];

/// The same in every run, so that tables of hashes are too.
const SEED: u64 = 0x5eed;

/// All cases, in the order of the table.
pub(crate) const CASES: [Case; 8] = [
    case("clean session, one at a time, none", Durability::None, true, 1),
    case("clean session, one at a time, power", Durability::Power, true, 1),
    case("clean session, 32 together, none", Durability::None, true, 32),
    case("clean session, 32 together, power", Durability::Power, true, 32),
    case("persistent session, one at a time, none", Durability::None, false, 1),
    case("persistent session, one at a time, power", Durability::Power, false, 1),
    case("persistent session, 32 together, none", Durability::None, false, 32),
    case("persistent session, 32 together, power", Durability::Power, false, 32),
];

const fn case(name: &'static str, durability: Durability, clean_session: bool, burst: u16) -> Case {
    Case { name, durability, clean_session, burst }
}
