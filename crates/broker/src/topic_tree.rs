//! A map from topic filter to value that finds all filters which match a topic name (section 4.7).
//!
//! A filter without wildcards matches one topic: those are in a flat table by their text. Filters
//! with wildcards are in a trie, which is walked. Both are compact, as a broker has at least one
//! filter for each of its clients: no entry has an allocation of its own unless its text is long.
//!
//! The work of a match is bounded by the number of filters that share a beginning with the topic,
//! and its memory by the number of levels of the topic. Hashes are seeded, as strangers choose the
//! texts. The tree knows nothing of shared subscriptions: their filter comes without the prefix.

mod arena;
mod levels;
mod text;
mod trie;

use std::hash::BuildHasher;

use ferrymq_codec::{TopicFilter, TopicName};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use self::arena::{Arena, Id};
use self::levels::shrink;
use self::text::Text;
use self::trie::Trie;

/// Values by topic filter.
pub(crate) struct TopicTree<V> {
    table: HashTable<Id<Exact<V>>>,
    exact: Arena<Exact<V>>,
    trie: Trie<V>,
    hasher: FixedState,
}

/// A filter without wildcards.
struct Exact<V> {
    text: Text,
    value: V,
}

impl<V> TopicTree<V> {
    /// An empty tree; `seed` should be a secret.
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self { table: HashTable::new(), exact: Arena::new(), trie: Trie::new(seed), hasher }
    }

    /// How many filters there are.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.exact.len() + self.trie.len()
    }

    /// Whether there is no filter.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a filter.
    pub(crate) fn get(&self, filter: TopicFilter<'_>) -> Option<&V> {
        if filter.has_wildcards() {
            return self.trie.get(filter);
        }
        Some(&self.exact[self.find_exact(filter.as_str())?].value)
    }

    /// The value of a filter.
    pub(crate) fn get_mut(&mut self, filter: TopicFilter<'_>) -> Option<&mut V> {
        if filter.has_wildcards() {
            return self.trie.get_mut(filter);
        }
        let id = self.find_exact(filter.as_str())?;
        Some(&mut self.exact[id].value)
    }

    /// The value of a filter, which is made if there is none.
    pub(crate) fn get_or_insert_with(
        &mut self,
        filter: TopicFilter<'_>,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        if filter.has_wildcards() {
            return self.trie.get_or_insert_with(filter, make);
        }
        let text = filter.as_str();
        let id = self.find_exact(text).unwrap_or_else(|| {
            let id = self.exact.insert(Exact { text: Text::new(text), value: make() });
            let hash_of = |id: &Id<Exact<V>>| self.exact[*id].hash(&self.hasher);
            self.table.insert_unique(hash_of(&id), id, hash_of);
            id
        });
        &mut self.exact[id].value
    }

    /// Takes a filter and its value out.
    pub(crate) fn remove(&mut self, filter: TopicFilter<'_>) -> Option<V> {
        if filter.has_wildcards() {
            return self.trie.remove(filter);
        }
        let text = filter.as_str().as_bytes();
        let hash = self.hasher.hash_one(text);
        let entry = self.table.find_entry(hash, |id| self.exact[*id].text.as_bytes() == text);
        let (id, _) = entry.ok()?.remove();
        shrink(&mut self.table, |id| self.exact[*id].hash(&self.hasher));
        Some(self.exact.remove(id).value)
    }

    /// Visits the values of all filters that match `topic`, in no order.
    pub(crate) fn for_each_match<'s>(&'s self, topic: TopicName<'_>, mut visit: impl FnMut(&'s V)) {
        if let Some(id) = self.find_exact(topic.as_str()) {
            visit(&self.exact[id].value);
        }
        self.trie.for_each_match(topic, visit);
    }

    /// Visits all filters, in no order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&str, &V)) {
        for exact in self.exact.iter() {
            visit(exact.text.as_str(), &exact.value);
        }
        self.trie.for_each(visit);
    }

    fn find_exact(&self, text: &str) -> Option<Id<Exact<V>>> {
        let text = text.as_bytes();
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |id| self.exact[*id].text.as_bytes() == text).copied()
    }
}

