//! What an operator may set about identity.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use lockgate_vocabulary::{Fault, Refusal};
use serde::{Deserialize, Serialize};

use crate::AccessRefusal;
use crate::authn::seen::TOKENS_MOST;
use crate::issuer::IssuerSpec;
use crate::issuer::book::IssuerBook;
use crate::tokens::SigningAlgorithm;

/// The most tokens that may be remembered.
const TOKENS_CEILING: usize = 1024 * 1024;

/// The settings of this room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Our own tokens.
    pub tokens: TokenConfig,
    /// External issuers that the whole house trusts, by their URL. Tenants may have more of their own.
    pub issuers: BTreeMap<String, IssuerSpec>,
    /// Tokens whose signature was verified and is remembered, so that the next call verifies it no more;
    /// 32,768 by default, at most 1,048,576. At 0 every call's token is verified anew.
    pub remembered_tokens: Option<u32>,
    /// Private networks that tenants may open their connections and their issuers to; none by default. A weakening: it
    /// shows as a finding.
    pub danger_private_networks: Vec<IpNet>,
    /// How much each tenant may have.
    pub quotas: Quotas,
    /// How long what is told is kept.
    pub retention: Retention,
}

/// How long events and escalations are kept. The trail is kept for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after which an event is forgotten, read or not; 90 by default, 1 to 3,650.
    pub events_days: u32,
    /// Days after which an escalation is forgotten that was resolved; 90 by default, 1 to 3,650. Those that are
    /// open are kept.
    pub escalations_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_days: 90, escalations_days: 90 }
    }
}

impl Retention {
    /// Refuses settings that make no sense.
    fn checked(self) -> Result<Self, Misset> {
        let fits = |days: u32| (1..=3_650).contains(&days);
        if fits(self.events_days) && fits(self.escalations_days) {
            return Ok(self);
        }
        let what = "events_days or escalations_days is not between 1 and 3,650".to_owned();
        Err(Misset { key: "retention".to_owned(), what })
    }
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misset {
    /// Its key, below the section.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

impl Misset {
    fn issuer(url: &str, refusal: &Refusal) -> Self {
        let lines = refusal.violations().iter();
        let lines: Vec<String> = lines.map(|each| format!("{} {}", each.pointer, each.reason)).collect();
        let what = if lines.is_empty() { refusal.to_string() } else { lines.join("; ") };
        Self { key: format!("issuers.{url:?}"), what }
    }
}

impl std::fmt::Display for Misset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "access.{}: {}", self.key, self.what)
    }
}

impl std::error::Error for Misset {}

impl From<Misset> for Fault {
    fn from(misset: Misset) -> Self {
        Self::broken("reading the settings of access", misset)
    }
}

/// How much of each kind a tenant may have. Rows are kept for the record, so those that were retired or
/// revoked count as well. What is made at the same moment may come out a few above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Providers of its own; 1,000 by default.
    pub providers: u32,
    /// Bytes of their specifications together, which every node holds in memory; 16 MiB by default.
    pub provider_bytes: u32,
    /// Connections; 10,000 by default.
    pub connections: u32,
    /// Bytes of the specifications of connections together that have endpoints of their own or are larger than
    /// 4 KiB for another reason; every node holds them in memory; 16 MiB by default.
    pub connection_bytes: u32,
    /// Principals; 10,000 by default.
    pub principals: u32,
    /// Keys; 50,000 by default.
    pub keys: u32,
    /// Bytes of the declared uses (`endpoints`) of principals and keys together, which every node holds in memory;
    /// 16 MiB by default.
    pub use_bytes: u32,
    /// Issuers; 100 by default.
    pub issuers: u32,
    /// Credentials; 20,000 by default.
    pub credentials: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            providers: 1_000,
            provider_bytes: 16 * 1024 * 1024,
            connections: 10_000,
            connection_bytes: 16 * 1024 * 1024,
            principals: 10_000,
            keys: 50_000,
            use_bytes: 16 * 1024 * 1024,
            issuers: 100,
            credentials: 20_000,
        }
    }
}

impl Quotas {
    /// Demands that there is room for so many bytes in place of so many, where so many are held.
    pub fn demand_bytes(held: i64, (new, old): (usize, usize), most: u32) -> Result<(), Refusal> {
        let bytes = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let after = held.saturating_sub(bytes(old)).saturating_add(bytes(new));
        if after <= i64::from(most) || new <= old {
            return Ok(());
        }
        Err(AccessRefusal::QuotaBytes.refuse().detail(format!("It would be {after} bytes; {most} are allowed.")))
    }

