//! Topic Names and Topic Filters: what is accepted, how a shared filter is taken apart, and
//! matching against a model that is too slow to be wrong.

use ferrymq_codec::{DecodeError, MAX_TOPIC_LEVELS, TopicFilter, TopicName};
use proptest::prelude::*;

#[test]
fn names() {
    for text in ["a", "/", "//", "a/b", " ", "$SYS/x", "ünïcode/π", "\u{FEFF}", "\u{10FFFF}"] {
        assert_eq!(TopicName::parse(text).map(TopicName::as_str), Ok(text));
    }
    for (text, error) in [
        ("", DecodeError::EmptyTopicName),
        ("#", DecodeError::WildcardInTopicName),
        ("a/+/b", DecodeError::WildcardInTopicName),
        ("a\0", DecodeError::NullCharacter),
    ] {
        assert_eq!(TopicName::parse(text), Err(error), "{text:?}");
    }
    let longest = "x".repeat(65_535);
    assert!(TopicName::parse(&longest).is_ok());
    let longer = "x".repeat(65_536);
    assert_eq!(TopicName::parse(&longer), Err(DecodeError::TopicNameTooLong));
    let deepest = "/".repeat(MAX_TOPIC_LEVELS - 1);
    assert_eq!(TopicName::parse(&deepest).map(|name| name.levels().count()), Ok(MAX_TOPIC_LEVELS));
    let deeper = "/".repeat(MAX_TOPIC_LEVELS);
    assert_eq!(TopicName::parse(&deeper), Err(DecodeError::TooManyTopicNameLevels));
}

#[test]
fn parts_of_a_name() {
    let name = TopicName::parse("$SYS//load").expect("a valid name");
    assert_eq!(name.levels().collect::<Vec<_>>(), ["$SYS", "", "load"]);
    assert_eq!(name.first_level(), "$SYS");
    assert!(name.starts_with_dollar());
    assert_eq!(name.to_string(), "$SYS//load");
    let name = TopicName::parse("a$").expect("a valid name");
    assert_eq!(name.first_level(), "a$");
    assert!(!name.starts_with_dollar());
}

#[test]
fn filters() {
    for (text, has_wildcards) in [
        ("a", false),
        ("/", false),
        ("$share", false),
        ("$shared/a", false),
        ("$share/g/a", false),
        ("#", true),
        ("+", true),
        ("+/+/#", true),
        ("/+", true),
        ("a/#", true),
        ("$SYS/#", true),
        ("$share/g/#", true),
    ] {
        let filter = TopicFilter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.as_str(), text);
        assert_eq!(filter.has_wildcards(), has_wildcards, "{text}");
    }
    let longest = "x".repeat(65_535);
    assert!(TopicFilter::parse(&longest).is_ok());
    let longer = "x".repeat(65_536);
    assert_eq!(TopicFilter::parse(&longer), Err(DecodeError::TopicFilterTooLong));
    for (text, levels) in [
        ("/".repeat(MAX_TOPIC_LEVELS - 1), MAX_TOPIC_LEVELS),
        ("+/".repeat(MAX_TOPIC_LEVELS - 1) + "#", MAX_TOPIC_LEVELS),
        ("$share/g/".to_owned() + &"/".repeat(MAX_TOPIC_LEVELS - 1), MAX_TOPIC_LEVELS + 2),
    ] {
        assert_eq!(TopicFilter::parse(&text).map(|filter| filter.levels().count()), Ok(levels));
    }
    for text in ["/".repeat(MAX_TOPIC_LEVELS), "+/".repeat(MAX_TOPIC_LEVELS) + "#"] {
        assert_eq!(TopicFilter::parse(&text), Err(DecodeError::TooManyTopicFilterLevels));
    }
}

