//! Shards, and a store on a disk that has next to no segments it could do without: whenever the power
//! fails, the log says what a log would say that never freed anything.

#[path = "../../broker/tests/freed/mod.rs"]
mod freed;
#[path = "../../broker/tests/operations/mod.rs"]
mod operations;
#[path = "../../broker/tests/operations/strategy.rs"]
mod strategy;
#[path = "../../broker/tests/world/mod.rs"]
mod world;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferrymq_broker::{
    AllowAll, Epoch, Fetch, Fetched, FetchedMessage, Limits, Partition, RecordBatch, RecordNumber,
    Round, SessionNumber, SessionRef, ShardIndex,
};
use ferrymq_server::{Attendant, DurableStore, Opened, Store as _};
use ferrymq_store::{LogOptions, TwinDisk};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use freed::log::Log;
use freed::state::State;
use operations::{Op, run_in};
use strategy::{group_op, op};
use world::World;
use world::journal::Told;

/// Keeps what the store has for the shards.
#[derive(Default)]
struct Post {
    rounds: Mutex<Vec<Arc<Round>>>,
    fetched: Mutex<Vec<Fetched>>,
}

impl Attendant for Post {
    fn commit_wanted(&self) {}

    fn read_wanted(&self) {}

    fn news(&self, _shard: ShardIndex) {}

    fn fetched(&self, fetched: Fetched) {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).push(fetched);
    }

    fn round(&self, round: &Arc<Round>) {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(round));
    }
}

fn open(disk: TwinDisk) -> Opened<TwinDisk> {
    let options = LogOptions {
        segment_bytes: 4096,
        tail_bytes: 4096,
        cache_bytes: 4096,
        ..LogOptions::default()
    };
    Opened::new(disk, options, 7, |_, _| true).expect("a log that can be read")
}

/// A store, the shards that use it, and beside it all that it was ever told.
struct Scene {
    disk: TwinDisk,
    store: DurableStore<TwinDisk>,
    post: Arc<Post>,
    whole: Log,
    rounds: usize,
}

impl Scene {
    fn new(shards: u16, seed: u64) -> Self {
        let disk = TwinDisk::new(seed);
        let post = Arc::new(Post::default());
        let attendant: Arc<dyn Attendant> = Arc::<Post>::clone(&post);
        let (store, _) = DurableStore::new(open(disk.clone()), shards, attendant);
        Self { disk, store, post, whole: Log::default(), rounds: 0 }
    }

    /// The store takes what the shards have told, goes on with its round, and tells them of a new
    /// one.
    fn go_on(&mut self, world: &mut World) {
        for told in world.take_told() {
            match told {
                Told::Records { writer, first, records } => {
                    self.store.append(RecordBatch {
                        partition: Partition::LOCAL,
                        epoch: Epoch::FIRST,
                        writer,
                        at: world.now,
                        first,
                        needs_sync: true,
                        records: records.clone(),
                    });
                    self.whole.take(vec![Told::Records { writer, first, records }]);
                }
                Told::Survivors(survivors) => self.store.survivors(ShardIndex(0), survivors),
                Told::RoundDone(shard, round) => self.store.round_done(shard, round),
            }
        }
        while self.store.commit().expect("a disk that works") {}
        self.store.go_round();
        let rounds =
            std::mem::take(&mut *self.post.rounds.lock().unwrap_or_else(PoisonError::into_inner));
        for round in rounds {
            self.rounds += 1;
            world.begin_round(&round, 0..world.shards());
        }
    }

    /// What a broker finds after the power has failed.
    fn found(&self, shards: u16) -> State {
        let disk = self.disk.copy();
        disk.crash();
        let post = Arc::new(Post::default());
        let attendant: Arc<dyn Attendant> = Arc::<Post>::clone(&post);
        let (store, recovered) = DurableStore::new(open(disk), shards, attendant);
        State::of_recovered(&recovered, |session, number| {
            fetch(&store, &post, session, number)
                .unwrap_or_else(|| panic!("{session:?} is owed {number:?}, which is not there"))
        })
    }
}

fn fetch(
    store: &DurableStore<TwinDisk>,
    post: &Post,
    session: SessionNumber,
    number: RecordNumber,
) -> Option<FetchedMessage> {
    let session = SessionRef { number: session, slot: 0, shard: ShardIndex(0) };
    let fetched = store.fetch(Fetch { session, request: 1, messages: vec![number] });
    let fetched = fetched.or_else(|| {
        assert!(store.read(), "a fetch waits");
        post.fetched.lock().unwrap_or_else(PoisonError::into_inner).pop()
    });
    fetched?.messages.expect("a disk that works").pop()
}

/// How many rounds there were.
fn play(shards: u16, seed: u64, ops: &[Op]) -> usize {
    let limits = Limits {
        sys_interval: Duration::ZERO,
        round_sessions_per_turn: 1,
        round_entries_per_turn: 2,
        ..Limits::default()
    };
    let mut world = World::with(shards, limits, || Box::new(AllowAll));
    world.journal.told = Some(Vec::new());
    world.journal.unhurried = true;
    let mut scene = Scene::new(shards, seed);
    run_in(world, ops, |number, world| {
        scene.go_on(world);
        if number % 8 == 0 || number + 1 == ops.len() {
            let whole = State::of(&scene.whole.entries).without_order();
            assert_eq!(scene.found(shards).without_order(), whole, "after operation {number}");
        }
    });
    scene.rounds
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_found_after_a_crash_is_what_was_ever_recorded(
        shards in 1..=3_u16,
        seed in any::<u64>(),
        ops in prop::collection::vec(prop_oneof![op(), group_op()], 300..700),
    ) {
        play(shards, seed, &ops);
    }
}

/// The test above would say nothing if there were no rounds.
#[test]
fn there_are_rounds() {
    let mut runner = TestRunner::deterministic();
    let ops = prop::collection::vec(prop_oneof![op(), group_op()], 600..700);
    let rounds: usize = (0..10)
        .map(|seed| play(2, seed, &ops.new_tree(&mut runner).expect("operations").current()))
        .sum();
    assert!(rounds >= 20, "{rounds} rounds");
}
