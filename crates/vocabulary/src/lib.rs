//! The words that every room of the house uses, and nothing that only one of them needs.
//!
//! Here: identifiers, time, chance, who acts, how a request arrived, how the house says no
//! ([`Refusal`]) and how it says that it broke ([`Fault`]), secrets that cannot be printed, names,
//! limits, the trace context and how a file is read that its owner alone may read. Not here: any other I/O,
//! any decision, any word of fewer than three rooms.

mod actor;
mod arrival;
mod background;
mod clock;
mod entropy;
mod errand;
mod fault;
mod id;
pub mod limit;
mod name;
mod owned_file;
mod refuse;
mod secret;
mod tls_identity;
mod trace;

pub use actor::{Actor, PrincipalKind};
pub use arrival::{Arrival, Listener, network};
pub use background::{Background, Present};
pub use clock::{BoxFuture, Clock, SystemClock, Timestamp, TimestampParse};
pub use entropy::{Entropy, SystemEntropy};
pub use errand::{
    Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPost, ErrandPurpose, ErrandRequest,
    ErrandTrial,
};
pub use fault::Fault;
pub use id::{
    AlertId, ApprovalId, AuditId, ConnectionId, ConsentId, CredentialId, DeliveryId, EventId, IdParse, KeyId,
    OperationId, PolicyId, PrincipalId, ProviderId, RunId, ServiceId, SessionId, SubscriptionId, TenantId,
};
pub use name::{Name, NameParse};
pub use owned_file::{OwnedFileProblem, read_owned_file};
pub use refuse::{Refusal, RefusalInfo, Stop, Violation};
pub use secret::Secret;
pub use tls_identity::TlsIdentity;
pub use trace::{SpanId, TraceContext, TraceId};
