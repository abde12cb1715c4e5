//! The numbers of normative statements: where the code says that it fulfils one.
//!
//! A comment names a statement of MQTT 5.0 as `[MQTT-3.3.1-5]`, and several of one section as
//! `[MQTT-3.3.1-6, -7]`.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Complaint, Tree};

/// A comment names statements that exist: each has a row in the conformance suite.
pub(super) fn exist(tree: &Tree) -> Vec<Complaint> {
    let rows: String = tree
        .rust()
        .filter(|(path, _)| path.starts_with(ROWS))
        .filter_map(|(path, _)| tree.get(path).map(|file| file.text.as_str()))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let named = named(tree).filter(|(_, _, id)| !rows.contains(&format!("\"{id}\"")));
    named
        .map(|(path, line, id)| {
            Complaint::new(path, line, format!("{id} has no row in the conformance suite"))
        })
        .collect()
}

/// The files that name each statement.
pub(super) fn places(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, _, id) in named(tree) {
        places.entry(id).or_default().insert(path.to_owned());
    }
    places
}

/// Every mention in the crates: file, line, statement.
fn named(tree: &Tree) -> impl Iterator<Item = (&str, usize, String)> {
    let files = tree.rust().filter(|(path, _)| path.starts_with("crates/"));
    let code = files.filter(|(path, _)| path.contains("/src/"));
    code.flat_map(|(path, source)| {
        source.comments().iter().flat_map(move |(line, comment)| {
            ids(comment).into_iter().map(move |id| (path, *line, id))
        })
    })
}

fn ids(comment: &str) -> Vec<String> {
    let mut found = Vec::new();
    for bracket in comment.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
        let mut section = "";
        for part in bracket.split(", ") {
            let (before, number) = part.rsplit_once('-').unwrap_or_default();
            if before.starts_with("MQTT-") {
                section = before;
            } else if !before.is_empty() {
                break;
            }
            let is_number = number.parse::<u32>().is_ok();
            if !section.is_empty() && is_number {
                found.push(format!("{section}-{number}"));
            }
        }
    }
    found
}

const ROWS: &str = "tests/conformance/src/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_one_and_several_are_read() {
        assert_eq!(ids("// Kept [MQTT-3.3.1-5]."), ["MQTT-3.3.1-5"]);
        assert_eq!(
            ids("/// [MQTT-3.3.1-6, -7] and [MQTT-4.8.2-4]"),
            ["MQTT-3.3.1-6", "MQTT-3.3.1-7", "MQTT-4.8.2-4"]
        );
        assert_eq!(ids("// [`Link`] [x, -7] [MQTT]"), [] as [&str; 0]);
    }

    #[test]
    fn exist_unknown_statement_is_reported() {
        let tree = Tree::of(&[
            ("crates/a/src/b.rs", "// [MQTT-1.1.1-1]\n// [MQTT-1.1.1-2]\n"),
            ("tests/conformance/src/v5.rs", "row(\"MQTT-1.1.1-1\", \"It is so\", check)\n"),
        ]);
        let found = exist(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
        assert_eq!(places(&tree).len(), 2);
    }
}
