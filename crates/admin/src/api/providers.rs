//! Providers: vendors, the tenant's own and the catalogue's.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod retire;
pub(crate) mod show;
