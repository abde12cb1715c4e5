//! What was last said: a map from topic name to message, read by wildcard filter in pages.
//!
//! The keys are topic names in which NUL, which no topic has, stands for `/`. So the order of the
//! keys is the order of the lists of their levels: a topic comes right before everything below it.
//! What lies below one topic is one run of keys, and a filter skips the runs that it cannot match.
//!
//! A [`Cursor`] is a place in that order, not an entry: entries may come and go between two pages,
//! and one that is there all the time is visited exactly once.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::{Bound, ControlFlow};

use ferrymq_codec::{TopicFilter, TopicName};

/// Messages by topic name.
pub(crate) struct RetainedTable<M> {
    entries: BTreeMap<Box<str>, M>,
}

/// Where the next page starts: at the first key that is not less.
#[derive(Clone, Debug)]
pub(crate) struct Cursor(Box<str>);

/// What a key means for a filter.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// It matches.
    Match,
    /// It does not, but the next key may.
    Next,
    /// It does not, nor does any key between it and this one.
    Seek(String),
    /// No later key does.
    End,
}

impl<M> RetainedTable<M> {
    pub(crate) const fn new() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// How many topics have a message.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts a message in the place of the topic's last one, which is returned.
    pub(crate) fn insert(&mut self, topic: TopicName<'_>, message: M) -> Option<M> {
        self.entries.insert(key_of(topic).into_boxed_str(), message)
    }

    /// Takes the message of a topic out.
    pub(crate) fn remove(&mut self, topic: TopicName<'_>) -> Option<M> {
        self.entries.remove(key_of(topic).as_str())
    }

    /// Whether a topic has a message.
    pub(crate) fn contains(&self, topic: TopicName<'_>) -> bool {
        self.entries.contains_key(key_of(topic).as_str())
    }

    /// Visits up to `limit` messages whose topic matches, in the order of the table, and returns
    /// where to go on; `None` at the end. The page is shorter, even empty, where few topics match:
    /// no call looks at more than a fixed multiple of `limit` keys.
    pub(crate) fn page<'s>(
        &'s self,
        filter: TopicFilter<'_>,
        after: Option<&Cursor>,
        limit: usize,
        mut visit: impl FnMut(TopicName<'_>, &'s M),
    ) -> Option<Cursor> {
        let levels: Vec<&str> = filter.levels().collect();
        let mut topic = String::new();
        let mut visits_left = limit.max(1);
        let mut keys_left = visits_left.saturating_mul(KEYS_PER_VISIT);
        let mut entries = match after {
            Some(cursor) => self.entries_from(&cursor.0),
            None => self.entries_from(&literals(&levels)),
        };
        loop {
            let (key, message) = entries.next()?;
            if visits_left == 0 || keys_left == 0 {
                return Some(Cursor(key.clone()));
            }
            keys_left -= 1;
            match examine(&levels, key) {
                Finding::Match => {
                    visits_left -= 1;
                    spell(key, &mut topic);
                    visit(TopicName::trusted(&topic), message);
                }
                Finding::Next => {}
                Finding::Seek(target) => entries = self.entries_from(&target),
                Finding::End => return None,
            }
        }
    }

    /// Visits messages of all topics, until `visit` says that the page is full, and returns where to
    /// go on; `None` at the end.
    pub(crate) fn all<'s>(
        &'s self,
        after: Option<&Cursor>,
        mut visit: impl FnMut(&'s M) -> ControlFlow<()>,
    ) -> Option<Cursor> {
        let mut entries = self.entries_from(after.map_or("", |cursor| &cursor.0));
        entries.find(|(_, message)| visit(message).is_break())?;
        entries.next().map(|(key, _)| Cursor(key.clone()))
    }

    /// Looks at up to `limit` messages, removes those that are not to be kept, and returns where to
    /// go on; `None` at the end.
    pub(crate) fn sweep(
        &mut self,
        after: Option<&Cursor>,
        limit: usize,
        mut keep: impl FnMut(&M) -> bool,
    ) -> Option<Cursor> {
        let from = after.map_or_else(Box::default, |cursor| cursor.0.clone());
        let next = self.entries_from(&from).nth(limit.max(1)).map(|(key, _)| key.clone());
        let end = next.clone().map_or(Bound::Unbounded, Bound::Excluded);
        self.entries
            .extract_if((Bound::Included(from), end), |_, message| !keep(message))
            .for_each(drop);
        next.map(Cursor)
    }

    fn entries_from(&self, from: &str) -> Range<'_, Box<str>, M> {
        self.entries.range::<str, _>((Bound::Included(from), Bound::Unbounded))
    }
}

