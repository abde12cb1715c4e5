//! A log on a disk that loses power, against a plain model of what must be there afterwards.
//!
//! `FERRYMQ_STORE_SEEDS=A..B` runs other seeds than the usual ones.

mod model;
mod random;
mod run;

use std::panic;

/// A seed that fails says which it was.
fn check(seed: u64) -> run::Report {
    match panic::catch_unwind(|| run::run(seed)) {
        Ok(report) => report,
        Err(finding) => {
            eprintln!("seed {seed} failed");
            panic::resume_unwind(finding)
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("FERRYMQ_STORE_SEEDS") else { return 0..SEEDS };
    let (first, end) = text.split_once("..").expect("FERRYMQ_STORE_SEEDS is A..B");
    first.parse().expect("a number")..end.parse().expect("a number")
}

#[test]
fn what_was_promised_is_there_whatever_happens() {
    let mut all = run::Report::default();
    for seed in seeds() {
        all.add(&check(seed));
    }
    // A run that does not get to what it is about would find nothing.
    let rare = [all.crashes, all.failed, all.refused, all.freed, all.kept, all.damaged, all.lost];
    assert!(rare.iter().all(|count| *count > 0), "{all:?}");
}

#[test]
fn same_seed_is_the_same_run() {
    for seed in [1, 22, 333] {
        assert_eq!(check(seed), check(seed));
    }
}

const SEEDS: u64 = 10_000;
