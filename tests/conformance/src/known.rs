//! Differences that are known, and why: other servers read the specification in other ways.

use crate::run::{Finding, Outcome};

/// A row that a server is known to break.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The name of the row.
    pub row: &'static str,
    /// What the server does instead.
    pub why: &'static str,
}

/// What does not fit: rows broken without an explanation, and explanations of rows that are kept.
pub fn unexplained(outcomes: &[Outcome], known: &[Difference]) -> Vec<String> {
    let explained = |name: &str| known.iter().any(|difference| difference.row == name);
    let broken = |name: &str| {
        outcomes
            .iter()
            .any(|outcome| outcome.name == name && matches!(outcome.finding, Finding::Broken(_)))
    };
    let new = outcomes.iter().filter_map(|outcome| match &outcome.finding {
        Finding::Broken(failure) if !explained(&outcome.name) => {
            Some(format!("{}: {failure}", outcome.name))
        }
        _ => None,
    });
    let stale = known
        .iter()
        .filter(|difference| !broken(difference.row))
        .map(|difference| format!("{}: kept, or no such row", difference.row));
    new.chain(stale).collect()
}

/// Mosquitto 2.0.11, as Debian 12 has it.
pub const MOSQUITTO: &[Difference] = &[];