impl<V> Exact<V> {
    fn hash(&self, hasher: &FixedState) -> u64 {
        hasher.hash_one(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Insert(String, u32),
        Change(String, u32),
        Remove(String),
        Match(String),
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![
            8 => prop::sample::select(vec!["", "a", "a", "b", "c", "$a", "$", "+", "+", "#"])
                .prop_map(String::from),
            2 => (0..20).prop_map(|number| format!("level{number}")),
            1 => (0..5).prop_map(|number| format!("a level that is quite long {number}")),
        ];
        prop::collection::vec(level, 1..6)
            .prop_map(|levels| {
                let end = levels.iter().position(|level| *level == "#");
                levels[..end.map_or(levels.len(), |end| end + 1)].join("/")
            })
            .prop_filter("not empty", |filter| !filter.is_empty())
    }

    fn topic() -> impl Strategy<Value = String> {
        filter().prop_map(|filter| filter.replace(['+', '#'], "a"))
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (filter(), any::<u32>()).prop_map(|(filter, value)| Op::Insert(filter, value)),
            1 => (filter(), any::<u32>()).prop_map(|(filter, value)| Op::Change(filter, value)),
            2 => filter().prop_map(Op::Remove),
            3 => topic().prop_map(Op::Match),
        ]
    }

    fn parsed(filter: &str) -> TopicFilter<'_> {
        TopicFilter::parse(filter).unwrap()
    }

    fn matches(tree: &TopicTree<u32>, topic: &str) -> Vec<u32> {
        let mut found = Vec::new();
        tree.for_each_match(TopicName::parse(topic).unwrap(), |value| found.push(*value));
        found.sort_unstable();
        found
    }

    /// A tree of these filters, each with its place in the list as value.
    fn tree(filters: &[&str]) -> TopicTree<u32> {
        let mut tree = TopicTree::new(7);
        for (number, filter) in (0..).zip(filters) {
            tree.get_or_insert_with(parsed(filter), || number);
        }
        tree
    }

    fn check_empty_inside(tree: &TopicTree<u32>) {
        assert!(tree.is_empty());
        assert_eq!(tree.trie.sizes(), (0, 0, 0));
        assert_eq!((tree.table.len(), tree.table.allocation_size()), (0, 0));
        // What is left is the level `+`.
        assert_eq!(tree.heap_bytes(), TopicTree::<u32>::new(7).heap_bytes());
    }

    impl<V> TopicTree<V> {
        fn heap_bytes(&self) -> usize {
            let texts: usize = self.exact.iter().map(|exact| exact.text.heap_bytes()).sum();
            texts + self.table.allocation_size() + self.exact.heap_bytes() + self.trie.heap_bytes()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn tree_does_what_a_list_does(ops in prop::collection::vec(op(), 1..150), seed: u64) {
            let mut tree = TopicTree::new(seed);
            let mut model: Vec<(String, u32)> = Vec::new();
            for op in ops {
                match op {
                    Op::Insert(filter, new) => {
                        let value = *tree.get_or_insert_with(parsed(&filter), || new);
                        let known = model.iter().find(|(known, _)| *known == filter);
                        prop_assert_eq!(value, known.map_or(new, |(_, value)| *value));
                        if known.is_none() {
                            model.push((filter, new));
                        }
                    }
                    Op::Change(filter, new) => {
                        let value = tree.get_mut(parsed(&filter));
                        let known = model.iter_mut().find(|(known, _)| *known == filter);
                        prop_assert_eq!(value.is_some(), known.is_some());
                        if let (Some(value), Some((_, known))) = (value, known) {
                            *value = new;
                            *known = new;
                        }
                    }
                    Op::Remove(filter) => {
                        let place = model.iter().position(|(known, _)| *known == filter);
                        let known = place.map(|place| model.swap_remove(place).1);
                        prop_assert_eq!(tree.get(parsed(&filter)).copied(), known);
                        prop_assert_eq!(tree.remove(parsed(&filter)), known);
                        prop_assert_eq!(tree.get(parsed(&filter)), None);
                    }
                    Op::Match(topic) => {
                        let name = TopicName::parse(&topic).unwrap();
                        let mut expected: Vec<u32> = model
                            .iter()
                            .filter(|(filter, _)| parsed(filter).matches(name))
                            .map(|(_, value)| *value)
                            .collect();
                        expected.sort_unstable();
                        prop_assert_eq!(matches(&tree, &topic), expected);
                    }
                }
                prop_assert_eq!(tree.len(), model.len());
            }
            let mut all = Vec::new();
            tree.for_each(|filter, value| all.push((filter.to_owned(), *value)));
            all.sort();
            model.sort();
            prop_assert_eq!(&all, &model);
            for (filter, value) in model {
                prop_assert_eq!(tree.remove(parsed(&filter)), Some(value));
            }
            check_empty_inside(&tree);
        }
    }

    #[test]
    fn memory_is_given_back_wherever_removed_entries_lay() {
        let filters = [
            "level1/+",
            "level2/+",
            "+/c/level3",
            "level6/+/level7",
            "+/level4/",
            "level14/+",
            "+/level5",
            "b/+",
            "$a/a level that is quite long 0/level0/+",
            "$/level8/+/a",
            "level9/level13/a level that is quite long 2/+/a level that is quite long 3",
            "level10/level18/level11/a level that is quite long 1/+",
        ];
        for seed in (0..100).chain([14_646_198_239_154_599_538]) {
            let mut tree = TopicTree::new(seed);
            for filter in filters {
                tree.get_or_insert_with(parsed(filter), || 0);
            }
            for filter in filters {
                assert!(tree.remove(parsed(filter)).is_some());
            }
            check_empty_inside(&tree);
        }
    }

    #[test]
    fn hash_matches_the_level_above_it() {
        let tree = tree(&["sport/tennis/#", "sport/tennis/+", "sport/tennis", "#", "+/+"]);
        assert_eq!(matches(&tree, "sport/tennis"), [0, 2, 3, 4]);
        assert_eq!(matches(&tree, "sport/tennis/player1"), [0, 1, 3]);
        assert_eq!(matches(&tree, "sport/tennis/player1/ranking"), [0, 3]);
        assert_eq!(matches(&tree, "sport"), [3]);
    }

    #[test]
    fn empty_levels_are_levels() {
        let tree = tree(&["+", "/+", "+/+", "/", "/#", "/finance", "+/"]);
        assert_eq!(matches(&tree, "/finance"), [1, 2, 4, 5]);
        assert_eq!(matches(&tree, "/"), [1, 2, 3, 4, 6]);
        assert_eq!(matches(&tree, "finance"), [0]);
    }

    #[test]
    fn wildcards_at_the_first_level_do_not_match_dollar_topics() {
        let tree = tree(&["#", "+/monitor/Clients", "$SYS/#", "$SYS/monitor/+", "+/+/#", "+/$SYS"]);
        assert_eq!(matches(&tree, "$SYS/monitor/Clients"), [2, 3]);
        assert_eq!(matches(&tree, "a/$SYS"), [0, 4, 5]);
    }

    #[test]
    fn deepest_filter_is_matched_and_pruned() {
        let deep = vec!["a"; 199].join("/");
        let filter = format!("{deep}/+");
        let many_plus = vec!["+"; 200].join("/");
        let mut tree = tree(&[&filter, &many_plus, &format!("{deep}/#")]);
        assert_eq!(matches(&tree, &format!("{deep}/b")), [0, 1, 2]);
        assert_eq!(matches(&tree, &deep), [2]);
        for filter in [&filter, &many_plus, &format!("{deep}/#")] {
            assert!(tree.remove(parsed(filter)).is_some());
        }
        check_empty_inside(&tree);
    }

    #[test]
    fn same_levels_below_many_parents_are_told_apart() {
        let filters: Vec<String> =
            (0..4_000).map(|number| format!("{}/{}/+", number / 40, number % 40)).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        let mut tree = tree(&filters);
        // A third of them goes; the others must neither move nor stand in for them.
        for filter in filters.iter().step_by(3) {
            tree.remove(parsed(filter));
        }
        for (number, filter) in (0_u32..).zip(&filters) {
            let expected = if number.is_multiple_of(3) { vec![] } else { vec![number] };
            assert_eq!(matches(&tree, &filter.replace('+', "a")), expected);
        }
    }

    #[test]
    fn filters_take_little_memory() {
        assert_eq!(Trie::<u32>::BYTES_PER_NODE, 32);
        let per_filter = |filter_of: &dyn Fn(u32) -> String| {
            let mut tree = TopicTree::new(7);
            let count = 20_000;
            for number in 0..count {
                tree.get_or_insert_with(parsed(&filter_of(number)), || number);
            }
            tree.heap_bytes() / count as usize
        };
        let wildcard = per_filter(&|number| format!("device/{number:016}/#"));
        assert!(wildcard <= 100, "{wildcard} bytes");
        let plus = per_filter(&|number| format!("device/{number:016}/+"));
        assert!(plus <= 132, "{plus} bytes");
        let exact = per_filter(&|number| format!("device/{number:08}/set"));
        assert!(exact <= 48, "{exact} bytes");
        let long = per_filter(&|number| format!("device/{number:016}/a/rather/long/filter"));
        assert!(long <= 48 + 44, "{long} bytes");
    }
}
