//! Events for the governance side: CloudEvents 1.0, kept in the change that they tell of, so that no
//! event is told that did not happen and none that happened is lost.
//!
//! An event says what, to which object, by whom and in which trace. It holds no secret and no payload.

use std::fmt::{self, Display};

use lockgate_store::{Statement, Value, values};
use lockgate_vocabulary::{Actor, Clock, Entropy, EventId, TenantId, TraceId};
use serde::Serialize;

use crate::rows;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident;)*) => {
        /// What happened. The word is the CloudEvents `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

kinds! {
    /// A person decided what had waited for it.
    ApprovalDecided;
    /// Something waits for a person.
    ApprovalRequested;
    /// A consent was granted.
    ConsentGranted;
    /// A consent was revoked.
    ConsentRevoked;
    /// A credential was revoked.
    CredentialRevoked;
    /// A credential has a new version in use.
    CredentialRotated;
    /// A connection runs nothing until somebody repairs it.
    IntegrationConnectionDegraded;
    /// A connection may be used from now on.
    IntegrationConnectionEstablished;
    /// A connection is gone.
    IntegrationConnectionRetired;
    /// A run failed for good.
    IntegrationFailed;
    /// A run ended.
    IntegrationRunCompleted;
    /// A security alert was raised.
    SecurityAlertRaised;
    /// A delivery was received.
    WebhookDeliveryReceived;
    /// A delivery was played again.
    WebhookDeliveryReplayed;
    /// A subscription was established.
    WebhookSubscribed;
}

/// An event that is about to be kept.
#[derive(Debug, Clone)]
pub struct Event {
    kind: EventKind,
    tenant: TenantId,
    subject: String,
    data: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// An event about an object of this tenant, named by its identifier.
    pub fn new(kind: EventKind, tenant: TenantId, subject: impl Display) -> Self {
        let event = Self { kind, tenant, subject: subject.to_string(), data: serde_json::Map::new() };
        event.with("tenant", tenant.to_string())
    }

    /// Says who did it, and in which trace.
    #[must_use]
    pub fn by(self, actor: &Actor, trace: TraceId) -> Self {
        self.with("operator", actor.principal.to_string())
            .with("operator_name", &*actor.name)
            .with("trace_id", trace.to_string())
    }

    /// Adds a member of its data. A secret or personal data is never one.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The step that keeps it, for `Change::of(tenant).step(statement, values)`.
    pub fn step(self, clock: &dyn Clock, entropy: &dyn Entropy) -> (&'static Statement, Vec<Value>) {
        let id = EventId::generate(clock, entropy);
        let now = clock.now();
        let body = CloudEvent {
            data: &self.data,
            datacontenttype: "application/json",
            id,
            source: format_args!("/tenants/{}", self.tenant),
            specversion: "1.0",
            subject: &self.subject,
            time: format_args!("{now}"),
            kind: self.kind.as_str(),
        };
        (&rows::events::INSERT, values![id, self.kind.as_str(), body.written(), now])
    }
}

/// The members of an event, in the order in which they are kept.
#[derive(Serialize)]
struct CloudEvent<'a> {
    data: &'a serde_json::Map<String, serde_json::Value>,
    datacontenttype: &'static str,
    id: EventId,
    source: fmt::Arguments<'a>,
    specversion: &'static str,
    subject: &'a str,
    time: fmt::Arguments<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl CloudEvent<'_> {
    fn written(&self) -> String {
        // Nothing in it can fail to be written: every key is a text, and so is what is formatted.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
