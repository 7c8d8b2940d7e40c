//! The only way out of the house: connections, the SSRF guard, retries, the wire.
//!
//! The story is [`Egress::call`] in `call`. Its stages in reading order: `order` (what is asked for, the
//! body read whole), `idempotency` (whether it was asked before; `replay` gives what was kept),
//! [`destination`] (where it leads), `run` (its record), `clearance` (all proofs together), `wire` (a line
//! to the vendor), `request` and `leg` (what is sent, and where its answer leads on to), `answer` (whether
//! what came back may go on; `echo` masks the credential in it), `retry` (whether it is tried again),
//! `ending` and `reply` (how it ends, and its way to the caller). Beside it: `dry_run` (all but the deed),
//! `barred` (calls that may not leave now), `fallback` (what stands in for a vendor that is down), `operation`
//! (calls answered later), `background` (what goes on without its caller), `lost` (what a node left behind),
//! `escalation` (outcomes that nobody knows), `turns` (work that no call waits behind), `share` (what one
//! tenant may hold), `dispatch` (messages to
//! endpoints that tenants declared), `errand` (the house's own), [`span`] (what took how long), `operator_client` (the command
//! line's way in), `desk` (its way to a server that somebody is building), [`explain`] (what would be decided).
//!
//! Not here: who may call (`access`), how much (`traffic`), the credential itself (`vault`), reading the
//! caller's request (`gateway`).

mod alarm;
mod answer;
mod barred;
mod call;
mod clearance;
mod config;
mod desk;
pub mod destination;
mod dispatch;
mod dry_run;
mod echo;
mod egress;
mod ending;
mod errand;
mod escalation;
pub mod explain;
mod fallback;
mod idempotency;
mod kept;
mod leg;
mod lost;
mod operation;
mod operator_client;
mod order;
pub mod refusal;
mod replay;
mod reply;
mod request;
mod retry;
mod rows;
mod run;
mod share;
pub mod span;
mod tally;
mod turns;
mod wire;

pub use alarm::{Alarm, Rang};
pub use config::Config;
pub use desk::{Desk, DeskAnswer, DeskFailure};
pub use dispatch::{Dispatch, DispatchFailure, Dispatched, Endpoint, EndpointParts};
pub use egress::{Egress, Parts, target_digest};
pub use errand::{Errands, PacedErrands};
pub use operation::{OperationState, OperationStatus};
pub use operator_client::{OperatorAnswer, OperatorClient, OperatorFailure};
pub use order::{Body, BoxError, Order, Spool};
pub use refusal::EgressRefusal;
pub use reply::{Answer, Reply, ReplyBody, ReplyBroken};
pub use rows::STATEMENTS;
pub use share::{Share, Shares};
pub use tally::{Pace, Tally};
pub use turns::{Turn, Turns};

#[cfg(test)]
mod tests;
