//! Nothing is left unfinished, and no dead code waits in comments.

use super::source::{line_of, tokens};
use super::tree::{Complaint, Tree, has_extension};

/// What is to be done stands in an issue, and a test that is switched off is no test.
pub(super) fn unfinished(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, source) in tree.rust() {
        for (line, comment) in source.comments() {
            for (number, text) in comment.lines().enumerate() {
                if let Some(mark) = mark(text) {
                    let text = format!("{mark}: finish it, or open an issue");
                    complaints.push(Complaint::new(path, line + number, text));
                }
            }
        }
        for place in unfinished_code(source.all_code()) {
            let line = line_of(source.all_code(), place);
            complaints.push(Complaint::new(path, line, "unfinished or switched off"));
        }
    }
    let scripts =
        tree.files.iter().filter(|file| SCRIPTS.iter().any(|s| has_extension(&file.path, s)));
    for file in scripts {
        for (number, text) in file.text.lines().enumerate() {
            if let Some(mark) = mark(text) {
                let text = format!("{mark}: finish it, or open an issue");
                complaints.push(Complaint::new(&file.path, number + 1, text));
            }
        }
    }
    complaints
}

/// Code that is not wanted is deleted: git remembers it.
pub(super) fn commented_out(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, source) in tree.rust() {
        for (line, comment) in source.comments() {
            let plain = comment.strip_prefix("//").filter(|text| !text.starts_with(['/', '!']));
            if plain.is_some_and(is_code) {
                complaints.push(Complaint::new(path, *line, "this comment looks like code"));
            }
        }
    }
    complaints
}

fn mark(text: &str) -> Option<&'static str> {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.find_map(|word| MARKS.iter().find(|mark| word == **mark)).copied()
}

fn unfinished_code(code: &str) -> Vec<usize> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| *word);
    let is_macro = |at: usize| MACROS.contains(&word(at)) && word(at + 1) == "!";
    let is_ignored = |at: usize| [word(at), word(at + 1), word(at + 2)] == ["#", "[", "ignore"];
    let places = (0..tokens.len()).filter(|at| is_macro(*at) || is_ignored(*at));
    places.map(|at| tokens[at].0).collect()
}

/// A sentence may end in any sign, but not like a statement or the beginning of a block.
fn is_code(comment: &str) -> bool {
    let text = comment.trim();
    let statement = text.ends_with(';') && text.contains(['(', '=', '!']) && !text.contains(". ");
    let begins = KEYWORDS.iter().any(|keyword| text.starts_with(keyword));
    let block = begins && text.ends_with(['{', ';', ',']);
    let bracket = !text.is_empty() && text.chars().all(|c| "{}()[];,".contains(c));
    let attribute = text.starts_with("#[") && text.ends_with(']');
    statement || block || bracket || attribute
}

/// Split in two, so that this file does not complain about itself.
const MARKS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

const MACROS: &[&str] = &["todo", "unimplemented"];

const SCRIPTS: &[&str] = &["js", "py", "sh", "toml", "yml"];

const KEYWORDS: &[&str] = &[
    "let ", "pub ", "fn ", "use ", "impl ", "struct ", "enum ", "mod ", "if ", "for ", "while ",
    "match ", "return ", "} else", "async ", "const ", "static ",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(complaints: &[Complaint]) -> Vec<usize> {
        complaints.iter().map(|complaint| complaint.line).collect()
    }

    #[test]
    fn unfinished_marks_are_reported_in_comments_and_not_in_texts() {
        let mark = MARKS[0];
        let text = format!("// {mark}: later\nlet a = \"{mark}\";\n/// {mark}\nfn f() {{}}\n");
        assert_eq!(lines(&unfinished(&Tree::of(&[("a.rs", &text)]))), [1, 3]);
        let script = format!("echo\n# {mark}\n");
        assert_eq!(lines(&unfinished(&Tree::of(&[("a.sh", &script)]))), [2]);
    }

    #[test]
    fn unfinished_macros_and_ignored_tests_are_reported() {
        let text = "fn f() { todo!() }\n#[test]\n#[ignore = \"slow\"]\nfn g() { unimplemented!() }\n\
                    fn ignore() {}\n#[cfg(test)]\nmod tests { fn h() { todo!() } }\n";
        let mut found = lines(&unfinished(&Tree::of(&[("a.rs", text)])));
        found.sort_unstable();
        assert_eq!(found, [1, 3, 4, 7]);
    }

    #[test]
    fn commented_out_code_is_reported_and_sentences_are_not() {
        for code in ["let a = 1;", "self.close(now);", "fn f() {", "}", "use a::b;", "#[inline]"] {
            assert!(is_code(code), "{code}");
        }
        for sentence in [
            "A slot that is free; see below.",
            "let the peer know",
            "[MQTT-3.3.1-5]",
            "if the window is open, it is written at once",
            "Nothing is sent (not even a PUBACK) until the log says so.",
            "",
        ] {
            assert!(!is_code(sentence), "{sentence}");
        }
        let tree = Tree::of(&[("a.rs", "// let a = f();\n/// let b = f();\n//! let c = f();\n")]);
        assert_eq!(lines(&commented_out(&tree)), [1]);
    }
}
