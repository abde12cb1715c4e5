//! Kills the broker as often as one likes: `cargo run -p ferrymq-crash -- --rounds 500 --seed 7`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ferrymq_crash::{RunOptions, run};

/// Kill the broker under load and compare what it keeps with what it has promised
#[derive(Parser)]
struct Arguments {
    /// How many times it is killed
    #[arg(long, default_value_t = 50)]
    rounds: u64,
    /// What chooses load and moments; without it, each run has another
    #[arg(long)]
    seed: Option<u64>,
    /// How many runs, each with the next seed
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// power or process
    #[arg(long, default_value = "power")]
    durability: String,
    /// The length of a segment of the log; short ones are freed under the kills
    #[arg(long)]
    segment_bytes: Option<u64>,
    /// Where the data directory is made
    #[arg(long)]
    place: Option<PathBuf>,
    /// Do not kill it at all
    #[arg(long)]
    spare: bool,
    /// Say after each round what it was
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let first = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    for seed in first..first + arguments.runs {
        let options = RunOptions {
            seed,
            rounds: arguments.rounds,
            durability: arguments.durability.clone(),
            segment_bytes: arguments.segment_bytes,
            place: arguments.place.clone(),
            is_spared: arguments.spare,
            is_verbose: arguments.verbose,
        };
        match run(&options) {
            Ok(report) => {
                let _ = writeln!(io::stdout(), "seed {seed}: {report:?}");
            }
            Err(failure) => {
                let _ = writeln!(io::stdout(), "{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
