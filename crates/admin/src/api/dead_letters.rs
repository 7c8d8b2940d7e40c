//! Dead letters: deliveries that were given up, and those in quarantine.

pub(crate) mod list;
