//! Approvals: what one operator asks for and another one decides.

pub(crate) mod decide;
pub(crate) mod list;
pub(crate) mod show;
