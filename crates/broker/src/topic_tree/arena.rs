//! Entries with a number each, in chunks, so that growing neither moves them nor reserves much.
//!
//! The places of removed entries are used again; when the last entry goes, all memory goes.

use std::marker::PhantomData;
use std::mem;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// Entries of one type. Indexing with the id of an entry that was removed is a bug and panics.
pub(super) struct Arena<T> {
    chunks: Vec<Vec<Slot<T>>>,
    free: Option<Id<T>>,
    len: usize,
}

/// The number of an entry in the arena of its type.
pub(super) struct Id<T>(NonZeroU32, PhantomData<fn() -> T>);

enum Slot<T> {
    Used(T),
    Free { next: Option<Id<T>> },
}

impl<T> Arena<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), free: None, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, entry: T) -> Id<T> {
        let id = if let Some(id) = self.free {
            let Slot::Free { next } = mem::replace(self.slot_mut(id), Slot::Used(entry)) else {
                unreachable!("the list of free slots has free slots only");
            };
            self.free = next;
            id
        } else {
            self.append(entry)
        };
        self.len += 1;
        id
    }

    pub(super) fn remove(&mut self, id: Id<T>) -> T {
        let next = self.free;
        let Slot::Used(entry) = mem::replace(self.slot_mut(id), Slot::Free { next }) else {
            unreachable!("an id is removed once, by whoever holds it");
        };
        self.free = Some(id);
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new();
        }
        entry
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().filter_map(|slot| match slot {
            Slot::Used(entry) => Some(entry),
            Slot::Free { .. } => None,
        })
    }

    /// Adds a slot; there is no free one, so as many are used as there are.
    fn append(&mut self, entry: T) -> Id<T> {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.last_mut().expect("a chunk is pushed when the last one is full");
        chunk.push(Slot::Used(entry));
        let number = u32::try_from(self.len + 1).ok().and_then(NonZeroU32::new);
        Id(number.expect("memory ends before the numbers do"), PhantomData)
    }

    fn slot_mut(&mut self, id: Id<T>) -> &mut Slot<T> {
        let index = id.index();
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.capacity() * size_of::<Vec<Slot<T>>>();
        chunks
            + self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Slot<T>>()).sum::<usize>()
    }

    #[cfg(test)]
    pub(super) const BYTES_PER_ENTRY: usize = size_of::<Slot<T>>();
}

impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;

    fn index(&self, id: Id<T>) -> &T {
        let index = id.index();
        match &self.chunks[index / CHUNK][index % CHUNK] {
            Slot::Used(entry) => entry,
            Slot::Free { .. } => unreachable!("whoever holds an id has not removed the entry"),
        }
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        match self.slot_mut(id) {
            Slot::Used(entry) => entry,
            Slot::Free { .. } => unreachable!("whoever holds an id has not removed the entry"),
        }
    }
}

impl<T> Id<T> {
    /// The number, for hashing.
    pub(super) const fn number(self) -> u32 {
        self.0.get()
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

/// Entries per chunk: what is reserved at most without being used.
const CHUNK: usize = 64;
