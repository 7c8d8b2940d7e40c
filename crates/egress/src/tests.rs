//! The story against real vendors on loopback: every way of going well, of failing, and of being attacked.

mod bodies;
mod echoes;
mod errands;
mod fallback;
mod hostile;
mod idempotency;
mod lines;
mod operations;
mod plain;
mod redirects;
mod retries;
mod tokens;
mod two;
mod unknown;
pub(crate) mod world;
