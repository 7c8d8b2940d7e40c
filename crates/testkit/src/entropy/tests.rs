//! The same seed gives the same bytes; another seed gives others.

use lockgate_vocabulary::Entropy;

use super::SeededEntropy;

#[test]
fn repeats_with_its_seed() {
    let draw = |seed| {
        let mut bytes = [0u8; 20];
        SeededEntropy::new(seed).fill(&mut bytes);
        bytes
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}
