//! Shared counters: how much of a rate is used up, by key.
//!
//! The arithmetic is in `rate` and pure; `local` keeps the state in the process, `shared` in Redis.
//! Not here: which keys and rates there are, and what happens when the counters are away; `traffic`
//! decides that.

mod local;
mod rate;
mod shared;

pub use local::LocalCounters;
pub use rate::{Level, Rate, Taken};
pub(crate) use shared::RedisCounters;

use lockgate_vocabulary::{BoxFuture, Fault};

/// So much of the rate of one key. A cost above the rate's burst can never be had; asking for it is a fault.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whose rate it is.
    pub key: &'a str,
    /// How much is wanted of it.
    pub cost: u32,
    /// The rate.
    pub rate: Rate,
}

/// Counters that all nodes share, or that one process keeps.
pub trait Counters: Send + Sync + 'static {
    /// Takes what is wanted, or nothing if there is not so much left. A store of counters that is away is
    /// [`Fault::unavailable`].
    fn take(&self, wanted: Wanted<'_>) -> BoxFuture<Result<Taken, Fault>>;

    /// Takes what is wanted of different keys, or nothing of any if one of them has not so much left. Each
    /// tells, in their order, whether it would have had it itself.
    fn take_all(&self, wanted: &[Wanted<'_>]) -> BoxFuture<Result<Vec<Taken>, Fault>>;
}
