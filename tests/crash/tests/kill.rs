//! The broker is killed and must keep what it has promised; one that keeps nothing is found out.

use ferrymq_crash::{Report, RunOptions, run};

fn options(seed: u64, rounds: u64) -> RunOptions {
    RunOptions {
        seed,
        rounds,
        durability: "power".to_owned(),
        // Short ones are freed, and begun, under the kills.
        segment_bytes: Some(1 << 20),
        place: None,
        is_spared: false,
        is_verbose: false,
    }
}

#[track_caller]
fn check(options: &RunOptions) -> Report {
    run(options).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn kills_lose_nothing_and_bring_nothing_back() {
    let report = check(&options(1, 30));
    assert!(report.kills >= 20 && report.acknowledged > 1000, "{report:?}");
    assert!(report.layered_kills >= 5, "{report:?}");
}

#[test]
fn kills_lose_nothing_that_was_written_and_not_synced() {
    let report = check(&RunOptions { durability: "process".to_owned(), ..options(2, 20) });
    assert!(report.kills >= 12 && report.acknowledged > 500, "{report:?}");
}

#[test]
fn clients_of_a_broker_that_lives_get_what_they_are_owed() {
    let spared = RunOptions { is_spared: true, durability: "none".to_owned(), ..options(3, 10) };
    let report = check(&spared);
    assert!(report.settlements > 1 && report.received > report.acknowledged, "{report:?}");
}

#[test]
fn broker_that_keeps_nothing_is_found_out() {
    let forgetful = RunOptions { durability: "none".to_owned(), ..options(4, 10) };
    let failure = run(&forgetful).expect_err("everything was lost");
    assert!(failure.to_string().contains(" is lost"), "{failure}");
}
