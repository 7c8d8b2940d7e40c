//! How much, how fast, is the far side well: rates, concurrency, breakers, and vendors' own limits.
//!
//! In reading order: [`ask`](Traffic::ask) takes a request from its caller's rate before it is judged;
//! [`admit_asked`](Traffic::admit_asked) and, for a retry, [`admit`](Traffic::admit) let a call in by rate
//! and return a [`Permit`];
//! [`enter`](Traffic::enter) lets it out by breaker, concurrency and what its vendor has left, and returns
//! a [`Passage`];
//! [`heed`](Traffic::heed) takes in what a vendor says about its limits;
//! [`knock`](Traffic::knock) and [`admit_delivery`](Traffic::admit_delivery) are for what comes in. The arithmetic is pure and
//! stands in `bucket`, `day`, `breaker` and `vendor`. Not here: who may call (`access`), waiting and retrying
//! (`egress`).

mod admit;
mod breaker;
mod bucket;
mod config;
mod day;
mod deliver;
mod enter;
mod lane;
mod lanes;
mod refusal;
mod traffic;
mod vendor;

pub use admit::{Asked, Permit};
pub use breaker::{Health, Standing};
pub use config::Config;
pub use enter::Passage;
pub use lane::Pressure;
pub use refusal::TrafficRefusal;
pub use traffic::{Census, Traffic};
pub use vendor::{RateNames, VendorLimits, retry_after};

#[cfg(test)]
mod tests;
