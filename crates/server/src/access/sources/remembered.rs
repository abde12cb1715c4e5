//! What was found out lately.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Answers that hold for a while. There are so many at most; the oldest make room.
#[derive(Debug)]
pub(super) struct Remembered<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The keys, by the time at which they were put in.
    order: VecDeque<(K, Instant)>,
    lifetime: Duration,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    since: Instant,
}

impl<K: Clone + Eq + Hash, V: Clone> Remembered<K, V> {
    /// Nothing yet.
    pub(super) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), lifetime, capacity }
    }

    /// What was put in for this key, if that still holds.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let entry = self.entries.get(key)?;
        self.holds(entry.since, now).then(|| entry.value.clone())
    }

    /// Puts an answer in.
    pub(super) fn put(&mut self, key: K, value: V, now: Instant) {
        while self.order.front().is_some_and(|(_, since)| !self.holds(*since, now)) {
            self.forget_oldest();
        }
        if self.lifetime.is_zero() || self.capacity == 0 {
            return;
        }
        // One that still holds keeps its place: there is one place for each entry.
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            return;
        }
        if self.entries.len() >= self.capacity {
            self.forget_oldest();
        }
        self.order.push_back((key.clone(), now));
        self.entries.insert(key, Entry { value, since: now });
    }

    fn holds(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) < self.lifetime
    }

    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.order.pop_front() {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_hold_for_their_lifetime() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut remembered = Remembered::new(Duration::from_secs(10), 3);
        remembered.put("a", 1, at(0));
        assert_eq!(remembered.get(&"a", at(9)), Some(1));
        assert_eq!(remembered.get(&"a", at(10)), None);
        remembered.put("a", 2, at(5));
        assert_eq!(remembered.get(&"a", at(9)), Some(2));
        assert_eq!(remembered.get(&"a", at(10)), None, "an answer does not make itself last");
    }

    #[test]
    fn oldest_make_room_and_nothing_is_left_of_them() {
        let start = Instant::now();
        let mut remembered = Remembered::new(Duration::from_secs(10), 3);
        for number in 0..100 {
            remembered.put(number, number, start);
            assert!(remembered.entries.len() <= 3 && remembered.order.len() <= 3);
        }
        assert_eq!(remembered.get(&96, start), None);
        assert_eq!(remembered.get(&97, start), Some(97));
        remembered.put(100, 100, start + Duration::from_secs(10));
        assert_eq!(remembered.entries.len(), 1, "those that no longer hold are gone");
    }

    #[test]
    fn nothing_is_remembered_without_lifetime_or_room() {
        let now = Instant::now();
        for (lifetime, capacity) in [(0, 3), (10, 0)] {
            let mut remembered = Remembered::new(Duration::from_secs(lifetime), capacity);
            remembered.put("a", 1, now);
            assert_eq!(remembered.get(&"a", now), None);
        }
    }
}
