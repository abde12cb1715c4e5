//! Which file is which module: `mod` lines followed from the roots of a package.
//!
//! Every Rust file is reached by such a line, or it is never compiled; and the root of a library
//! says what there is and does nothing itself.

use std::collections::BTreeMap;

use super::source::{Source, line_of, tokens};
use super::tree::{Complaint, Tree, has_extension};

/// No file lies forgotten.
pub(super) fn are_reachable(tree: &Tree) -> Vec<Complaint> {
    let mut reached = Vec::new();
    for (folder, manifest) in tree.packages() {
        for root in roots(tree, folder, manifest) {
            reached.extend(Modules::follow(tree, &root).files.into_values());
        }
    }
    let files = tree.rust().map(|(path, _)| path);
    files
        .filter(|path| !reached.iter().any(|file| file == path))
        .map(|path| Complaint::new(path, 0, "no `mod` line leads to this file"))
        .collect()
}

/// A library's root holds documentation, attributes, `mod` lines and `pub use`.
pub(super) fn libraries_only_list(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (folder, _) in tree.packages().filter(|(folder, _)| folder.starts_with("crates/")) {
        let path = format!("{folder}/src/lib.rs");
        let Some(source) = tree.get(&path).and_then(|file| file.rust.as_ref()) else {
            continue;
        };
        for place in other_items(source) {
            let line = line_of(source.code(), place);
            let text = "the root of a library only lists what it is made of";
            complaints.push(Complaint::new(&path, line, text));
        }
    }
    complaints
}

/// The modules of one target, by their path in the crate; the root's path is empty.
pub(super) struct Modules {
    pub(super) files: BTreeMap<Vec<String>, String>,
}

impl Modules {
    /// Follows the `mod` lines from a target's root.
    pub(super) fn follow(tree: &Tree, root: &str) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![(Vec::new(), root.to_owned())];
        while let Some((module, file)) = open.pop() {
            let Some(source) = tree.get(&file).and_then(|found| found.rust.as_ref()) else {
                continue;
            };
            let place = children_of(&file, module.is_empty());
            for name in declared(source.all_code()) {
                let mut child = module.clone();
                child.push(name.to_owned());
                let places = [format!("{place}/{name}.rs"), format!("{place}/{name}/mod.rs")];
                // A test may have the name of its module, which is then elsewhere.
                let others = places.into_iter().filter(|place| *place != file);
                open.extend(others.map(|place| (child.clone(), place)));
            }
            files.insert(module, file);
        }
        Self { files }
    }
}

/// The roots of a package's targets, where Cargo finds them by itself or is told.
pub(super) fn roots(tree: &Tree, folder: &str, manifest: &str) -> Vec<String> {
    let mut roots = Vec::new();
    let several = ["src/bin/", "tests/", "benches/", "examples/"];
    for (path, _) in tree.rust() {
        let Some(inner) = path.strip_prefix(folder).and_then(|path| path.strip_prefix('/')) else {
            continue;
        };
        let alone = ["src/lib.rs", "src/main.rs", "build.rs"].contains(&inner);
        let one_of_several = several.iter().any(|place| {
            let name = inner.strip_prefix(place);
            name.is_some_and(|name| !name.contains('/') || name.ends_with("/main.rs"))
        });
        if alone || one_of_several {
            roots.push(path.to_owned());
        }
    }
    for line in manifest.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let path = value.trim().trim_matches('"');
        if key.trim() == "path" && has_extension(path, "rs") {
            roots.push(format!("{folder}/{path}"));
        }
    }
    roots
}

/// The names in `mod name;` lines.
pub(super) fn declared(code: &str) -> Vec<&str> {
    let tokens = tokens(code);
    let lines = tokens.windows(3).filter_map(|window| match window {
        [(_, "mod"), (_, name), (_, ";")] => Some(*name),
        _ => None,
    });
    lines.collect()
}

/// The folder in which the files of a file's child modules are.
fn children_of(file: &str, is_root: bool) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    if is_root || file.ends_with("/mod.rs") { folder.to_owned() } else { stem.to_owned() }
}

/// The places of the items that are neither `mod` nor `pub use`.
fn other_items(source: &Source) -> Vec<usize> {
    let tokens = tokens(source.code());
    let words: Vec<&str> = tokens.iter().map(|(_, word)| *word).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let item = &words[at..];
        let end = match item {
            ["#", ..] => "]",
            ["mod", _, ";", ..]
            | ["pub", "mod", _, ";", ..]
            | ["pub", "use", ..]
            | ["extern", "crate", ..] => ";",
            _ => {
                found.push(tokens[at].0);
                if ends_in_brace(item) { "}" } else { ";" }
            }
        };
        at += length(item, end);
    }
    found
}

/// Whether a body in braces comes before the next `;`.
fn ends_in_brace(item: &[&str]) -> bool {
    item.iter().find(|word| ["{", ";"].contains(word)) == Some(&"{")
}

/// The words up to and with the first `end` that stands outside of all brackets.
fn length(item: &[&str], end: &str) -> usize {
    let mut depth = 0_usize;
    for (at, word) in item.iter().enumerate() {
        match *word {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && *word == end {
            return at + 1;
        }
    }
    item.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(complaints: &[Complaint]) -> Vec<&str> {
        complaints.iter().map(|complaint| complaint.file.as_str()).collect()
    }

    #[test]
    fn are_reachable_forgotten_file_is_reported() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", "[package]\n"),
            ("crates/a/src/lib.rs", "mod one;\npub mod two;\n#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/one.rs", "mod deep;\n"),
            ("crates/a/src/one/deep.rs", ""),
            ("crates/a/src/two/mod.rs", "mod deep;\n"),
            ("crates/a/src/two/deep.rs", ""),
            ("crates/a/src/tests.rs", ""),
            ("crates/a/src/three.rs", "// mod one;\n"),
            ("crates/a/tests/whole.rs", "mod peer;\n"),
            ("crates/a/tests/peer/mod.rs", ""),
            ("crates/a/tests/part.rs", "#[path = \"part/mod.rs\"]\nmod part;\n"),
            ("crates/a/tests/part/mod.rs", ""),
            ("fuzz/Cargo.toml", "[[bin]]\nname = \"d\"\npath = \"fuzz_targets/decode.rs\"\n"),
            ("fuzz/fuzz_targets/decode.rs", ""),
            ("fuzz/fuzz_targets/encode.rs", ""),
        ]);
        let found = are_reachable(&tree);
        assert_eq!(paths(&found), ["crates/a/src/three.rs", "fuzz/fuzz_targets/encode.rs"]);
    }

    #[test]
    fn libraries_only_list_items_are_reported() {
        let fine = "//! A.\n#![no_std]\n#![cfg_attr(not(test), deny(x, y))]\nextern crate alloc;\n\
                    mod a;\npub mod b;\n#[doc(inline)]\npub use a::{B, c::{D, E}};\npub use b::F;\n";
        let tree = |text| {
            let files = [("crates/a/Cargo.toml", ""), ("crates/a/src/lib.rs", text)];
            libraries_only_list(&Tree::of(&files)).iter().map(|c| c.line).collect::<Vec<_>>()
        };
        assert_eq!(tree(fine), [] as [usize; 0]);
        assert_eq!(tree("mod a;\npub struct B { c: u8 }\npub use a::D;\n"), [2]);
        assert_eq!(tree("use a::b;\nmod a;\nfn f() { g(); }\nmod c { }\n"), [1, 3, 4]);
        assert_eq!(
            tree("#![forbid(x)]\n#[cfg(test)]\nmod tests { fn f() {} }\n"),
            [] as [usize; 0]
        );
    }
}
