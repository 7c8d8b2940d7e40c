//! The only way out of the house: connections, the SSRF guard, retries, the wire.
//!
//! The story is [`Egress::call`] in `call`. Its stages in reading order: `order` (what is asked for, the
//! body read whole), `idempotency` (whether it was asked before), [`destination`] (where it leads),
//! `run` (its record), `clearance` (all proofs together), `request` (what is sent), `wire` (sending it),
//! `answer` (whether what came back may go on), `retry` (whether it is tried again), `reply` (its way to
//! the caller). Beside it: `operation` (calls answered later), `errand` (the house's own), and
//! `operator_client` (the command line's way in).
//!
//! Not here: who may call (`access`), how much (`traffic`), the credential itself (`vault`), reading the
//! caller's request (`gateway`).

mod alarm;
mod config;
pub mod destination;
mod egress;
mod errand;
mod operation;
mod operator_client;
mod order;
pub mod refusal;
mod reply;

pub use config::Config;
pub use egress::{Egress, Parts};
pub use errand::Errands;
pub use operation::{OperationState, OperationStatus};
pub use operator_client::{OperatorAnswer, OperatorClient, OperatorFailure};
pub use order::{Body, BoxError, Order};
pub use refusal::EgressRefusal;
pub use reply::{Answer, Reply, ReplyBody, ReplyBroken};
