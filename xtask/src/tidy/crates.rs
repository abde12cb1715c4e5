//! Dependencies between the crates point down only.

use super::tree::{Complaint, Tree};

/// Each crate uses what stands below it and nothing else of ours.
pub(super) fn point_down(tree: &Tree) -> Vec<Complaint> {
    tree.packages().flat_map(|(folder, manifest)| check(folder, manifest)).collect()
}

fn check(folder: &str, manifest: &str) -> Vec<Complaint> {
    let Some(name) = folder.strip_prefix("crates/") else {
        return Vec::new();
    };
    let file = format!("{folder}/Cargo.toml");
    let Some((_, below)) = BELOW.iter().find(|(of, _)| *of == name) else {
        let text = "this crate has no place in the order of crates (xtask/src/tidy/crates.rs)";
        return vec![Complaint::new(&file, 0, text)];
    };
    let mut complaints = Vec::new();
    for (line, dependency) in dependencies(manifest) {
        let Some(ours) = own(&dependency) else {
            continue;
        };
        if !below.contains(&ours) {
            let text = format!("{name} must not depend on {ours}");
            complaints.push(Complaint::new(&file, line, text));
        }
    }
    complaints
}

/// Dependencies of every kind but those of tests, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let parts: Vec<_> = section.split('.').collect();
            let of_tests = parts.contains(&"dev-dependencies");
            let place = parts.iter().position(|part| part.ends_with("dependencies"));
            inside = !of_tests && place.is_some_and(|place| place + 1 == parts.len());
            if let Some(name) = place.filter(|_| !of_tests).and_then(|place| parts.get(place + 1)) {
                found.push((number + 1, (*name).to_owned()));
            }
        } else if inside && let Some((name, _)) = line.split_once('=') {
            let name = name.trim().split('.').next().unwrap_or_default();
            found.push((number + 1, name.trim_matches('"').to_owned()));
        }
    }
    found
}

/// The name of one of our packages without the prefix.
fn own(dependency: &str) -> Option<&str> {
    let outside = ["ferrymq", "xtask"];
    let known = outside.contains(&dependency).then_some(dependency);
    dependency.strip_prefix("ferrymq-").or(known)
}

/// What each crate may use, from the ground up.
const BELOW: &[(&str, &[&str])] = &[
    ("codec", &[]),
    ("protocol", &["codec"]),
    ("broker", &["protocol", "codec"]),
    ("scram", &[]),
    ("client", &["scram", "transport", "protocol", "codec"]),
    ("access", &["scram", "codec"]),
    ("store", &[]),
    ("transport", &[]),
    ("server", &["access", "broker", "store", "transport", "protocol", "codec"]),
    (
        "ferrymq",
        &["server", "access", "client", "broker", "store", "transport", "protocol", "codec"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_down_arrow_up_is_reported() {
        let up = "[package]\nname = \"x\"\n\n[dependencies]\nferrymq-broker.workspace = true\n";
        let expected =
            Complaint::new("crates/codec/Cargo.toml", 5, "codec must not depend on broker");
        assert_eq!(check("crates/codec", up), [expected]);
        assert_eq!(check("crates/server", up), []);
    }

    #[test]
    fn point_down_every_spelling_is_seen() {
        for manifest in [
            "[dependencies]\nferrymq-server = { path = \"../server\" }\n",
            "[dependencies.ferrymq-server]\npath = \"../server\"\n",
            "[build-dependencies]\nferrymq-server.workspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nferrymq-server.workspace = true\n",
            "[dependencies]\nxtask = { path = \"../../xtask\" }\n",
        ] {
            assert_eq!(check("crates/broker", manifest).len(), 1, "{manifest}");
        }
    }

    #[test]
    fn point_down_tests_may_use_anything() {
        let manifest = "[dev-dependencies]\nferrymq-client.workspace = true\n\n[lints]\nx = 1\n";
        assert_eq!(check("crates/server", manifest), []);
    }

    #[test]
    fn point_down_unknown_crate_is_reported() {
        assert_eq!(check("crates/extra", "").len(), 1);
        assert_eq!(check("tests/interop", "[dependencies]\nferrymq-server = 1\n"), []);
    }
}
