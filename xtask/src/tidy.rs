//! The rules of the house that no compiler and no linter knows.
//!
//! Each rule is a function from text to [`Complaint`]s, so that each can be tested on a sample.
//! A rule looks at Rust through [`source::Source`], which knows what is comment, text and test.

mod comments;
mod crates;
mod documents;
mod imports;
mod links;
mod modules;
mod names;
mod source;
mod statements;
mod tree;
mod versions;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::tree::{Complaint, Tree};

/// Checks the whole tree.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let complaints = check(&Tree::read(root)?);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!("{} complaints", complaints.len()))
}

/// The files of the crates that name each normative statement.
pub(crate) fn statements(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    Ok(statements::places(&Tree::read(root)?))
}

fn check(tree: &Tree) -> Vec<Complaint> {
    let rules: &[fn(&Tree) -> Vec<Complaint>] = &[
        crates::point_down,
        imports::have_no_circle,
        modules::are_reachable,
        modules::libraries_only_list,
        names::files,
        names::types,
        names::lengths,
        names::paths_of_machines,
        comments::unfinished,
        comments::commented_out,
        versions::stay_below,
        links::resolve,
        links::summary_is_complete,
        documents::architecture_is_true,
        statements::exist,
        documents::limits_are_complete,
    ];
    let mut complaints: Vec<_> = rules.iter().flat_map(|rule| rule(tree)).collect();
    complaints.sort();
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_clean_tree_has_no_complaint() {
        let tree = Tree::of(&[
            ("crates/codec/Cargo.toml", "[package]\nname = \"ferrymq-codec\"\n"),
            ("crates/codec/src/lib.rs", "//! Bytes.\n\nmod decode;\n\npub use decode::Frame;\n"),
            ("crates/codec/src/decode.rs", "//! Frames.\n\npub struct Frame;\n"),
        ]);
        assert_eq!(check(&tree), []);
    }
}
