//! Secrets at rest, and the moment they are lent out.

pub mod config;
mod fingerprint;
pub mod refusal;
pub mod root_key;
mod seal;
