//! What is in the bytes: pure functions from bytes to findings.
//!
//! [`json`] reads JSON in its narrowest reading, without building a tree; [`schema`] holds compiled JSON
//! Schemas; [`media_type`] reads `Content-Type`; [`personal`] masks what may be personal or secret in
//! short texts; [`vendor_error`] reduces a vendor's error to what may be shown.
//!
//! Not here: any I/O, any clock, any decision what a finding leads to. No finding repeats a value that it
//! found fault with.

pub mod json;
pub mod media_type;
pub mod personal;
pub mod schema;
pub mod vendor_error;

#[cfg(test)]
mod tests;
