//! A queue in which many wait for few, and nobody waits for others alone because those came in
//! numbers.
//!
//! Everybody who waits belongs to somebody, whose turn comes as often as that of each other. When the
//! queue is full, the last of those leaves of whom most wait: one who sends many loses his own, and
//! who sends few is let in.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A queue of `T`, each of which belongs to a `K`.
#[derive(Debug)]
pub(super) struct FairQueue<K, T> {
    /// What waits; never an empty queue.
    waiting: HashMap<K, VecDeque<T>>,
    /// Whose turn it is, and whose next.
    turns: VecDeque<K>,
    count: usize,
    limit: usize,
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// A queue in which so many can wait, and at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), count: 0, limit: limit.max(1) }
    }

    /// Lets one wait. Who has to leave instead, if the queue is full.
    pub(super) fn push(&mut self, of: K, item: T) -> Option<T> {
        let left = match self.count < self.limit {
            true => None,
            false => match self.crowd() {
                Some(crowd) if self.waits_for(&crowd) > self.waits_for(&of) + 1 => {
                    self.dismiss_last(&crowd)
                }
                _ => return Some(item),
            },
        };
        let mine = self.waiting.entry(of.clone()).or_default();
        if mine.is_empty() {
            self.turns.push_back(of);
        }
        mine.push_back(item);
        self.count += 1;
        left
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<T> {
        let of = self.turns.pop_front()?;
        let mine = self.waiting.get_mut(&of)?;
        let item = mine.pop_front();
        self.count -= usize::from(item.is_some());
        if mine.is_empty() {
            self.waiting.remove(&of);
        } else {
            self.turns.push_back(of);
        }
        item
    }

    /// How many may wait from now on. Those who wait already stay.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    fn waits_for(&self, of: &K) -> usize {
        self.waiting.get(of).map_or(0, VecDeque::len)
    }

    /// Of whom most wait.
    fn crowd(&self) -> Option<K> {
        let most = self.waiting.iter().max_by_key(|(_, mine)| mine.len());
        most.map(|(of, _)| of.clone())
    }

    fn dismiss_last(&mut self, of: &K) -> Option<T> {
        let mine = self.waiting.get_mut(of)?;
        let item = mine.pop_back();
        self.count -= usize::from(item.is_some());
        if mine.is_empty() {
            self.waiting.remove(of);
            self.turns.retain(|turn| turn != of);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_go_round_and_each_keeps_its_order() {
        let mut queue = FairQueue::new(10);
        for (of, item) in [('a', 1), ('a', 2), ('a', 3), ('b', 4), ('c', 5), ('b', 6)] {
            assert_eq!(queue.push(of, item), None);
        }
        let order: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn full_queue_lets_in_who_has_few_and_dismisses_the_last_of_the_crowd() {
        let mut queue = FairQueue::new(3);
        for item in 1..=3 {
            assert_eq!(queue.push('a', item), None);
        }
        assert_eq!(queue.push('a', 4), Some(4), "the crowd does not push itself aside");
        assert_eq!(queue.push('b', 5), Some(3));
        assert_eq!(queue.push('b', 6), Some(6), "as many of each wait");
        assert_eq!(queue.push('c', 7), Some(2));
        assert_eq!(queue.push('d', 8), Some(8));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nobody_has_two_turns_while_others_wait(
            limit in 1_usize..8,
            steps in prop::collection::vec(prop::option::weighted(0.7, 0_u8..4), 0..200),
        ) {
            let mut queue = FairQueue::new(limit);
            let mut waiting: Vec<(u8, usize)> = Vec::new();
            // Whose turn was the last, and who waited then.
            let mut served = None;
            let mut passed_over: Vec<u8> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(of) = step {
                    let was_full = waiting.len() == limit;
                    let left = queue.push(of, number);
                    prop_assert_eq!(was_full, left.is_some());
                    waiting.push((of, number));
                    waiting.retain(|(_, item)| Some(*item) != left);
                } else {
                    let item = queue.pop();
                    let place = waiting.iter().position(|(_, waits)| Some(*waits) == item);
                    prop_assert_eq!(place.is_some(), !waiting.is_empty());
                    let Some(place) = place else { continue };
                    // Of those who belong to the same, the first one.
                    let (of, _) = waiting.remove(place);
                    let first = waiting.iter().find(|(other, _)| *other == of);
                    prop_assert!(first.is_none_or(|(_, later)| Some(*later) > item));
                    // Whoever waits gets a turn before this one gets another.
                    passed_over.retain(|other| *other != of);
                    prop_assert!(served != Some(of) || passed_over.is_empty());
                    served = Some(of);
                    passed_over = waiting.iter().map(|(other, _)| *other).filter(|it| *it != of).collect();
                }
                prop_assert_eq!(queue.count, waiting.len());
                prop_assert_eq!(queue.turns.len(), queue.waiting.len());
            }
        }
    }
}
