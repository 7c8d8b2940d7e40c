//! Proof paths of RFC 6962 section 2.1, made and checked.
//!
//! Making one asks for complete subtrees only, so a caller needs no more than the side files hold.

use super::{Hash, node_hash};

/// The largest power of two below `size`, which must be at least 2.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The root over the leaves `begin..end`, which must be a range that RFC 6962 splits a tree into.
/// `node` gives the root of the complete subtree at a level and place.
pub fn subtree_root<E>(begin: u64, end: u64, node: &mut impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let size = end.saturating_sub(begin);
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return node(level, begin >> level);
    }
    if size == 0 {
        return Ok(super::sha256(&[]));
    }
    let middle = begin + split(size);
    let left = subtree_root(begin, middle, node)?;
    let right = subtree_root(middle, end, node)?;
    Ok(node_hash(&left, &right))
}

/// The path that proves the leaf `index` in the tree of `size` leaves: siblings from the leaf upwards.
pub fn inclusion_path<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end.saturating_sub(begin) > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(subtree_root(middle, end, node)?);
            end = middle;
        } else {
            path.push(subtree_root(begin, middle, node)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The path that proves the tree of `old` leaves to be the beginning of the one of `new` leaves.
pub fn consistency_path<E>(
    old: u64,
    new: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return Ok(path);
    }
    let (mut begin, mut end, mut whole) = (0, new, true);
    while old < end {
        let middle = begin + split(end - begin);
        if old <= middle {
            path.push(subtree_root(middle, end, node)?);
            end = middle;
        } else {
            path.push(subtree_root(begin, middle, node)?);
            begin = middle;
            whole = false;
        }
    }
    // The old tree's last complete part; where it is the whole old tree the verifier has its root.
    if !whole {
        path.push(subtree_root(begin, end, node)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether the path proves that the leaf stands at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether the path proves that the tree of `old` leaves is the beginning of the one of `new` leaves.
pub fn verify_consistency(old: (u64, Hash), new: (u64, Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && old_root == super::sha256(&[]);
    }
    let mut siblings = path.iter();
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let start = if old_size.is_power_of_two() { Some(&old_root) } else { siblings.next() };
    let Some(start) = start else { return false };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in siblings {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == old_root && new_hash == new_root
}
