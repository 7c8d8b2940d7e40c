//! Deliveries: what was heard and what is told, with every try of handing it on.

pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;
