//! An external issuer, resolved: its settings checked, its policy made, its keys held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use lockgate_vocabulary::{ErrandOwner, Refusal, TenantId};

use super::keys::IssuerKeys;
use super::spec::IssuerSpec;
use crate::authn::{ACCESS_TYPES, LIFETIME_MOST, SKEW, TenantClaim, TokenPolicy};
use crate::jose::{Algorithm, Algorithms, HeaderRules};
use crate::scope::ScopeSet;
use crate::violations::Violations;

/// Bytes of a URL at the most.
const URL_BYTES: usize = 512;

/// Entries of any mapping at the most.
const ENTRIES_MOST: usize = 10_000;

/// How far an issuer's clock may be apart at the most.
const SKEW_MOST: u32 = 300;

/// How long a token may live under `danger_lifetime_seconds`.
const DANGER_LIFETIME_MOST: u32 = 86_400;

/// An external issuer whose tokens are taken.
#[derive(Debug)]
pub struct TrustedIssuer {
    pub(crate) url: Arc<str>,
    /// The only tenant for which it speaks; any where absent.
    pub(crate) owner: Option<TenantId>,
    /// The settings as they were written, by which a change is noticed.
    pub(crate) written: Arc<str>,
    pub(crate) policy: TokenPolicy,
    pub(crate) source: KeySource,
    pub(crate) keys: IssuerKeys,
    /// Private networks that its keys may be fetched from.
    networks: Vec<IpNet>,
    scopes: BTreeMap<Box<str>, Vec<String>>,
    clients: BTreeMap<Box<str>, Box<str>>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// At this URL.
    Keys(String),
    /// Where the metadata at one of these URLs says.
    Metadata(Vec<String>),
}

/// Which principal a client of an external issuer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mapped<'a> {
    /// The one with this name or id: an operator wrote it down.
    Written(&'a str),
    /// The one with this name, unless it is an operator's.
    Alike(&'a str),
}

impl Mapped<'_> {
    pub(crate) const fn is_alike(&self) -> bool {
        matches!(self, Self::Alike(_))
    }
}

impl TrustedIssuer {
    /// Checks the settings and resolves them; `audience` is this gateway's own.
    pub fn resolve(
        url: &str,
        owner: Option<TenantId>,
        spec: &IssuerSpec,
        written: Arc<str>,
        audience: &str,
    ) -> Result<Self, Refusal> {
        let mut wrong = Violations::default();
        for (pointer, uri) in [
            ("/issuer", Some(url)),
            ("/jwks_uri", spec.jwks_uri.as_deref()),
            ("/metadata_uri", spec.metadata_uri.as_deref()),
        ] {
            if let Some(uri) = uri {
                wrong.check(
                    is_sound_url(uri, spec.danger_plain_http),
                    pointer,
                    "not an https URL with a host and without user, query or fragment",
                );
            }
        }
        wrong.check(
            owner.is_none() || !spec.danger_plain_http,
            "/danger_plain_http",
            "an issuer of the gateway's own configuration alone is asked in the clear",
        );
        let audience = spec.audience.as_deref().unwrap_or(audience);
        wrong.check(!audience.is_empty() && audience.len() <= URL_BYTES, "/audience", "empty or too long");
        let mut policy = TokenPolicy::strict(url, audience);
        policy.header = header_rules(spec, &mut wrong);
        policy.client_is_subject = !spec.danger_subject_differs;
        policy.skew = spec.skew_seconds.map_or(SKEW, |seconds| Duration::from_secs(seconds.into()));
        wrong.check(spec.skew_seconds.is_none_or(|seconds| seconds <= SKEW_MOST), "/skew_seconds", "more than 300");
        policy.most_lifetime = lifetime(spec, &mut wrong);
        policy.tenants = tenants(spec, &mut wrong);
        policy.scope_is_list = spec.scope_is_list;
        for (pointer, written, own) in [
            ("/tenant_claim", &spec.tenant_claim, &mut policy.tenant_claim),
            ("/scope_claim", &spec.scope_claim, &mut policy.scope_claim),
        ] {
            if let Some(name) = written {
                wrong.check(!name.is_empty() && name.len() <= 128, pointer, "empty or too long");
                *own = name.as_str().into();
            }
        }
        let scopes = scopes(spec, &mut wrong);
        wrong.check(spec.clients.len() <= ENTRIES_MOST, "/clients", "too many");
        wrong.done()?;
        let clients =
            spec.clients.iter().map(|(client, name)| (client.as_str().into(), name.as_str().into())).collect();
        let source = key_source(url, spec);
        let (keys, networks) = (IssuerKeys::default(), spec.danger_private_networks.clone());
        Ok(Self { url: url.into(), owner, written, policy, source, keys, networks, scopes, clients })
    }

    /// On whose terms its keys are fetched. `open` are the networks that the gateway's configuration opens to
    /// tenants at this time, whatever it did when the issuer was written down.
    pub(crate) fn errand_owner(&self, open: &[IpNet]) -> ErrandOwner {
        let Some(owner) = self.owner else { return ErrandOwner::House };
        let opened = self.networks.iter().filter(|network| open.iter().any(|open| open.contains(*network)));
        ErrandOwner::Tenant(owner, opened.map(|network| (network.addr(), network.prefix_len())).collect())
    }

    /// What the issuer's scope words allow here. Words that mean nothing here allow nothing.
    pub(crate) fn scopes(&self, scope: &str) -> ScopeSet {
        let ours = |word: &&str| ScopeSet::parse_words([*word]).is_ok();
        let words = scope.split(' ');
        let parsed = if self.scopes.is_empty() {
            ScopeSet::parse_words(words.filter(ours))
        } else {
            ScopeSet::parse_words(words.filter_map(|word| self.scopes.get(word)).flatten().map(String::as_str))
        };
        parsed.unwrap_or(ScopeSet::EMPTY)
    }

