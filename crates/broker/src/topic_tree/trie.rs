//! The filters with wildcards, as a tree of their levels.
//!
//! A node stands for the levels on the way to it. `+` is a child of its own; `#` needs no node, as
//! nothing can follow it: its value belongs to the node above. The first other child is in the node
//! itself; the rest of all nodes are in one table, by parent and level.
//!
//! Invariants: a node other than the root has a value or a child; a level has as many uses as nodes
//! bear it. Every walk is a loop that returns by the parent links, so the depth of a filter, which
//! strangers choose, costs neither stack nor memory.

use std::hash::BuildHasher;

use ferrymq_codec::{TopicFilter, TopicName};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::arena::{Arena, Id};
use super::levels::{LevelId, Levels, shrink};

/// Values by filter with wildcards.
pub(super) struct Trie<V> {
    levels: Levels,
    root: Node<V>,
    nodes: Arena<Node<V>>,
    /// The children that are not in their parents.
    edges: HashTable<NodeId<V>>,
    values: Arena<V>,
    hasher: FixedState,
}

type NodeId<V> = Id<Node<V>>;

struct Node<V> {
    parent: Option<NodeId<V>>,
    /// The number of the text `+` where a `+` leads here, and at the root.
    level: LevelId,
    /// Of the filter that ends here.
    value: Option<Id<V>>,
    /// Of the filter that ends with a `#` right below.
    subtree_value: Option<Id<V>>,
    plus: Option<NodeId<V>>,
    child: Option<(LevelId, NodeId<V>)>,
    /// How many children are in the table.
    other_children: u32,
}

/// Where the value of a filter is.
struct Place<V> {
    /// `None` is the root.
    node: Option<NodeId<V>>,
    /// Whether the filter ends with `#`.
    subtree: bool,
}

impl<V> Trie<V> {
    pub(super) fn new(seed: u64) -> Self {
        let mut levels = Levels::new(seed);
        let root = Node::new(None, levels.acquire("+"));
        Self {
            levels,
            root,
            nodes: Arena::new(),
            edges: HashTable::new(),
            values: Arena::new(),
            hasher: FixedState::with_seed(seed),
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn get(&self, filter: TopicFilter<'_>) -> Option<&V> {
        let place = self.find(filter)?;
        let id = self.node(place.node).value(place.subtree)?;
        Some(&self.values[id])
    }

    pub(super) fn get_mut(&mut self, filter: TopicFilter<'_>) -> Option<&mut V> {
        let place = self.find(filter)?;
        let id = self.node(place.node).value(place.subtree)?;
        Some(&mut self.values[id])
    }

    pub(super) fn get_or_insert_with(
        &mut self,
        filter: TopicFilter<'_>,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        let place = self.grow(filter);
        let id = self.node(place.node).value(place.subtree).unwrap_or_else(|| {
            let id = self.values.insert(make());
            *self.node_mut(place.node).value_mut(place.subtree) = Some(id);
            id
        });
        &mut self.values[id]
    }

    pub(super) fn remove(&mut self, filter: TopicFilter<'_>) -> Option<V> {
        let place = self.find(filter)?;
        let id = self.node_mut(place.node).value_mut(place.subtree).take()?;
        self.prune(place.node);
        Some(self.values.remove(id))
    }

    pub(super) fn for_each_match<'s>(&'s self, topic: TopicName<'_>, visit: impl FnMut(&'s V)) {
        if self.values.len() == 0 {
            return;
        }
        let depth = topic.levels().count();
        let mut few = [None; FEW_LEVELS];
        let mut many;
        let path = if let Some(path) = few.get_mut(..depth) {
            path
        } else {
            many = vec![None; depth];
            &mut many[..]
        };
        for (id, level) in path.iter_mut().zip(topic.levels()) {
            *id = self.levels.find(level);
        }
        self.walk(path, topic.starts_with_dollar(), visit);
    }

