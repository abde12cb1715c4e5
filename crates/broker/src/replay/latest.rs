//! A list in which an entry takes the place of the one before it with the same key.

use std::collections::VecDeque;

/// Entries in the order in which they were last said. One that was said again is taken out later,
/// when the list has doubled, so that no entry is looked for.
#[derive(Debug)]
pub(super) struct Latest<K, V> {
    entries: VecDeque<(K, V)>,
    /// How many there were without those that were said again.
    distinct: usize,
}

impl<K: Ord, V> Latest<K, V> {
    pub(super) fn push(&mut self, key: K, value: V) {
        self.entries.push_back((key, value));
        if self.entries.len() > self.distinct.saturating_mul(2).saturating_add(SLACK) {
            self.tidy();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the first entry, if it has this key.
    pub(super) fn pop_first(&mut self, key: &K) -> bool {
        self.entries.pop_front_if(|(first, _)| first == key).is_some()
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.entries.retain(|(key, _)| keep(key));
    }

    /// The entries, each key once.
    pub(super) fn into_entries(mut self) -> impl Iterator<Item = (K, V)> {
        self.tidy();
        self.entries.into_iter()
    }

    fn tidy(&mut self) {
        let mut entries: Vec<(usize, (K, V))> = self.entries.drain(..).enumerate().collect();
        entries.sort_unstable_by(|(place, (key, _)), (other_place, (other_key, _))| {
            key.cmp(other_key).then(other_place.cmp(place))
        });
        entries.dedup_by(|(_, (earlier, _)), (_, (latest, _))| earlier == latest);
        entries.sort_unstable_by_key(|(place, _)| *place);
        self.entries.extend(entries.into_iter().map(|(_, entry)| entry));
        self.distinct = self.entries.len();
    }
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), distinct: 0 }
    }
}

/// Short lists are not worth the work.
const SLACK: usize = 32;
