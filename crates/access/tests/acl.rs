//! The compiled rules beside a plain list of them, which asks each rule in turn.

use ferrymq_access::acl::{AclFile, Rule, Rules, Scope, Type};
use ferrymq_access::{Action, Decision, RuleRef, Who};
use ferrymq_codec::{TopicFilter, TopicName};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn rules_decide_as_a_plain_list_does(
        text in acl(),
        username in prop::option::of(name()),
        client_id in name(),
        action in prop::sample::select(&Action::ALL[..]),
        topic in filter(),
    ) {
        let is_name = matches!(action, Action::Publish | Action::Receive);
        let topic = if is_name { topic.replace(['+', '#'], "a") } else { topic };
        let file = AclFile::parse("acl", text.as_bytes()).expect("generated lines are right");
        let who = Who { username: username.as_deref(), client_id: &client_id };
        let rules = Rules::new(&file);
        let expected = plain(&file, who, action, &topic);
        prop_assert_eq!(rules.decide(who, action, &topic), expected, "{}", text);
    }

    #[test]
    fn whoever_may_subscribe_may_receive_all_that_is_not_denied(
        text in acl(),
        client_id in name(),
        filter in filter(),
    ) {
        let file = AclFile::parse("acl", text.as_bytes()).expect("generated lines are right");
        let who = Who { username: Some("anna"), client_id: &client_id };
        let rules = Rules::new(&file);
        if !rules.decide(who, Action::Subscribe, &filter).allowed {
            return Ok(());
        }
        for topic in names().iter().filter(|topic| matches(&filter, topic)) {
            let Decision { allowed, rule } = rules.decide(who, Action::Receive, topic);
            prop_assert!(allowed || rule.is_some(), "{topic} of {filter} has no rule:\n{text}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_rules_or_mistakes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match AclFile::parse("acl", &bytes) {
            Ok(file) => {
                let who = Who { username: Some("anna"), client_id: "c" };
                Rules::new(&file).decide(who, Action::Publish, "a/b");
            }
            Err(mistakes) => prop_assert!(!mistakes.is_empty()),
        }
    }
}

#[test]
fn question_allocates_nothing() {
    let text = "user anna\ntopic a/#\ntopic read +/b/+\ntopic deny a/b/secret\npattern %c/+/#\n\
                pattern read +/%u/#\n";
    let rules = Rules::new(&AclFile::parse("acl", text.as_bytes()).unwrap());
    let who = Who { username: Some("anna"), client_id: "c" };
    let asked = allocation_counter::measure(|| {
        for topic in ["a/b/c", "x/b/c", "c/anna/c", "nothing/at/all", "$SYS/a"] {
            for action in Action::ALL {
                std::hint::black_box(rules.decide(who, action, topic));
            }
        }
    });
    assert_eq!(asked.count_total, 0);
}

/// What the documentation says, one rule after the other.
fn plain<'a>(file: &'a AclFile, who: Who<'_>, action: Action, topic: &str) -> Decision<'a> {
    if action == Action::Unsubscribe {
        return Decision { allowed: true, rule: None };
    }
    let own = who.username.map_or(Scope::Anonymous, |user| Scope::User(user.into()));
    if let Some(decision) = first(file, &own, who, action, topic) {
        return decision;
    }
    let is_wild = |name: &str| name.contains(['+', '#']);
    if file.rules().iter().all(|rule| rule.scope != Scope::Everybody) {
        return Decision::NO_RULE;
    }
    if is_wild(who.client_id) || who.username.is_some_and(is_wild) {
        return Decision { allowed: false, rule: Some(RuleRef::NameWithWildcard) };
    }
    first(file, &Scope::Everybody, who, action, topic).unwrap_or(Decision::NO_RULE)
}