/// What `key` means for a filter of these levels.
fn examine(filter: &[&str], key: &str) -> Finding {
    // Where the last level ends that a `+` stands for: to try another one, go on behind it.
    let mut plus_end = None;
    let mut start = 0;
    let mut levels = key.split(SEPARATOR);
    for (depth, wanted) in filter.iter().enumerate() {
        let wildcard = matches!(*wanted, "+" | "#");
        if wildcard && depth == 0 && key.starts_with('$') {
            // [MQTT-4.7.2-1]
            return Finding::Seek(String::from(BEHIND_DOLLAR));
        }
        if *wanted == "#" {
            return Finding::Match;
        }
        let Some(level) = levels.next() else {
            // The key is above all that could match.
            return if wildcard {
                Finding::Next
            } else {
                Finding::Seek([key, SEPARATOR, &literals(&filter[depth..])].concat())
            };
        };
        let end = start + level.len();
        if wildcard {
            plus_end = Some(end);
        } else if level < *wanted {
            return Finding::Seek([&key[..start], &literals(&filter[depth..])].concat());
        } else if level > *wanted {
            return seek_behind(key, plus_end);
        }
        start = end + 1;
    }
    if levels.next().is_some() { seek_behind(key, plus_end) } else { Finding::Match }
}

/// Where to go on when nothing else can match with the level that the last `+` stands for.
fn seek_behind(key: &str, plus_end: Option<usize>) -> Finding {
    plus_end.map_or(Finding::End, |end| Finding::Seek([&key[..end], BEHIND_SUBTREE].concat()))
}

/// The levels before the first wildcard, as the beginning of a key.
fn literals(filter: &[&str]) -> String {
    let wildcard = filter.iter().position(|level| matches!(*level, "+" | "#"));
    filter[..wildcard.unwrap_or(filter.len())].join(SEPARATOR)
}

fn key_of(topic: TopicName<'_>) -> String {
    topic.as_str().replace('/', SEPARATOR)
}

/// Writes the topic name of `key` into a buffer that is used again and again.
fn spell(key: &str, topic: &mut String) {
    topic.clear();
    for (depth, level) in key.split(SEPARATOR).enumerate() {
        if depth > 0 {
            topic.push('/');
        }
        topic.push_str(level);
    }
}

