//! Blocks are found by trail and by index.

use super::*;

fn tenant(number: u128) -> Option<TenantId> {
    Some(TenantId::from_u128(number))
}

#[test]
fn a_trail_has_the_blocks_in_which_it_has_entries() {
    let mut index = SegmentIndex::default();
    let line = 10_000;
    for entry in 0..30u64 {
        let owner = if entry == 25 { None } else { tenant(u128::from(entry % 2)) };
        index.note(entry * line, line, 100 + entry, owner);
    }
    assert_eq!(index.blocks, [(0, 100), (70_000, 107), (140_000, 114), (210_000, 121), (280_000, 128)]);
    assert_eq!(index.blocks_of(tenant(0)), [0, 1, 2, 3, 4]);
    assert_eq!(index.blocks_of(None), [3]);
    assert_eq!(index.blocks_of(tenant(7)), [] as [u32; 0]);
    assert_eq!(index.block(3), Some((210_000, 280_000, 121)));
    assert_eq!(index.block(4), Some((280_000, 300_000, 128)));
    assert_eq!(index.block(5), None);
    assert_eq!(index.block_with(99), None);
    assert_eq!(index.block_with(100), Some(0));
    assert_eq!(index.block_with(127), Some(3));
    assert_eq!(index.block_with(129), Some(4));
    assert_eq!(index.block_with(130), None);
}

#[test]
fn a_kept_index_is_read_back_and_a_broken_one_is_made_again() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let mut index = SegmentIndex::default();
    index.note(0, 10, 0, tenant(1));
    index.keep(&dir, 0).expect("kept");
    assert_eq!(SegmentIndex::load(&dir, 0).expect("read"), index);
    std::fs::write(dir.index(0), b"{").expect("broken");
    std::fs::write(dir.segment(0), b"").expect("written");
    assert_eq!(SegmentIndex::load(&dir, 0).expect("made"), SegmentIndex::default());
}
