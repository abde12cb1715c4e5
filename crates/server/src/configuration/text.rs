//! The lines of a file: a name, a space, a value.
//!
//! `#` in the first column begins a comment. Spaces may stand before the name. Lines end with LF or
//! CR LF, and the file may begin with a byte order mark.

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    /// What it says, if it is text.
    pub(super) words: Option<Words<'a>>,
}

/// A name and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words<'a> {
    pub(super) name: &'a str,
    pub(super) rest: &'a str,
}

/// The lines that are neither empty nor comments.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    bytes.split(|byte| *byte == b'\n').zip(1..).filter_map(|(line, number)| {
        if line.first() == Some(&b'#') {
            return None;
        }
        let Ok(text) = str::from_utf8(line) else {
            return Some(Line { number, words: None });
        };
        let text = text.trim_end_matches('\r').trim_start_matches(' ');
        if text.is_empty() {
            return None;
        }
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(Line { number, words: Some(Words { name, rest }) })
    })
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(usize, Option<(&str, &str)>)> {
        lines(bytes)
            .map(|line| (line.number, line.words.map(|words| (words.name, words.rest))))
            .collect()
    }

    #[test]
    fn lines_are_names_and_values() {
        let file =
            b"\xef\xbb\xbf# a comment with any bytes \xff\r\nlistener 1883\r\n\r\n  user  a b \n\
                     \n   \nlog_type all # no comment\nalone\n#\n #x y";
        let expected = [
            (2, Some(("listener", "1883"))),
            (4, Some(("user", " a b "))),
            (7, Some(("log_type", "all # no comment"))),
            (8, Some(("alone", ""))),
            (10, Some(("#x", "y"))),
        ];
        assert_eq!(read(file), expected);
    }

    #[test]
    fn line_that_is_no_text_is_counted() {
        assert_eq!(read(b"user a\nuser \xff\nuser b").get(1), Some(&(2, None)));
        assert_eq!(read(b""), []);
    }
}
