//! A Merkle tree whose leaves change: the heads of all trails.
//!
//! It has the shape of RFC 6962 (the last node of an odd level goes up as it is), so its proofs are
//! checked by the same code as the log's own. Only what changed since the last root is hashed again.

use super::no_heads;
use crate::chain::{Hash, node_hash};

/// The tree. Its leaves are made when a root is asked for, not when they change.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadTree {
    /// The levels, leaves first, as of the last root.
    levels: Vec<Vec<Hash>>,
    /// How many leaves there are now.
    count: usize,
    /// Leaves that changed since.
    touched: Vec<usize>,
    is_touched: Vec<bool>,
}

impl HeadTree {
    /// Notes that the leaf at this place changed. The next place after the last one makes a new leaf.
    pub(crate) fn touch(&mut self, place: usize) {
        self.count = self.count.max(place + 1);
        if self.is_touched.len() < self.count {
            self.is_touched.resize(self.count, false);
        }
        if let Some(touched) = self.is_touched.get_mut(place)
            && !*touched
        {
            *touched = true;
            self.touched.push(place);
        }
    }

    /// The root over all leaves; `leaf` gives those that changed.
    pub(crate) fn root(&mut self, leaf: impl Fn(usize) -> Hash) -> Hash {
        let mut dirty = std::mem::take(&mut self.touched);
        dirty.sort_unstable();
        for place in &dirty {
            if let Some(touched) = self.is_touched.get_mut(*place) {
                *touched = false;
            }
            self.put(0, *place, leaf(*place));
        }
        let (mut level, mut width) = (0, self.count);
        while width > 1 {
            dirty.iter_mut().for_each(|place| *place /= 2);
            dirty.dedup();
            for place in &dirty {
                let Some(node) = self.above(level, *place) else { continue };
                self.put(level + 1, *place, node);
            }
            level += 1;
            width = width.div_ceil(2);
        }
        self.at(level, 0).unwrap_or_else(no_heads)
    }

    /// The path that proves the leaf at this place under the last root.
    pub(crate) fn path(&self, place: usize) -> Vec<Hash> {
        let siblings = self.levels.iter().enumerate().map(|(level, _)| self.at(level, (place >> level) ^ 1));
        siblings.flatten().collect()
    }

    fn at(&self, level: usize, place: usize) -> Option<Hash> {
        self.levels.get(level)?.get(place).copied()
    }

    fn above(&self, level: usize, place: usize) -> Option<Hash> {
        let left = self.at(level, place * 2)?;
        Some(match self.at(level, place * 2 + 1) {
            Some(right) => node_hash(&left, &right),
            None => left,
        })
    }

    fn put(&mut self, level: usize, place: usize, hash: Hash) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        let Some(nodes) = self.levels.get_mut(level) else { return };
        if nodes.len() <= place {
            nodes.resize(place + 1, Hash::ZERO);
        }
        if let Some(node) = nodes.get_mut(place) {
            *node = hash;
        }
    }
}