    /// Visits every filter, whose text is put together from the levels above.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&str, &V)) {
        let mut levels = Vec::new();
        for node in self.nodes.iter().chain([&self.root]) {
            levels.clear();
            let mut bottom = node;
            while !std::ptr::eq(bottom, &raw const self.root) {
                levels.push(self.levels.text(bottom.level));
                bottom = self.node(bottom.parent);
            }
            levels.reverse();
            if let Some(id) = node.value {
                visit(&levels.join("/"), &self.values[id]);
            }
            if let Some(id) = node.subtree_value {
                levels.push("#");
                visit(&levels.join("/"), &self.values[id]);
            }
        }
    }

    /// Visits what matches a path of levels, of which `None` is one that no filter has.
    ///
    /// A node is entered at most once, as only one way leads there: first the child of the level,
    /// then, on the way back, the `+` beside it.
    fn walk<'s>(
        &'s self,
        path: &[Option<LevelId>],
        starts_with_dollar: bool,
        mut visit: impl FnMut(&'s V),
    ) {
        let mut at = None;
        let mut depth = 0;
        loop {
            let node = self.node(at);
            // [MQTT-4.7.2-1]
            let wildcards_match = depth > 0 || !starts_with_dollar;
            if let Some(id) = node.subtree_value.filter(|_| wildcards_match) {
                visit(&self.values[id]);
            }
            let mut next = None;
            if let Some(level) = path.get(depth) {
                next = level.and_then(|level| self.child(at, level));
                next = next.or_else(|| node.plus.filter(|_| wildcards_match));
            } else if let Some(id) = node.value {
                visit(&self.values[id]);
            }
            while next.is_none() {
                let Some(id) = at else {
                    return;
                };
                let left = &self.nodes[id];
                at = left.parent;
                depth -= 1;
                if left.level != self.root.level && (depth > 0 || !starts_with_dollar) {
                    next = self.node(at).plus;
                }
            }
            at = next;
            depth += 1;
        }
    }

    fn find(&self, filter: TopicFilter<'_>) -> Option<Place<V>> {
        let mut node = None;
        for level in filter.levels() {
            node = match level {
                "#" => {
                    return Some(Place { node, subtree: true });
                }
                "+" => Some(self.node(node).plus?),
                _ => Some(self.child(node, self.levels.find(level)?)?),
            };
        }
        Some(Place { node, subtree: false })
    }

    /// The place of a filter, with all nodes on the way there.
    fn grow(&mut self, filter: TopicFilter<'_>) -> Place<V> {
        let mut node = None;
        for level in filter.levels() {
            let known = match level {
                "#" => {
                    return Place { node, subtree: true };
                }
                "+" => self.node(node).plus,
                _ => self.levels.find(level).and_then(|level| self.child(node, level)),
            };
            node = known.or_else(|| Some(self.add_child(node, level)));
        }
        Place { node, subtree: false }
    }

    fn add_child(&mut self, at: Option<NodeId<V>>, level: &str) -> NodeId<V> {
        if level == "+" {
            let id = self.nodes.insert(Node::new(at, self.root.level));
            self.node_mut(at).plus = Some(id);
            return id;
        }
        let level = self.levels.acquire(level);
        let id = self.nodes.insert(Node::new(at, level));
        let parent = self.node_mut(at);
        if parent.child.is_none() {
            parent.child = Some((level, id));
        } else {
            parent.other_children += 1;
            let hash_of = |id: &NodeId<V>| self.nodes[*id].hash(&self.hasher);
            self.edges.insert_unique(hash_of(&id), id, hash_of);
        }
        id
    }

    /// Removes a node that leads nowhere, and those above it that then do.
    fn prune(&mut self, mut at: Option<NodeId<V>>) {
        while let Some(id) = at.filter(|id| self.nodes[*id].is_bare()) {
            let node = self.nodes.remove(id);
            at = node.parent;
            let parent = self.node_mut(at);
            if parent.plus == Some(id) {
                parent.plus = None;
                continue;
            }
            if parent.child == Some((node.level, id)) {
                parent.child = None;
            } else {
                parent.other_children -= 1;
                let hash = node.hash(&self.hasher);
                let Ok(edge) = self.edges.find_entry(hash, |other| *other == id) else {
                    unreachable!("a child is in its parent or in the table");
                };
                edge.remove();
                shrink(&mut self.edges, |id| self.nodes[*id].hash(&self.hasher));
            }
            self.levels.release(node.level);
        }
    }

    fn child(&self, at: Option<NodeId<V>>, level: LevelId) -> Option<NodeId<V>> {
        let node = self.node(at);
        match node.child {
            Some((known, id)) if known == level => Some(id),
            _ if node.other_children == 0 => None,
            _ => {
                let same = |id: &NodeId<V>| {
                    let child = &self.nodes[*id];
                    child.parent == at && child.level == level
                };
                self.edges.find(edge_hash(&self.hasher, at, level), same).copied()
            }
        }
    }

    fn node(&self, at: Option<NodeId<V>>) -> &Node<V> {
        at.map_or(&self.root, |id| &self.nodes[id])
    }

    fn node_mut(&mut self, at: Option<NodeId<V>>) -> &mut Node<V> {
        match at {
            Some(id) => &mut self.nodes[id],
            None => &mut self.root,
        }
    }
}

#[cfg(test)]
impl<V> Trie<V> {
    /// Nodes, levels and edges that are there.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let (root_level, root_child) = (1, usize::from(self.root.child.is_some()));
        (self.nodes.len(), self.levels.len() - root_level, self.edges.len() + root_child)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.levels.heap_bytes()
            + self.nodes.heap_bytes()
            + self.edges.allocation_size()
            + self.values.heap_bytes()
    }

    pub(super) const BYTES_PER_NODE: usize = Arena::<Node<V>>::BYTES_PER_ENTRY;
}

impl<V> Node<V> {
    const fn new(parent: Option<NodeId<V>>, level: LevelId) -> Self {
        Self {
            parent,
            level,
            value: None,
            subtree_value: None,
            plus: None,
            child: None,
            other_children: 0,
        }
    }

    const fn value(&self, subtree: bool) -> Option<Id<V>> {
        if subtree { self.subtree_value } else { self.value }
    }

    const fn value_mut(&mut self, subtree: bool) -> &mut Option<Id<V>> {
        if subtree { &mut self.subtree_value } else { &mut self.value }
    }

    const fn is_bare(&self) -> bool {
        self.value.is_none()
            && self.subtree_value.is_none()
            && self.plus.is_none()
            && self.child.is_none()
            && self.other_children == 0
    }

    fn hash(&self, hasher: &FixedState) -> u64 {
        edge_hash(hasher, self.parent, self.level)
    }
}

fn edge_hash<V>(hasher: &FixedState, parent: Option<NodeId<V>>, level: LevelId) -> u64 {
    let parent = parent.map_or(0, Id::number);
    hasher.hash_one(u64::from(parent) << u32::BITS | u64::from(level.number()))
}

/// Topics of up to this many levels are matched without an allocation.
const FEW_LEVELS: usize = 24;
