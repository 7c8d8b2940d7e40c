//! Events of the governance side (CloudEvents 1.0).

pub(crate) mod list;
