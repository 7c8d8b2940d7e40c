//! The registry through its functions: what holds, what is refused, what is recorded.

mod connections;
mod escalations;
mod feed;
mod keys;
mod paging;
mod principals;
mod providers;
mod races;
mod records;
mod separation;
mod tenants;

use serde::de::DeserializeOwned;

/// An input as it comes from outside.
fn input<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}
