//! No byte is given out twice, and none stays behind.

use std::collections::HashSet;

use super::*;

#[test]
fn draws_differ_over_many_fillings() {
    let mut seen = HashSet::new();
    for _ in 0..POOL {
        let mut bytes = [0u8; 16];
        PooledEntropy.fill(&mut bytes);
        assert!(seen.insert(bytes));
    }
}

#[test]
fn threads_have_pools_of_their_own() {
    let draw = || {
        let mut bytes = [0u8; 24];
        PooledEntropy.fill(&mut bytes);
        bytes
    };
    let here = draw();
    let there = std::thread::spawn(draw).join().expect("no panic");
    assert_ne!(here, there);
}

#[test]
fn what_was_given_out_is_wiped_and_every_length_is_filled() {
    let mut pool = Pool { bytes: [0; POOL], used: POOL };
    for length in 1..KEY {
        let mut bytes = vec![0u8; length];
        pool.draw(&mut bytes);
        assert!(pool.bytes[..pool.used].iter().all(|byte| *byte == 0));
        assert!(length < 8 || bytes.iter().any(|byte| *byte != 0));
    }
    let mut key = [0u8; 64];
    PooledEntropy.fill(&mut key);
    assert!(key.iter().any(|byte| *byte != 0));
}
