//! Tenants, for operators of the house; everybody else sees their own.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;
