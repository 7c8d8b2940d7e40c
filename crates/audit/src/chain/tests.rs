//! The tree against a naive model written straight from RFC 6962's definitions.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

/// MTH of RFC 6962 section 2.1.
fn model_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let middle = many.len().next_power_of_two() / 2;
            node_hash(&model_root(&many[..middle]), &model_root(&many[middle..]))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1.
fn model_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (model_path(index, left), model_root(right))
    } else {
        (model_path(index - middle, right), model_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2.
fn model_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![model_root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    if old <= middle {
        let mut path = model_consistency(old, left, whole);
        path.push(model_root(right));
        path
    } else {
        let mut path = model_consistency(old - middle, right, false);
        path.push(model_root(left));
        path
    }
}

fn complete(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
    |level, place| {
        let width = 1usize << level;
        let from = usize::try_from(place).expect("small") * width;
        Ok(model_root(&leaves[from..from + width]))
    }
}

#[test]
fn the_known_roots_come_out() {
    // RFC 6962 test vectors as published with Certificate Transparency's reference code.
    let entries: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let hex = |hash: Hash| hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut tree = Frontier::new();
    assert_eq!(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tree.push(leaf_hash(entries[0]), |_, _| {});
    assert_eq!(hex(tree.root()), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    for entry in &entries[1..] {
        tree.push(leaf_hash(entry), |_, _| {});
    }
    assert_eq!(hex(tree.root()), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn every_small_tree_agrees_with_the_model() {
    let all = leaves(40);
    let mut tree = Frontier::new();
    for size in 0..=all.len() {
        let some = &all[..size];
        let root = model_root(some);
        assert_eq!(tree.root(), root);
        for (index, leaf) in some.iter().enumerate() {
            let path = inclusion_path(index as u64, size as u64, &mut complete(some)).expect("infallible");
            assert_eq!(path, model_path(index, some));
            assert!(verify_inclusion(*leaf, index as u64, size as u64, &path, root));
        }
        for old in 1..=size {
            let path = consistency_path(old as u64, size as u64, &mut complete(some)).expect("infallible");
            assert_eq!(path, model_consistency(old, some, true), "{old} of {size}");
            let before = (old as u64, model_root(&some[..old]));
            assert!(verify_consistency(before, (size as u64, root), &path), "{old} of {size}");
        }
        if let Some(next) = all.get(size) {
            tree.push(*next, |_, _| {});
        }
    }
}

#[test]
fn a_subtree_is_told_when_it_is_complete() {
    let all = leaves(16);
    let mut tree = Frontier::new();
    let mut told = Vec::new();
    for leaf in &all {
        tree.push(*leaf, |level, root| told.push((level, root)));
    }
    assert_eq!(told.len(), 15, "sixteen leaves complete fifteen subtrees");
    assert_eq!(told.last(), Some(&(4, model_root(&all))));
    assert!(told.contains(&(2, model_root(&all[4..8]))));
}

#[test]
fn peaks_must_fit_the_size() {
    let mut tree = Frontier::new();
    leaves(11).into_iter().for_each(|leaf| tree.push(leaf, |_, _| {}));
    assert_eq!(Frontier::from_peaks(11, tree.peaks().to_vec()), Some(tree.clone()));
    assert_eq!(Frontier::from_peaks(12, tree.peaks().to_vec()), None);
}

#[test]
fn an_older_empty_tree_and_a_larger_one_are_judged() {
    let all = leaves(3);
    let root = model_root(&all);
    assert!(verify_consistency((0, sha256(&[])), (3, root), &[]));
    assert!(!verify_consistency((0, root), (3, root), &[]));
    assert!(!verify_consistency((4, root), (3, root), &[]));
    assert!(verify_consistency((3, root), (3, root), &[]));
    assert!(!verify_consistency((3, all[0]), (3, root), &[]));
    assert!(!verify_inclusion(all[0], 3, 3, &[], root));
}

proptest! {
    #[test]
    fn a_changed_proof_fails(size in 2usize..200, pick in any::<prop::sample::Index>(), flip in 0usize..256, which in any::<prop::sample::Index>()) {
        let all = leaves(size as u64);
        let index = pick.index(size);
        let root = model_root(&all);
        let path = inclusion_path(index as u64, size as u64, &mut complete(&all)).expect("infallible");
        prop_assert!(verify_inclusion(all[index], index as u64, size as u64, &path, root));
        let mut wrong = path.clone();
        let mut bytes = *wrong[which.index(path.len())].as_bytes();
        bytes[flip / 8] ^= 1 << (flip % 8);
        wrong[which.index(path.len())] = Hash::from_bytes(bytes);
        prop_assert!(!verify_inclusion(all[index], index as u64, size as u64, &wrong, root));
        prop_assert!(!verify_inclusion(all[index], index as u64, size as u64, &path[1..], root));
        let mut longer = path.clone();
        longer.push(root);
        prop_assert!(!verify_inclusion(all[index], index as u64, size as u64, &longer, root));
        for other in 0..size {
            prop_assert_eq!(verify_inclusion(all[index], other as u64, size as u64, &path, root), other == index);
        }
    }

    #[test]
    fn consistency_of_another_past_fails(new in 2usize..120, pick in any::<prop::sample::Index>()) {
        let all = leaves(new as u64);
        let old = pick.index(new - 1) + 1;
        let path = consistency_path(old as u64, new as u64, &mut complete(&all)).expect("infallible");
        let root = model_root(&all);
        let before = model_root(&all[..old]);
        prop_assert!(verify_consistency((old as u64, before), (new as u64, root), &path));
        let mut other = all[..old].to_vec();
        other[old - 1] = leaf_hash(b"another past");
        prop_assert!(!verify_consistency((old as u64, model_root(&other)), (new as u64, root), &path));
        if old + 1 < new {
            prop_assert!(!verify_consistency((old as u64 + 1, before), (new as u64, root), &path));
        }
    }

    #[test]
    fn base64_has_one_text_for_each_hash(bytes in any::<[u8; 32]>(), place in 0usize..44, other in any::<u8>()) {
        let hash = Hash::from_bytes(bytes);
        let text = hash.to_string();
        prop_assert_eq!(Hash::from_base64(text.as_bytes()), Some(hash));
        let mut changed = text.into_bytes();
        changed[place] = other;
        if changed != hash.to_string().as_bytes() {
            prop_assert_ne!(Hash::from_base64(&changed), Some(hash));
        }
    }
}
