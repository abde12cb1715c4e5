//! Whether the topic of a rule stands for a Topic Name or a Topic Filter.
//!
//! A level that is `%c` or `%u` stands for the client identifier or the user name of whoever asks,
//! and matches it as a whole. It matches nothing where that is missing or holds `/`, `+` or `#`:
//! such a name would reach further than the rule means. Topics that begin with `$` belong to rules
//! that do.

use crate::who::Who;

/// Whether the rule is for this Topic Name, or for all that this Topic Filter asks for.
pub(super) fn covers(rule: &str, filter: &str, who: Who<'_>) -> bool {
    if rule.starts_with('$') != filter.starts_with('$') {
        return false;
    }
    let mut levels = filter.split('/');
    for level in rule.split('/') {
        let asked = levels.next();
        let is_fit = match level {
            // `sport/#` is for `sport` too: the filter may have ended.
            "#" => return true,
            // One level of a rule does not stand for the many that `#` asks for.
            "+" => asked.is_some_and(|asked| asked != "#"),
            "%c" => asked.is_some() && asked == whole_level(who.client_id),
            "%u" => asked.is_some() && asked == who.username.and_then(whole_level),
            _ => asked == Some(level),
        };
        if !is_fit {
            return false;
        }
    }
    levels.next().is_none()
}

/// Whether a rule's topic is one that can be a Topic Filter. Others never match as they were meant.
pub(super) fn is_filter(topic: &str) -> bool {
    let mut levels = topic.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_fit = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            _ => !level.contains(['+', '#']),
        };
        if !is_fit {
            return false;
        }
    }
    !topic.is_empty()
}

/// A name, if it can be one level of a topic and nothing else.
fn whole_level(name: &str) -> Option<&str> {
    let is_level = !name.is_empty() && !name.contains(['/', '+', '#']);
    is_level.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Who<'_> = Who { username: Some("ada"), client_id: "c1" };

    #[test]
    fn rules_match_names() {
        for (rule, name, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a/+/c", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/+/#", "a/b", true),
            ("a/+/#", "a", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/#", "a", false),
            ("%c/x", "c1/x", true),
            ("%c/x", "c/x", false),
            ("%c/x", "c12/x", false),
            ("%u/#", "ada", true),
            ("x/%u", "x/ada", true),
            ("x/%u", "x/bob", false),
            ("x/%ux", "x/adax", false),
            ("x/%ux", "x/%ux", true),
        ] {
            assert_eq!(covers(rule, name, WHO), expected, "{rule} {name}");
        }
    }

    #[test]
    fn rules_cover_filters_that_ask_for_no_more() {
        for (rule, filter, expected) in [
            ("a/b", "a/+", false),
            ("a/+", "a/+", true),
            ("a/+", "a/#", false),
            ("a/+/#", "a/#", false),
            ("a/#", "a/#", true),
            ("a/#", "a/+/b", true),
            ("a/#", "#", false),
            ("#", "#", true),
            ("#", "$SYS/#", false),
            ("+/b", "+/b", true),
            ("%c/#", "c1/#", true),
            ("%c/#", "+/#", false),
        ] {
            assert_eq!(covers(rule, filter, WHO), expected, "{rule} {filter}");
        }
    }

    #[test]
    fn names_that_would_reach_further_match_nothing() {
        for client_id in ["+", "#", "a+", "a/b", ""] {
            let who = Who { username: None, client_id };
            assert!(!covers("x/%c", &format!("x/{client_id}"), who), "{client_id:?}");
            assert!(!covers("x/%u", "x/", who));
        }
    }

    #[test]
    fn topics_of_rules_are_filters() {
        for (topic, expected) in [
            ("a/+/#", true),
            ("#", true),
            ("/", true),
            ("%c", true),
            ("", false),
            ("a#", false),
            ("a/#/b", false),
            ("+a", false),
        ] {
            assert_eq!(is_filter(topic), expected, "{topic}");
        }
    }
}
