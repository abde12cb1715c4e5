//! What the lines of an ACL file say.

use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;

use ferrymq_codec::TopicFilter;

use super::overlap::overlap;
use crate::mistake::{Mistake, Mistakes};

/// The rules of an ACL file, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclFile {
    name: Box<str>,
    rules: Vec<Rule>,
    /// Users that have a section, each once, with the line of the first.
    users: Vec<(Box<str>, usize)>,
}

/// One line of `topic` or `pattern`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The line, from 1.
    pub line: usize,
    /// Whom it is for.
    pub scope: Scope,
    /// What it does.
    pub access: Type,
    /// The topics. In a pattern a level `%c` is the Client Identifier and a level `%u` the user name.
    pub filter: Box<str>,
}

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Clients without a user name.
    Anonymous,
    /// One user.
    User(Box<str>),
    /// Everybody: a pattern.
    Everybody,
}

/// What a rule does: the access type, in Mosquitto's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Allows to receive.
    Read,
    /// Allows to publish.
    Write,
    /// Allows both.
    ReadWrite,
    /// Denies both.
    Deny,
}

impl AclFile {
    /// Reads a file. The name is for mistakes and for decisions.
    ///
    /// As with Mosquitto, only a line that begins with `#` is a comment, words are separated by
    /// spaces, and a topic goes up to the end of its line.
    ///
    /// # Errors
    ///
    /// All mistakes; of a file with very many the first. More than [`MAXIMUM_RULES`] are one.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Vec<Mistake>> {
        let mut file = Self { name: Box::from(name), ..Self::default() };
        let mut scope = Scope::Anonymous;
        let mut users = HashSet::new();
        let mut mistakes = Mistakes::of(name);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let is_done = parse_line(line).map(|said| match said {
                Line::Nothing => {}
                Line::User(user) => {
                    if users.insert(user) {
                        file.users.push((Box::from(user), number));
                    }
                    scope = Scope::User(Box::from(user));
                }
                Line::Topic(access, filter) => file.push(number, scope.clone(), access, filter),
                Line::Pattern(access, filter) => {
                    file.push(number, Scope::Everybody, access, filter);
                }
            });
            let noted = match is_done {
                Ok(()) => file.check_size(number, &mut mistakes),
                Err(words) => mistakes.note(number, words),
            };
            if noted.is_break() {
                break;
            }
        }
        mistakes.or(file)
    }

    /// The file's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules, in the order of their lines.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that fit some of the topics that a filter matches, or its topic; those that deny
    /// first, as they count. `%c` and `%u` fit whatever they meet.
    pub fn about(&self, filter: &str) -> Vec<&Rule> {
        let fits = |rule: &&Rule| overlap(&rule.filter, filter);
        let mut rules: Vec<&Rule> = self.rules.iter().filter(fits).collect();
        rules.sort_by_key(|rule| (rule.scope == Scope::Everybody, rule.access != Type::Deny));
        rules
    }

    /// The users that have a section, with the line where it begins.
    pub fn users(&self) -> impl Iterator<Item = (&str, usize)> {
        self.users.iter().map(|(user, line)| (&**user, *line))
    }

    fn check_size(&self, line: usize, mistakes: &mut Mistakes<'_>) -> ControlFlow<()> {
        if self.rules.len() <= MAXIMUM_RULES && self.users.len() <= MAXIMUM_RULES {
            return ControlFlow::Continue(());
        }
        let words = format!(
            "the file has more than {MAXIMUM_RULES} rules or users; one `pattern` with %u or %c \
             does for all users"
        );
        mistakes.note(line, words)?;
        ControlFlow::Break(())
    }

    fn push(&mut self, line: usize, scope: Scope, access: Type, filter: &str) {
        self.rules.push(Rule { line, scope, access, filter: Box::from(filter) });
    }
}

/// What one line says.
enum Line<'a> {
    Nothing,
    User(&'a str),
    Topic(Type, &'a str),
    Pattern(Type, &'a str),
}

fn parse_line(line: &[u8]) -> Result<Line<'_>, String> {
    if line.starts_with(b"#") {
        return Ok(Line::Nothing);
    }
    let line = str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    let Some((word, rest)) = next_word(line.trim_end()) else {
        return Ok(Line::Nothing);
    };
    match word {
        "user" => match rest.trim() {
            "" => Err("`user` needs the name of a user".into()),
            user => Ok(Line::User(user)),
        },
        "topic" => parse_rule(word, rest).map(|(access, filter)| Line::Topic(access, filter)),
        "pattern" => parse_rule(word, rest).map(|(access, filter)| Line::Pattern(access, filter)),
        _ if word.starts_with('#') => Err("a comment must begin at the first column".into()),
        _ => {
            let advice = nearest(word, ["user", "topic", "pattern"]).map_or_else(
                || "a line begins with user, topic or pattern".into(),
                |nearest| format!("did you mean {nearest}?"),
            );
            Err(format!("{word:?} is not known; {advice}"))
        }
    }
}

/// What follows `topic` or `pattern`.
fn parse_rule<'a>(word: &str, rest: &'a str) -> Result<(Type, &'a str), String> {
    let (first, others) = next_word(rest).ok_or_else(|| format!("`{word}` needs a topic"))?;
    let others = others.trim();
    // One word alone is a topic, whatever it says.
    let (access, filter) = if others.is_empty() {
        (Type::ReadWrite, first)
    } else {
        (Type::parse(first).ok_or_else(|| unknown_type(word, first))?, others)
    };
    match TopicFilter::parse(filter) {
        Ok(_) => Ok((access, filter)),
        Err(error) => {
            let advice = if filter.contains(" #") {
                "; nothing may follow the topic, a comment has a line of its own"
            } else {
                ""
            };
            Err(format!("{filter:?} is no topic filter: {error}{advice}"))
        }
    }
}

