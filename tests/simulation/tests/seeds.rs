//! Runs seeds: some hundred, those that once failed, and one twice.

use ferrymq_simulation::{Report, run, run_calm};

fn check(seed: u64) -> Report {
    run(seed, false).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn calm_seeds_find_nothing() {
    for seed in 0..20 {
        let report = run_calm(seed, false).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(report.publications > 20, "seed {seed} has hardly done anything");
    }
}

#[test]
fn seeds_find_nothing() {
    let publications: usize = (0..SEEDS).map(|seed| check(seed).publications).sum();
    assert!(publications > 20 * 300, "the seeds have hardly done anything");
}

#[test]
fn same_seed_is_the_same_run() {
    for seed in [3, 17, 99] {
        assert_eq!(check(seed), check(seed));
        assert_ne!(check(seed).hash, check(seed + 1).hash);
    }
}

const SEEDS: u64 = 600;
