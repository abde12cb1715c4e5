//! The protocol version of a peer is the business of `codec` and `protocol`.

use super::source::{line_of, tokens};
use super::tree::{Complaint, Tree};

/// Above `protocol` nobody asks which version a peer speaks.
pub(super) fn stay_below(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, source) in tree.rust() {
        if !ABOVE.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        for pair in tokens(source.code()).windows(2) {
            if let [(place, "Version"), (_, "::")] = pair {
                let line = line_of(source.code(), *place);
                let text = "which version a peer speaks is asked in `protocol` only";
                complaints.push(Complaint::new(path, line, text));
            }
        }
    }
    complaints
}

const ABOVE: &[&str] = &["crates/broker/src/", "crates/server/src/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stay_below_version_is_reported_above_protocol_and_outside_tests() {
        let text =
            "fn f(v: Version) { v == Version::V5 }\n#[cfg(test)]\nmod tests { Version::V5 }\n";
        let tree = Tree::of(&[
            ("crates/broker/src/connect.rs", text),
            ("crates/protocol/src/server.rs", text),
            ("crates/broker/src/limits.rs", "struct ProtocolVersion; // Version::V5\n"),
        ]);
        let found = stay_below(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("crates/broker/src/connect.rs", 1));
    }
}
