//! Replays a seed (`--seed N [--trace]`) or runs a range of them (`--seeds A..B`), with `--disk` on
//! a disk and with crashes, with `--layers` through WebSocket and behind proxies.

use std::io::{self, Write};
use std::process::ExitCode;

use ferrymq_simulation::{run, run_on_disk, run_through_layers};

fn main() -> ExitCode {
    let (kinds, arguments): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| matches!(argument.as_str(), "--disk" | "--layers"));
    let run = match kinds.first().map(String::as_str) {
        Some("--disk") => run_on_disk,
        Some(_) => run_through_layers,
        None => run,
    };
    let Some((first, end, printed)) = parse(&arguments) else {
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    let mut failures = 0;
    for seed in first..end {
        // A panic ends a release build: say before it which seed it was.
        std::panic::set_hook(Box::new(move |panic| {
            let _ = writeln!(io::stderr(), "seed {seed}: {panic}");
        }));
        match run(seed, printed) {
            Ok(report) if end - first == 1 => {
                let _ = writeln!(io::stdout(), "seed {seed}: {report:?}");
            }
            Ok(_) => {}
            Err(failure) => {
                failures += 1;
                let _ = writeln!(io::stdout(), "{failure}");
            }
        }
    }
    let _ = writeln!(io::stdout(), "{failures} of {} seeds failed", end - first);
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first seed, the one after the last, and whether each event is printed.
fn parse(arguments: &[String]) -> Option<(u64, u64, bool)> {
    let (range, rest) = arguments.split_first_chunk::<2>()?;
    let printed = match rest {
        [] => false,
        [flag] if flag == "--trace" => true,
        _ => return None,
    };
    match range[0].as_str() {
        "--seed" => {
            let seed: u64 = range[1].parse().ok()?;
            Some((seed, seed.checked_add(1)?, printed))
        }
        "--seeds" => {
            let (first, end) = range[1].split_once("..")?;
            Some((first.parse().ok()?, end.parse().ok()?, printed))
        }
        _ => None,
    }
}

const USAGE: &str =
    "usage: ferrymq-simulation (--seed N | --seeds A..B) [--trace] [--disk | --layers]";
