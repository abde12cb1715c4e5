//! Groups that were read from disk lately, up to a number of bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::group::Group;
use crate::index::Place;

/// The groups that were used last.
#[derive(Debug)]
pub(crate) struct GroupCache {
    limit: usize,
    bytes: usize,
    /// Each with the use that was its last.
    groups: HashMap<Place, (Arc<Group>, u64)>,
    by_use: BTreeMap<u64, Place>,
    uses: u64,
}

impl GroupCache {
    pub(crate) fn new(limit: usize) -> Self {
        let (groups, by_use) = (HashMap::new(), BTreeMap::new());
        Self { limit, bytes: 0, groups, by_use, uses: 0 }
    }

    pub(crate) fn get(&mut self, place: Place) -> Option<Arc<Group>> {
        let (group, last) = self.groups.get_mut(&place)?;
        self.uses += 1;
        self.by_use.remove(last);
        self.by_use.insert(self.uses, place);
        *last = self.uses;
        Some(Arc::clone(group))
    }

    /// Adds a group, or puts it in the place of what was there before.
    pub(crate) fn insert(&mut self, place: Place, group: Arc<Group>) {
        self.uses += 1;
        self.bytes += group.memory() + OVERHEAD;
        self.by_use.insert(self.uses, place);
        if let Some((old, last)) = self.groups.insert(place, (group, self.uses)) {
            self.by_use.remove(&last);
            self.bytes -= old.memory() + OVERHEAD;
        }
        while self.bytes > self.limit
            && let Some((_, place)) = self.by_use.pop_first()
            && let Some((old, _)) = self.groups.remove(&place)
        {
            self.bytes -= old.memory() + OVERHEAD;
        }
    }
}

/// What an entry takes in the two maps, about.
const OVERHEAD: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u32) -> Place {
        Place { segment: 1, offset }
    }

    #[test]
    fn cache_beyond_its_limit_forgets_what_was_not_used_longest() {
        let mut cache = GroupCache::new(2 * OVERHEAD);
        for offset in [1, 2] {
            cache.insert(place(offset), Arc::default());
        }
        assert!(cache.get(place(1)).is_some());
        cache.insert(place(3), Arc::default());
        assert!(cache.get(place(2)).is_none());
        assert!(cache.get(place(1)).is_some() && cache.get(place(3)).is_some());
        cache.insert(place(3), Arc::default());
        assert!(cache.get(place(1)).is_some(), "the same place again takes no more room");
    }
}
