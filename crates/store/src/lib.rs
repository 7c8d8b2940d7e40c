//! What outlives a request: the database on SQLite or PostgreSQL, shared counters and signals.
//!
//! In reading order: [`Config`] says where it is; a [`Statement`] is one SQL text for both engines;
//! [`Value`] and [`Row`] go in and come out; a [`Change`] is the unit of writing; [`Store`] reads and
//! applies; [`Epoch`] tells a node that its snapshots are out of date; [`Counters`] and [`Signals`] are
//! what nodes share beside the database. The tables are in `migrations/`, and where the engines differ,
//! the two variants stand side by side in `engine/`.
//!
//! Not here: what the rows mean. Each room has its own statements in its `rows.rs`. No room but this
//! one names an SQL driver or Redis.

mod change;
mod config;
mod counters;
mod engine;
mod epoch;
mod migrate;
mod secret_file;
mod shared;
mod signals;
mod statement;
mod store;
mod value;
mod writer;

pub use change::{Applied, ApplyFailure, Change};
pub use config::{Config, EngineConfig, PostgresConfig, RedisConfig, RolesConfig, SqliteConfig};
pub use counters::{Counters, Level, LocalCounters, Rate, Taken, Wanted};
pub use epoch::{EPOCH_HOLDS, EPOCH_POLL, Epoch};
pub use signals::{LocalSignals, SIGNAL_BYTES, Signal, Signals, Subscription};
pub use statement::{Flaw, Reach, Statement};
pub use store::Store;
pub use value::{Row, Value};

#[cfg(test)]
mod tests;
