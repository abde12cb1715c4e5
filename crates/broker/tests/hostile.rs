//! Clients that keep no rule: packets in any order with any identifiers, some of them damaged, in
//! pieces of any length. The broker ends their connections, settles nothing twice, and owes nothing
//! when all are gone.

mod world;

use std::time::Duration;

use ferrymq_codec::Version;
use proptest::prelude::*;
use world::{Client, World};

#[derive(Clone, Debug)]
enum Op {
    Open,
    Send { client: usize, packet: Vec<u8>, piece: usize },
    Damaged { client: usize, packet: Vec<u8>, place: usize, byte: u8 },
    Cut { client: usize },
    Durable(bool),
    AnswerFetches { well: bool },
    HoldMail(bool),
    Pass { seconds: u8 },
}

/// Packets of MQTT 5.0, with few enough names and identifiers to meet each other.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let id = 1..4_u8;
    prop_oneof![
        4 => (0..2_u8, any::<bool>(), 0..3_u8, 0..2_u8).prop_map(|(name, clean, window, expiry)| {
            let mut packet = vec![0x10, 22, 0, 4, b'M', b'Q', b'T', b'T', 5, u8::from(clean) << 1];
            packet.extend([0, 10, 8, 17, 0, 0, 0, expiry * 100, 33, 0, window + 1]);
            packet.extend([0, 1, b'a' + name]);
            packet
        }),
        6 => (id.clone(), 0..3_u8, any::<bool>(), any::<bool>(), 0..3_u8).prop_map(
            |(id, qos, dup, retain, alias)| {
                let first = 0x30 | u8::from(dup) << 3 | qos << 1 | u8::from(retain);
                let mut body = match alias {
                    2 => vec![0, 0],
                    _ => vec![0, 1, b't'],
                };
                if qos > 0 {
                    body.extend([0, id]);
                }
                match alias {
                    0 => body.push(0),
                    _ => body.extend([3, 35, 0, 1]),
                }
                body.push(b'x');
                let length = u8::try_from(body.len()).expect("short");
                [vec![first, length], body].concat()
            },
        ),
        4 => (id.clone(), 0..3_u8, any::<bool>()).prop_map(|(id, qos, shared)| {
            let filter: &[u8] = if shared { b"$share/g/#" } else { b"#" };
            let length = u8::try_from(filter.len()).expect("short");
            let head = vec![0x82, 6 + length, 0, id, 0, 0, length];
            [head, filter.to_vec(), vec![qos]].concat()
        }),
        1 => id.clone().prop_map(|id| vec![0xA2, 6, 0, id, 0, 0, 1, b'#']),
        6 => (id, prop::sample::select(vec![0x40_u8, 0x50, 0x62, 0x70]), any::<bool>()).prop_map(
            |(id, kind, refused)| match refused {
                true if kind < 0x60 => vec![kind, 3, 0, id, 0x80],
                _ => vec![kind, 2, 0, id],
            },
        ),
        1 => Just(vec![0xC0, 0]),
        1 => (0..2_u8).prop_map(|expiry| vec![0xE0, 7, 0, 5, 17, 0, 0, 0, expiry]),
        1 => Just(vec![0xF0, 0]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..3_usize;
    prop_oneof![
        2 => Just(Op::Open),
        16 => (client.clone(), packet(), 1..30_usize)
            .prop_map(|(client, packet, piece)| Op::Send { client, packet, piece }),
        1 => (client.clone(), packet(), any::<usize>(), any::<u8>()).prop_map(
            |(client, packet, place, byte)| Op::Damaged { client, packet, place, byte }
        ),
        1 => client.prop_map(|client| Op::Cut { client }),
        1 => any::<bool>().prop_map(Op::Durable),
        1 => any::<bool>().prop_map(|well| Op::AnswerFetches { well }),
        1 => any::<bool>().prop_map(Op::HoldMail),
        1 => (0..40_u8).prop_map(|seconds| Op::Pass { seconds }),
    ]
}

fn run(shards: u16, ops: &[Op]) {
    let mut world = World::new(shards);
    let mut clients: Vec<Client> = Vec::new();
    for op in ops {
        let nth = |client: usize| clients.iter().rev().nth(client).copied();
        match op {
            Op::Open => clients.push(world.open(0, Version::V5)),
            Op::Send { client, packet, piece } => {
                if let Some(client) = nth(*client) {
                    packet.chunks(*piece).for_each(|piece| world.send_bytes(client, piece));
                }
            }
            Op::Damaged { client, packet, place, byte } => {
                let mut packet = packet.clone();
                let place = place % packet.len();
                // What answers another version cannot be read as an answer to this one.
                if packet[0] != 0x10 || place != PROTOCOL_LEVEL {
                    packet[place] = *byte;
                }
                if let Some(client) = nth(*client) {
                    world.send_bytes(client, &packet);
                }
            }
            Op::Cut { client } => nth(*client).into_iter().for_each(|client| world.cut(client)),
            Op::Durable(true) => world.make_durable(),
            Op::Durable(false) => world.durable = false,
            Op::AnswerFetches { well } => {
                world.fetches = *well;
                world.answer_fetches(*well);
            }
            Op::HoldMail(held) => world.hold_mail(*held),
            Op::Pass { seconds } => world.pass(Duration::from_secs(u64::from(*seconds))),
        }
    }
    world.hold_mail(false);
    world.fetches = true;
    world.make_durable();
    for client in clients {
        // Whatever was written is packets, from the first byte to the last.
        world.take(client);
        world.cut(client);
    }
    // The longest session lasts 100 seconds longer than its connection, or 255 if it was damaged.
    world.pass(Duration::from_secs(1_000_000_000));
    world.pass(Duration::from_secs(4_000_000_000));
    assert_eq!(world.stored(), 0, "messages in the store");
    assert_eq!(world.connections(), 0, "connections");
    assert_eq!(world.directory.metrics().sessions(), 0, "sessions");
    assert_eq!(world.directory.metrics().messages_queued(), 0, "queued messages");
    assert_eq!(world.directory.subscription_counts(), (0, 0), "subscriptions");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_breaks_and_nothing_is_left(
        shards in 1..=3_u16,
        ops in prop::collection::vec(op(), 1..150),
    ) {
        run(shards, &ops);
    }
}

/// Where CONNECT says which version it speaks.
const PROTOCOL_LEVEL: usize = 8;
