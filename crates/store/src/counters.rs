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

/// Counters that all nodes share, or that one process keeps.
pub trait Counters: Send + Sync + 'static {
    /// Takes `cost` from the rate of this key, or nothing if there is not so much left.
    ///
    /// A cost above the rate's burst can never be had; that is a fault. A store of counters that is
    /// away is [`Fault::unavailable`].
    fn take(&self, key: &str, cost: u32, rate: Rate) -> BoxFuture<Result<Taken, Fault>>;
}
