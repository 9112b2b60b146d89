//! A bounded memory of two generations: what was used since the last turn survives it.
//!
//! It never holds more than twice its capacity, needs no list of uses, and costs one or two
//! lookups.

use std::collections::HashMap;
use std::hash::Hash;

/// A bounded cache. When the young generation is full it becomes the old one, and what is still
/// used is moved back as it is found.
pub(crate) struct Cache<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// Holds at least `capacity` and at most twice as many.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.put(key.clone(), value.clone());
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn what_is_used_survives_and_the_size_is_bounded() {
        let mut cache = Cache::new(10);
        for n in 0..1000 {
            cache.put(n, n);
            assert_eq!(cache.get(&0), Some(0), "used each time, so it stays");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(&500), None);
        cache.put(0, 7);
        assert_eq!(cache.get(&0), Some(7));
    }
}
