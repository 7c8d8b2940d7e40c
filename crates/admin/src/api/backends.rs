//! Back ends: other vaults that may keep values of credentials.

pub(crate) mod list;
