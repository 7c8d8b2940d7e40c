//! Who acts.

use serde::{Deserialize, Serialize};

use crate::id::{PrincipalId, TenantId};

/// What kind of principal it is; agents and operators have stricter rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A service of the tenant.
    Service,
    /// A partner organisation's service.
    Partner,
    /// A person.
    Person,
    /// An AI agent; its audit name starts with `AI-AGENT-`.
    Agent,
    /// An operator of this gateway.
    Operator,
}

impl PrincipalKind {
    /// The word for it in tokens, rows and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Partner => "partner",
            Self::Person => "person",
            Self::Agent => "agent",
            Self::Operator => "operator",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Service, Self::Partner, Self::Person, Self::Agent, Self::Operator]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Who acts, for whom. It says nothing of what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The tenant for which the actor acts.
    pub tenant: TenantId,
    /// The principal.
    pub principal: PrincipalId,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Its name, as records show it.
    pub name: std::sync::Arc<str>,
}
