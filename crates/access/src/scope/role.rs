//! Roles: named bundles of scopes, for people who would rather not list words.
//!
//! A principal holds what its roles and its own scopes say together. No role mixes administration with
//! use, and what sets up credentials is another role than what sets up connections (AUZ-10).

use serde::{Deserialize, Serialize};

use super::{Scope, ScopeSet};

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, [$($scope:ident),+];)*) => {
        /// A role.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it allows.
            pub fn scopes(self) -> ScopeSet {
                match self { $(Self::$variant => ScopeSet::of(&[$(Scope::$scope),+]),)* }
            }
        }
    };
}

roles! {
    /// Administers the tenant: principals, keys, issuers.
    Administrator = "administrator", [TenantsAdmin, AuditRead, ConnectionsRead, RunsRead];
    /// Decides what waits for a person, and grants consents.
    Approver = "approver", [ApprovalsDecide, ConsentsWrite, ConnectionsRead, RunsRead];
    /// Reads everything that happened, and changes nothing.
    Auditor = "auditor", [AuditRead, ConnectionsRead, RunsRead];
    /// Uses connections, guarded APIs and deliveries.
    Caller = "caller", [ConnectionsCall, DeliveriesIngest, EventsSend, RunsRead, ServicesCall];
    /// Takes in and rotates credentials.
    Custodian = "custodian", [CredentialsRotate, ConnectionsRead];
    /// Sets up providers, connections and subscriptions.
    Integrator = "integrator", [ConnectionsRead, ConnectionsWrite, DeliveriesReplay, ProvidersWrite, RunsRead, SubscriptionsWrite];
}

impl Role {
    /// The role with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == word)
    }

    /// What these roles and these scopes allow together.
    pub fn effective(roles: &[Self], scopes: &ScopeSet) -> ScopeSet {
        roles.iter().fold(scopes.clone(), |all, role| all.union(&role.scopes()))
    }
}
