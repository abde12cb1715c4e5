//! What is allowed in an ACL file and does not do what it seems to do.

use std::collections::HashMap;

use super::file::{AclFile, Rule, Scope, Type};
use super::overlap::{covers, overlap};
use crate::mistake::Mistake;
use crate::password::PasswordFile;

impl AclFile {
    /// What in the file has no effect, or another than it seems; in the order of the lines. With the
    /// users of a password file also which names are not there.
    ///
    /// Rules are compared with each other, which for very many takes very long: after
    /// [`MAXIMUM_COMPARISONS`] they are only looked at one by one, and that is said.
    pub fn lint(&self, users: Option<&PasswordFile>) -> Vec<Mistake> {
        self.lint_with(users, MAXIMUM_COMPARISONS)
    }

    fn lint_with(&self, users: Option<&PasswordFile>, comparisons: usize) -> Vec<Mistake> {
        let mut scopes: HashMap<&Scope, Vec<&Rule>> = HashMap::new();
        for rule in self.rules() {
            scopes.entry(&rule.scope).or_default().push(rule);
        }
        let patterns = scopes.get(&Scope::Everybody).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut comparisons_left = Some(comparisons);
        for rule in self.rules() {
            let own = scopes.get(&rule.scope).map(Vec::as_slice).unwrap_or_default();
            let is_compared = comparisons_left.is_some();
            comparisons_left = comparisons_left
                .and_then(|left| left.checked_sub(self.comparisons(rule, own, patterns)));
            if is_compared && comparisons_left.is_none() {
                found.push((rule.line, TOO_MANY.into()));
            }
            let words = misread(rule).or_else(|| {
                comparisons_left?;
                self.passed_by(rule)
                    .or_else(|| without_effect(rule, own, patterns))
                    .or_else(|| without_dollar(rule, own, patterns))
            });
            found.extend(words.map(|words| (rule.line, words)));
        }
        for (user, line) in self.users() {
            let is_empty = !scopes.contains_key(&Scope::User(Box::from(user)));
            let words = doubtful_user(user, users, is_empty, !patterns.is_empty());
            found.extend(words.map(|words| (line, words)));
        }
        found.sort();
        found.into_iter().map(|(line, words)| Mistake::new(self.name(), line, words)).collect()
    }

    /// With how many rules one is compared at the most.
    fn comparisons(&self, rule: &Rule, own: &[&Rule], patterns: &[&Rule]) -> usize {
        let is_deny = rule.access == Type::Deny;
        let all = if is_deny && rule.scope == Scope::Everybody { self.rules().len() } else { 0 };
        all + 3 * own.len() + 2 * patterns.len()
    }

    /// A pattern that denies, where a user's own rule allows.
    fn passed_by(&self, rule: &Rule) -> Option<String> {
        if rule.scope != Scope::Everybody || rule.access != Type::Deny {
            return None;
        }
        let passes = |own: &&Rule| {
            own.scope != Scope::Everybody
                && own.access != Type::Deny
                && overlap(&own.filter, &rule.filter)
        };
        let own = self.rules().iter().find(passes)?;
        Some(format!(
            "{} may do what line {} allows all the same: rules of a user come before patterns",
            own.scope, own.line
        ))
    }
}

/// How often two rules of a file are compared.
pub const MAXIMUM_COMPARISONS: usize = 50_000_000;

const TOO_MANY: &str =
    "this rule and those that follow are not compared with others: there are too many";

/// A rule that says something else than it seems.
fn misread(rule: &Rule) -> Option<String> {
    let is_pattern = rule.scope == Scope::Everybody;
    let is_name = |level: &str| matches!(level, "%c" | "%u");
    let has_name = rule.filter.split('/').any(is_name);
    let has_part = rule.filter.contains("%c") || rule.filter.contains("%u");
    let filter = &rule.filter;
    if filter.starts_with("$share/") {
        return Some(
            "no message has such a topic; a right is for what follows $share/NAME/".into(),
        );
    }
    if Type::ALL.iter().any(|access| access.as_str() == &**filter) {
        return Some(format!("gives the topic {filter:?} to read and write; is a topic missing?"));
    }
    if !is_pattern && has_part {
        return Some("%c and %u are text in a `topic`; a `pattern` fills them in".into());
    }
    if is_pattern && !has_name {
        let advice = if has_part { ": they must be a whole level" } else { "" };
        return Some(format!("is for everybody: there is neither %c nor %u in it{advice}"));
    }
    None
}

/// A rule that changes nothing.
fn without_effect(rule: &Rule, own: &[&Rule], patterns: &[&Rule]) -> Option<String> {
    let is_other = |other: &&&Rule| other.line != rule.line;
    let covering =
        || own.iter().filter(is_other).filter(|other| covers(&other.filter, &rule.filter));
    if rule.access != Type::Deny
        && let Some(deny) = covering().find(|other| other.access == Type::Deny)
    {
        return Some(format!("has no effect: line {} denies all of it", deny.line));
    }
    let does_as_much = |other: &&&Rule| {
        let is_wider = match rule.access {
            Type::Deny => other.access == Type::Deny,
            access => {
                (other.access.reads() || !access.reads())
                    && (other.access.writes() || !access.writes())
                    && other.access != Type::Deny
            }
        };
        // Of two that are the same the later one is too much.
        let is_same = other.access == rule.access && covers(&rule.filter, &other.filter);
        is_wider && (!is_same || other.line < rule.line)
    };
    if let Some(other) = covering().find(does_as_much) {
        return Some(format!("adds nothing to line {}", other.line));
    }
    let is_allowed =
        |other: &&Rule| other.access != Type::Deny && overlap(&other.filter, &rule.filter);
    let has_something = own.iter().chain(patterns).copied().any(|other| is_allowed(&other));
    (rule.access == Type::Deny && !has_something)
        .then(|| "has no effect: nothing allows what it denies".into())
}

