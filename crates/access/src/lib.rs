//! Who are you, and may you: identity, tokens, keys, scopes, declared endpoints.

mod access;
mod authz;
mod caller;
pub mod catalog;
pub mod directory;
pub mod jose;
pub mod keyset;
mod refusal;
mod rows;
pub mod scope;
pub mod spec;
pub mod template;
mod violations;

pub use access::Access;
pub use authz::{Ask, Grant};
pub use caller::Caller;
pub use refusal::AccessRefusal;
pub use rows::STATEMENTS;
