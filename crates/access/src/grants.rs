//! Rights that come with an identity: in a token, in the answer of a service, or from a database.
//!
//! The first rule that fits decides, and what no rule is about is not allowed. A rule may name its
//! user (`%u`) and client (`%c`); they are put in once, when the client comes.

use ferrymq_codec::{TopicFilter, TopicName};
use serde_json::{Map, Value};

use crate::action::Action;
use crate::who::Who;

/// What one rule says, before its user and client are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whether it allows or denies.
    pub allowed: bool,
    /// Whether it is about publishing.
    pub publish: bool,
    /// Whether it is about subscribing, and what is received because of that.
    pub subscribe: bool,
    /// The topics; `%c` and `%u` stand for the client identifier and the user name.
    pub filter: Box<str>,
}

/// The rules for one client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    rules: Vec<Grant>,
}

/// Why rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It is not a list of rules.
    #[error(
        "rules are a list of objects with permission, action and topic, or an object with pub, sub \
         and all"
    )]
    Form,
    /// A rule allows neither, nor denies.
    #[error("the permission of a rule is allow or deny, not {0:?}")]
    Permission(Box<str>),
    /// A rule is about nothing.
    #[error("the action of a rule is publish, subscribe or all, not {0:?}")]
    Action(Box<str>),
    /// A topic is no Topic Filter.
    #[error("{0:?} is no topic filter")]
    Filter(Box<str>),
    /// There are more rules than anybody needs.
    #[error("there are more than {RULES_MAXIMUM} rules; give the client fewer, with wildcards")]
    TooMany,
}

/// Rules of one client.
pub const RULES_MAXIMUM: usize = 1_000;

impl Grant {
    /// Reads what a service or a database says of a rule.
    ///
    /// # Errors
    ///
    /// Which word means nothing.
    pub fn new(permission: &str, action: &str, filter: &str) -> Result<Self, GrantError> {
        let allowed = match permission {
            _ if permission.eq_ignore_ascii_case("allow") => true,
            _ if permission.eq_ignore_ascii_case("deny") => false,
            _ => return Err(GrantError::Permission(Box::from(permission))),
        };
        let (publish, subscribe) = match action {
            _ if action.eq_ignore_ascii_case("publish") => (true, false),
            _ if action.eq_ignore_ascii_case("subscribe") => (false, true),
            _ if action.eq_ignore_ascii_case("all") => (true, true),
            _ => return Err(GrantError::Action(Box::from(action))),
        };
        if TopicFilter::parse(filter).is_err() {
            return Err(GrantError::Filter(Box::from(filter)));
        }
        Ok(Self { allowed, publish, subscribe, filter: Box::from(filter) })
    }

    /// The same for one client. What cannot be said of it allows nothing, and denies everything:
    /// a name with wildcards or separators in it would change what the rule is about.
    fn of(self, who: Who<'_>) -> Option<Self> {
        let filter = substitute(&self.filter, who);
        match filter.filter(|filter| TopicFilter::parse(filter).is_ok()) {
            Some(filter) => Some(Self { filter: filter.into(), ..self }),
            None if self.allowed => None,
            None => Some(Self { filter: Box::from(EVERYTHING), ..self }),
        }
    }

    fn is_about(&self, action: Action, topic: &str) -> bool {
        let everything = &*self.filter == EVERYTHING && !self.allowed;
        match action {
            Action::Publish => self.publish && (everything || matches(&self.filter, topic)),
            Action::Receive => self.subscribe && (everything || matches(&self.filter, topic)),
            Action::Subscribe => self.subscribe && (everything || covers(&self.filter, topic)),
            Action::Unsubscribe => false,
        }
    }
}

impl Grants {
    /// The rules, for one client.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub fn new(rules: Vec<Grant>, who: Who<'_>) -> Result<Self, GrantError> {
        if rules.len() > RULES_MAXIMUM {
            return Err(GrantError::TooMany);
        }
        Ok(Self { rules: rules.into_iter().filter_map(|rule| rule.of(who)).collect() })
    }

    /// Whether the client may do this. Whoever may subscribe may unsubscribe, and so may everybody.
    pub fn allow(&self, action: Action, topic: &str) -> bool {
        let decides = |rule: &&Grant| rule.is_about(action, topic);
        let found = self.rules.iter().find(decides).map(|rule| rule.allowed);
        found.unwrap_or(action == Action::Unsubscribe)
    }
}

