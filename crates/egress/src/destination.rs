//! The SSRF guard: which destinations may be called, decided once and pinned.
//!
//! In reading order: [`url`] (one strict reading), [`host`] (one canonical form, allow-lists),
//! [`internal`] (names that never name a vendor), [`address`] (the table of blocks), [`judge`] (the
//! verdict), [`resolve`] (the seam to name servers), [`lookup`] (one look-up for all, 30 s),
//! [`pinned`] (the proof), [`redirect`] (hops), [`explain`] (the command). Not here: dialling, which takes
//! its addresses from a [`PinnedTarget`] and from nowhere else.

pub mod address;
pub mod explain;
pub mod host;
pub mod internal;
pub mod judge;
mod lookup;
mod pinned;
pub mod redirect;
pub mod resolve;
pub mod url;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lockgate_access::Grant;
use lockgate_access::directory::{Base, Settings};
use lockgate_vault::HOUSE;
use lockgate_vocabulary::{Clock, Fault, Refusal, Stop, TenantId};
use serde::Deserialize;

pub use self::judge::{Policy, Verdict, judge};
pub use self::pinned::PinnedTarget;
pub use self::url::{Scheme, StrictUrl};

use self::host::Host;
use self::judge::judge_url;
use self::lookup::{KeyRef, Lookups};
use self::redirect::Hop;
use self::resolve::{Resolver, StaticResolver};
use crate::refusal::EgressRefusal;

/// What an operator may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses that stand for names instead of what name servers say. They are judged like any other.
    pub danger_static_hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// Vets destinations and remembers for a while what it vetted.
#[derive(Clone)]
pub struct Destination {
    lookups: Arc<Lookups>,
}

impl Destination {
    /// A guard that asks the resolver for what the configuration does not name.
    pub fn new(config: &Config, resolver: Arc<dyn Resolver>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let fixed = StaticResolver::new(&config.danger_static_hosts)
            .map_err(|refusal| Fault::broken("reading egress.danger_static_hosts", Refusal::from(refusal)))?;
        let resolver: Arc<dyn Resolver> =
            if config.danger_static_hosts.is_empty() { resolver } else { Arc::new(fixed.or(resolver)) };
        Ok(Self { lookups: Arc::new(Lookups::new(resolver, clock)) })
    }

    /// Vets where a granted call leads. The grant is asked for so that no name is looked up before
    /// somebody was authorized to call it.
    pub async fn vet(&self, grant: &Grant) -> Result<PinnedTarget, Stop> {
        let connection = grant.connection();
        self.vet_base_for(connection.tenant, &connection.base, &connection.settings).await
    }

    /// Vets a base URL that an operator configured, such as for a check of its health.
    pub async fn vet_base(&self, base: &Base, settings: &Settings) -> Result<PinnedTarget, Stop> {
        self.vet_base_for(HOUSE, base, settings).await
    }

    async fn vet_base_for(&self, tenant: TenantId, base: &Base, settings: &Settings) -> Result<PinnedTarget, Stop> {
        let opened = &*settings.danger_private_networks;
        let key = KeyRef { scheme: Scheme::of(base), host: &base.host, port: base.port, opened };
        let target = self.lookups.judge(tenant, key).await?;
        // What is sent in the clear stays where the operator said that it may.
        let opens = |address: &SocketAddr| opened.iter().any(|network| network.contains(&address.ip()));
        if base.plain && !target.addresses().iter().all(opens) {
            return Err(EgressRefusal::UrlScheme.into());
        }
        Ok(target)
    }

    /// Vets where a redirect of a tenant's call leads. [`redirect::Trail`] has found that it may be followed.
    pub async fn vet_hop(&self, tenant: TenantId, hop: &Hop, settings: &Settings) -> Result<PinnedTarget, Stop> {
        let policy = Policy { danger_private_networks: settings.danger_private_networks.clone(), ..Policy::default() };
        Ok(self.vet_declared(tenant, hop.url.clone(), &policy).await?)
    }

    /// Vets a URL of the house's own, such as an issuer's key set, under a policy.
    pub async fn vet_url(&self, url: &str, policy: &Policy) -> Result<(StrictUrl, PinnedTarget), Stop> {
        self.vet_url_for(HOUSE, url, policy).await
    }

    /// The same of whoever wrote it down: look-ups are counted for that one.
    pub(crate) async fn vet_url_for(
        &self,
        tenant: TenantId,
        url: &str,
        policy: &Policy,
    ) -> Result<(StrictUrl, PinnedTarget), Stop> {
        Ok(self.vet_strict(tenant, StrictUrl::parse(url)?, policy).await?)
    }

    /// Vets a URL that a tenant declared. It was judged as a text when it was declared, and is again here.
    pub(crate) async fn vet_declared(
        &self,
        tenant: TenantId,
        url: StrictUrl,
        policy: &Policy,
    ) -> Result<PinnedTarget, EgressRefusal> {
        self.vet_strict(tenant, url, policy).await.map(|(_, target)| target)
    }

    async fn vet_strict(
        &self,
        tenant: TenantId,
        url: StrictUrl,
        policy: &Policy,
    ) -> Result<(StrictUrl, PinnedTarget), EgressRefusal> {
        let url = match judge_url(url, policy) {
            Verdict::Blocked(refusal, _) => return Err(refusal),
            Verdict::Allowed(url, _) | Verdict::Resolve(url) => url,
        };
        let host: Arc<str> = match url.host() {
            Host::Name(name) => Arc::clone(name),
            Host::Address(_) => url.host().to_string().into(),
        };
        let opened = &*policy.danger_private_networks;
        let key = KeyRef { scheme: url.scheme(), host: &host, port: url.port(), opened };
        let target = self.lookups.judge(tenant, key).await?;
        Ok((url, target))
    }
}

#[cfg(test)]
mod tests;
