//! The only way out of the house: connections, the SSRF guard, retries, the wire.

pub mod destination;
pub mod refusal;

pub use refusal::EgressRefusal;
