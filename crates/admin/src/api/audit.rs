//! The trail: entries as they stand in this node's log.

pub(crate) mod list;
