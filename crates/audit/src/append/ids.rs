//! Chance for entry identifiers, drawn in bulk: one entry needs ten bytes, and a system call for each
//! would cost more than the rest of the entry.

use std::sync::{Arc, Mutex};

use lockgate_vocabulary::Entropy;

use super::locked;

const POOL_BYTES: usize = 4096;

/// Unpredictable bytes, each given out once. They are no secret: identifiers are shown to callers.
pub(crate) struct IdPool {
    entropy: Arc<dyn Entropy>,
    pool: Mutex<Pool>,
}

struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

impl IdPool {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, pool: Mutex::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) }
    }
}

impl Entropy for IdPool {
    fn fill(&self, bytes: &mut [u8]) {
        let mut pool = locked(&self.pool);
        if pool.used + bytes.len() > POOL_BYTES {
            self.entropy.fill(&mut pool.bytes);
            pool.used = 0;
        }
        let end = pool.used + bytes.len();
        match pool.bytes.get(pool.used..end) {
            Some(fresh) => bytes.copy_from_slice(fresh),
            // More than the pool holds: nobody asks for it, and it is right all the same.
            None => self.entropy.fill(bytes),
        }
        pool.used = end.min(POOL_BYTES);
    }
}