    /// Demands that there is room for one more, where so many are there.
    pub fn demand(held: i64, most: u32, what: &str) -> Result<(), Refusal> {
        if held < i64::from(most) {
            return Ok(());
        }
        Err(AccessRefusal::QuotaObjects.refuse().detail(format!("There are {held} {what}; {most} are allowed.")))
    }
}

impl Config {
    /// How long what is told is kept.
    pub(crate) fn retention(&self) -> Result<Retention, Misset> {
        self.retention.checked()
    }

    /// Refuses settings that make no sense, before anything is opened.
    pub fn checked(&self) -> Result<(), Misset> {
        self.tokens.checked()?;
        self.retention.checked()?;
        for (url, spec) in &self.issuers {
            let alone = BTreeMap::from([(url.clone(), spec.clone())]);
            IssuerBook::new(&alone, self.tokens.audience().into()).map_err(|refusal| Misset::issuer(url, &refusal))?;
        }
        self.remembered_tokens().map(drop)
    }

    /// How many verified tokens are remembered.
    pub(crate) fn remembered_tokens(&self) -> Result<usize, Misset> {
        let count = self.remembered_tokens.map_or(Ok(TOKENS_MOST), usize::try_from);
        let sound = count.ok().filter(|count| *count <= TOKENS_CEILING);
        let what = || "not between 0 and 1,048,576".to_owned();
        sound.ok_or_else(|| Misset { key: "remembered_tokens".to_owned(), what: what() })
    }
}

/// The settings of our own tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// The URL that names this gateway as an issuer, as callers reach it; without a slash at its end.
    pub issuer: String,
    /// The audience of its tokens; the issuer where absent.
    pub audience: Option<String>,
    /// What its tokens are signed with: `EdDSA` (Ed25519) or `ES256`.
    pub algorithm: SigningAlgorithm,
    /// How many seconds a token lives, 60 to 3600.
    pub lifetime_seconds: u32,
    /// How many days a key signs, 1 to 365.
    pub rotation_days: u32,
    /// Tokens that one client may have issued or revoked in a minute; 300 by default, at least 1.
    pub per_client_per_minute: u32,
    /// Tokens that one client may look into in a minute; 6,000 by default, at least 1.
    pub introspections_per_client_per_minute: u32,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            issuer: "https://127.0.0.1:8443".into(),
            audience: None,
            algorithm: SigningAlgorithm::default(),
            lifetime_seconds: 900,
            rotation_days: 30,
            per_client_per_minute: 300,
            introspections_per_client_per_minute: 6_000,
        }
    }
}

impl TokenConfig {
    /// The audience of tokens.
    pub fn audience(&self) -> &str {
        self.audience.as_deref().unwrap_or(&self.issuer)
    }

    /// How long a token lives.
    pub const fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_seconds as u64)
    }

    /// How long a key signs.
    pub const fn rotation(&self) -> Duration {
        Duration::from_secs(self.rotation_days as u64 * 86_400)
    }

    /// Refuses settings that make no sense.
    pub fn checked(&self) -> Result<(), Misset> {
        let wrong = |key: &str, what: &str| Err(Misset { key: format!("tokens.{key}"), what: what.to_owned() });
        let loopback = self.issuer.starts_with("http://127.0.0.1:") || self.issuer.starts_with("http://[::1]:");
        if !crate::issuer::is_sound_url(&self.issuer, loopback) || self.issuer.ends_with('/') {
            return wrong("issuer", "not an https URL without a slash at its end, query or fragment");
        }
        if self.audience().is_empty() || self.audience().len() > 512 {
            return wrong("audience", "empty or too long");
        }
        if !(60..=3600).contains(&self.lifetime_seconds) {
            return wrong("lifetime_seconds", "not between 60 and 3600");
        }
        if self.per_client_per_minute == 0 {
            return wrong("per_client_per_minute", "it is 0");
        }
        if self.introspections_per_client_per_minute == 0 {
            return wrong("introspections_per_client_per_minute", "it is 0");
        }
        if !(1..=365).contains(&self.rotation_days) {
            return wrong("rotation_days", "not between 1 and 365");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
