//! Imports between the files of a crate run one way.
//!
//! A file imports another when its code outside tests names a path into it. Declaring a child
//! module is no import; naming something in it is, and so is a child that names its parent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::{Modules, declared, roots};
use super::source::{Source, tokens};
use super::tree::{Complaint, Tree};

/// Files that need each other are one file, or one of them is cut in the wrong place.
pub(super) fn have_no_circle(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (folder, manifest) in tree.packages() {
        // What is compiled for tests only may be woven more closely.
        let sources = format!("{folder}/src/");
        let roots = roots(tree, folder, manifest);
        for root in roots.into_iter().filter(|root| root.starts_with(&sources)) {
            complaints.extend(circles(&Graph::of(tree, &root)));
        }
    }
    complaints
}

type Module = Vec<String>;

/// Who imports whom, and in which line for the first time.
struct Graph {
    files: BTreeMap<Module, String>,
    edges: BTreeMap<Module, BTreeMap<Module, usize>>,
}

impl Graph {
    fn of(tree: &Tree, root: &str) -> Self {
        let files = Modules::follow(tree, root).files;
        let mut edges = BTreeMap::new();
        for (module, file) in &files {
            let Some(source) = tree.get(file).and_then(|file| file.rust.as_ref()) else {
                continue;
            };
            let mut imported: BTreeMap<Module, usize> = BTreeMap::new();
            let children = declared(source.code());
            for (line, path) in paths(source) {
                let Some(target) = resolve(module, &path, &children, &files) else {
                    continue;
                };
                if target != *module {
                    imported.entry(target).or_insert(line);
                }
            }
            edges.insert(module.clone(), imported);
        }
        Self { files, edges }
    }

    /// The shortest way from one module back to itself.
    fn circle(&self, begin: &Module) -> Option<Vec<Module>> {
        let mut before: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut open = VecDeque::from([begin]);
        while let Some(module) = open.pop_front() {
            for next in self.edges.get(module).into_iter().flat_map(BTreeMap::keys) {
                if next == begin {
                    let mut way = vec![module.clone()];
                    let mut at = module;
                    while let Some(previous) = before.get(at) {
                        way.push((*previous).clone());
                        at = previous;
                    }
                    way.reverse();
                    return Some(way);
                }
                if !before.contains_key(next) {
                    before.insert(next, module);
                    open.push_back(next);
                }
            }
        }
        None
    }
}

/// Each shortest circle once, told from the module whose name comes first.
fn circles(graph: &Graph) -> Vec<Complaint> {
    let mut known = BTreeSet::new();
    let mut complaints = Vec::new();
    for module in graph.files.keys() {
        let Some(mut way) = graph.circle(module) else {
            continue;
        };
        let first = (0..way.len()).min_by_key(|at| &way[*at]).unwrap_or(0);
        way.rotate_left(first);
        if known.insert(way.clone()) {
            complaints.push(circle(graph, &way));
        }
    }
    complaints
}

fn circle(graph: &Graph, way: &[Module]) -> Complaint {
    let name = |module: &Module| {
        if module.is_empty() { "the root".to_owned() } else { module.join("::") }
    };
    let steps: Vec<String> = (0..way.len())
        .map(|at| {
            let next = &way[(at + 1) % way.len()];
            let line = graph.edges[&way[at]][next];
            format!("{} (line {line}) imports {}", name(&way[at]), name(next))
        })
        .collect();
    let text = format!("import circle: {}", steps.join(", "));
    Complaint::new(&graph.files[&way[0]], 0, text)
}

/// The module that a path leads into.
fn resolve(
    from: &Module,
    path: &[&str],
    children: &[&str],
    files: &BTreeMap<Module, String>,
) -> Option<Module> {
    let mut module = from.clone();
    let mut rest = path;
    match *rest.first()? {
        "crate" => {
            module.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first() == Some(&"super") {
                module.pop()?;
                rest = &rest[1..];
            }
        }
        first if children.contains(&first) => {}
        _ => return None,
    }
    for name in rest {
        module.push((*name).to_owned());
        if !files.contains_key(&module) {
            module.pop();
            break;
        }
    }
    Some(module)
}

/// Every path in the code with its line: those of `use`, and those written where they are needed.
fn paths(source: &Source) -> Vec<(usize, Vec<&str>)> {
    let code = source.code();
    let tokens = tokens(code);
    let mut found = Vec::new();
    let (mut line, mut counted) = (1, 0);
    let mut at = 0;
    while at < tokens.len() {
        let (place, token) = tokens[at];
        line += code[counted..place].matches('\n').count();
        counted = place;
        let mut end = at + 1;
        let mut tree = Vec::new();
        let captures = matches!(tokens.get(at + 1), Some((_, "<")));
        if token == "use" && !captures {
            end = use_tree(&tokens, at + 1, &[], &mut tree);
        } else if is_name(token) {
            let mut path = vec![token];
            while let [(_, "::"), (_, name), ..] = tokens[end..]
                && is_name(name)
            {
                path.push(name);
                end += 2;
            }
            // A single word is no path: it was imported before, or it is here.
            if path.len() > 1 {
                tree.push(path);
            }
        }
        found.extend(tree.into_iter().map(|path| (line, path)));
        at = end;
    }
    found
}

