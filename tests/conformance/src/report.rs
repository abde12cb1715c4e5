//! The findings as a table to read: a row for each statement, a column for each server.

use crate::run::{Finding, Outcome};

/// The findings about one server.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the server.
    pub name: String,
    /// What came of each row.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// How many rows the server keeps, how many it breaks, and how many are excepted.
    pub fn totals(&self) -> (usize, usize, usize) {
        self.outcomes.iter().fold((0, 0, 0), |(kept, broken, excepted), outcome| {
            match outcome.finding {
                Finding::Kept => (kept + 1, broken, excepted),
                Finding::Broken(_) => (kept, broken + 1, excepted),
                Finding::Excepted(_) => (kept, broken, excepted + 1),
            }
        })
    }

    /// The rows that the server breaks.
    pub fn broken(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.finding, Finding::Broken(_)))
    }
}

/// One Markdown document about servers that were shown the same rows.
pub fn markdown(reports: &[Report]) -> String {
    let mut text = String::from("# Conformance\n\n| server | kept | broken | not checked |\n");
    text.push_str("|---|---|---|---|\n");
    for report in reports {
        let (kept, broken, excepted) = report.totals();
        line(
            &mut text,
            &[&report.name, &kept.to_string(), &broken.to_string(), &excepted.to_string()],
        );
    }
    let Some(first) = reports.first() else { return text };
    let mut title = "";
    for (index, outcome) in first.outcomes.iter().enumerate() {
        if outcome.table != title {
            title = outcome.table;
            heading(&mut text, title, reports);
        }
        let of_all: Vec<Option<&Outcome>> =
            reports.iter().map(|report| report.outcomes.get(index)).collect();
        row(&mut text, outcome, &of_all, reports);
    }
    text
}

fn heading(text: &mut String, title: &str, reports: &[Report]) {
    text.push_str("\n## ");
    text.push_str(title);
    text.push_str("\n\n");
    let names = reports.iter().map(|report| report.name.as_str());
    let cells: Vec<&str> = ["id", "statement"].into_iter().chain(names).chain(["note"]).collect();
    line(text, &cells);
    line(text, &vec!["---"; cells.len()]);
}

fn row(text: &mut String, outcome: &Outcome, of_all: &[Option<&Outcome>], reports: &[Report]) {
    let mut cells = vec![outcome.row.id.to_owned(), outcome.row.statement.to_owned()];
    let mut notes = Vec::new();
    for (found, report) in of_all.iter().zip(reports) {
        let (cell, note) = match found.map(|outcome| &outcome.finding) {
            Some(Finding::Kept) => ("yes", None),
            Some(Finding::Broken(failure)) => ("**no**", Some(failure.to_string())),
            Some(Finding::Excepted(reason)) => ("–", Some((*reason).to_owned())),
            None => ("?", None),
        };
        cells.push(cell.to_owned());
        match note {
            Some(note) if cell == "–" && !notes.contains(&note) => notes.push(note),
            Some(note) if cell != "–" => notes.push(format!("{}: {note}", report.name)),
            _ => {}
        }
    }
    cells.push(notes.join("; "));
    let escaped: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    line(text, &escaped.iter().map(String::as_str).collect::<Vec<_>>());
}

fn line(text: &mut String, cells: &[&str]) {
    text.push_str("| ");
    text.push_str(&cells.join(" | "));
    text.push_str(" |\n");
}
