//! Escalations: runs of which nobody knew the outcome, and what somebody found out about them.

pub(crate) mod list;
pub(crate) mod resolve;
