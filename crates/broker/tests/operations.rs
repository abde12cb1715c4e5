//! Whatever happens in whatever order, clients get what they are owed: see `operations/mod.rs`.

#[path = "operations/mod.rs"]
mod operations;
#[path = "operations/strategy.rs"]
mod strategy;
mod world;

use proptest::prelude::*;

use operations::run_in;
use strategy::op;
use world::World;

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
}
