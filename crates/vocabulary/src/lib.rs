//! The words that every room of the house uses, and nothing that only one of them needs.
//!
//! Here: identifiers, time, chance, who acts, how a request arrived, how the house says no
//! ([`Refusal`]) and how it says that it broke ([`Fault`]), secrets that cannot be printed, names,
//! limits and the trace context. Not here: any I/O, any decision, any word of fewer than three rooms.

mod actor;
mod arrival;
mod clock;
mod entropy;
mod errand;
mod fault;
mod id;
pub mod limit;
mod name;
mod refuse;
mod secret;
mod trace;

pub use actor::{Actor, PrincipalKind};
pub use arrival::{Arrival, Listener, network};
pub use clock::{BoxFuture, Clock, SystemClock, Timestamp};
pub use entropy::{Entropy, SystemEntropy};
pub use errand::{Errand, ErrandAnswer, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPurpose};
pub use fault::Fault;
pub use id::{
    AlertId, ApprovalId, AuditId, ConnectionId, ConsentId, CredentialId, DeliveryId, EventId, IdParse, KeyId,
    OperationId, PolicyId, PrincipalId, ProviderId, RunId, ServiceId, SessionId, SubscriptionId, TenantId,
};
pub use name::{Name, NameParse};
pub use refuse::{Refusal, RefusalInfo, Stop, Violation};
pub use secret::Secret;
pub use trace::{SpanId, TraceContext, TraceId};
