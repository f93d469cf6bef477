//! A map with an end, for what can be made anew.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// At most `N` entries. Where one more comes all are forgotten: making them anew is cheap, so that there is no need to choose.
#[derive(Debug)]
pub(crate) struct Bounded<K, V, const N: usize>(HashMap<K, V>);

impl<K, V, const N: usize> Default for Bounded<K, V, N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V, const N: usize> Bounded<K, V, N> {
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.0.len() >= N && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.insert(key, value);
    }

    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_there_may_be_begins_anew() {
        let mut map = Bounded::<&str, u8, 2>::default();
        map.insert("a", 1);
        map.insert("b", 2);
        map.insert("b", 3);
        assert_eq!((map.get("a"), map.get("b")), (Some(&1), Some(&3)));
        map.insert("c", 4);
        assert_eq!((map.get("a"), map.get("b"), map.get("c")), (None, None, Some(&4)));
        map.remove("c");
        assert_eq!(map.get("c"), None);
    }
}
