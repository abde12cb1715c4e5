//! The filters of rules, as a tree of their levels, and what the rules at its nodes do.
//!
//! A question walks down once, along every branch that fits the topic. Branches that are still to be
//! walked wait in a small array; only a tree with more of them than anybody writes by hand needs the
//! heap.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::file::{Rule, Type};
use crate::who::Who;

/// The rules of one scope.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The first is the root. Whoever holds a place of this list got it from a node of this tree, and
    /// nothing is ever taken out.
    nodes: Vec<Node>,
    placeholders: Placeholders,
}

/// Whether the levels `%c` and `%u` are something special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholders {
    /// They stand for the Client Identifier and the user name.
    Filled,
    /// They are text.
    Text,
}

/// The rules that fit a topic: of each kind the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) deny: Option<NonZeroU32>,
    pub(super) read: Option<NonZeroU32>,
    pub(super) write: Option<NonZeroU32>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    text: BTreeMap<Box<str>, usize>,
    any: Option<usize>,
    client_id: Option<usize>,
    username: Option<usize>,
    /// Rules whose filter ends here.
    here: Lines,
    /// Rules whose filter goes on with `#`.
    below: Lines,
}

impl Tree {
    pub(super) fn new(placeholders: Placeholders) -> Self {
        Self { nodes: vec![Node::default()], placeholders }
    }

    pub(super) fn insert(&mut self, rule: &Rule) {
        let mut place = ROOT;
        for level in rule.filter.split('/') {
            if level == "#" {
                self.node_mut(place).below.add(rule);
                return;
            }
            place = self.child(place, level);
        }
        self.node_mut(place).here.add(rule);
    }

    /// All rules that fit a Topic Name; and of a Topic Filter all that fit whatever it can match.
    pub(super) fn find(&self, who: Who<'_>, topic: &str) -> Lines {
        let mut found = Lines::default();
        let mut waiting = Waiting::default();
        if topic.starts_with('$') {
            // No wildcard, and no name of a client, stands for such a level [MQTT-4.7.2-1].
            let (level, rest) = split(topic);
            waiting.push_all([self.node(ROOT).text.get(level).copied()], rest);
        } else {
            waiting.push_all([Some(ROOT)], Some(topic));
        }
        while let Some((place, rest)) = waiting.pop() {
            let node = self.node(place);
            found.merge(node.below);
            let Some(rest) = rest else {
                found.merge(node.here);
                continue;
            };
            let (level, rest) = split(rest);
            if level == "#" {
                // No other rule fits topics of any length; but none is so short that `+/#` does not
                // fit it.
                if place == ROOT {
                    found.merge(node.any.map(|any| self.node(any).below).unwrap_or_default());
                }
                continue;
            }
            let client_id = node.client_id.filter(|_| who.client_id == level);
            let username = node.username.filter(|_| who.username == Some(level));
            let is_named = !level.is_empty();
            waiting.push_all(
                [
                    node.any,
                    client_id.filter(|_| is_named),
                    username.filter(|_| is_named),
                    node.text.get(level).copied(),
                ],
                rest,
            );
        }
        found
    }

    fn child(&mut self, place: usize, level: &str) -> usize {
        let next = self.nodes.len();
        let is_filled = self.placeholders == Placeholders::Filled;
        let node = self.node_mut(place);
        let child = match level {
            "+" => *node.any.get_or_insert(next),
            "%c" if is_filled => *node.client_id.get_or_insert(next),
            "%u" if is_filled => *node.username.get_or_insert(next),
            _ => *node.text.entry(Box::from(level)).or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    #[expect(clippy::indexing_slicing, reason = "places come from this tree and stay valid")]
    fn node(&self, place: usize) -> &Node {
        &self.nodes[place]
    }

    #[expect(clippy::indexing_slicing, reason = "places come from this tree and stay valid")]
    fn node_mut(&mut self, place: usize) -> &mut Node {
        &mut self.nodes[place]
    }
}

impl Lines {
    fn add(&mut self, rule: &Rule) {
        let line = u32::try_from(rule.line).unwrap_or(u32::MAX);
        let line = NonZeroU32::new(line).unwrap_or(NonZeroU32::MAX);
        let first = |known: &mut Option<NonZeroU32>| {
            *known = Some(known.map_or(line, |known| known.min(line)));
        };
        if rule.access == Type::Deny {
            first(&mut self.deny);
        }
        if rule.access.reads() {
            first(&mut self.read);
        }
        if rule.access.writes() {
            first(&mut self.write);
        }
    }

    fn merge(&mut self, others: Self) {
        let first = |one: Option<NonZeroU32>, other: Option<NonZeroU32>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.deny = first(self.deny, others.deny);
        self.read = first(self.read, others.read);
        self.write = first(self.write, others.write);
    }
}

/// Branches that are still to be walked: a node, and what is left of the topic there.
#[derive(Default)]
struct Waiting<'t> {
    few: [(usize, Option<&'t str>); FEW],
    length: usize,
    more: Vec<(usize, Option<&'t str>)>,
}

impl<'t> Waiting<'t> {
    fn push_all<const N: usize>(&mut self, places: [Option<usize>; N], rest: Option<&'t str>) {
        for place in places.into_iter().flatten() {
            match self.few.get_mut(self.length) {
                Some(free) => {
                    *free = (place, rest);
                    self.length += 1;
                }
                None => self.more.push((place, rest)),
            }
        }
    }

    fn pop(&mut self) -> Option<(usize, Option<&'t str>)> {
        if let Some(last) = self.more.pop() {
            return Some(last);
        }
        self.length = self.length.checked_sub(1)?;
        self.few.get(self.length).copied()
    }
}

/// The first level, and what follows it.
fn split(topic: &str) -> (&str, Option<&str>) {
    topic.split_once('/').map_or((topic, None), |(level, rest)| (level, Some(rest)))
}

const ROOT: usize = 0;

const FEW: usize = 16;