#[test]
fn share_of_a_filter() {
    let share = |text| {
        let filter = TopicFilter::parse(text).expect("a valid filter");
        filter.share().map(|(name, filter)| (name.as_str(), filter.as_str()))
    };
    assert_eq!(share("$share/g/a/b"), Some(("g", "a/b")));
    assert_eq!(share("$share/g//"), Some(("g", "/")));
    assert_eq!(share("$share/g/#"), Some(("g", "#")));
    assert_eq!(share("share/g/a"), None);
    assert_eq!(share("$share"), None);
    assert_eq!(share("$SHARE/g/a"), None);
    assert_eq!(share("a/$share/g/a"), None);
}

#[test]
fn matching() {
    for (filter, name, expected) in [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("sport/#", "sports", false),
        ("sport/#", "/sport", false),
        ("#", "/", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "$SYS/monitor/Clients", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/monitor/Clients", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("a/+", "a/$b", true),
        ("ACCOUNTS", "Accounts", false),
        ("/finance", "finance", false),
        ("a", "a", true),
        ("a", "a/", false),
        ("$share/g/a/+", "a/b", true),
        ("$share/g/a/+", "$share/g/a/b", false),
        ("$share/g/#", "$SYS/x", false),
        ("$share/g/$SYS/#", "$SYS/x", true),
    ] {
        let filter = TopicFilter::parse(filter).expect("a valid filter");
        let name = TopicName::parse(name).expect("a valid name");
        assert_eq!(filter.matches(name), expected, "{filter} and {name}");
    }
}

/// The rules of section 4.7 one by one, on owned levels, trying every way to match.
fn model_matches(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) | ([], []) => true,
        ([level, filter @ ..], [first, name @ ..]) => {
            (*level == "+" || level == first) && model_matches(filter, name)
        }
        _ => false,
    }
}

fn model(filter: &str, name: &str) -> bool {
    let hidden = name.starts_with('$') && !filter.starts_with('$');
    let filter: Vec<&str> = filter.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    let first_is_wildcard = matches!(filter[0], "#" | "+");
    !(hidden && first_is_wildcard) && model_matches(&filter, &name)
}

proptest! {
    #[test]
    fn matching_is_that_of_the_model(
        filter in "([$]?[ab]?|[+])(/([$]?[ab]?|[+])){0,4}(/#)?|#",
        name in "[$]?[ab]?(/[$]?[ab]?){0,5}",
    ) {
        prop_assume!(!filter.is_empty() && !name.is_empty());
        let parsed = TopicFilter::parse(&filter).expect("a valid filter");
        let found = parsed.matches(TopicName::parse(&name).expect("a valid name"));
        prop_assert_eq!(found, model(&filter, &name));
        let shared = format!("$share/g/{filter}");
        let shared = TopicFilter::parse(&shared).expect("a valid filter");
        prop_assert_eq!(shared.share().map(|(_, filter)| filter), Some(parsed));
    }

    #[test]
    fn a_name_is_a_filter_that_matches_only_itself(
        name in "[^#+\0]{1,20}",
        other in "[^#+\0]{1,20}",
    ) {
        prop_assume!(!name.starts_with("$share/"));
        let filter = TopicFilter::parse(&name).expect("a name is a filter");
        prop_assert!(filter.matches(TopicName::parse(&name).expect("a valid name")));
        let other_name = TopicName::parse(&other).expect("a valid name");
        prop_assert_eq!(filter.matches(other_name), name == other);
    }

    #[test]
    fn any_text_is_a_filter_or_an_error(text in "[$share/+#a\0]{0,20}") {
        let model = {
            let (share, filter) = match text.strip_prefix("$share/") {
                Some(shared) => shared.split_once('/').unwrap_or((shared, "")),
                None => ("g", text.as_str()),
            };
            let levels: Vec<&str> = filter.split('/').collect();
            let misplaced = levels.iter().enumerate().any(|(index, level)| match *level {
                "+" => false,
                "#" => index + 1 != levels.len(),
                level => level.contains(['+', '#']),
            });
            let nested = text.starts_with("$share/") && filter.starts_with("$share/");
            !share.is_empty()
                && !share.contains(['+', '#'])
                && !filter.is_empty()
                && !text.contains('\0')
                && !misplaced
                && !nested
        };
        prop_assert_eq!(TopicFilter::parse(&text).is_ok(), model);
    }
}