/// Reads rules from JSON, in the forms that EMQX's users know: a list of objects with `permission`,
/// `action` and `topic`, or an object with lists of topics named `pub`, `sub` and `all`.
///
/// # Errors
///
/// What is wrong in it.
pub fn rules_of_json(value: &Value) -> Result<Vec<Grant>, GrantError> {
    match value {
        Value::Array(rules) => {
            let mut grants = Vec::new();
            for rule in rules.iter().take(RULES_MAXIMUM.saturating_add(1)) {
                rules_of_object(rule.as_object().ok_or(GrantError::Form)?, &mut grants)?;
            }
            Ok(grants)
        }
        Value::Object(lists) => {
            let mut grants = Vec::new();
            for (name, action) in [("pub", "publish"), ("sub", "subscribe"), ("all", "all")] {
                for filter in lists.get(name).map_or(Ok(Vec::new()), texts_of)? {
                    grants.push(Grant::new("allow", action, filter)?);
                }
            }
            Ok(grants)
        }
        _ => Err(GrantError::Form),
    }
}

/// The text in a value, or all texts in a list.
pub(crate) fn texts_of(value: &Value) -> Result<Vec<&str>, GrantError> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(texts) if texts.len() > RULES_MAXIMUM => Err(GrantError::TooMany),
        Value::Array(texts) => {
            texts.iter().map(|text| text.as_str().ok_or(GrantError::Form)).collect()
        }
        _ => Err(GrantError::Form),
    }
}

fn rules_of_object(rule: &Map<String, Value>, grants: &mut Vec<Grant>) -> Result<(), GrantError> {
    let text = |name: &str| rule.get(name).and_then(Value::as_str);
    let permission = text("permission").ok_or(GrantError::Form)?;
    let action = text("action").unwrap_or("all");
    let topics = rule.get("topic").or_else(|| rule.get("topics")).ok_or(GrantError::Form)?;
    for filter in texts_of(topics)? {
        grants.push(Grant::new(permission, action, filter)?);
    }
    Ok(())
}

/// Puts the names in; `None` if one of them is not there or cannot stand in a topic. Users of EMQX
/// write `${clientid}` and `${username}`.
fn substitute(filter: &str, who: Who<'_>) -> Option<String> {
    let mut result = String::with_capacity(filter.len());
    let mut rest = filter;
    while let Some(start) = rest.find(['%', '$']) {
        let (before, from) = rest.split_at_checked(start)?;
        result.push_str(before);
        let found = PLACEHOLDERS
            .iter()
            .find_map(|(mark, is_client)| from.strip_prefix(mark).map(|after| (after, *is_client)));
        let Some((after, is_client)) = found else {
            let mut characters = from.chars();
            result.extend(characters.next());
            rest = characters.as_str();
            continue;
        };
        let name = if is_client { Some(who.client_id) } else { who.username };
        result.push_str(name.filter(|name| can_stand_in_topic(name))?);
        rest = after;
    }
    result.push_str(rest);
    Some(result)
}

fn can_stand_in_topic(name: &str) -> bool {
    !name.is_empty() && !name.contains(['+', '#', '/'])
}

fn matches(filter: &str, topic: &str) -> bool {
    match (TopicFilter::parse(filter), TopicName::parse(topic)) {
        (Ok(filter), Ok(topic)) => filter.matches(topic),
        _ => false,
    }
}

