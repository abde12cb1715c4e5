//! Finds the files of the project: everything that neither git nor a build made.

use std::fs;
use std::path::Path;

/// Paths from the root, with slashes, in alphabetical order.
pub(super) fn files(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        let failure = |error| format!("{}: {error}", place.display());
        for entry in fs::read_dir(&place).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().map_err(failure)?;
            if MADE.contains(&name.as_str()) || MADE.contains(&path.as_str()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What holds nothing of ours. In a second working tree `.git` is a file.
const MADE: &[&str] = &[
    ".git",
    ".venv",
    "__pycache__",
    "docs/book",
    "fuzz/artifacts",
    "fuzz/corpus",
    "fuzz/coverage",
    "node_modules",
    "target",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_own_package_is_found_without_what_builds_made() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = files(root).expect("the package can be read");
        assert!(found.contains(&"src/tidy/walk.rs".to_owned()));
        assert!(found.iter().all(|path| !path.starts_with("target/")));
    }
}
