//! Who are you, and may you: identity, tokens, keys, scopes, declared endpoints.

pub mod directory;
pub mod scope;
pub mod spec;
pub mod template;
