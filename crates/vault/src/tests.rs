//! The room as a whole, on a real store.

pub(crate) mod canary;
pub(crate) mod fixture;
mod lending;
mod opening;
pub(crate) mod world;
