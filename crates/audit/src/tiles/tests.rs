//! Proofs made from the side files are those of the whole tree, wherever the files happen to end.

use proptest::prelude::*;

use super::*;
use crate::chain::{inclusion_path, leaf_hash, verify_inclusion};

fn filled(dir: &LogDir, size: u64) -> (Tiles, Frontier) {
    let mut tiles = Tiles::open(dir, 0).expect("opened");
    let mut tree = Frontier::new();
    grow(&mut tiles, &mut tree, size);
    (tiles, tree)
}

fn grow(tiles: &mut Tiles, tree: &mut Frontier, size: u64) {
    for index in tree.size()..size {
        let leaf = leaf_hash(&index.to_be_bytes());
        tiles.push(0, leaf).expect("pushed");
        tree.push(leaf, |height, root| tiles.push(height, root).expect("pushed"));
    }
}

fn proves(reader: &TileReader, tree: &Frontier, index: u64) {
    let path = inclusion_path(index, tree.size(), &mut |height, place| reader.node(height, place)).expect("read");
    assert_eq!(reader.leaf(index).expect("read"), leaf_hash(&index.to_be_bytes()));
    assert!(verify_inclusion(leaf_hash(&index.to_be_bytes()), index, tree.size(), &path, tree.root()));
}

#[test]
fn a_tree_of_two_levels_of_files_proves_each_leaf() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let (mut tiles, tree) = filled(&dir, 70_000);
    tiles.write().expect("written");
    assert!(Tiles::hold(&dir, 70_000));
    assert!(!Tiles::hold(&dir, 70_656));
    assert!(dir.tiles(2).exists(), "65,536 leaves make a subtree of the third file");
    let reader = TileReader::open(&dir).expect("opened");
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_999] {
        proves(&reader, &tree, index);
    }
    assert!(reader.leaf(70_000).is_err());
}

#[test]
fn files_are_cut_back_and_written_again() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let (mut tiles, _) = filled(&dir, 1_000);
    tiles.write().expect("written");
    let (mut again, mut tree) = (Tiles::open(&dir, 300).expect("opened"), Frontier::new());
    for index in 0..300u64 {
        tree.push(leaf_hash(&index.to_be_bytes()), |_, _| {});
    }
    grow(&mut again, &mut tree, 700);
    again.write().expect("written");
    assert!(!Tiles::hold(&dir, 701));
    proves(&TileReader::open(&dir).expect("opened"), &tree, 511);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_the_files_lack_comes_from_added_leaves(size in 1u64..1_500, pick in any::<prop::sample::Index>()) {
        let place = tempfile::tempdir().expect("a directory");
        let dir = LogDir::at(place.path());
        let (_unwritten, tree) = filled(&dir, size);
        let mut reader = TileReader::open(&dir).expect("opened");
        prop_assert!(reader.leaves() <= size);
        for index in reader.leaves()..size {
            reader.push(leaf_hash(&index.to_be_bytes()));
        }
        proves(&reader, &tree, pick.index(size as usize) as u64);
        let mut rebuilt = TileReader::empty();
        (0..size).for_each(|index| rebuilt.push(leaf_hash(&index.to_be_bytes())));
        proves(&rebuilt, &tree, pick.index(size as usize) as u64);
    }
}
