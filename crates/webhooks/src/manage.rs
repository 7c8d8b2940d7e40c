//! Subscriptions in the hands of operators: established, shown, changed, their secrets added and withdrawn.
//!
//! Every act demands its scope of the caller, reaches the caller's own tenant alone, and holds as one change of
//! the store with its record. A secret comes in once and is never shown again; ours is shown once.

mod change;
mod create;
mod deliveries;
mod record;
mod secrets;

pub(crate) use deliveries::{among, moment};
pub(crate) use record::{rfc3339, rfc3339_opt};

pub use change::ChangeSubscription;
pub use create::{MadeSubscription, NewSubscription};
pub use deliveries::{AttemptRecord, DeliveriesAsk, DeliveryRecord, DeliveryShown, EnvelopeRecord};
pub use record::{SecretRecord, SubscriptionRecord};
pub use secrets::{AddedSecret, NewSecret};
