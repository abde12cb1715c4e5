//! Files that are served to browsers on the same port.

use std::collections::BTreeMap;

/// What a plain GET gets, in memory: whoever makes it has read the files and limited their size.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pages {
    by_path: BTreeMap<Box<str>, Page>,
}

/// The answer to a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// All of it.
    pub body: Box<[u8]>,
}

impl Pages {
    /// Adds what is served for a path such as `/app/main.js`, which is compared with what is asked
    /// for after percent-decoding. Who asks for a folder, `/app/`, gets its `index.html`.
    pub fn insert(&mut self, path: impl Into<Box<str>>, page: Page) {
        self.by_path.insert(path.into(), page);
    }

    /// How many paths have a page.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether no path has a page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// What is served for the target of a request, whose query means nothing.
    #[must_use]
    pub fn find(&self, target: &str) -> Option<&Page> {
        let path = target.split(['?', '#']).next()?;
        let mut path = decode(path)?;
        if path.ends_with('/') {
            path.push_str(INDEX);
        }
        self.by_path.get(path.as_str())
    }
}

/// A path without percent-encoding, if it is one.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut octets = path.bytes();
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'%' => digit(octets.next()?)? << 4 | digit(octets.next()?)?,
            octet => octet,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

const INDEX: &str = "index.html";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_found_by_its_decoded_path_without_query() {
        let mut pages = Pages::default();
        let page = Page { content_type: "text/plain", body: (*b"x").into() };
        pages.insert("/a b.txt", page.clone());
        for target in ["/a%20b.txt", "/a b.txt", "/a%20b.txt?v=1", "/%61%20b.txt#top"] {
            assert_eq!(pages.find(target), Some(&page), "{target}");
        }
        pages.insert("/app/index.html", page.clone());
        assert_eq!(pages.find("/app/?x"), Some(&page));
        for target in ["/", "/app", "/a%20b", "/a%2", "/a%zzb.txt", "/%ff", "", "/../a%20b.txt"] {
            assert_eq!(pages.find(target), None, "{target}");
        }
    }
}
