//! A subscription as the hot path knows it: everything parsed and checked when the snapshot was made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use lockgate_egress::Endpoint;
use lockgate_store::Rate;
use lockgate_vocabulary::{Name, Secret, SubscriptionId, TenantId, Timestamp};

use crate::scheme::{Need, Scheme};
use crate::setting::Setting;

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its endpoint has not answered its challenge yet: what comes in is kept, nothing is pushed.
    Pending,
    /// It does what it is for.
    Active,
    /// What comes in is kept, nothing is handed on until somebody makes it active again.
    Paused,
    /// It is gone, for good.
    Retired,
}

impl Status {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }

    /// The status with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Paused, Self::Retired].into_iter().find(|status| status.as_str() == word)
    }
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Whose it is. Nothing in a delivery ever says so.
    pub tenant: TenantId,
    /// Its id.
    pub id: SubscriptionId,
    /// Its name.
    pub name: Name,
    /// How it stands.
    pub status: Status,
    /// What comes in, or what goes out.
    pub side: Side,
    /// How it is passed on.
    pub onward: Onward,
    /// The secrets by which a provider's deliveries are verified, sealed.
    pub(crate) verifying: Box<[SealedSecret]>,
    /// The secrets by which ours are signed, sealed.
    pub(crate) signing: Box<[SealedSecret]>,
}

/// Which way it leads.
#[derive(Debug, Clone)]
pub enum Side {
    /// A provider's deliveries come in.
    Inbound(Inbound),
    /// The tenant's events go out.
    Outbound {
        /// The types that it tells.
        types: Box<[EventPattern]>,
    },
}

/// A door in.
#[derive(Clone)]
pub struct Inbound {
    /// How the provider signs.
    pub scheme: &'static dyn Scheme,
    /// What the scheme needs to know.
    pub setting: Arc<Setting>,
    /// Where deliveries may come from; anywhere where empty.
    pub addresses: Box<[IpNet]>,
    /// How many.
    pub rate: Rate,
    /// How many from one network, before anybody vouched for them: more, because a provider sends from few.
    pub knocking: Rate,
    /// Bytes of a body at the most.
    pub body_bytes: usize,
}

impl Side {
    /// Whether deliveries are verified by secrets: they must, may or never are.
    pub(crate) fn secrets(&self) -> Need {
        match self {
            Self::Inbound(inbound) => inbound.scheme.profile().secret,
            Self::Outbound { .. } => Need::Never,
        }
    }

    /// Whether a text can be one of the provider's secrets.
    pub(crate) fn takes(&self, secret: &Secret) -> bool {
        let Self::Inbound(inbound) = self else { return false };
        let form = inbound.setting.hmac.as_ref().map_or(inbound.scheme.profile().key_form, |hmac| hmac.key_form);
        inbound.scheme.profile().secret != Need::Never && form.fits(secret)
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("scheme", &self.scheme.profile().name).finish_non_exhaustive()
    }
}

/// How deliveries are passed on.
#[derive(Debug, Clone)]
pub struct Onward {
    /// The way.
    pub way: Way,
    /// Waits before each try after the first.
    pub schedule: Arc<[Duration]>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Deliveries a minute to the endpoint.
    pub per_minute: Option<u32>,
    /// Deliveries under way at the same time.
    pub concurrent: u32,
    /// Where in the body the key of their order is.
    pub order_by: Option<Box<str>>,
    /// How long one is kept after its end.
    pub keep: Duration,
    /// Whether playing one again waits for an approval.
    pub replay_approval: bool,
}

/// The way that deliveries take to the tenant.
#[derive(Debug, Clone)]
pub enum Way {
    /// The tenant fetches them.
    Pull,
    /// They are pushed to its endpoint.
    Push(Arc<Endpoint>),
    /// They are published to the gateway's broker.
    Publish,
}

impl Way {
    /// Whether deliveries are handed on by us, and not fetched.
    pub const fn is_ours(&self) -> bool {
        !matches!(self, Self::Pull)
    }
}

/// Which types of events are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPattern {
    /// All that the tenant sends.
    All,
    /// This type.
    Is(Box<str>),
    /// Those that begin so, the dot included.
    Begins(Box<str>),
}

impl EventPattern {
    /// Whether it speaks of this type. The gateway's own events must be named.
    pub fn tells(&self, event_type: &str, own: bool) -> bool {
        match self {
            Self::All => !own,
            Self::Is(is) => **is == *event_type,
            Self::Begins(begin) => !own && event_type.starts_with(&**begin),
        }
    }
}

/// A secret as it is at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSecret {
    pub(crate) version: u32,
    pub(crate) sealed: Box<[u8]>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl SealedSecret {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Subscription {
    /// The door in, where it is one.
    pub const fn inbound(&self) -> Option<&Inbound> {
        match &self.side {
            Side::Inbound(inbound) => Some(inbound),
            Side::Outbound { .. } => None,
        }
    }

    /// What binds a secret of its to it: the subscription, what the secret is for, and its version.
    pub(crate) fn secret_context(id: SubscriptionId, purpose: SecretPurpose, version: u32) -> Vec<u8> {
        let mut context = Vec::with_capacity(32);
        context.extend_from_slice(&id.as_u128().to_be_bytes());
        context.extend_from_slice(&version.to_be_bytes());
        context.extend_from_slice(purpose.as_str().as_bytes());
        context
    }
}

/// What a secret is for. One that verifies never signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretPurpose {
    /// A provider's deliveries are verified by it.
    Verify,
    /// Our deliveries are signed by it.
    Sign,
}

impl SecretPurpose {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Sign => "sign",
        }
    }

    /// The purpose with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Verify, Self::Sign].into_iter().find(|purpose| purpose.as_str() == word)
    }
}

#[cfg(test)]
mod tests;
