//! The rules of an ACL file, made ready for questions.

use std::collections::HashMap;
use std::num::NonZeroU32;

use ferrymq_codec::TopicFilter;

use super::file::{AclFile, Scope};
use super::tree::{Lines, Placeholders, Tree};
use crate::action::Action;
use crate::decision::{Decision, RuleRef};
use crate::who::Who;

/// The rules of an ACL file. To ask costs a walk through a tree and, with few exceptions, no memory.
#[derive(Clone, Debug)]
pub struct Rules {
    file: Box<str>,
    users: HashMap<Box<str>, Tree>,
    anonymous: Tree,
    /// None if there is no pattern.
    patterns: Option<Tree>,
}

impl Rules {
    /// Makes the rules of a file ready.
    pub fn new(file: &AclFile) -> Self {
        let mut rules = Self {
            file: Box::from(file.name()),
            users: HashMap::new(),
            anonymous: Tree::new(Placeholders::Text),
            patterns: None,
        };
        for rule in file.rules() {
            let tree = match &rule.scope {
                Scope::Anonymous => &mut rules.anonymous,
                Scope::User(user) => match rules.users.get_mut(user) {
                    Some(tree) => tree,
                    None => rules
                        .users
                        .entry(user.clone())
                        .or_insert_with(|| Tree::new(Placeholders::Text)),
                },
                Scope::Everybody => {
                    rules.patterns.get_or_insert_with(|| Tree::new(Placeholders::Filled))
                }
            };
            tree.insert(rule);
        }
        rules
    }

    /// Whether somebody may do something with a Topic Name, or to subscribe and to unsubscribe with a
    /// Topic Filter.
    pub fn decide(&self, who: Who<'_>, action: Action, topic: &str) -> Decision<'_> {
        let topic = match action {
            Action::Unsubscribe => return Decision { allowed: true, rule: None },
            Action::Subscribe => without_share(topic),
            Action::Publish | Action::Receive => topic,
        };
        let own = match who.username {
            None => Some(&self.anonymous),
            Some(user) => self.users.get(user),
        };
        if let Some(decision) = own.and_then(|tree| self.judge(tree.find(who, topic), action)) {
            return decision;
        }
        let Some(patterns) = &self.patterns else {
            return Decision::NO_RULE;
        };
        // As a level of a filter such a name would be for others' topics too.
        let is_wild = |name: &str| name.contains(['+', '#']);
        if is_wild(who.client_id) || who.username.is_some_and(is_wild) {
            return Decision { allowed: false, rule: Some(RuleRef::NameWithWildcard) };
        }
        self.judge(patterns.find(who, topic), action).unwrap_or(Decision::NO_RULE)
    }

    /// What denies comes before what allows, wherever it stands.
    fn judge(&self, found: Lines, action: Action) -> Option<Decision<'_>> {
        let allows = if action == Action::Publish { found.write } else { found.read };
        let (allowed, line) = match (found.deny, allows) {
            (Some(line), _) => (false, line),
            (None, line) => (true, line?),
        };
        Some(Decision { allowed, rule: Some(self.rule(line)) })
    }

    fn rule(&self, line: NonZeroU32) -> RuleRef<'_> {
        let line = usize::try_from(line.get()).unwrap_or(usize::MAX);
        RuleRef::Line { file: &self.file, line }
    }
}

