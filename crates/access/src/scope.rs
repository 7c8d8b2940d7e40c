//! What a credential may do: the scope words, sets of them, and how a set is narrowed.
//!
//! Here: the closed list of words, the strict parser, the compact set that the hot path asks.
//! Not here: who holds which scope (`authn`, `registry`) and what a call demands (`authz`).

use std::fmt;

use lockgate_vocabulary::{ConnectionId, Name, PrincipalKind};

use crate::spec::Operation;

mod role;
mod set;

pub use role::Role;
pub use set::ScopeSet;

/// Bytes of one scope word, its narrowing included. The longest that is sensible has about 110.
pub const WORD_BYTES: usize = 160;

/// Words in one set.
pub const WORDS_MOST: usize = 256;

/// Bytes of a space-separated list of words.
pub const LIST_BYTES: usize = 8 * 1024;

/// Who may hold a scope. Administration and use are separate credentials (IDN-10, AUZ-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeClass {
    /// Administration: operators alone.
    Elevated,
    /// Reading about what happened: operators and others.
    Plain,
    /// Using what administration set up: everybody but operators.
    Using,
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $class:ident;)*) => {
        /// A scope word. The list is closed: an unknown word is refused wherever it comes from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $($(#[$doc])* $variant,)* }

        impl Scope {
            /// Every word, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Who may hold it.
            pub const fn class(self) -> ScopeClass {
                match self { $(Self::$variant => ScopeClass::$class,)* }
            }
        }
    };
}

scopes! {
    /// Open and use agents' sessions.
    AgentsSessions = "agents.sessions", Using;
    /// Read the audit trail.
    AuditRead = "audit.read", Plain;
    /// Decide what waits for a person.
    ApprovalsDecide = "integration.approvals.decide", Elevated;
    /// Make calls through connections; the only word that is narrowed.
    ConnectionsCall = "integration.connections.call", Using;
    /// Read how connections are set up.
    ConnectionsRead = "integration.connections.read", Plain;
    /// Establish and change connections.
    ConnectionsWrite = "integration.connections.write", Elevated;
    /// Grant and revoke consents.
    ConsentsWrite = "integration.consents.write", Elevated;
    /// Take in and rotate credentials.
    CredentialsRotate = "integration.credentials.rotate", Elevated;
    /// Write down providers.
    ProvidersWrite = "integration.providers.write", Elevated;
    /// Read what ran.
    RunsRead = "integration.runs.read", Plain;
    /// Call guarded APIs.
    ServicesCall = "services.call", Using;
    /// Administer the tenant: its principals, keys and issuers; in the house's own tenant, tenants.
    TenantsAdmin = "tenants.admin", Elevated;
    /// Take kept deliveries.
    DeliveriesIngest = "webhooks.deliveries.ingest", Using;
    /// Play a delivery again.
    DeliveriesReplay = "webhooks.deliveries.replay", Elevated;
    /// Send events.
    EventsSend = "webhooks.events.send", Using;
    /// Establish and change webhook subscriptions.
    SubscriptionsWrite = "webhooks.subscriptions.write", Elevated;
}

impl Scope {
    /// The scope with this word, without any narrowing.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == word)
    }

    /// Whether a principal of this kind may hold it at all.
    pub const fn fits(self, kind: PrincipalKind) -> bool {
        match self.class() {
            ScopeClass::Elevated => matches!(kind, PrincipalKind::Operator),
            ScopeClass::Plain => true,
            ScopeClass::Using => !matches!(kind, PrincipalKind::Operator),
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeParse {
    /// Empty words, other white space than one blank between two words.
    Blank,
    /// Only `integration.connections.call` is narrowed, and only by a connection and an operation.
    Narrowing,
    /// More words or bytes than a set may have.
    TooMany,
    /// Not one of the words.
    Unknown,
}

impl fmt::Display for ScopeParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blank => "scopes are separated by exactly one blank",
            Self::Narrowing => "only integration.connections.call is narrowed, by :{connection}, by :read, :write or :delete, or by both in this order",
            Self::TooMany => "too many scopes",
            Self::Unknown => "not a known scope",
        })
    }
}

impl std::error::Error for ScopeParse {}

/// Which connection a narrowed word speaks of: its name or its id.
///
/// The two spellings are kept apart, since a name may come to mean another connection and an id never
/// does. Names have no underscore, so no text is both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// By id.
    Id(ConnectionId),
    /// By name.
    Name(Name),
}

impl Subject {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(Self::Id(id));
        }
        text.parse().ok().map(Self::Name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Some of read, write and delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Operations(u8);

impl Operations {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b111);

    /// One of them.
    pub const fn one(operation: Operation) -> Self {
        Self(1 << operation as u8)
    }

    /// Whether this one is among them.
    pub const fn has(self, operation: Operation) -> bool {
        self.0 & Self::one(operation).0 != 0
    }

    /// Whether it is none.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// What both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What this has and the other has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The suffixes that spell it: one empty suffix for all, else one for each.
    fn suffixes(self) -> impl Iterator<Item = &'static str> {
        let all = self == Self::ALL;
        let each = [(Operation::Read, ":read"), (Operation::Write, ":write"), (Operation::Delete, ":delete")];
        let listed = each.into_iter().filter(move |(operation, _)| !all && self.has(*operation));
        all.then_some("").into_iter().chain(listed.map(|(_, suffix)| suffix))
    }
}

/// Whether this word is reserved in narrowed scopes, so that no connection may be named by it.
pub fn is_reserved_name(name: &str) -> bool {
    operation_of(name).is_some()
}

fn operation_of(word: &str) -> Option<Operation> {
    [Operation::Read, Operation::Write, Operation::Delete].into_iter().find(|operation| operation.as_str() == word)
}

#[cfg(test)]
mod tests;