/// Whether all that a client gets by `wanted` is in `filter`.
fn covers(filter: &str, wanted: &str) -> bool {
    let Ok(wanted) = TopicFilter::parse(wanted) else {
        return false;
    };
    let wanted = wanted.share().map_or(wanted, |(_, filter)| filter);
    let Ok(filter) = TopicFilter::parse(filter) else {
        return false;
    };
    let (mut rule, mut levels) = (filter.levels(), wanted.levels().peekable());
    // Wildcards at the front do not reach topics that begin with $ [MQTT-4.7.2-1].
    if levels.peek().is_some_and(|first| first.starts_with('$'))
        && filter.levels().next().is_some_and(|first| matches!(first, "+" | "#"))
    {
        return false;
    }
    loop {
        match (rule.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// What stands for a name, and whether it is that of the client.
const PLACEHOLDERS: [(&str, bool); 4] =
    [("%c", true), ("%u", false), ("${clientid}", true), ("${username}", false)];
const EVERYTHING: &str = "#";

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Who<'_> = Who { username: Some("ann"), client_id: "lamp" };

    fn grants(rules: &[(&str, &str, &str)], who: Who<'_>) -> Grants {
        let rules = rules
            .iter()
            .map(|(permission, action, filter)| Grant::new(permission, action, filter).unwrap());
        Grants::new(rules.collect(), who).unwrap()
    }

    #[test]
    fn first_rule_that_fits_decides_and_nothing_else_is_allowed() {
        let grants = grants(
            &[
                ("deny", "all", "house/safe/#"),
                ("allow", "subscribe", "house/#"),
                ("allow", "publish", "house/%u/%c"),
                ("allow", "publish", "$share/of/mine"),
                ("ALLOW", "Subscribe", "$SYS/broker/uptime"),
            ],
            ANN,
        );
        let rows = [
            (Action::Publish, "house/ann/lamp", true),
            (Action::Publish, "house/bob/lamp", false),
            (Action::Publish, "house/safe/ann", false),
            (Action::Receive, "house/bob/lamp", true),
            (Action::Receive, "house/safe/door", false),
            (Action::Receive, "garden", false),
            (Action::Subscribe, "house/+/lamp", true),
            (Action::Subscribe, "house/#", true),
            (Action::Subscribe, "house", true),
            (Action::Subscribe, "$share/us/house/#", true),
            (Action::Subscribe, "$share/us/garden/#", false),
            (Action::Subscribe, "house/safe/#", false),
            (Action::Subscribe, "#", false),
            (Action::Subscribe, "+/ann", false),
            (Action::Subscribe, "$SYS/broker/uptime", true),
            (Action::Subscribe, "$SYS/#", false),
            (Action::Unsubscribe, "anything", true),
        ];
        for (action, topic, expected) in rows {
            assert_eq!(grants.allow(action, topic), expected, "{action} {topic}");
        }
    }

    #[test]
    fn wildcards_at_the_front_do_not_reach_what_begins_with_a_dollar() {
        let grants = grants(&[("allow", "all", "#")], ANN);
        assert!(grants.allow(Action::Subscribe, "#"));
        assert!(!grants.allow(Action::Subscribe, "$SYS/#"));
        assert!(!grants.allow(Action::Receive, "$SYS/broker/uptime"));
        assert!(!grants.allow(Action::Publish, "$CONTROL/dynamic-security/v1"));
    }

    #[test]
    fn name_that_cannot_stand_in_a_topic_gets_nothing_and_escapes_no_denial() {
        for name in ["#", "+", "a/b", ""] {
            let who = Who { username: Some(name), client_id: name };
            let some = grants(&[("allow", "all", "a/%c"), ("allow", "all", "b/${username}")], who);
            for topic in ["a/x", "b/x", "a/b", "a/a/b", "a/"] {
                assert!(!some.allow(Action::Publish, topic), "{name:?} {topic}");
                assert!(!some.allow(Action::Subscribe, topic), "{name:?} {topic}");
            }
            let some = grants(&[("deny", "publish", "a/%u"), ("allow", "all", "#")], who);
            assert!(!some.allow(Action::Publish, "a/x"), "{name:?}");
            assert!(some.allow(Action::Receive, "a/x"), "{name:?}");
        }
    }

    #[test]
    fn rules_are_read_in_both_forms() {
        let json = |text: &str| rules_of_json(&serde_json::from_str(text).unwrap());
        let list = json(
            r#"[{"permission":"deny","action":"publish","topic":"a"},
                {"permission":"allow","topics":["b","c/+"]}]"#,
        );
        let expected = [("deny", "publish", "a"), ("allow", "all", "b"), ("allow", "all", "c/+")];
        let expected = expected.map(|(one, two, three)| Grant::new(one, two, three).unwrap());
        assert_eq!(list.unwrap(), expected);
        let lists = json(r#"{"pub":["a"],"sub":"b","all":[]}"#).unwrap();
        assert_eq!(lists.len(), 2);
        let wrong = [
            ("7", GrantError::Form),
            ("[7]", GrantError::Form),
            (r#"{"pub":[7]}"#, GrantError::Form),
            (r#"[{"permission":"maybe","topic":"a"}]"#, GrantError::Permission("maybe".into())),
            (r#"[{"permission":"deny","action":"x","topic":"a"}]"#, GrantError::Action("x".into())),
            (r#"{"sub":["a/#/b"]}"#, GrantError::Filter("a/#/b".into())),
        ];
        for (text, error) in wrong {
            assert_eq!(json(text), Err(error), "{text}");
        }
    }

    #[test]
    fn covering_is_what_matching_every_topic_means() {
        let levels = ["a", "b", "+", "#"];
        let mut filters = Vec::new();
        for one in levels {
            filters.push(one.to_owned());
            for two in levels {
                filters.push(format!("{one}/{two}"));
                filters.extend(levels.map(|three| format!("{one}/{two}/{three}")));
            }
        }
        filters.retain(|filter| TopicFilter::parse(filter).is_ok());
        let names: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .flat_map(|one| {
                ["", "/a", "/b", "/c", "/a/a", "/a/b", "/b/c", "/c/c", "/c/c/c"]
                    .map(|rest| format!("{one}{rest}"))
            })
            .collect();
        for rule in &filters {
            for wanted in &filters {
                let all = names.iter().filter(|name| matches(wanted, name));
                let reaches = all.clone().all(|name| matches(rule, name));
                // Names of three letters tell every pair of these filters apart, but those with
                // several levels at their end.
                assert!(!covers(rule, wanted) || reaches, "{rule} {wanted}");
                if reaches && !covers(rule, wanted) {
                    assert!(all.count() < 9 || wanted.ends_with('#'), "{rule} {wanted}");
                }
            }
        }
    }
}
