//! Topic Filters beside a model that follows section 4.7 word by word.

use ferrymq_codec::{TopicFilter, TopicName};

/// The data is a filter and, behind a line feed, a name. Both are accepted where the model accepts
/// them, and they match where the model matches them.
///
/// # Panics
///
/// If codec and model differ.
pub fn topic_filter(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (filter, name) = text.split_once('\n').unwrap_or((text, "a"));
    if filter.split('/').count() > MODEL_LEVELS || name.split('/').count() > MODEL_LEVELS {
        return;
    }
    let parsed_filter = TopicFilter::parse(filter);
    let parsed_name = TopicName::parse(name);
    assert_eq!(parsed_filter.is_ok(), is_filter(filter), "{filter:?}: {parsed_filter:?}");
    assert_eq!(parsed_name.is_ok(), is_name(name), "{name:?}: {parsed_name:?}");
    let (Ok(parsed_filter), Ok(parsed_name)) = (parsed_filter, parsed_name) else { return };
    let plain = match parsed_filter.share() {
        None => filter,
        Some((share, plain)) => {
            let whole = format!("$share/{}/{}", share.as_str(), plain.as_str());
            assert_eq!(filter, whole, "a share is taken apart without loss");
            assert_eq!(TopicFilter::parse(plain.as_str()), Ok(plain), "what is shared is a filter");
            plain.as_str()
        }
    };
    assert_eq!(parsed_filter.matches(parsed_name), matches(plain, name), "{filter:?}, {name:?}");
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\0', '#', '+'])
}

fn is_filter(text: &str) -> bool {
    let Some(shared) = text.strip_prefix("$share/") else { return is_plain_filter(text) };
    shared.split_once('/').is_some_and(|(share, filter)| {
        is_name(share) && is_plain_filter(filter) && !filter.starts_with("$share/")
    })
}

fn is_plain_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    !text.is_empty()
        && !text.contains('\0')
        && levels.iter().enumerate().all(|(index, level)| match *level {
            "#" => index + 1 == levels.len(),
            "+" => true,
            level => !level.contains(['#', '+']),
        })
}

fn matches(filter: &str, name: &str) -> bool {
    let filter: Vec<&str> = filter.split('/').collect();
    let name: Vec<&str> = name.split('/').collect();
    if name[0].starts_with('$') && matches!(filter[0], "#" | "+") {
        return false;
    }
    match_levels(&filter, &name)
}

fn match_levels(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) | ([], []) => true,
        ([level, filter @ ..], [first, name @ ..]) => {
            (*level == "+" || level == first) && match_levels(filter, name)
        }
        _ => false,
    }
}

/// Far below the limit of the codec, so that the model, which recurses and has no limit, agrees.
const MODEL_LEVELS: usize = 50;
