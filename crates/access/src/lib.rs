//! Who are you, and may you: identity, tokens, keys, scopes, declared endpoints.

mod access;
pub mod authn;
mod authz;
mod caller;
pub mod catalog;
mod config;
pub mod directory;
pub mod issuer;
pub mod jose;
pub mod keyset;
mod refusal;
pub mod registry;
mod retention;
mod rows;
pub mod scope;
pub mod spec;
pub mod template;
pub mod tokens;
mod violations;

pub use access::{Access, Foundation};
pub use authn::{Presented, challenge};
pub use authz::{Allowed, Ask, CallJudge, Grant};
pub use caller::Caller;
pub use config::{Config, Misset, Quotas, Retention, TokenConfig};
pub use issuer::IssuerSpec;
pub use refusal::AccessRefusal;
pub use registry::{FirstOperator, Registry, bootstrap, is_founded};
pub use rows::STATEMENTS;
pub use tokens::{SealKeys, Tokens};
pub use violations::Violations;
