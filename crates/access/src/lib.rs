//! Who are you, and may you: identity, tokens, keys, scopes, declared endpoints.

pub mod directory;
mod refusal;
pub mod scope;
pub mod spec;
pub mod template;

pub use refusal::AccessRefusal;
