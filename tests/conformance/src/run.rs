//! Plays the rows, many at a time, and keeps what came of each.

use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::hostile::Bystander;
use crate::row::{Check, NO_WEBSOCKET, Row, Table};
use crate::scene::Scene;
use crate::transport::Target;
use crate::verdict::{Failure, Verdict};

/// What came of one row.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The title of the table.
    pub table: &'static str,
    /// The name of the row, unique among all tables.
    pub name: String,
    /// The row.
    pub row: Row,
    /// What came of it.
    pub finding: Finding,
    /// How long it took.
    pub elapsed: Duration,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server does what the statement says.
    Kept,
    /// It does not.
    Broken(Failure),
    /// The statement is not checked here, for this reason.
    Excepted(&'static str),
}

/// Plays all rows whose names contain the text, each on a target of its own making.
///
/// The outcomes are in the order of the tables.
pub fn run(
    tables: &[Table],
    only: &str,
    threads: usize,
    target: &(dyn Fn() -> Box<dyn Target> + Sync),
) -> Vec<Outcome> {
    let all: Vec<(&Table, &Row)> = tables
        .iter()
        .flat_map(|table| table.rows.iter().map(move |row| (table, row)))
        .filter(|(table, row)| table.name(row).contains(only))
        .collect();
    let alone = |index: &usize| matches!(all[*index].1.check, Check::Alone(_));
    let (last, first): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(alone);
    let outcomes = Mutex::new(Vec::new());
    let run = Run { tag: run_tag(), rows: &all, target, outcomes: &outcomes };
    run.play(&first, threads);
    run.play(&last, 1);
    let mut outcomes = outcomes.into_inner().unwrap_or_default();
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

struct Run<'a> {
    /// What makes the names of this run differ from those of others.
    tag: String,
    rows: &'a [(&'a Table, &'a Row)],
    target: &'a (dyn Fn() -> Box<dyn Target> + Sync),
    outcomes: &'a Mutex<Vec<(usize, Outcome)>>,
}

impl Run<'_> {
    /// Plays the rows of these indices, this many at a time.
    fn play(&self, indices: &[usize], threads: usize) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(indices.len()) {
                scope.spawn(|| {
                    while let Some(index) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = self.play_one(*index);
                        if let Ok(mut outcomes) = self.outcomes.lock() {
                            outcomes.push((*index, outcome));
                        }
                    }
                });
            }
        });
    }

    fn play_one(&self, index: usize) -> Outcome {
        let (table, row) = self.rows[index];
        let started = Instant::now();
        let finding = match row.check {
            Check::Exception(reason) => Finding::Excepted(reason),
            Check::Scene(check) | Check::Alone(check) => self.find(index, check, (self.target)()),
            Check::WebSocket(check) => match (self.target)() {
                target if target.speaks_websocket() => self.find(index, check, target),
                _ => Finding::Excepted(NO_WEBSOCKET),
            },
        };
        let elapsed = started.elapsed();
        Outcome { table: table.title, name: table.name(row), row: *row, finding, elapsed }
    }

    fn find(
        &self,
        index: usize,
        check: fn(&mut Scene) -> Verdict,
        target: Box<dyn Target>,
    ) -> Finding {
        let (table, _) = self.rows[index];
        let tag = format!("{}{}", self.tag, in_letters(index, 2));
        let mut scene = Scene::new(Rc::from(target), table.version, tag);
        match play(table, check, &mut scene) {
            Ok(()) => Finding::Kept,
            Err(failure) => Finding::Broken(failure),
        }
    }
}

fn play(table: &Table, check: fn(&mut Scene) -> Verdict, scene: &mut Scene) -> Verdict {
    if !table.bystander {
        return check(scene);
    }
    let bystander = Bystander::new(scene)?;
    check(scene)?;
    bystander.goes_on(scene).map_err(|failure| failure.during("the bystander"))
}

/// Differs between runs on one machine, so that one run does not find what another has left.
fn run_tag() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = now.map_or(0, |since| since.as_millis());
    let mixed = millis.wrapping_add(u128::from(std::process::id()) * 7919);
    in_letters(usize::try_from(mixed % LETTERS.pow(5) as u128).unwrap_or_default(), 5)
}

const LETTERS: usize = 26;

fn in_letters(number: usize, width: u32) -> String {
    (0..width)
        .rev()
        .map(|place| {
            char::from(b'a' + u8::try_from(number / LETTERS.pow(place) % LETTERS).unwrap_or(0))
        })
        .collect()
}
