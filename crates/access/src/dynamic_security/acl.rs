//! The rules of a role.

use std::collections::BTreeSet;

use super::pattern;

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AclType {
    /// Publishing to topics that match.
    PublishClientSend,
    /// Being sent messages whose topics match.
    PublishClientReceive,
    /// Subscribing to exactly this filter.
    SubscribeLiteral,
    /// Subscribing to filters that ask for no more than this one.
    SubscribePattern,
    /// Unsubscribing from exactly this filter.
    UnsubscribeLiteral,
    /// Unsubscribing from filters that ask for no more than this one.
    UnsubscribePattern,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// The topic, with wildcards, `%c` and `%u`.
    pub topic: Box<str>,
    /// Rules with a higher priority are asked first.
    pub priority: i32,
    /// Whether what matches is allowed.
    pub allow: bool,
    /// Whether the topic can be a Topic Filter.
    is_filter: bool,
}

/// The rules of a role, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acls([Vec<Acl>; AclType::ALL.len()]);

impl AclType {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 6] = [
        Self::PublishClientSend,
        Self::PublishClientReceive,
        Self::SubscribeLiteral,
        Self::SubscribePattern,
        Self::UnsubscribeLiteral,
        Self::UnsubscribePattern,
    ];

    /// The word for it in files, requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublishClientSend => "publishClientSend",
            Self::PublishClientReceive => "publishClientReceive",
            Self::SubscribeLiteral => "subscribeLiteral",
            Self::SubscribePattern => "subscribePattern",
            Self::UnsubscribeLiteral => "unsubscribeLiteral",
            Self::UnsubscribePattern => "unsubscribePattern",
        }
    }

    /// The type with this name, in capitals or not.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acl_type| acl_type.as_str().eq_ignore_ascii_case(text))
    }

    pub(super) const fn is_literal(self) -> bool {
        matches!(self, Self::SubscribeLiteral | Self::UnsubscribeLiteral)
    }
}

impl Acl {
    /// A rule.
    pub fn new(topic: &str, priority: i32, allow: bool) -> Self {
        Self { topic: Box::from(topic), priority, allow, is_filter: pattern::is_filter(topic) }
    }

    /// Whether the topic can be a Topic Filter. Nobody can say what a rule with another one is for,
    /// and therefore it denies what gets as far as to it.
    pub const fn is_filter(&self) -> bool {
        self.is_filter
    }
}

impl Acls {
    /// Rules from a list. Of several of one type with the same topic the first is taken.
    pub(super) fn collect(rules: Vec<(AclType, Acl)>) -> Self {
        let mut acls = Self::default();
        {
            let mut seen = BTreeSet::new();
            let first: Vec<bool> =
                rules.iter().map(|(of, acl)| seen.insert((*of, &*acl.topic))).collect();
            drop(seen);
            for ((of, acl), _) in rules.into_iter().zip(first).filter(|(_, is_first)| *is_first) {
                acls.list(of).push(acl);
            }
        }
        for list in &mut acls.0 {
            list.sort_by_key(|acl| std::cmp::Reverse(acl.priority));
        }
        acls
    }

    /// Adds a rule; `false` if there is one of this type with the same topic.
    pub(super) fn insert(&mut self, of: AclType, acl: Acl) -> bool {
        let list = self.list(of);
        if list.iter().any(|other| other.topic == acl.topic) {
            return false;
        }
        let place = list.partition_point(|other| other.priority >= acl.priority);
        list.insert(place, acl);
        true
    }

    /// Removes a rule; `false` if there is none.
    pub(super) fn remove(&mut self, of: AclType, topic: &str) -> bool {
        let list = self.list(of);
        let before = list.len();
        list.retain(|acl| *acl.topic != *topic);
        list.len() != before
    }

    /// The rules of one type, in the order in which they are asked.
    pub fn of(&self, of: AclType) -> &[Acl] {
        let [send, receive, literal, pattern, end_literal, end_pattern] = &self.0;
        match of {
            AclType::PublishClientSend => send,
            AclType::PublishClientReceive => receive,
            AclType::SubscribeLiteral => literal,
            AclType::SubscribePattern => pattern,
            AclType::UnsubscribeLiteral => end_literal,
            AclType::UnsubscribePattern => end_pattern,
        }
    }

    /// All rules, type by type.
    pub fn iter(&self) -> impl Iterator<Item = (AclType, &Acl)> {
        AclType::ALL.into_iter().flat_map(|of| self.of(of).iter().map(move |acl| (of, acl)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first rule whose topic fits.
    pub(super) fn first(&self, of: AclType, fits: impl Fn(&str) -> bool) -> Option<&Acl> {
        let mut rules = self.of(of).iter();
        rules.find(|acl| fits(&acl.topic) || !(acl.is_filter || of.is_literal()))
    }

    fn list(&mut self, of: AclType) -> &mut Vec<Acl> {
        let [send, receive, literal, pattern, end_literal, end_pattern] = &mut self.0;
        match of {
            AclType::PublishClientSend => send,
            AclType::PublishClientReceive => receive,
            AclType::SubscribeLiteral => literal,
            AclType::SubscribePattern => pattern,
            AclType::UnsubscribeLiteral => end_literal,
            AclType::UnsubscribePattern => end_pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(acls: &Acls) -> Vec<&str> {
        acls.of(AclType::SubscribePattern).iter().map(|acl| &*acl.topic).collect()
    }

    #[test]
    fn rules_stand_by_priority_and_then_in_the_order_of_coming() {
        let rules = [("a", 0), ("b", 5), ("c", 0), ("d", -1), ("e", 5), ("b", 9)];
        let rules: Vec<_> = rules
            .iter()
            .map(|(topic, priority)| (AclType::SubscribePattern, Acl::new(topic, *priority, true)))
            .collect();
        let collected = Acls::collect(rules.clone());
        assert_eq!(topics(&collected), ["b", "e", "a", "c", "d"]);
        let mut inserted = Acls::default();
        let taken: Vec<_> = rules.into_iter().map(|(of, acl)| inserted.insert(of, acl)).collect();
        assert_eq!(taken, [true, true, true, true, true, false]);
        assert_eq!(inserted, collected);
        assert!(inserted.remove(AclType::SubscribePattern, "a"));
        assert!(!inserted.remove(AclType::SubscribePattern, "a"));
        assert!(!inserted.remove(AclType::SubscribeLiteral, "b"));
        assert_eq!(inserted.len(), 4);
    }

    #[test]
    fn types_are_known_in_capitals_too() {
        for acl_type in AclType::ALL {
            assert_eq!(AclType::parse(&acl_type.as_str().to_uppercase()), Some(acl_type));
        }
        assert_eq!(AclType::parse("subscribe"), None);
    }
}