/// Reads `a::{b, c::d as e, *}`; returns where it ends.
fn use_tree<'a>(
    tokens: &[(usize, &'a str)],
    begin: usize,
    prefix: &[&'a str],
    found: &mut Vec<Vec<&'a str>>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut at = begin;
    let mut whole = true;
    while let Some((_, token)) = tokens.get(at) {
        match *token {
            "{" => {
                whole = false;
                at += 1;
                while tokens.get(at).is_some_and(|(_, token)| !matches!(*token, "}" | ";")) {
                    at = use_tree(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|(_, token)| *token == ","));
                }
            }
            "as" => at += 1,
            "}" | "," | ";" => break,
            "::" | "*" => {}
            // `self` within braces is the module before them.
            "self" if !path.is_empty() => {}
            name => path.push(name),
        }
        at += 1;
    }
    if whole && begin < at {
        found.push(path);
    }
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        paths(&Source::new(text)).into_iter().map(|(_, path)| path.join("::")).collect()
    }

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = vec![("crates/a/Cargo.toml", "")];
        all.extend(files);
        have_no_circle(&Tree::of(&all)).into_iter().map(|complaint| complaint.text).collect()
    }

    #[test]
    fn paths_use_trees_are_unfolded() {
        let text = "use crate::a::{self, b::C, d::{E, F as G}, h::*};\nuse super::x;\n";
        let expected =
            ["crate::a", "crate::a::b::C", "crate::a::d::E", "crate::a::d::F", "crate::a::h"];
        assert_eq!(found(text)[..5], expected);
        assert_eq!(found(text)[5..], ["super::x"]);
    }

    #[test]
    fn paths_in_expressions_are_found_and_comments_are_not() {
        let text = "fn f(a: &crate::b::C) { super::d::<u8>(); one } // crate::e::F\n";
        assert_eq!(found(text), ["crate::b::C", "super::d"]);
    }

    #[test]
    fn paths_of_what_an_opaque_type_captures_are_none() {
        let text = "fn f<'a>() -> impl Iterator<Item = crate::b::C<'a>> + use<'a> { g() }\n";
        assert_eq!(found(text), ["crate::b::C"]);
    }

    #[test]
    fn have_no_circle_two_files_are_reported_with_their_lines() {
        let found = complaints(&[
            ("crates/a/src/lib.rs", "mod one;\nmod two;\nmod three;\npub use one::One;\n"),
            ("crates/a/src/one.rs", "use crate::two::Two;\nuse crate::three::Three;\n"),
            ("crates/a/src/two.rs", "use crate::three::Three;\nfn f() { crate::one::g() }\n"),
            ("crates/a/src/three.rs", "pub struct Three;\n"),
        ]);
        let expected = "import circle: one (line 1) imports two, two (line 2) imports one";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn have_no_circle_long_way_round_is_reported_once() {
        let found = complaints(&[
            ("crates/a/src/lib.rs", "mod one;\nmod two;\nmod three;\n"),
            ("crates/a/src/one.rs", "use crate::two;\n"),
            ("crates/a/src/two.rs", "use crate::three::{A, B};\n"),
            ("crates/a/src/three.rs", "use super::one::C;\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("three (line 1) imports one"), "{found:?}");
    }

    #[test]
    fn have_no_circle_root_as_a_crossroads_is_one() {
        let found = complaints(&[
            ("crates/a/src/lib.rs", "mod one;\nmod two;\npub use one::One;\npub use two::Two;\n"),
            ("crates/a/src/one.rs", "use crate::Two;\n"),
            ("crates/a/src/two.rs", ""),
        ]);
        assert_eq!(
            found,
            ["import circle: the root (line 3) imports one, one (line 1) imports the root"]
        );
    }

    #[test]
    fn have_no_circle_parent_and_child_need_not_know_each_other() {
        let parent = "mod link;\npub struct Client;\n";
        let child = "use super::Client;\nimpl Client {}\n";
        let root = ("crates/a/src/lib.rs", "pub mod client;\n");
        let files = |parent| {
            complaints(&[
                root,
                ("crates/a/src/client.rs", parent),
                ("crates/a/src/client/link.rs", child),
            ])
        };
        assert_eq!(files(parent), [] as [&str; 0]);
        assert_eq!(files("mod link;\nuse self::link::Link;\n").len(), 1);
        assert_eq!(files("mod link;\nfn f() { link::open() }\n").len(), 1);
    }

    #[test]
    fn have_no_circle_tests_may_import_anything() {
        let found = complaints(&[
            ("crates/a/src/lib.rs", "mod one;\nmod two;\n"),
            ("crates/a/src/one.rs", "#[cfg(test)]\nmod tests {\n    use crate::two::Two;\n}\n"),
            ("crates/a/src/two.rs", "use crate::one::One;\n"),
            ("crates/a/tests/all.rs", "mod peer;\nuse peer::Peer;\n"),
            ("crates/a/tests/peer/mod.rs", "use super::Thing;\n"),
        ]);
        assert_eq!(found, [] as [&str; 0]);
    }
}
