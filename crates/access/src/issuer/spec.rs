//! What an operator writes down about an external issuer. Strict where nothing is said.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An external issuer's settings. Its URL, which its tokens carry as `iss`, stands beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerSpec {
    /// The audience that its tokens must have; this gateway's own where absent.
    pub audience: Option<String>,
    /// The algorithms that it may sign with; RS256, ES256, EdDSA and Ed25519 where empty.
    pub algorithms: Vec<String>,
    /// The values of `typ` that mean an access token; those of RFC 9068 where empty.
    pub types: Vec<String>,
    /// Members that it writes into headers beside `alg`, `kid` and `typ`. They are not looked at.
    pub header_members: Vec<String>,
    /// The claim that names the tenant; `tenantId` where absent.
    pub tenant_claim: Option<String>,
    /// What each value of that claim stands for: a tenant's id or alias. Where empty, the value is one.
    pub tenants: BTreeMap<String, String>,
    /// The claim that lists the scopes; `scope` where absent.
    pub scope_claim: Option<String>,
    /// Whether that claim is a list of texts instead of one text.
    pub scope_is_list: bool,
    /// Which of our scopes each of its scopes stands for. Where empty, it writes ours.
    pub scopes: BTreeMap<String, Vec<String>>,
    /// Which principal each of its clients is, by name or id. Where empty, the principal, no operator,
    /// whose name is the client's id.
    pub clients: BTreeMap<String, String>,
    /// How many seconds clocks may be apart, at most 300; 60 where absent.
    pub skew_seconds: Option<u32>,
    /// How many seconds its tokens live at the most, at most 3600; 3600 where absent.
    pub lifetime_seconds: Option<u32>,
    /// Where its keys are; found through its metadata where absent.
    pub jwks_uri: Option<String>,
    /// Where its metadata is; at the well-known places (RFC 8414, OpenID Connect Discovery) where absent.
    pub metadata_uri: Option<String>,
    /// Takes tokens whose subject is not their client. A weakening: it shows as a finding.
    pub danger_subject_differs: bool,
    /// Takes tokens that live longer than an hour, up to a day. A weakening: it shows as a finding.
    pub danger_lifetime_seconds: Option<u32>,
    /// Fetches its keys over plain HTTP from a loopback address, for an issuer of the gateway's own
    /// configuration. For tests: it shows as a finding.
    pub danger_plain_http: bool,
    /// Private networks that its metadata and keys may be fetched from all the same, of those that the
    /// gateway's configuration opens to connections (`access.danger_private_networks`). A weakening: it shows
    /// as a finding.
    #[schema(value_type = Vec<String>)]
    pub danger_private_networks: Vec<IpNet>,
}
