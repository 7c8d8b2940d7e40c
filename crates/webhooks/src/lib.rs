//! Heard once, verified, kept, passed on: webhooks in and out.
//!
//! In reading order: a [`Parcel`] is what came, as it came; a [`scheme`] verifies it into [`Verified`] by the
//! subscription's [`Setting`]; [`Fresh`] judges its age; [`explain`] says what would come of a delivery.
//!
//! Not here: the secrets (`vault` computes and checks every signature), the wire (`egress`), reading a
//! request (`gateway`).

pub mod explain;
mod fresh;
mod parcel;
pub mod refusal;
pub mod scheme;
pub mod setting;
mod verified;

pub use fresh::Fresh;
pub use parcel::Parcel;
pub use refusal::WebhookRefusal;
pub use scheme::Scheme;
pub use setting::{Setting, SettingSpec};
pub use verified::{Challenge, Verified};
