//! What an operator writes down about a subscription: the shapes of the admin API and of the stored rows.
//!
//! These are raw values; [`crate::resolve`] turns them into what is worked with, and refuses what makes no
//! sense.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::setting::SettingSpec;

mod subscription;

/// A subscription: a door in for a provider's deliveries, or a way out for the tenant's events.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "direction", rename_all = "lowercase")]
pub enum SubscriptionSpec {
    /// A provider's deliveries come in.
    Inbound(Box<InboundSpec>),
    /// The tenant's events go out.
    Outbound(OutboundSpec),
}

impl SubscriptionSpec {
    /// The word for its direction.
    pub const fn direction(&self) -> &'static str {
        match self {
            Self::Inbound(_) => "inbound",
            Self::Outbound(_) => "outbound",
        }
    }

    /// The endpoint's URL as it was written, where deliveries are pushed.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Outbound(outbound) => Some(&outbound.endpoint.url),
            Self::Inbound(inbound) => match &inbound.handoff {
                Handoff::Push(endpoint) => Some(&endpoint.url),
                Handoff::Nats | Handoff::Pull => None,
            },
        }
    }
}

/// A door in.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InboundSpec {
    /// How the provider signs: `stripe`, `github`, `standardwebhooks`, … or `hmac` and `jws` for all others.
    pub scheme: String,
    /// What the scheme needs to know beside its secrets.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub setting: SettingSpec,
    /// Networks from which deliveries may come; anywhere where empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpNet>,
    /// Whether deliveries may come from the networks alone that the provider publishes as its own. Behind a proxy
    /// that hides its peers' addresses nothing would come any more.
    #[serde(default)]
    pub published_addresses: bool,
    /// Deliveries a minute; 60,000 by default.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Bytes of a body at the most; 1 MiB by default, at most 26 MiB.
    #[serde(default)]
    pub body_bytes: Option<u32>,
    /// How deliveries are handed to the tenant; `pull` by default.
    #[serde(default)]
    pub handoff: Handoff,
    /// In what order, how often, for how long.
    #[serde(default)]
    pub delivery: DeliverySpec,
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OutboundSpec {
    /// The types of events that it tells: a whole type, a beginning with `.*` at its end, or `*` for all that
    /// the tenant sends. The gateway's own events, such as `CredentialRotated`, are told where they are named.
    pub event_types: Vec<String>,
    /// Where events go.
    pub endpoint: EndpointSpec,
    /// In what order, how often, for how long.
    #[serde(default)]
    pub delivery: DeliverySpec,
}

/// How deliveries are handed to the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Handoff {
    /// The tenant fetches them (`GET /deliveries`) and acknowledges each.
    #[default]
    Pull,
    /// They are published as CloudEvents to the gateway's NATS JetStream, under `lockgate.{tenant}.{subscription}`.
    Nats,
    /// They are pushed to an endpoint of the tenant's, signed anew in the form of Standard Webhooks.
    Push(EndpointSpec),
}

/// An endpoint of the tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PushEndpointSpec)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Its URL; `https:` alone.
    pub url: String,
    /// Certificates (PEM) trusted for it instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_pem: Option<String>,
    /// Private networks in which it may be all the same. A weakening: it shows as a finding.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub danger_private_networks: Vec<IpNet>,
    /// Seconds that an answer may take; 15 by default, at most 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u16>,
    /// Deliveries a minute; as many as there are by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// Deliveries under way at the same time; 8 by default, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u8>,
}

/// How deliveries are passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliverySpec {
    /// A JSON Pointer (RFC 6901) into the body: deliveries with the same value there are handed on in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// Seconds to wait before each try after the first; by default 5, 60, 300, 1,800, 7,200, 18,000, 36,000,
    /// 50,400. At most 20, of at most 86,400 each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<Vec<u32>>,
    /// Days after its end for which a delivery is kept; 30 by default, 1 to 365.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u16>,
    /// Whether playing a delivery again waits until somebody else approves it.
    pub replay_approval: bool,
}
