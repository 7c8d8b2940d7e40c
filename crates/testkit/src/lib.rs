//! For tests alone: a clock that the test moves, chance that repeats, and a vendor on loopback.
//!
//! Nothing here is a mock. The clock and the entropy are scripted seams; the vendor is a real HTTPS server.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in a test, what cannot be set up is a failure")]

mod azure;
mod clock;
mod corpora;
mod entropy;
mod kv2;
mod served;
mod vendor;

pub use azure::{AZURE_ASSERTION, AZURE_CLIENT, AZURE_TENANT, AzureServer};
pub use clock::ManualClock;
pub use corpora::corpus;
pub use entropy::SeededEntropy;
pub use kv2::{KV2_APPROLE, KV2_JWT, KV2_NAMESPACE, KV2_ROLE, KV2_TOKEN, Kv2Server, Trouble};
pub use vendor::{Behaviour, Canned, Flood, Seen, Vendor, frame};