impl Type {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::ReadWrite, Self::Deny];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The word for it in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
            Self::Deny => "deny",
        }
    }

    /// Whether it allows to receive.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether it allows to publish.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.scope == Scope::Everybody { "pattern" } else { "topic" };
        write!(f, "{word} {} {}", self.access.as_str(), self.filter)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("clients without a user name"),
            Self::User(user) => write!(f, "user {user}"),
            Self::Everybody => f.write_str("everybody"),
        }
    }
}

/// The word at the front and what follows it. Words are separated by spaces and nothing else.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (!word.is_empty()).then_some((word, rest))
}

fn unknown_type(word: &str, found: &str) -> String {
    let names = Type::ALL.map(Type::as_str);
    match nearest(found, names) {
        Some(nearest) => format!("{found:?} is no access type; did you mean {nearest}?"),
        None => format!(
            "{found:?} is no access type; it is read, write, readwrite or deny, and a topic with \
             spaces needs one of them: `{word} readwrite {found} …`"
        ),
    }
}

fn nearest<const N: usize>(word: &str, known: [&'static str; N]) -> Option<&'static str> {
    let distances = known.map(|known| (strsim::damerau_levenshtein(word, known), known));
    let (distance, nearest) = distances.into_iter().min()?;
    (distance <= (word.len() / 3).max(1)).then_some(nearest)
}

/// The longest ACL file that should be read. This is for whoever reads it; [`AclFile::parse`] takes
/// what it is given.
pub const MAXIMUM_FILE_BYTES: u64 = 32 << 20;

/// How many rules an ACL file may have, and how many sections of users.
pub const MAXIMUM_RULES: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(line: &str) -> String {
        let mistakes = AclFile::parse("acl", line.as_bytes()).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{line}");
        mistakes[0].to_string()
    }

    #[test]
    fn lines_say_who_may_do_what() {
        let text = "# comment\ntopic read news/#\r\n\nuser anna lee\n  topic write a b/c\n\
                    topic deny\ntopic  deny  secret/+ \npattern %c/#\nuser bert\nuser anna lee\n";
        let file = AclFile::parse("acl", text.as_bytes()).unwrap();
        let anna = || Scope::User("anna lee".into());
        let rows = [
            (2, Scope::Anonymous, Type::Read, "news/#"),
            (5, anna(), Type::Write, "a b/c"),
            (6, anna(), Type::ReadWrite, "deny"),
            (7, anna(), Type::Deny, "secret/+"),
            (8, Scope::Everybody, Type::ReadWrite, "%c/#"),
        ];
        let rows = rows.map(|(line, scope, access, filter)| Rule {
            line,
            scope,
            access,
            filter: filter.into(),
        });
        assert_eq!(file.rules(), rows);
        assert_eq!(file.users().collect::<Vec<_>>(), [("anna lee", 4), ("bert", 9)]);
        assert_eq!(file.rules()[3].to_string(), "topic deny secret/+");
    }

    #[test]
    fn mistakes_say_what_to_do() {
        let rows = [
            ("user ", "acl:1: `user` needs the name of a user"),
            ("topic", "acl:1: `topic` needs a topic"),
            ("pattern  ", "acl:1: `pattern` needs a topic"),
            ("topci a", "acl:1: \"topci\" is not known; did you mean topic?"),
            (
                "\n\nallow a",
                "acl:3: \"allow\" is not known; a line begins with user, topic or pattern",
            ),
            (" # a", "acl:1: a comment must begin at the first column"),
            ("topic raed a", "acl:1: \"raed\" is no access type; did you mean read?"),
            (
                "topic living room",
                "acl:1: \"living\" is no access type; it is read, write, readwrite or deny, and a \
                 topic with spaces needs one of them: `topic readwrite living …`",
            ),
        ];
        for (line, words) in rows {
            assert_eq!(mistake(line), words, "{line}");
        }
        assert!(mistake("topic a/b#").starts_with("acl:1: \"a/b#\" is no topic filter: "));
        assert!(mistake("topic read a/b # mine").ends_with("a comment has a line of its own"));
    }

    #[test]
    fn file_with_too_many_rules_is_refused_at_the_first_of_these() {
        let text = "topic a\n".repeat(MAXIMUM_RULES + 2);
        let mistakes = AclFile::parse("acl", text.as_bytes()).unwrap_err();
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
        assert_eq!(mistake.line, MAXIMUM_RULES + 1);
        assert!(mistake.words.contains("more than 500000 rules"), "{mistake}");
    }

    #[test]
    fn file_that_is_something_else_is_told_after_the_first_mistakes() {
        let mistakes = AclFile::parse("acl", "x\n".repeat(100_000).as_bytes()).unwrap_err();
        assert_eq!(mistakes.len(), 101);
        let last = mistakes[100].to_string();
        assert_eq!(last, "acl:101: this and what follows is wrong, too; is it the right file?");
    }

    #[test]
    fn all_mistakes_are_found() {
        let mistakes = AclFile::parse("acl", b"x\ntopic a\ny\n\xFF\n").unwrap_err();
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
