//! Whatever happens in whatever order, clients get what they are owed: see `operations/mod.rs`.

#[path = "operations/mod.rs"]
mod operations;
#[path = "operations/strategy.rs"]
mod strategy;
mod world;

use proptest::prelude::*;

use operations::{Op, run_in};
use strategy::op;
use world::World;

fn op_or_crash() -> impl Strategy<Value = Op> {
    let crash = (1..=3_u16, 0..40_usize).prop_map(|(shards, lost)| Op::Crash { shards, lost });
    prop_oneof![10 => op(), 1 => crash]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn clients_get_what_they_are_owed(
        shards in 1..=3_u16,
        ops in prop::collection::vec(op(), 1..120),
    ) {
        run_in(World::new(shards), &ops, |_, _| {});
    }

    #[test]
    fn clients_get_what_they_are_owed_wherever_the_process_ends(
        shards in 1..=3_u16,
        ops in prop::collection::vec(op_or_crash(), 1..120),
    ) {
        run_in(World::new(shards), &ops, |_, _| {});
    }
}

/// The queue runs empty with nothing under way: nobody's acknowledgement would move it again.
#[test]
fn what_comes_after_a_dropped_message_is_sent_at_once() {
    let connect = |client, small| {
        let (window, expires) = if small { (1, true) } else { (0, false) };
        Op::Connect { client, clean: small, expires, window, small, hasty: false }
    };
    let publish = |client, big| Op::Publish { client, topic: 0, qos: 1, retain: false, big };
    let subscribe =
        Op::Subscribe { client: 0, filter: 2, qos: 1, no_local: false, as_published: false };
    let ops = [
        connect(0, true),
        subscribe,
        connect(1, false),
        publish(1, false),
        publish(1, true),
        Op::Answer { client: 0, which: 0 },
        publish(1, false),
    ];
    run_in(World::new(1), &ops, |_, _| {});
}

/// The client remembers the packet identifier of what it was sent on its first connection.
#[test]
fn packet_id_of_what_cannot_be_sent_again_is_released_before_it_is_used_again() {
    let connect = |client, small| Op::Connect {
        client,
        clean: false,
        expires: false,
        window: 0,
        small,
        hasty: false,
    };
    let publish = Op::Publish { client: 1, topic: 0, qos: 2, retain: false, big: true };
    let ops = [
        connect(0, false),
        Op::Subscribe { client: 0, filter: 2, qos: 2, no_local: false, as_published: false },
        connect(1, false),
        publish.clone(),
        connect(0, true),
        Op::Crash { shards: 1, lost: 0 },
        connect(0, false),
        connect(1, false),
        publish,
    ];
    run_in(World::new(1), &ops, |_, _| {});
}