/// A rule for all topics, which is not for those that begin with `$`.
fn without_dollar(rule: &Rule, own: &[&Rule], patterns: &[&Rule]) -> Option<String> {
    let has_dollar = || own.iter().chain(patterns).any(|other| other.filter.starts_with('$'));
    (&*rule.filter == "#" && rule.access.reads() && !has_dollar()).then(|| {
        "is not for topics that begin with $; to read what the broker says of itself takes \
         `topic read $SYS/#`"
            .into()
    })
}

fn doubtful_user(
    user: &str,
    users: Option<&PasswordFile>,
    is_empty: bool,
    has_patterns: bool,
) -> Option<String> {
    if users.is_some_and(|users| users.stamp(user).is_none()) {
        return Some(format!("the user {user:?} is not in the password file"));
    }
    if has_patterns && user.contains(['+', '#']) {
        return Some(format!("no pattern is for the user {user:?}, because of the + or # in it"));
    }
    (is_empty && !has_patterns)
        .then(|| format!("the user {user:?} may do nothing: there is no rule"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lint(text: &str) -> Vec<String> {
        let file = AclFile::parse("acl", text.as_bytes()).unwrap();
        file.lint(None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_that_say_what_they_do_are_not_named() {
        let text = "topic read news/#\nuser anna\ntopic home/#\ntopic deny home/safe/#\n\
                    user bert\npattern inbox/%u/#\n\
                    pattern deny inbox/%u/secret\npattern write devices/%c\n";
        assert_eq!(lint(text), [] as [String; 0]);
        assert_eq!(lint("topic read #\ntopic read $SYS/#\n"), [] as [String; 0]);
    }

    #[test]
    fn doubtful_rules_are_named_with_their_line() {
        let rows = [
            (
                "topic read $share/g/a",
                "acl:1: no message has such a topic; a right is for what follows $share/NAME/",
            ),
            (
                "topic write",
                "acl:1: gives the topic \"write\" to read and write; is a topic missing?",
            ),
            ("topic a/%u", "acl:1: %c and %u are text in a `topic`; a `pattern` fills them in"),
            ("pattern a/b", "acl:1: is for everybody: there is neither %c nor %u in it"),
            (
                "pattern a/x%c",
                "acl:1: is for everybody: there is neither %c nor %u in it: they must be a whole level",
            ),
            ("topic read a/b\ntopic deny a/#", "acl:1: has no effect: line 2 denies all of it"),
            ("topic a/#\ntopic read a/+/c", "acl:2: adds nothing to line 1"),
            ("topic read a\ntopic read a", "acl:2: adds nothing to line 1"),
            ("topic a\ntopic deny b", "acl:2: has no effect: nothing allows what it denies"),
            (
                "user anna\ntopic u/#\npattern deny u/%u\npattern read u/%u/#",
                "acl:3: user anna may do what line 2 allows all the same: rules of a user come before patterns",
            ),
            (
                "topic read #",
                "acl:1: is not for topics that begin with $; to read what the broker says of itself takes `topic read $SYS/#`",
            ),
            ("user anna", "acl:1: the user \"anna\" may do nothing: there is no rule"),
            (
                "user a+\ntopic a\npattern %c",
                "acl:1: no pattern is for the user \"a+\", because of the + or # in it",
            ),
        ];
        for (text, words) in rows {
            assert_eq!(lint(text), [words], "{text}");
        }
    }

    #[test]
    fn many_rules_are_looked_at_and_no_more_are_compared_than_may_be() {
        let lines = 60;
        let mut rules: Vec<_> = (0..lines - 1).map(|number| format!("topic a/{number}")).collect();
        rules.push("topic write".to_owned());
        let text = rules.join("\n");
        let file = AclFile::parse("acl", text.as_bytes()).unwrap();
        let found: Vec<_> = file.lint_with(None, 7_000).iter().map(ToString::to_string).collect();
        let [too_many, misread] = found.as_slice() else { panic!("{found:?}") };
        // Each is compared with each, three times.
        let first = 7_000 / (3 * lines) + 1;
        assert_eq!(*too_many, format!("acl:{first}: {TOO_MANY}"));
        assert!(misread.starts_with(&format!("acl:{lines}: gives the topic")), "{misread}");
    }

    #[test]
    fn users_without_a_password_are_named() {
        let users = PasswordFile::parse("users", b"").unwrap();
        let file = AclFile::parse("acl", b"user anna\ntopic a\n").unwrap();
        let found: Vec<_> = file.lint(Some(&users)).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["acl:1: the user \"anna\" is not in the password file"]);
    }
}
