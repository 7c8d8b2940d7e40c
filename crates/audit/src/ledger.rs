//! The state of a log: its tree, the head of every trail, which runs are open. Pure.
//!
//! The writer, recovery and verification all move it the same way: ask what the next entry of a trail
//! must say, then take the entry in. Not here: files, signatures.
//!
//! A *trail* is the chain of one tenant's entries in this log, or of the house's own. Trails have places
//! in the order in which they began. The heads of all trails (tenant, sequence number, hash) are the
//! leaves of a tree of their own; its root goes into the log as a `heads` entry right before each
//! checkpoint, so that a signed checkpoint fixes where every trail ends.

use std::collections::{HashMap, HashSet};

use lockgate_vocabulary::{AuditId, RunId, TenantId};

use crate::chain::{Frontier, Hash, leaf_hash, sha256};
use crate::entry::{Entry, Facts, HeadsTold};

mod heads;

pub(crate) use heads::HeadTree;

/// What an entry changes beside the tree and its trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A run was opened.
    Opened(RunId),
    /// A run was closed.
    Closed(RunId),
    /// An act came by the outbox.
    Relayed(AuditId),
    /// Nothing.
    Plain,
}

impl Mark {
    pub(crate) fn of(entry: &Entry) -> Self {
        match &entry.facts {
            Facts::Opened(facts) => Self::Opened(facts.run),
            Facts::Closed(facts) => Self::Closed(facts.run),
            Facts::Deed(facts) if facts.relayed => Self::Relayed(entry.id),
            _ => Self::Plain,
        }
    }
}

/// Where a trail ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
}

impl Head {
    /// The leaf that stands for it in the tree of heads.
    pub(crate) fn leaf(&self) -> Hash {
        let tenant = self.tenant.map_or_else(|| "house".to_owned(), |tenant| tenant.to_string());
        leaf_hash(format!("{tenant} {} {}\n", self.sequence, self.hash).as_bytes())
    }
}

/// What the next entry of a trail must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) place: usize,
    pub(crate) index: u64,
    pub(crate) sequence: u64,
    pub(crate) previous: Hash,
}

/// Why an entry does not belong where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misplaced {
    Node,
    Index { wanted: u64, found: u64 },
    Sequence { wanted: u64, found: u64 },
    Previous,
    Heads,
}

/// The state of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    tree: Frontier,
    heads: Vec<Head>,
    places: HashMap<Option<TenantId>, usize>,
    head_tree: HeadTree,
    /// Open runs and the index of the entry that opened each.
    pub(crate) open: HashMap<RunId, u64>,
    /// Acts that came by the outbox and whose rows may not be marked yet.
    pub(crate) relayed: HashSet<AuditId>,
}

impl Ledger {
    /// The state that these parts describe, if they fit together.
    pub(crate) fn from_parts(tree: Frontier, heads: Vec<Head>) -> Option<Self> {
        let places: HashMap<_, _> = heads.iter().enumerate().map(|(place, head)| (head.tenant, place)).collect();
        let entries = heads.iter().try_fold(0u64, |sum, head| sum.checked_add(head.sequence));
        if places.len() != heads.len() || entries != Some(tree.size()) {
            return None;
        }
        let mut head_tree = HeadTree::default();
        heads.iter().enumerate().for_each(|(place, _)| head_tree.touch(place));
        Some(Self { tree, heads, places, head_tree, ..Self::default() })
    }

    /// How many entries there are.
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over all entries.
    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    pub(crate) const fn tree(&self) -> &Frontier {
        &self.tree
    }

    pub(crate) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Where the trail ends, if it has begun.
    pub(crate) fn head(&self, tenant: Option<TenantId>) -> Option<(usize, Head)> {
        let place = *self.places.get(&tenant)?;
        Some((place, *self.heads.get(place)?))
    }

    /// What the next entry of this trail must say; the trail begins here if it had not.
    pub(crate) fn next(&mut self, tenant: Option<TenantId>) -> Next {
        let index = self.tree.size();
        let place = *self.places.entry(tenant).or_insert(self.heads.len());
        if let Some(head) = self.heads.get(place) {
            return Next { place, index, sequence: head.sequence + 1, previous: head.hash };
        }
        self.heads.push(Head { tenant, sequence: 0, hash: Hash::ZERO });
        Next { place, index, sequence: 1, previous: Hash::ZERO }
    }

    /// Takes an entry in. `completed` is told of each subtree that it completes.
    pub(crate) fn take(&mut self, next: &Next, leaf: Hash, mark: Mark, completed: impl FnMut(u32, Hash)) {
        if let Some(head) = self.heads.get_mut(next.place) {
            head.sequence = next.sequence;
            head.hash = leaf;
        }
        self.head_tree.touch(next.place);
        self.tree.push(leaf, completed);
        match mark {
            Mark::Opened(run) => _ = self.open.insert(run, next.index),
            Mark::Closed(run) => _ = self.open.remove(&run),
            Mark::Relayed(id) => _ = self.relayed.insert(id),
            Mark::Plain => {}
        }
    }

    /// What a `heads` entry must say here.
    pub(crate) fn heads_told(&mut self) -> HeadsTold {
        let heads = &self.heads;
        let root = self.head_tree.root(|place| heads.get(place).map_or(Hash::ZERO, Head::leaf));
        // A trail that has begun but has no entry yet cannot be: `next` is followed by `take`.
        HeadsTold { trails: heads.len() as u64, root }
    }

    /// The path that proves the head at this place under the root that [`Self::heads_told`] gave last.
    pub(crate) fn head_path(&self, place: usize) -> Vec<Hash> {
        self.head_tree.path(place)
    }

    /// Whether the entry is the one that must stand here, and what the ledger needs to take it in.
    pub(crate) fn judge(&mut self, node: &str, entry: &Entry) -> Result<Next, Misplaced> {
        if &*entry.node != node {
            return Err(Misplaced::Node);
        }
        if entry.index != self.tree.size() {
            return Err(Misplaced::Index { wanted: self.tree.size(), found: entry.index });
        }
        if let Facts::Heads(told) = &entry.facts
            && *told != self.heads_told()
        {
            return Err(Misplaced::Heads);
        }
        let next = self.next(entry.tenant);
        if entry.sequence != next.sequence {
            return Err(Misplaced::Sequence { wanted: next.sequence, found: entry.sequence });
        }
        if entry.previous != next.previous {
            return Err(Misplaced::Previous);
        }
        Ok(next)
    }
}

/// The identity of no head: what an empty tree of heads has as its root.
pub(crate) fn no_heads() -> Hash {
    sha256(&[])
}

#[cfg(test)]
mod tests;
