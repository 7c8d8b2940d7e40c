//! Connections: the tenant's accounts at vendors.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;
mod state;
