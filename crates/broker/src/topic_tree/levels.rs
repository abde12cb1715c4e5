//! The levels of wildcard filters, each text once: a level is compared by its number.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::arena::{Arena, Id};
use super::text::Text;

/// The texts in use, counted by their uses.
pub(super) struct Levels {
    table: HashTable<LevelId>,
    entries: Arena<Level>,
    hasher: FixedState,
}

/// The number of a level's text.
pub(super) type LevelId = Id<Level>;

/// A text and how many nodes of the trie bear it.
pub(super) struct Level {
    text: Text,
    uses: u32,
}

impl Levels {
    pub(super) const fn new(seed: u64) -> Self {
        Self { table: HashTable::new(), entries: Arena::new(), hasher: FixedState::with_seed(seed) }
    }

    pub(super) fn find(&self, text: &str) -> Option<LevelId> {
        let hash = self.hasher.hash_one(text.as_bytes());
        self.table.find(hash, |id| self.entries[*id].text.as_bytes() == text.as_bytes()).copied()
    }

    /// The number of a text, which is in use once more.
    pub(super) fn acquire(&mut self, text: &str) -> LevelId {
        if let Some(id) = self.find(text) {
            self.entries[id].uses += 1;
            return id;
        }
        let id = self.entries.insert(Level { text: Text::new(text), uses: 1 });
        let hash_of = |id: &LevelId| self.hasher.hash_one(self.entries[*id].text.as_bytes());
        self.table.insert_unique(hash_of(&id), id, hash_of);
        id
    }

    /// Ends one use of a text; after the last one it is forgotten.
    pub(super) fn release(&mut self, id: LevelId) {
        let level = &mut self.entries[id];
        level.uses -= 1;
        if level.uses > 0 {
            return;
        }
        let hash_of = |id: &LevelId| self.hasher.hash_one(self.entries[*id].text.as_bytes());
        let Ok(entry) = self.table.find_entry(hash_of(&id), |other| *other == id) else {
            unreachable!("every level in the arena is in the table");
        };
        entry.remove();
        shrink(&mut self.table, hash_of);
        self.entries.remove(id);
    }

    pub(super) fn text(&self, id: LevelId) -> &str {
        self.entries[id].text.as_str()
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.entries.iter().map(|level| level.text.heap_bytes()).sum();
        self.table.allocation_size() + self.entries.heap_bytes() + texts
    }
}

/// Gives memory back when little of a table is used; seldom enough to cost nothing on average.
pub(super) fn shrink<T>(table: &mut HashTable<T>, hash_of: impl Fn(&T) -> u64) {
    // Not `capacity`, which leaves out the places of removed entries.
    if table.len() * 4 <= table.num_buckets() {
        table.shrink_to(table.len() * 2, hash_of);
    }
}
