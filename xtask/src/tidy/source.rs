//! A Rust file split into what the compiler reads and what people read.
//!
//! [`Source::code`] is the text with comments, literals and tests blanked out: every other
//! character stands at its own place, so lines can be counted in it. This is no parser: it knows
//! how tokens end, and which braces belong together.

/// One Rust file.
pub(super) struct Source {
    /// Code without comments, without the contents of literals.
    all_code: String,
    /// The same without what is compiled for tests only.
    code: String,
    /// Ordinary comments (not documentation) with the line where each begins.
    comments: Vec<(usize, String)>,
    lines: usize,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let mut lexer = Lexer { rest: text, code: String::new(), comments: Vec::new(), line: 1 };
        lexer.run();
        let code = without_tests(&lexer.code);
        let lines = text.lines().count();
        Self { all_code: lexer.code, code, comments: lexer.comments, lines }
    }

    /// What is compiled outside tests.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// What is compiled, in tests too.
    pub(super) fn all_code(&self) -> &str {
        &self.all_code
    }

    /// Ordinary comments and documentation, each line with its number.
    pub(super) fn comments(&self) -> &[(usize, String)] {
        &self.comments
    }

    pub(super) fn lines(&self) -> usize {
        self.lines
    }
}

/// The line of a place in a text, counted from 1.
pub(super) fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

/// Identifiers, paths' `::` and single signs, each with its place.
pub(super) fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(first) = code[place..].chars().next() {
        let rest = &code[place..];
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            found.push((place, &rest[..length]));
        }
        place += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Lexer<'a> {
    rest: &'a str,
    code: String,
    comments: Vec<(usize, String)>,
    line: usize,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                self.comments.push((self.line, self.rest[..length].to_owned()));
                self.blank(length);
            } else if self.rest.starts_with("/*") {
                self.comments.push((self.line, self.rest[..block_comment(self.rest)].to_owned()));
                self.blank(block_comment(self.rest));
            } else if let Some(length) = literal(self.rest) {
                self.keep(1);
                self.blank(length.saturating_sub(2));
                self.keep(usize::from(length > 1));
            } else if is_word(c) {
                let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                self.keep(length);
            } else {
                self.keep(c.len_utf8());
            }
        }
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.code.push_str(kept);
        self.line += kept.matches('\n').count();
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.code.extend(gone.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while place < text.len() {
        if text[place..].starts_with("/*") {
            depth += 1;
            place += 2;
        } else if text[place..].starts_with("*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += text[place..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the literal with quotes at the front, if there is one. A lifetime is none.
fn literal(text: &str) -> Option<usize> {
    let unprefixed = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let prefix = text.len() - unprefixed.len();
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end).map_or(body.len(), |found| found + end.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    if let Some(body) = unprefixed.strip_prefix('"') {
        return Some(prefix + 1 + quoted(body, '"'));
    }
    let body = unprefixed.strip_prefix('\'')?;
    let mut characters = body.chars();
    let first = characters.next()?;
    let is_character = first == '\\' || characters.next() == Some('\'');
    is_character.then(|| prefix + 1 + quoted(body, '\''))
}

/// The length up to and with the closing quote.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, c) in body.char_indices() {
        if !escaped && c == quote {
            return place + 1;
        }
        escaped = !escaped && c == '\\';
    }
    body.len()
}

/// Blanks each item that only tests have, with its attribute, up to its `;` or closing brace.
fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test,", "#[test]"] {
        while let Some(begin) = kept.find(attribute) {
            let end = begin + item(&kept[begin..]);
            let blank: String =
                kept[begin..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            // A blank may be shorter than what it replaces: characters are not bytes.
            kept.replace_range(begin..end, &blank);
        }
    }
    kept
}

/// The length of an item with its attributes.
fn item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (place, c) in code.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return place + 1;
                }
            }
            ';' if depth == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(text).code().to_owned()
    }

    #[test]
    fn code_comments_and_literals_are_blank() {
        assert_eq!(code("a(\"x{\"); // b\nc"), "a(\"  \");     \nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code("r#\"x\"y\"# 'z' '\\'' b\"q\""), "r      # ' ' '  ' b  \"");
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn code_keeps_its_lines() {
        let text = "a \"one\ntwo\" /* three\nfour */ b";
        assert_eq!(code(text).lines().count(), 3);
    }

    #[test]
    fn code_tests_are_blank() {
        let text = "fn f() {}\n#[cfg(test)]\nmod tests { use x::Y; fn g() {} }\nfn h() {}\n";
        let left = code(text);
        assert!(left.contains("fn f") && left.contains("fn h"));
        assert!(!left.contains("mod tests") && !left.contains('Y') && !left.contains("fn g"));
        assert_eq!(left.lines().count(), 4);
    }

    #[test]
    fn code_test_attribute_before_others_covers_the_item() {
        let text = "#[cfg(all(test, unix))]\n#[allow(x)]\nmod tests;\nmod kept;\n";
        let left = code(text);
        assert_eq!(left.trim(), "mod kept;");
    }

    #[test]
    fn comments_come_with_their_lines() {
        let source = Source::new("a\n// one\nb \"// none\" // two\n");
        let expected = [(2, "// one".to_owned()), (3, "// two".to_owned())];
        assert_eq!(source.comments(), expected);
    }

    #[test]
    fn tokens_path_is_words_and_colons() {
        let words: Vec<_> = tokens("use a::b;").into_iter().map(|(_, word)| word).collect();
        assert_eq!(words, ["use", "a", "::", "b", ";"]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
