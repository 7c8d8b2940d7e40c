//! External issuers: whose tokens beside our own are taken, and where their keys come from.
//!
//! In reading order: [`IssuerSpec`] is what an operator writes down; [`TrustedIssuer`] is what it
//! resolves to, with the policy that its tokens must meet; `keys` fetches and holds its keys; `book`
//! finds an issuer by the `iss` of a token. Not here: judging a token (`authn`), and the network, which
//! is reached by [`Errand`](lockgate_vocabulary::Errand) alone.

pub(crate) mod book;
mod fetch;
pub(crate) mod keys;
mod spec;
mod trusted;

pub use spec::IssuerSpec;
pub use trusted::TrustedIssuer;
pub(crate) use trusted::{Mapped, is_sound_url};
