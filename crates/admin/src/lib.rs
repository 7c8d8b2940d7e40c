//! The operator's side: the JSON API over which tenants, principals, keys, providers, connections,
//! credentials, runs and the trail are administered.
//!
//! [`Admin`] answers requests. In reading order: `admin` (the room as one value), `operator` (who asks),
//! `input` and `page` (what is asked for), `schemas` (tried out before they are
//! written down), `answer` and [`problem`] (what comes back), `api/<resource>/`
//! (one endpoint, one file), `openapi` (the document, generated from the same code).
//!
//! Not here: any decision. Scopes, tenants and rules are `access`'s and `vault`'s; a handler turns bytes
//! into their words and back. No answer carries a secret, but the one that was made by that very request.

mod admin;
mod answer;
mod api;
mod input;
mod openapi;
mod operator;
mod page;
pub mod problem;
mod refusal;
mod schemas;

pub use admin::{Admin, AdminBody, Parts};
pub use openapi::document as openapi_document;
pub use refusal::AdminRefusal;
