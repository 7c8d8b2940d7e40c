//! Chance for the hot path: small draws come out of a pool of each thread, filled by the operating system.
//!
//! A call draws four or five identifiers and nonces; asking the kernel for each costs more than all other
//! bookkeeping of the door. Keys are drawn from the kernel directly, and what was given out is wiped from
//! the pool at once.

use std::cell::RefCell;

use lockgate_vocabulary::{Entropy, SystemEntropy};

/// Bytes of a pool.
const POOL: usize = 2048;

/// Draws of so many bytes or more are keys.
const KEY: usize = 32;

struct Pool {
    bytes: [u8; POOL],
    used: usize,
}

thread_local! {
    static OF_THREAD: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL], used: POOL }) };
}

/// The operating system's generator, asked for many small draws at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct PooledEntropy;

impl Pool {
    fn draw(&mut self, out: &mut [u8]) {
        if self.bytes.len() - self.used < out.len() {
            SystemEntropy.fill(&mut self.bytes);
            self.used = 0;
        }
        let drawn = self.bytes.iter_mut().skip(self.used);
        for (byte, chance) in out.iter_mut().zip(drawn) {
            *byte = std::mem::take(chance);
        }
        self.used += out.len();
    }
}

impl Entropy for PooledEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() >= KEY {
            return SystemEntropy.fill(bytes);
        }
        // While a thread ends its pool may be gone already.
        let drawn = OF_THREAD.try_with(|pool| pool.borrow_mut().draw(bytes));
        if drawn.is_err() {
            SystemEntropy.fill(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
