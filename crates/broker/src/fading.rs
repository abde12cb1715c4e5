//! A table of what is worth knowing for a while: each entry fades at its time, and where there is no
//! room the one that would fade first leaves for the next.

use std::collections::{BTreeMap, BTreeSet};

use ferrymq_protocol::time::Instant;

/// A table whose entries fade. Its keys are small and it copies them: whoever has long names uses
/// their hashes, so that the table has a size.
#[derive(Debug)]
pub struct Fading<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// When each of them fades.
    order: BTreeSet<(Instant, K)>,
    most: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    fades: Instant,
}

impl<K: Copy + Ord, V> Fading<K, V> {
    /// An empty table with room for so many entries.
    pub const fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeSet::new(), most }
    }

    /// How many there may be from now on. What is too much leaves when something is put in.
    pub const fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// What is known, unless it has faded.
    pub fn get(&self, key: K, now: Instant) -> Option<&V> {
        self.entries.get(&key).filter(|entry| entry.fades > now).map(|entry| &entry.value)
    }

    /// Puts in what is to be known until then, in the place of what was known of the same key.
    pub fn put(&mut self, key: K, value: V, fades: Instant) {
        self.remove(key);
        self.entries.insert(key, Entry { value, fades });
        self.order.insert((fades, key));
        while self.entries.len() > self.most
            && let Some((_, first)) = self.order.pop_first()
        {
            self.entries.remove(&first);
        }
    }

    /// Forgets what is known of a key.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let Entry { value, fades } = self.entries.remove(&key)?;
        self.order.remove(&(fades, key));
        Some(value)
    }

    /// Forgets what has faded.
    pub fn fade(&mut self, now: Instant) {
        while let Some((fades, key)) = self.order.first().copied()
            && fades <= now
        {
            self.order.pop_first();
            self.entries.remove(&key);
        }
    }

    /// What is in the table, also what has faded and was not forgotten yet.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|entry| &entry.value)
    }

    /// How many entries there are, with those that have faded and were not forgotten yet.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(time: u64) -> Instant {
        Instant::from_nanos(time)
    }

    proptest! {
        /// A plain list that is sorted again each time does the same, and the table never holds more
        /// than it may.
        #[test]
        fn table_does_what_a_sorted_list_does(
            most in 0_usize..6,
            steps in prop::collection::vec((0_u8..3, 0_u8..8, 0_u64..20), 0..200),
        ) {
            let mut table = Fading::new(most);
            let mut list: Vec<(Instant, u8, usize)> = Vec::new();
            for (value, (step, key, time)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        table.put(key, value, at(time));
                        list.retain(|(_, known, _)| *known != key);
                        list.push((at(time), key, value));
                        list.sort_unstable();
                        if list.len() > most {
                            list.remove(0);
                        }
                    }
                    1 => {
                        let known = list.iter().position(|(_, known, _)| *known == key);
                        prop_assert_eq!(table.remove(key), known.map(|place| list.remove(place).2));
                    }
                    _ => {
                        table.fade(at(time));
                        list.retain(|(fades, _, _)| *fades > at(time));
                    }
                }
                prop_assert_eq!(table.entries.len(), list.len());
                prop_assert_eq!(table.order.len(), list.len());
                for key in 0..8 {
                    let found = list.iter().find(|(fades, known, _)| *known == key && *fades > at(time));
                    prop_assert_eq!(table.get(key, at(time)), found.map(|(_, _, value)| value));
                }
            }
        }
    }
}