/// What stands for `/` in a key: no topic has it [MQTT-1.5.4-2], and nothing sorts before it.
const SEPARATOR: &str = "\0";
/// A topic followed by this sorts right behind everything below that topic.
const BEHIND_SUBTREE: &str = "\u{1}";
/// This sorts right behind every topic that starts with `$`.
const BEHIND_DOLLAR: &str = "%";
/// So many keys are looked at for each entry that a page may have.
const KEYS_PER_VISIT: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Change {
        Insert(String),
        Remove(String),
    }

    /// Topics that share levels, have empty ones, and levels that sort close to a separator.
    fn topic() -> impl Strategy<Value = String> {
        let level =
            prop::sample::select(vec!["", "a", "a", "b", "b", "c", "ab", "a\u{1}", "$a", "$", "é"]);
        prop::collection::vec(level, 1..5)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("not empty", |topic| !topic.is_empty())
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop::sample::select(vec!["", "a", "b", "c", "ab", "$a", "+", "+", "+", "#"]);
        prop::collection::vec(level, 1..5)
            .prop_map(|levels| {
                let end = levels.iter().position(|level| *level == "#");
                levels[..end.map_or(levels.len(), |end| end + 1)].join("/")
            })
            .prop_filter("not empty", |filter| !filter.is_empty())
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![topic().prop_map(Change::Insert), topic().prop_map(Change::Remove)]
    }

    fn name(topic: &str) -> TopicName<'_> {
        TopicName::parse(topic).unwrap()
    }

    fn table(topics: &BTreeSet<String>) -> RetainedTable<String> {
        let mut table = RetainedTable::new();
        for topic in topics {
            assert_eq!(table.insert(name(topic), topic.clone()), None);
        }
        table
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn pages_interleaved_with_changes_visit_what_stays_once(
            topics in prop::collection::btree_set(topic(), 0..60),
            filter in filter(),
            limit in 1_usize..6,
            changes in prop::collection::vec(prop::collection::vec(change(), 0..4), 0..20),
        ) {
            let filter = TopicFilter::parse(&filter).unwrap();
            let mut table = table(&topics);
            let mut present = topics.clone();
            let mut throughout = topics.clone();
            let mut ever = topics;
            let mut visited = Vec::new();
            let mut changes = changes.into_iter();
            let mut cursor = None;
            loop {
                let before = visited.len();
                cursor = table.page(filter, cursor.as_ref(), limit, |topic, message| {
                    assert_eq!(topic.as_str(), message);
                    visited.push(message.clone());
                });
                prop_assert!(visited.len() - before <= limit);
                prop_assert!(visited[before..].iter().all(|topic| present.contains(topic)));
                if cursor.is_none() {
                    break;
                }
                for change in changes.next().unwrap_or_default() {
                    match change {
                        Change::Insert(topic) => {
                            let replaced = table.insert(name(&topic), topic.clone());
                            prop_assert_eq!(replaced.is_none(), present.insert(topic.clone()));
                            ever.insert(topic);
                        }
                        Change::Remove(topic) => {
                            prop_assert_eq!(table.remove(name(&topic)).is_some(), present.remove(&topic));
                            throughout.remove(&topic);
                        }
                    }
                }
                prop_assert_eq!(table.len(), present.len());
            }
            let unique: BTreeSet<&String> = visited.iter().collect();
            prop_assert_eq!(unique.len(), visited.len(), "visited twice");
            let matches = |topic: &&String| filter.matches(name(topic));
            prop_assert!(unique.iter().all(|topic| ever.contains(*topic) && matches(topic)));
            for topic in throughout.iter().filter(matches) {
                prop_assert!(unique.contains(topic), "{topic} was not visited");
            }
        }

        #[test]
        fn sweep_removes_what_is_not_kept(
            topics in prop::collection::btree_set(topic(), 0..60),
            limit in 1_usize..6,
        ) {
            let keep = |topic: &String| topic.len().is_multiple_of(2);
            let mut table = table(&topics);
            let mut cursor = None;
            let mut looked_at = 0;
            loop {
                let before = looked_at;
                cursor = table.sweep(cursor.as_ref(), limit, |topic| {
                    looked_at += 1;
                    keep(topic)
                });
                prop_assert!(looked_at - before <= limit);
                if cursor.is_none() {
                    break;
                }
            }
            prop_assert_eq!(looked_at, topics.len());
            let mut left = BTreeSet::new();
            table.page(TopicFilter::parse("#").unwrap(), None, usize::MAX, |_, topic| {
                left.insert(topic.clone());
            });
            let dollar: BTreeSet<String> =
                topics.iter().filter(|topic| topic.starts_with('$') && keep(topic)).cloned().collect();
            prop_assert_eq!(table.len(), left.len() + dollar.len());
            prop_assert_eq!(left, topics.into_iter().filter(keep).collect::<BTreeSet<_>>().difference(&dollar).cloned().collect());
        }
    }

    /// How many pages it takes to visit everything that matches, and how many matches there are.
    fn walk(table: &RetainedTable<()>, filter: &str, limit: usize) -> (usize, usize) {
        let filter = TopicFilter::parse(filter).unwrap();
        let (mut pages, mut visits) = (0, 0);
        let mut cursor = None;
        loop {
            cursor = table.page(filter, cursor.as_ref(), limit, |_, ()| visits += 1);
            pages += 1;
            if cursor.is_none() {
                return (pages, visits);
            }
        }
    }

    #[test]
    fn sparse_filter_skips_subtrees() {
        let mut table = RetainedTable::new();
        for device in 0..20 {
            for value in 0..2_000 {
                table.insert(name(&format!("site/{device}/{value}")), ());
                table.insert(name(&format!("$SYS/{device}/{value}")), ());
            }
        }
        // A scan of all keys would take 80,000 / (16 × 10) = 500 pages.
        // The last page finds that there is nothing left.
        assert_eq!(walk(&table, "site/+/77", 10), (3, 20));
        assert_eq!(walk(&table, "+/3/77", 10), (1, 1));
        assert_eq!(walk(&table, "site/7/77", 10), (1, 1));
        assert_eq!(walk(&table, "site/21/#", 10), (1, 0));
        assert_eq!(walk(&table, "+", 10), (1, 0));
    }

    #[test]
    fn page_looks_at_a_bounded_number_of_keys() {
        let mut table = RetainedTable::new();
        for device in 0..1_600 {
            table.insert(name(&format!("{device:04}/a")), ());
        }
        // No key can be skipped, and a page looks at 160 of them.
        assert_eq!(walk(&table, "+/b", 10), (10, 0));
    }
}