/// The first rule of a scope that denies, or else the first that allows.
fn first<'a>(
    file: &'a AclFile,
    scope: &Scope,
    who: Who<'_>,
    action: Action,
    topic: &str,
) -> Option<Decision<'a>> {
    let fits = |rule: &&Rule| {
        rule.scope == *scope && filled(rule, who).is_some_and(|filter| fits(&filter, action, topic))
    };
    let does = |access: Type| match action {
        Action::Publish => access.writes(),
        _ => access.reads(),
    };
    let denies = file.rules().iter().filter(fits).find(|rule| rule.access == Type::Deny);
    let allows = file.rules().iter().filter(fits).find(|rule| does(rule.access));
    let rule = denies.or(allows)?;
    let place = RuleRef::Line { file: file.name(), line: rule.line };
    Some(Decision { allowed: denies.is_none(), rule: Some(place) })
}

/// A rule's filter with the names of a client in it; none if there is no such name, or if a name is
/// no level.
fn filled(rule: &Rule, who: Who<'_>) -> Option<String> {
    let mut levels = Vec::new();
    for level in rule.filter.split('/') {
        let name = match level {
            "%c" if rule.scope == Scope::Everybody => Some(who.client_id),
            "%u" if rule.scope == Scope::Everybody => Some(who.username?),
            _ => None,
        };
        if name.is_some_and(|name| name.is_empty() || name.contains('/')) {
            return None;
        }
        levels.push(name.unwrap_or(level));
    }
    // A name that begins with $ opens nothing that the rule does not say.
    let filter = levels.join("/");
    (filter.starts_with('$') == rule.filter.starts_with('$')).then_some(filter)
}

fn fits(filter: &str, action: Action, topic: &str) -> bool {
    if action != Action::Subscribe {
        return matches(filter, topic);
    }
    names().iter().all(|name| !matches(topic, name) || matches(filter, name))
}

fn matches(filter: &str, name: &str) -> bool {
    let filter = TopicFilter::parse(filter).expect("a filter");
    filter.matches(TopicName::parse(name).expect("a name"))
}

/// Names enough to tell any two of the generated filters apart: they have one level more, and one
/// level, `z`, that no filter says.
fn names() -> Vec<String> {
    let levels = ["a", "b", "", "%c", "$s", "z"];
    let mut names: Vec<String> = levels.iter().map(ToString::to_string).collect();
    let mut last = names.clone();
    for _ in 1..4 {
        last = last
            .iter()
            .flat_map(|name| levels.iter().map(move |level| format!("{name}/{level}")))
            .collect();
        names.extend(last.iter().cloned());
    }
    names.retain(|name| !name.is_empty());
    names
}

fn acl() -> impl Strategy<Value = String> {
    let access = prop::sample::select(vec!["", "read ", "write ", "readwrite ", "deny "]);
    let line = prop_oneof![
        1 => name().prop_filter("a name", |name| !name.is_empty()).prop_map(|name| format!("user {name}")),
        1 => Just("user anna".to_owned()),
        4 => (access.clone(), filter()).prop_map(|(access, filter)| format!("topic {access}{filter}")),
        3 => (access, pattern()).prop_map(|(access, filter)| format!("pattern {access}{filter}")),
    ];
    prop::collection::vec(line, 0..10).prop_map(|lines| lines.join("\n"))
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES).prop_map(str::to_owned)
}

fn filter() -> impl Strategy<Value = String> {
    levels(&["a", "b", "", "+", "#", "$s", "%c"])
}

fn pattern() -> impl Strategy<Value = String> {
    levels(&["a", "b", "+", "#", "%c", "%u", "$s"])
}

/// A filter of up to three levels.
fn levels(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(prop::sample::select(known), 1..4);
    levels
        .prop_map(|mut levels| {
            if let Some(end) = levels.iter().position(|level| *level == "#") {
                levels.truncate(end + 1);
            }
            levels.join("/")
        })
        .prop_filter("not empty", |filter| !filter.is_empty())
}

const NAMES: &[&str] = &["anna", "a", "b", "", "a/b", "+", "$s", "%c"];