    /// Which principal this client is.
    pub(crate) fn principal<'a>(&'a self, client: &'a str) -> Option<Mapped<'a>> {
        if self.clients.is_empty() {
            return Some(Mapped::Alike(client));
        }
        self.clients.get(client).map(|name| Mapped::Written(name))
    }
}

fn header_rules(spec: &IssuerSpec, wrong: &mut Violations) -> HeaderRules {
    let mut algorithms = Vec::new();
    for (index, name) in spec.algorithms.iter().enumerate() {
        match Algorithm::parse(name).filter(|algorithm| !algorithm.is_symmetric()) {
            Some(algorithm) => algorithms.push(algorithm),
            None => wrong.add(format!("/algorithms/{index}"), "no algorithm for access tokens"),
        }
    }
    let listed = |pointer: &str, names: &[String], wrong: &mut Violations| {
        let sound = names.len() <= 16 && names.iter().all(|name| !name.is_empty() && name.len() <= 128);
        if !sound {
            wrong.add(pointer, "too many, or one that is empty or too long");
        }
    };
    listed("/types", &spec.types, wrong);
    listed("/header_members", &spec.header_members, wrong);
    for (index, member) in spec.header_members.iter().enumerate() {
        let harmless = !HeaderRules::NEVER.contains(&member.as_str());
        wrong.check(
            harmless,
            format!("/header_members/{index}"),
            "changes how a token is read, so no issuer may declare it",
        );
    }
    let types = |names: &mut dyn Iterator<Item = &str>| names.map(Into::into).collect();
    HeaderRules {
        algorithms: if algorithms.is_empty() { Algorithms::ACCESS } else { Algorithms::of(&algorithms) },
        types: match spec.types.as_slice() {
            [] => types(&mut ACCESS_TYPES.iter().copied()),
            listed => types(&mut listed.iter().map(String::as_str)),
        },
        type_may_be_absent: false,
        more_members: types(&mut spec.header_members.iter().map(String::as_str)),
    }
}

fn lifetime(spec: &IssuerSpec, wrong: &mut Violations) -> Duration {
    let hour = u32::try_from(LIFETIME_MOST.as_secs()).unwrap_or(u32::MAX);
    let plain = spec.lifetime_seconds.unwrap_or(hour);
    wrong.check((1..=hour).contains(&plain), "/lifetime_seconds", "not between 1 and 3600");
    let danger = spec.danger_lifetime_seconds;
    let fits = danger.is_none_or(|seconds| (1..=DANGER_LIFETIME_MOST).contains(&seconds));
    wrong.check(fits, "/danger_lifetime_seconds", "not between 1 and 86400");
    Duration::from_secs(danger.unwrap_or(plain).into())
}

fn tenants(spec: &IssuerSpec, wrong: &mut Violations) -> BTreeMap<Box<str>, TenantClaim> {
    wrong.check(spec.tenants.len() <= ENTRIES_MOST, "/tenants", "too many");
    let mut tenants = BTreeMap::new();
    for (value, tenant) in &spec.tenants {
        match TenantClaim::parse(tenant) {
            Some(claim) => drop(tenants.insert(value.as_str().into(), claim)),
            None => wrong.add(format!("/tenants/{}", escape(value)), "neither a tenant's id nor an alias"),
        }
    }
    tenants
}

fn scopes(spec: &IssuerSpec, wrong: &mut Violations) -> BTreeMap<Box<str>, Vec<String>> {
    wrong.check(spec.scopes.len() <= ENTRIES_MOST, "/scopes", "too many");
    for (word, ours) in &spec.scopes {
        if let Err(error) = ScopeSet::parse_words(ours.iter().map(String::as_str)) {
            wrong.add(format!("/scopes/{}", escape(word)), error);
        }
    }
    spec.scopes.iter().map(|(word, ours)| (word.as_str().into(), ours.clone())).collect()
}

/// A member's name inside a JSON Pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn key_source(url: &str, spec: &IssuerSpec) -> KeySource {
    if let Some(keys) = &spec.jwks_uri {
        return KeySource::Keys(keys.clone());
    }
    if let Some(metadata) = &spec.metadata_uri {
        return KeySource::Metadata(vec![metadata.clone()]);
    }
    // RFC 8414 puts the well-known part before the path, OpenID Connect Discovery behind it.
    let bare = url.strip_suffix('/').unwrap_or(url);
    let (origin, path) = match http::Uri::try_from(bare) {
        Ok(uri) => (authority(&uri), uri.path().trim_end_matches('/').to_owned()),
        Err(_) => (None, String::new()),
    };
    let mut places = Vec::new();
    places.extend(origin.map(|origin| format!("{origin}/.well-known/oauth-authorization-server{path}")));
    places.push(format!("{bare}/.well-known/openid-configuration"));
    KeySource::Metadata(places)
}

/// Scheme, host and port of a URL, by which two URLs are of the same server.
pub(crate) fn authority(uri: &http::Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?.as_str().to_ascii_lowercase()))
}

/// Whether the URL is one that an issuer or its keys may have.
pub(crate) fn is_sound_url(url: &str, plain_http: bool) -> bool {
    let Ok(uri) = http::Uri::try_from(url) else { return false };
    let Some(authority) = uri.authority() else { return false };
    let loopback = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let scheme = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => plain_http && loopback,
        _ => false,
    };
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'"'));
    scheme && plain && url.len() <= URL_BYTES && !authority.as_str().contains('@') && !authority.host().is_empty()
}

#[cfg(test)]
mod tests;
