//! Finding an issuer by the `iss` of a token.
//!
//! Several tenants may trust the same issuer, each on its own terms; then the token's tenant claim says
//! under whose terms it is judged. That claim is not believed for it: the terms bind the token to the
//! tenant that wrote them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use lockgate_vocabulary::{Refusal, TenantId};

use super::spec::IssuerSpec;
use super::trusted::TrustedIssuer;
use crate::AccessRefusal;
use crate::authn::{TenantClaim, judge_tenant};
use crate::directory::{Directory, TenantView};
use crate::jose::json::Object;

/// Bytes of an issuer's settings at the most.
const SPEC_BYTES: usize = 256 * 1024;

/// Every external issuer that is trusted.
#[derive(Debug)]
pub(crate) struct IssuerBook {
    audience: Arc<str>,
    house: Vec<Arc<TrustedIssuer>>,
    pages: ArcSwap<Pages>,
    turning: Mutex<()>,
}

#[derive(Debug, Default)]
struct Pages {
    epoch: Option<u64>,
    by_url: HashMap<Arc<str>, Vec<Arc<TrustedIssuer>>>,
}

impl IssuerBook {
    /// A book with the issuers of the house's own configuration, which any tenant may be mapped from.
    pub(crate) fn new(house: &BTreeMap<String, IssuerSpec>, audience: Arc<str>) -> Result<Self, Refusal> {
        let mut trusted = Vec::with_capacity(house.len());
        for (url, spec) in house {
            trusted.push(Arc::new(TrustedIssuer::resolve(url, None, spec, "".into(), &audience)?));
        }
        Ok(Self { audience, house: trusted, pages: ArcSwap::default(), turning: Mutex::new(()) })
    }

    /// The issuer on whose terms the token is judged, and the tenant that it speaks of. Nothing of the
    /// claims was verified yet.
    pub(crate) fn find<'d>(
        &self,
        directory: &'d Directory,
        claims: &Object,
    ) -> Result<(Arc<TrustedIssuer>, &'d Arc<TenantView>), AccessRefusal> {
        let iss = claims.text("iss").ok_or(AccessRefusal::TokenIssuer)?;
        let pages = self.at(directory);
        let trusted = pages.by_url.get(iss).ok_or(AccessRefusal::IssuerUnknown)?;
        let mut refusal = AccessRefusal::TenantInactive;
        let mut speaks = |issuer: &&Arc<TrustedIssuer>| match tenant_of(directory, claims, issuer) {
            Ok(view) => Some((Arc::clone(issuer), view)),
            Err(why) => {
                refusal = why;
                None
            }
        };
        // A tenant's own terms go before those of the house.
        let own = trusted.iter().filter(|issuer| issuer.owner.is_some()).find_map(|issuer| speaks(&issuer));
        let found =
            own.or_else(|| trusted.iter().filter(|issuer| issuer.owner.is_none()).find_map(|issuer| speaks(&issuer)));
        found.ok_or(refusal)
    }

    /// Whether the terms still stand in this tenant's view.
    pub(crate) fn still_trusts(issuer: &TrustedIssuer, view: &TenantView) -> bool {
        if issuer.owner.is_none() {
            return true;
        }
        let written = view.issuers.get(&issuer.url);
        issuer.owner == Some(view.tenant) && written.is_some_and(|now| now.active && now.spec == issuer.written)
    }

    fn at(&self, directory: &Directory) -> Arc<Pages> {
        let pages = self.pages.load_full();
        if pages.epoch.is_some_and(|epoch| epoch >= directory.epoch) {
            return pages;
        }
        let turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.pages.load_full();
        if old.epoch.is_some_and(|epoch| epoch >= directory.epoch) {
            return old;
        }
        let turned = Arc::new(self.turn(&old, directory));
        self.pages.store(Arc::clone(&turned));
        drop(turning);
        turned
    }

    /// Writes the pages anew. Issuers that did not change keep their keys.
    fn turn(&self, old: &Pages, directory: &Directory) -> Pages {
        let mut by_url: HashMap<Arc<str>, Vec<Arc<TrustedIssuer>>> = HashMap::new();
        for issuer in &self.house {
            by_url.entry(Arc::clone(&issuer.url)).or_default().push(Arc::clone(issuer));
        }
        for view in directory.tenants.values() {
            for written in view.issuers.values().filter(|issuer| issuer.active) {
                let known = old.by_url.get(&written.url).into_iter().flatten();
                let same =
                    |issuer: &&Arc<TrustedIssuer>| issuer.owner == Some(view.tenant) && issuer.written == written.spec;
                let trusted = match known.into_iter().find(same) {
                    Some(same) => Some(Arc::clone(same)),
                    None => self.resolve(&written.url, view.tenant, &written.spec),
                };
                if let Some(issuer) = trusted {
                    by_url.entry(Arc::clone(&written.url)).or_default().push(issuer);
                }
            }
        }
        Pages { epoch: Some(directory.epoch), by_url }
    }

    fn resolve(&self, url: &str, owner: TenantId, written: &Arc<str>) -> Option<Arc<TrustedIssuer>> {
        let spec: Option<IssuerSpec> =
            if written.len() > SPEC_BYTES { None } else { serde_json::from_str(written).ok() };
        let resolved = spec
            .and_then(|spec| TrustedIssuer::resolve(url, Some(owner), &spec, Arc::clone(written), &self.audience).ok());
        if resolved.is_none() {
            // What was stored was checked then; what makes no sense now is trusted by nobody.
            tracing::error!(issuer = url, tenant = %owner, "an issuer's settings make no sense");
        }
        resolved.map(Arc::new)
    }
}

/// The tenant that the claims name on this issuer's terms.
pub(crate) fn tenant_of<'d>(
    directory: &'d Directory,
    claims: &Object,
    issuer: &TrustedIssuer,
) -> Result<&'d Arc<TenantView>, AccessRefusal> {
    let claim = judge_tenant(claims, &issuer.policy)?;
    let view = match &claim {
        TenantClaim::Id(id) => directory.tenants.get(id),
        TenantClaim::Alias(alias) => directory.aliases.get(alias.as_str()).and_then(|id| directory.tenants.get(id)),
    };
    let view = view.ok_or(AccessRefusal::TenantInactive)?;
    if issuer.owner.is_some_and(|owner| owner != view.tenant) {
        return Err(AccessRefusal::TokenTenantOther);
    }
    Ok(view)
}
