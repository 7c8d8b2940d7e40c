//! What an access token must be to be accepted: one policy for each issuer, strict where nothing is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::claims::TenantClaim;
use crate::jose::{Algorithms, HeaderRules};

/// The media types of an access token (RFC 9068 section 2.1), exactly as they are written.
pub const ACCESS_TYPES: &[&str] = &["at+jwt", "application/at+jwt"];

/// How far clocks may be apart where nothing else is said.
pub const SKEW: Duration = Duration::from_secs(60);

/// How long an access token lives at the most.
pub const LIFETIME_MOST: Duration = Duration::from_secs(3600);

/// What an access token must be.
#[derive(Debug, Clone)]
pub struct TokenPolicy {
    /// The issuer, compared exactly.
    pub issuer: Arc<str>,
    /// The one audience, compared exactly.
    pub audience: Arc<str>,
    /// What the header may say.
    pub header: HeaderRules,
    /// How far clocks may be apart.
    pub skew: Duration,
    /// How far `exp` may lie behind `iat`.
    pub most_lifetime: Duration,
    /// Whether `client_id` and `sub` must be the same, as they are in the client-credentials grant.
    pub client_is_subject: bool,
    /// The claim that names the tenant.
    pub tenant_claim: Box<str>,
    /// What each value of the tenant claim stands for. Where empty, the value is a tenant's id or alias.
    pub tenants: BTreeMap<Box<str>, TenantClaim>,
    /// The claim that lists the scopes.
    pub scope_claim: Box<str>,
    /// Whether the scopes are a list of texts instead of one text.
    pub scope_is_list: bool,
    /// The tenant that is demanded, where one is.
    pub demanded_tenant: Option<Box<str>>,
    /// The scope that is demanded, where one is.
    pub demanded_scope: Option<Box<str>>,
}

impl TokenPolicy {
    /// The strict policy for this issuer and audience.
    pub fn strict(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            header: HeaderRules {
                algorithms: Algorithms::ACCESS,
                types: ACCESS_TYPES.iter().map(|name| (*name).into()).collect(),
                type_may_be_absent: false,
                more_members: Box::default(),
            },
            skew: SKEW,
            most_lifetime: LIFETIME_MOST,
            client_is_subject: true,
            tenant_claim: "tenantId".into(),
            tenants: BTreeMap::new(),
            scope_claim: "scope".into(),
            scope_is_list: false,
            demanded_tenant: None,
            demanded_scope: None,
        }
    }
}
