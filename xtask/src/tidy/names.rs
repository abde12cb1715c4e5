//! Names that say nothing, files that say too much, and paths that exist on one machine only.

use super::source::{line_of, tokens};
use super::tree::{Complaint, Tree, has_extension};

/// A file is named after what is in it.
pub(super) fn files(tree: &Tree) -> Vec<Complaint> {
    let forbidden = |path: &str| {
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs"));
        stem.is_some_and(|stem| DRAWERS.contains(&stem))
    };
    let paths = tree.files.iter().map(|file| file.path.as_str());
    paths
        .filter(|path| forbidden(path))
        .map(|path| Complaint::new(path, 0, "a file has the name of what is in it"))
        .collect()
}

/// A type is named after what it is.
pub(super) fn types(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, source) in tree.rust() {
        let tokens = tokens(source.all_code());
        for pair in tokens.windows(2) {
            let [(_, keyword), (place, name)] = pair else {
                continue;
            };
            if !["struct", "enum", "trait", "union"].contains(keyword) {
                continue;
            }
            if let Some(part) = words(name).into_iter().find(|word| HOLLOW.contains(word)) {
                let line = line_of(source.all_code(), *place);
                let text = format!("{name}: {part} says nothing about a type");
                complaints.push(Complaint::new(path, line, text));
            }
        }
    }
    complaints
}

/// A file is one thing, and can be read at once.
pub(super) fn lengths(tree: &Tree) -> Vec<Complaint> {
    let long = tree.rust().filter(|(_, source)| source.lines() > LINES);
    long.map(|(path, source)| {
        Complaint::new(path, 0, format!("{} lines, more than {LINES}", source.lines()))
    })
    .collect()
}

/// Nothing depends on where the tree lies.
pub(super) fn paths_of_machines(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        if has_extension(&file.path, "lock") {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                let text = format!("a path under /{folder} exists on one machine only");
                complaints.push(Complaint::new(&file.path, number + 1, text));
            }
        }
    }
    complaints
}

fn names_folder(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        // Behind a word or a dot it is the rest of some longer path, such as a topic.
        !before.is_some_and(|c| c.is_alphanumeric() || "_.-}+#".contains(c))
    })
}

/// `SessionStore` is `Session` and `Store`.
fn words(name: &str) -> Vec<&str> {
    let mut begins: Vec<usize> =
        name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(place, _)| place).collect();
    begins.push(name.len());
    begins.windows(2).map(|pair| &name[pair[0]..pair[1]]).collect()
}

/// Drawers for everything.
const DRAWERS: &[&str] = &["common", "helpers", "misc", "types", "utils"];

/// Parts of a name that fit every type.
const HOLLOW: &[&str] = &["Helper", "Impl", "Info", "Manager", "Util", "Utils"];

/// Where people and programs keep what is only theirs.
const FOLDERS: &[&str] = &["home", "root", "work"];

const LINES: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_drawer_is_reported() {
        let tree = Tree::of(&[("crates/broker/src/utils.rs", ""), ("docs/types.md", "")]);
        let complaints = files(&tree);
        assert_eq!(complaints.len(), 1);
        assert_eq!(complaints[0].file, "crates/broker/src/utils.rs");
    }

    #[test]
    fn types_hollow_part_is_reported_as_a_whole_word_only() {
        let text = "struct Fine;\npub(crate) enum SessionManager {}\nstruct Information;\n\
                    // struct CommentHelper\ntrait SocketInfo {}\nimpl Fine {}\n";
        let tree = Tree::of(&[("src/a.rs", text)]);
        let lines: Vec<_> = types(&tree).iter().map(|complaint| complaint.line).collect();
        assert_eq!(lines, [2, 5]);
    }

    #[test]
    fn lengths_limit_is_allowed_and_one_more_is_not() {
        let tree = Tree::of(&[("a.rs", &"\n".repeat(LINES)), ("b.rs", &"\n".repeat(LINES + 1))]);
        let complaints = lengths(&tree);
        assert_eq!(complaints.len(), 1);
        assert_eq!(complaints[0].file, "b.rs");
    }

    #[test]
    fn paths_of_machines_absolute_path_is_reported() {
        let folder = FOLDERS[0];
        let text =
            format!("see /{folder}/me\na/{folder}/b is a topic\n\"/{folder}/x\"\n/{folder}ly\n");
        let tree = Tree::of(&[("README.md", &text)]);
        let lines: Vec<_> = paths_of_machines(&tree).iter().map(|found| found.line).collect();
        assert_eq!(lines, [1, 3]);
    }
}
