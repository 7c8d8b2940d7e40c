//! For tests alone: a clock that the test moves, chance that repeats, and a vendor on loopback.
//!
//! Nothing here is a mock. The clock and the entropy are scripted seams; the vendor is a real HTTPS server.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in a test, what cannot be set up is a failure")]

mod clock;
mod corpora;
mod entropy;
mod vendor;

pub use clock::ManualClock;
pub use corpora::corpus;
pub use entropy::SeededEntropy;
pub use vendor::{Behaviour, Canned, Flood, Seen, Vendor, frame};