/// The filter of a shared subscription says which messages it wants, as any other does.
fn without_share(filter: &str) -> &str {
    let shared = TopicFilter::trusted(filter).share();
    shared.map_or(filter, |(_, inner)| inner.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who<'a>(username: &'a str, client_id: &'a str) -> Who<'a> {
        Who { username: (!username.is_empty()).then_some(username), client_id }
    }

    /// The line that decides, below zero if it denies, and 0 if there is none.
    fn decide(text: &str, who: Who<'_>, action: Action, topic: &str) -> i64 {
        let file = AclFile::parse("acl", text.as_bytes()).unwrap();
        let rules = Rules::new(&file);
        let Decision { allowed, rule } = rules.decide(who, action, topic);
        match rule {
            Some(RuleRef::Line { file, line }) => {
                assert_eq!(file, "acl");
                let line = i64::try_from(line).unwrap();
                if allowed { line } else { -line }
            }
            Some(rule) => panic!("{rule}"),
            None => i64::from(allowed),
        }
    }

    const FILE: &str = "topic read news/#\n\
                        user anna\n\
                        topic write home/+/set\n\
                        topic home/#\n\
                        topic deny home/safe/#\n\
                        topic read $SYS/broker/+\n\
                        user bert\n\
                        topic #\n\
                        pattern read inbox/%u/#\n\
                        pattern deny inbox/%u/secret\n\
                        pattern write devices/%c\n\
                        user carl\n\
                        topic read +/#\n";

    #[test]
    fn first_rule_that_denies_or_else_allows_decides() {
        use Action::{Publish, Receive};
        let rows = [
            ("", "c", Receive, "news/today", 1),
            ("", "c", Receive, "news", 1),
            ("", "c", Publish, "news/today", 0),
            ("anna", "c", Receive, "news/today", 0),
            ("anna", "c", Publish, "home/lamp/set", 3),
            ("anna", "c", Receive, "home/lamp/set", 4),
            ("anna", "c", Receive, "home/safe/set", -5),
            ("anna", "c", Publish, "home/safe", -5),
            ("anna", "c", Receive, "$SYS/broker/uptime", 6),
            ("anna", "c", Receive, "$SYS/broker/load/1min", 0),
            ("bert", "c", Publish, "anything/at/all", 8),
            ("bert", "c", Receive, "$SYS/broker/uptime", 0),
            // A user's own rules come before the patterns, those that deny too.
            ("bert", "c", Receive, "inbox/bert/secret", 8),
            ("anna", "c", Receive, "inbox/anna", 9),
            ("anna", "c", Receive, "inbox/anna/a/b", 9),
            ("anna", "c", Receive, "inbox/anna/secret", -10),
            ("anna", "c", Receive, "inbox/bert/a", 0),
            ("dora", "lamp", Publish, "devices/lamp", 11),
            ("", "lamp", Publish, "devices/lamp", 11),
            ("dora", "lamp", Publish, "devices/other", 0),
            ("dora", "lamp", Publish, "devices/lamp/x", 0),
            // Without a user name %u is nobody.
            ("", "c", Receive, "inbox//x", 0),
        ];
        for (username, client_id, action, topic, line) in rows {
            let found = decide(FILE, who(username, client_id), action, topic);
            assert_eq!(found, line, "{username} {client_id} {action} {topic}");
        }
    }

    #[test]
    fn to_subscribe_one_rule_must_allow_all_that_the_filter_matches() {
        let rows = [
            ("anna", "home/#", 4),
            ("anna", "home/+/set", 4),
            ("anna", "home", 4),
            ("anna", "#", 0),
            ("anna", "+/lamp", 0),
            ("anna", "home/safe/#", -5),
            ("anna", "home/safe/+", -5),
            ("anna", "$share/group/home/#", 4),
            ("anna", "$share/group/news/#", 0),
            ("anna", "$SYS/broker/+", 6),
            ("anna", "$SYS/broker/#", 0),
            ("anna", "$SYS/#", 0),
            ("anna", "inbox/anna/#", 9),
            ("anna", "inbox/+/#", 0),
            ("bert", "#", 8),
            ("bert", "+/+", 8),
            ("carl", "#", 13),
            ("bert", "$SYS/#", 0),
        ];
        for (username, filter, line) in rows {
            let found = decide(FILE, who(username, "c"), Action::Subscribe, filter);
            assert_eq!(found, line, "{username} {filter}");
            let found = decide(FILE, who(username, "c"), Action::Unsubscribe, filter);
            assert_eq!(found, 1, "{username} {filter}");
        }
    }

    #[test]
    fn names_with_wildcards_or_separators_open_nothing() {
        let file = AclFile::parse("acl", b"user +\ntopic a\npattern %c/#\npattern u/%u\n").unwrap();
        let rules = Rules::new(&file);
        let ask = |username, client_id, topic| {
            rules.decide(who(username, client_id), Action::Receive, topic)
        };
        for (username, client_id) in [("", "+"), ("", "a#"), ("+", "c"), ("a+b", "c")] {
            let decision = ask(username, client_id, "x/y");
            assert_eq!(decision.rule, Some(RuleRef::NameWithWildcard), "{username} {client_id}");
            assert!(!decision.allowed);
        }
        // The user's own rules hold all the same.
        assert!(ask("+", "c", "a").allowed);
        assert_eq!(ask("", "a/b", "a/b/c"), Decision::NO_RULE);
        assert_eq!(ask("", "", "/x"), Decision::NO_RULE);
        assert_eq!(ask("", "$SYS", "$SYS/x"), Decision::NO_RULE);
        assert!(ask("", "a", "a/b").allowed);
    }

    #[test]
    fn percent_is_a_name_as_a_whole_level_of_a_pattern_only() {
        let text = "topic t/%c\npattern p/%count\npattern p/x%c\n";
        assert_eq!(decide(text, who("", "c"), Action::Receive, "t/c"), 0);
        assert_eq!(decide(text, who("", "c"), Action::Receive, "t/%c"), 1);
        assert_eq!(decide(text, who("", "c"), Action::Receive, "p/count"), 0);
        assert_eq!(decide(text, who("", "c"), Action::Receive, "p/xc"), 0);
        assert_eq!(decide(text, who("", "c"), Action::Receive, "p/x%c"), 3);
    }

    #[test]
    fn file_without_rules_denies() {
        for text in ["", "user anna\n"] {
            assert_eq!(decide(text, who("anna", "c"), Action::Publish, "a"), 0);
            assert_eq!(decide(text, who("", "c"), Action::Receive, "a"), 0);
        }
    }

    #[test]
    fn topics_and_rules_with_many_levels_cost_no_stack() {
        let deep = vec!["a"; 200].join("/");
        let any = vec!["+"; 200].join("/");
        let text = format!("topic {deep}\ntopic {any}\n");
        assert_eq!(decide(&text, who("", "c"), Action::Publish, &deep), 1);
        assert_eq!(decide(&text, who("", "c"), Action::Subscribe, &any), 2);
    }
}
