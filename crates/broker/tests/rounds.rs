//! A log that frees its oldest records says the same as one that keeps them all.

mod freed;
#[path = "operations/mod.rs"]
mod operations;
#[path = "operations/strategy.rs"]
mod strategy;
mod world;

use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use self::freed::log::Log;
use self::freed::state::State;
use self::operations::{Op, run_in};
use self::strategy::{group_op, op};
use self::world::World;

/// A round that begins after an operation.
#[derive(Clone, Debug)]
struct Begin {
    after: usize,
    /// How much of the log is to be freed.
    part: u8,
    /// The shards that the log tells first, as bits.
    shards: u8,
}

fn begin() -> impl Strategy<Value = Begin> {
    (10..100_usize, prop_oneof![1 => any::<u8>(), 3 => Just(u8::MAX)], any::<u8>())
        .prop_map(|(after, part, shards)| Begin { after, part, shards })
}

/// A world in which a round looks at next to nothing in one turn.
fn world(shards: u16) -> World {
    let limits = Limits {
        sys_interval: Duration::ZERO,
        round_sessions_per_turn: 1,
        round_entries_per_turn: 2,
        round_bytes_per_turn: 1,
        ..Limits::default()
    };
    let mut world = World::with(shards, limits, || Box::new(AllowAll));
    world.journal.told = Some(Vec::new());
    world.journal.unhurried = true;
    world
}

/// Plays the operations, with rounds; the log, and what it held after each operation.
fn play(shards: u16, ops: &[Op], rounds: &[Begin]) -> (Log, Vec<State>) {
    let mut log = Log::default();
    let mut states = Vec::new();
    run_in(world(shards), ops, |number, world| {
        log.take(world.take_told());
        states.push(State::of(&log.entries));
        for begin in rounds.iter().filter(|begin| begin.after == number) {
            let count = usize::from(shards);
            if let Some(round) = log.begin_round(begin.part, count) {
                let first = usize::from(begin.shards) % count;
                let told =
                    (0..count).filter(|shard| *shard == first || begin.shards >> shard & 1 == 1);
                world.begin_round(&round, told);
            }
        }
    });
    (log, states)
}

fn freed_log_is_the_whole_log(shards: u16, ops: &[Op], rounds: &[Begin]) {
    let (_, freed) = play(shards, ops, rounds);
    let (_, whole) = play(shards, ops, &[]);
    for (number, (freed, whole)) in freed.iter().zip(&whole).enumerate() {
        assert_eq!(freed, whole, "after operation {number}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn log_that_was_freed_says_what_the_whole_log_says(
        shards in 1..=4_u16,
        ops in prop::collection::vec(op(), 20..120),
        rounds in prop::collection::vec(begin(), 1..8),
    ) {
        freed_log_is_the_whole_log(shards, &ops, &rounds);
    }

    #[test]
    fn nothing_owed_is_freed_while_members_of_a_group_come_and_go(
        shards in 2..=4_u16,
        ops in prop::collection::vec(group_op(), 20..120),
        rounds in prop::collection::vec(begin(), 1..8),
    ) {
        freed_log_is_the_whole_log(shards, &ops, &rounds);
    }
}

/// The tests above would say nothing if rounds did not end or found nothing.
#[test]
fn rounds_end_and_find_survivors() {
    let mut runner = TestRunner::deterministic();
    let ops = prop::collection::vec(prop_oneof![op(), group_op()], 100..120);
    let rounds = prop::collection::vec(begin(), 4..8);
    let (mut ended, mut kept) = (0, 0);
    for shards in [1, 2, 3, 4].repeat(10) {
        let ops = ops.new_tree(&mut runner).expect("operations").current();
        let rounds = rounds.new_tree(&mut runner).expect("rounds").current();
        let (log, _) = play(shards, &ops, &rounds);
        ended += log.ended;
        kept += log.kept;
    }
    assert!(ended > 40, "{ended} rounds have ended");
    assert!(kept > 40, "{kept} messages were kept");
}
