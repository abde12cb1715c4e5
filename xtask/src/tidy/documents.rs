//! What the documents say of the code is there.

use std::collections::BTreeSet;

use super::source::tokens;
use super::tree::{Complaint, Tree, has_extension};

/// ARCHITECTURE.md names files that exist and tests that exist.
pub(super) fn architecture_is_true(tree: &Tree) -> Vec<Complaint> {
    let Some(page) = tree.get(ARCHITECTURE) else { return Vec::new() };
    let functions = functions(tree);
    let mut complaints = Vec::new();
    let mut chapter = "";
    for (number, line) in page.text.lines().enumerate() {
        chapter = line.strip_prefix("## ").unwrap_or(chapter);
        let is_row = line.starts_with('|') && chapter == "Invariants";
        let proof = line.trim_end_matches('|').rsplit('|').next().filter(|_| is_row);
        let tests = proof.into_iter().flat_map(quoted).filter(|name| is_function_name(name));
        let files = quoted(line).into_iter().filter(|name| has_extension(name, "rs"));
        let unknown = files
            .filter(|name| !has_file(tree, name))
            .chain(tests.filter(|name| !functions.contains(name)));
        for name in unknown {
            let text = format!("there is no {name}");
            complaints.push(Complaint::new(ARCHITECTURE, number + 1, text));
        }
    }
    complaints
}

/// The page of limits lists each limit of the code, and no other.
pub(super) fn limits_are_complete(tree: &Tree) -> Vec<Complaint> {
    let Some(page) = tree.get(LIMITS) else { return Vec::new() };
    let listed: Vec<(usize, &str)> = page
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("| `"))
        .filter_map(|(number, line)| Some((number + 1, *quoted(line).first()?)))
        .collect();
    let fields: Vec<(&str, &str)> =
        STRUCTS.iter().flat_map(|(file, name)| fields(tree, file, name)).collect();
    let missing = fields.iter().filter(|(_, field)| !listed.iter().any(|(_, name)| name == field));
    let extra = listed.iter().filter(|(_, name)| !fields.iter().any(|(_, field)| field == name));
    missing
        .map(|(file, field)| Complaint::new(file, 0, format!("{field} is not in {LIMITS}")))
        .chain(extra.map(|(line, name)| {
            Complaint::new(LIMITS, *line, format!("the code has no limit {name}"))
        }))
        .collect()
}

/// The public fields of a struct, but for the one that holds another such struct.
fn fields<'a>(tree: &'a Tree, file: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let Some(source) = tree.get(file).and_then(|file| file.rust.as_ref()) else {
        return Vec::new();
    };
    let words: Vec<&str> = tokens(source.code()).into_iter().map(|(_, word)| word).collect();
    let head = ["struct", name, "{"];
    let Some(begin) = words.windows(3).position(|window| window == head) else {
        return Vec::new();
    };
    let body = words[begin..].split(|word| *word == "}").next().unwrap_or_default();
    body.windows(4)
        .filter(|window| window[0] == "pub" && window[2] == ":" && window[3] != "ServerLimits")
        .map(|window| (file, window[1]))
        .collect()
}

/// What stands between backticks.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

fn is_function_name(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c))
}

fn has_file(tree: &Tree, name: &str) -> bool {
    let end = format!("/{name}");
    tree.ending_in(&end).next().is_some()
}

fn functions(tree: &Tree) -> BTreeSet<&str> {
    let words = tree.rust().flat_map(|(_, source)| tokens(source.all_code()));
    let mut names = BTreeSet::new();
    let mut previous = "";
    for (_, word) in words {
        if previous == "fn" {
            names.insert(word);
        }
        previous = word;
    }
    names
}

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const LIMITS: &str = "docs/src/limits.md";

/// Where the limits are.
const STRUCTS: &[(&str, &str)] = &[
    ("crates/protocol/src/limits.rs", "ServerLimits"),
    ("crates/broker/src/limits.rs", "Limits"),
    ("crates/server/src/socket_limits.rs", "SocketLimits"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architecture_is_true_unknown_file_and_test_are_reported() {
        let page = "see `codec/src/decode.rs` and `codec/src/gone.rs`\n\
                    ## Invariants\n\
                    | always | `some_lint` | `order_is_kept`, `order_is_lost` |\n\
                    ## After\n| `no_test` |\n";
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", page),
            ("crates/codec/src/decode.rs", "#[cfg(test)]\nmod tests { fn order_is_kept() {} }\n"),
        ]);
        let found: Vec<_> =
            architecture_is_true(&tree).into_iter().map(|found| (found.line, found.text)).collect();
        let expected = [
            (1, "there is no codec/src/gone.rs".to_owned()),
            (3, "there is no order_is_lost".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn limits_are_complete_both_directions_are_checked() {
        let code = "/// Limits.\npub struct Limits {\n    /// A.\n    pub connection: ServerLimits,\n\
                    pub routes: usize,\n    pub mail_bytes: usize,\n}\nstruct Other { pub x: u8 }\n";
        let page = "| limit | default |\n|---|---|\n| `routes` | 1 |\n| `gone` | 2 |\n";
        let files = [("crates/broker/src/limits.rs", code), ("docs/src/limits.md", page)];
        let found: Vec<_> =
            limits_are_complete(&Tree::of(&files)).into_iter().map(|found| found.text).collect();
        assert_eq!(
            found,
            ["mail_bytes is not in docs/src/limits.md", "the code has no limit gone"]
        );
    }
}
