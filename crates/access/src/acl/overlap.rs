//! How the filters of two rules lie to each other.
//!
//! `%c` and `%u` are levels whose text is not known: they overlap with every text, and cover only
//! themselves.

/// Whether a filter fits whatever the other fits.
pub(super) fn covers(filter: &str, other: &str) -> bool {
    if is_apart(filter, other) {
        return false;
    }
    let mut others = other.split('/');
    for level in filter.split('/') {
        match (level, others.next()) {
            ("#", _) => return true,
            (_, None | Some("#")) => return false,
            ("+", Some(_)) => {}
            (level, Some(other)) if level == other => {}
            _ => return false,
        }
    }
    others.next().is_none()
}

/// Whether there may be a topic that both fit.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    if is_apart(one, other) {
        return false;
    }
    let (mut ones, mut others) = (one.split('/'), other.split('/'));
    loop {
        match (ones.next(), others.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(one), Some(other)) if one == other || is_open(one) || is_open(other) => {}
            _ => return false,
        }
    }
}

fn is_open(level: &str) -> bool {
    matches!(level, "+" | "%c" | "%u")
}

/// What begins with `$` is out of reach for what does not [MQTT-4.7.2-1].
fn is_apart(one: &str, other: &str) -> bool {
    one.starts_with('$') != other.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_and_overlap_know_wildcards_dollar_and_names() {
        // Whether the first covers the second, the second the first, and whether they overlap.
        let rows = [
            ("#", "a/b", true, false, true),
            ("a/#", "a", true, false, true),
            ("a/+", "a/b", true, false, true),
            ("a/+", "a/#", false, true, true),
            ("a/+", "+/b", false, false, true),
            ("+", "a/b", false, false, false),
            ("a", "a", true, true, true),
            ("a", "b", false, false, false),
            ("#", "$SYS/a", false, false, false),
            ("$SYS/#", "$SYS/a", true, false, true),
            ("a/%c", "a/b", false, false, true),
            ("a/%c", "a/%c", true, true, true),
            ("a/+", "a/%u", true, false, true),
        ];
        for (one, other, forth, back, both) in rows {
            assert_eq!(covers(one, other), forth, "{one} {other}");
            assert_eq!(covers(other, one), back, "{other} {one}");
            assert_eq!(overlap(one, other), both, "{one} {other}");
            assert_eq!(overlap(other, one), both, "{other} {one}");
        }
    }
}
