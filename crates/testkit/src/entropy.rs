//! Chance that repeats: the same seed gives the same bytes.

use std::sync::Mutex;

use lockgate_vocabulary::Entropy;

/// A generator with a seed (splitmix64). Never for production: whoever knows the seed knows every key.
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// Chance from this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            for (byte, chance) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
                *byte = chance;
            }
        }
    }
}

#[cfg(test)]
mod tests;
