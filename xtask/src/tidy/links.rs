//! Links between the pages lead somewhere.

use super::tree::{Complaint, Tree};

/// Every relative link of a Markdown file names a file or a folder.
pub(super) fn resolve(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.ending_in(".md") {
        for (line, target) in links(&file.text) {
            let path = join(&file.path, target);
            let folder = format!("{path}/");
            let known = tree.files.iter().any(|f| f.path == path || f.path.starts_with(&folder));
            // A file without text, such as a picture, is not in the tree.
            if !known && !tree.root.join(&path).is_file() {
                complaints.push(Complaint::new(
                    &file.path,
                    line,
                    format!("{target} does not exist"),
                ));
            }
        }
    }
    complaints
}

/// Every page of the book is in its summary, as no reader finds it otherwise.
pub(super) fn summary_is_complete(tree: &Tree) -> Vec<Complaint> {
    let Some(summary) = tree.get(SUMMARY) else {
        return Vec::new();
    };
    let listed: Vec<String> =
        links(&summary.text).into_iter().map(|(_, target)| join(SUMMARY, target)).collect();
    let pages = tree.ending_in(".md").filter(|file| file.path.starts_with("docs/src/"));
    pages
        .filter(|file| file.path != SUMMARY && !listed.contains(&file.path))
        .map(|file| Complaint::new(&file.path, 0, "this page is not in SUMMARY.md"))
        .collect()
}

/// The relative targets of `[text](target)` outside code, without what follows `#`.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second part stands between backticks.
        for part in line.split('`').step_by(2) {
            found.extend(part.split("](").skip(1).filter_map(target).map(|to| (number + 1, to)));
        }
    }
    found
}

fn target(rest: &str) -> Option<&str> {
    let (inside, _) = rest.split_once(')')?;
    let path = inside.split('#').next().unwrap_or_default();
    let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
    (!elsewhere).then_some(path)
}

/// The path of a link's target, from the root.
fn join(file: &str, target: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

const SUMMARY: &str = "docs/src/SUMMARY.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_dead_link_is_reported_with_its_line() {
        let page = "# A\n\nsee [b](b.md#top), [c](../c.md) and [d](gone.md)\n[e](https://x.org)\n\
                    ```\n[f](none.md)\n```\n`[g](none.md)` [h](#here) [`i`](lost.md)\n[j](sub/)\n";
        let tree = Tree::of(&[
            ("docs/a.md", page),
            ("docs/b.md", ""),
            ("c.md", ""),
            ("docs/sub/k.md", ""),
        ]);
        let found: Vec<_> = resolve(&tree).into_iter().map(|c| (c.line, c.text)).collect();
        let expected =
            [(3, "gone.md does not exist".to_owned()), (8, "lost.md does not exist".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn summary_is_complete_forgotten_page_is_reported() {
        let tree = Tree::of(&[
            ("docs/src/SUMMARY.md", "- [a](a.md)\n- [b](in/b.md)\n"),
            ("docs/src/a.md", ""),
            ("docs/src/in/b.md", ""),
            ("docs/src/c.md", ""),
        ]);
        let found = summary_is_complete(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "docs/src/c.md");
    }
}
