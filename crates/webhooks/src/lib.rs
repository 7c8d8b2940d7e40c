//! Heard once, verified, kept, passed on: webhooks in and out.
//!
//! In reading order: a [`Parcel`] is what came, as it came; a [`scheme`] verifies it into [`Verified`].
//!
//! Not here: the secrets (`vault` computes and checks every signature), the wire (`egress`), reading a
//! request (`gateway`).

mod parcel;
pub mod refusal;
pub mod scheme;
mod verified;

pub use parcel::Parcel;
pub use refusal::WebhookRefusal;
pub use verified::{Challenge, Verified};
