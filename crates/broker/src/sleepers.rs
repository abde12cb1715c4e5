//! Clients that sleep: what an administrator grants to their sessions beyond what they ask for.
//!
//! A phone whose library always says "clean", or forgets the Session Expiry Interval, loses what
//! was sent to it while it was asleep. Rules name such clients and keep their sessions. A rule's
//! client identifier is a pattern, its user a name; a client identifier that we have made up
//! matches none, since nobody comes back with it.

use std::num::NonZeroU16;

/// What the sessions of some clients are granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleepers {
    /// Whose: client identifiers, where `*` stands for any characters and `?` for one; `None`: all.
    pub client: Option<Box<str>>,
    /// Whose: the user name of CONNECT; `None`: all, also clients without one.
    pub user: Option<Box<str>>,
    /// How long a session outlives its connection at least, in seconds; `u32::MAX` is for ever, 0
    /// leaves it as the client asks.
    pub expiry_interval: u32,
    /// Messages that wait in the session, instead of `queued_messages` of the limits.
    pub queued_messages: Option<usize>,
    /// Bytes of messages that wait in the session, instead of `queued_bytes` of the limits.
    pub queued_bytes: Option<usize>,
    /// Whether the session goes on although the client asks for a clean start. It is told that
    /// there is none.
    pub resume: bool,
}

/// Which rule holds for a session: the first one is 1. Those beyond the range hold for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SleepersIndex(NonZeroU16);

/// How much may wait in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Sleepers {
    fn matches(&self, client_id: &str, username: Option<&str>) -> bool {
        self.client.as_deref().is_none_or(|pattern| is_like(client_id, pattern))
            && self.user.as_deref().is_none_or(|user| username == Some(user))
    }
}

impl SleepersIndex {
    /// The first rule that matches a client.
    pub(crate) fn of(rules: &[Sleepers], client_id: &str, username: Option<&str>) -> Option<Self> {
        let position = rules.iter().position(|rule| rule.matches(client_id, username))?;
        let number = u16::try_from(position).ok()?.checked_add(1)?;
        NonZeroU16::new(number).map(Self)
    }

    pub(crate) fn rule(self, rules: &[Sleepers]) -> Option<&Sleepers> {
        rules.get(usize::from(self.0.get()) - 1)
    }
}

/// Whether a text is as the pattern says, in which `*` stands for any characters and `?` for one.
fn is_like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // What follows the last `*`, and the text after what that stands for so far. An earlier `*`
    // need not be tried again: the later one makes up for whatever it might have taken.
    let mut last_star = None;
    loop {
        let text_before = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = text_before;
                last_star = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, longer)) = &mut last_star else {
                    return false;
                };
                if longer.next().is_none() {
                    return false;
                }
                (text, pattern) = (longer.clone(), after_star.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by trying everything.
    fn is_like_by_trial(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| is_like_by_trial(&text[at..], rest)),
            Some((wanted, rest)) => text.split_first().is_some_and(|(found, text)| {
                (*wanted == '?' || wanted == found) && is_like_by_trial(text, rest)
            }),
        }
    }

    proptest! {
        #[test]
        fn pattern_matches_what_trying_everything_matches(
            text in "[abü*?]{0,10}",
            pattern in "[abü*?]{0,8}",
        ) {
            let all = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(is_like(&text, &pattern), is_like_by_trial(&all(&text), &all(&pattern)));
        }
    }

    #[test]
    fn first_rule_that_matches_holds() {
        let rule = |client: Option<&str>, user: Option<&str>| Sleepers {
            client: client.map(Box::from),
            user: user.map(Box::from),
            ..Sleepers::default()
        };
        let rules = [
            rule(Some("phone-*"), Some("app")),
            rule(Some("phone-?"), None),
            rule(None, Some("app")),
        ];
        let rows = [
            ("phone-1", Some("app"), Some(1)),
            ("phone-1", None, Some(2)),
            ("phone-1", Some("other"), Some(2)),
            ("phone-12", None, None),
            ("tablet", Some("app"), Some(3)),
            ("tablet", Some("App"), None),
        ];
        for (client_id, username, expected) in rows {
            let found = SleepersIndex::of(&rules, client_id, username).map(|index| index.0.get());
            assert_eq!(found, expected, "{client_id} {username:?}");
        }
    }
}
