//! An endpoint that a tenant declared: where messages of the house's go, judged as far as its text goes.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use http::header::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use ipnet::IpNet;
use lockgate_access::directory::Settings;
use lockgate_access::spec::{BreakerSpec, LimitSpec, RedirectSpec};
use lockgate_vocabulary::TenantId;

use crate::destination::host::HostList;
use crate::destination::judge::judge_url;
use crate::destination::{PinnedTarget, Policy, StrictUrl, Verdict};
use crate::refusal::EgressRefusal;
use crate::wire::{Far, Kin, are_authorities};

/// What a tenant says about an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointParts {
    /// Where it is: an absolute `https:` URL without user name and fragment.
    pub url: String,
    /// Certificates (PEM) of authorities that are trusted instead of the system's.
    pub trust_pem: Option<String>,
    /// Public keys (SHA-256 of the SPKI) of which its certificate must have one; any where there is none.
    pub pins: Vec<[u8; 32]>,
    /// Private networks in which it may lie all the same.
    pub danger_private_networks: Vec<IpNet>,
    /// Hosts to which its tenant may send; every public host where there is no list.
    pub allow: Option<HostList>,
}

/// An endpoint whose text was judged. Its addresses are judged for every message anew.
pub struct Endpoint {
    url: StrictUrl,
    policy: Policy,
    settings: Arc<Settings>,
    /// By which its lines are told from those of every other.
    digest: u128,
}

impl Endpoint {
    /// Judges what a tenant says, so that what cannot be reached is refused when it is declared.
    pub fn resolve(parts: EndpointParts) -> Result<Self, EgressRefusal> {
        let url = StrictUrl::parse(&parts.url)?;
        if parts.url.contains('#') {
            return Err(EgressRefusal::UrlFragment);
        }
        // The list is the house's and may change under what was declared, so that it is asked for every message.
        let mut policy = Policy {
            allow: None,
            danger_allow_http: false,
            danger_private_networks: parts.danger_private_networks.clone(),
        };
        let url = match judge_url(url, &policy) {
            Verdict::Blocked(refusal, _) => return Err(refusal),
            Verdict::Allowed(url, _) | Verdict::Resolve(url) => url,
        };
        if parts.trust_pem.as_deref().is_some_and(|pem| !are_authorities(pem)) {
            return Err(EgressRefusal::VendorCertificate);
        }
        let digest = digest(&url, &parts);
        policy.allow = parts.allow.clone();
        Ok(Self { url, policy, settings: Arc::new(settings(parts)), digest })
    }

    /// Its URL in the one form that is used.
    pub const fn url(&self) -> &StrictUrl {
        &self.url
    }

    /// Whether its tenant may send to its host by the list that there is.
    pub fn is_listed(&self) -> bool {
        self.policy.allow.as_ref().is_none_or(|list| list.allows(self.url.host()))
    }

    pub(super) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whose its lines are. INVARIANT: the digest is of the URL and of whom it trusts, so that a message
    /// never goes over a line that was opened to another endpoint or under another trust.
    pub(crate) fn kin(&self, tenant: TenantId) -> Kin<'_> {
        Kin { tenant, far: Far::Endpoint(self.digest), settings: &self.settings, identity: None }
    }

    /// The absolute target of a request.
    pub(super) fn uri(&self, target: &PinnedTarget) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(Authority::try_from(target.authority()).ok()?);
        parts.path_and_query = Some(PathAndQuery::try_from(self.url.path()).ok()?);
        Uri::from_parts(parts).ok().filter(|_| HeaderValue::from_str(target.authority()).is_ok())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path may hold what its owner takes for a secret.
        write!(f, "Endpoint({})", self.url.host())
    }
}

/// What its lines are opened under.
fn settings(parts: EndpointParts) -> Settings {
    Settings {
        limits: LimitSpec::default(),
        breaker: BreakerSpec::default(),
        retries: 0,
        redirects: RedirectSpec::default(),
        trust_pem: parts.trust_pem.map(Into::into),
        pins: parts.pins,
        // No credential is lent to an endpoint, so none is bound to whom it trusts.
        trust: [0; 32],
        danger_private_networks: parts.danger_private_networks,
        danger_plain_http: false,
    }
}

fn digest(url: &StrictUrl, parts: &EndpointParts) -> u128 {
    let mut context = Context::new(&SHA256);
    let mut piece = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    piece(url.to_string().as_bytes());
    piece(if parts.trust_pem.is_some() { b"own" } else { b"system" });
    piece(parts.trust_pem.as_deref().unwrap_or_default().as_bytes());
    for pin in &parts.pins {
        piece(pin);
    }
    let whole = context.finish();
    let first = whole.as_ref().first_chunk::<16>();
    first.map_or(0, |first| u128::from_be_bytes(*first))
}
