//! What the hot path knows of tenants: one immutable snapshot in memory, replaced when the epoch rises.
//!
//! Records here are resolved: everything was parsed and checked when the snapshot was made, so a call
//! only looks things up. Nothing secret is in it: verifiers are hashes, credentials are references.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use lockgate_vocabulary::{
    Actor, ConnectionId, CredentialId, KeyId, Name, PrincipalId, PrincipalKind, ProviderId, TenantId, Timestamp,
};

use crate::scope::{ScopeSet, Subject};
use crate::spec::{
    AnswerSpec, AuthPlacement, BreakerSpec, LimitSpec, Operation, RateHeaders, RedirectSpec, VerifySpec,
};
use crate::template::PathTemplate;

pub(crate) mod base;
mod decode;
pub(crate) mod endpoint;
mod fallback;
pub(crate) mod keeper;
mod load;
pub(crate) mod mixup;
pub(crate) mod resolve;
mod share;

pub use base::{BaseParse, CUSTOMER};
pub use fallback::Fallback;
pub use resolve::ResolvedProvider;

/// Everything the house knows of its tenants at one epoch.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The epoch that it shows.
    pub epoch: u64,
    /// The tenants.
    pub tenants: HashMap<TenantId, Arc<TenantView>>,
    /// Which tenant an API key or client belongs to, so that a key alone finds its tenant.
    pub keys: HashMap<KeyId, TenantId>,
    /// Which tenant an external issuer's name for it means.
    pub aliases: HashMap<Arc<str>, TenantId>,
}

impl Directory {
    /// The tenant that an external issuer calls by this name, or that has this id.
    pub fn tenant_named(&self, alias: &str) -> Option<&Arc<TenantView>> {
        let id = self.aliases.get(alias).copied().or_else(|| alias.parse().ok())?;
        self.tenants.get(&id)
    }

    /// The tenant and the key with this id.
    pub fn key(&self, id: KeyId) -> Option<(&Arc<TenantView>, &Arc<Key>)> {
        let view = self.tenants.get(self.keys.get(&id)?)?;
        view.keys.get(&id).map(|key| (view, key))
    }
}

/// One tenant and all that belongs to it. No look-up leads from one view into another.
#[derive(Debug, Clone)]
pub struct TenantView {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// The name by which an external issuer knows it.
    pub alias: Option<Arc<str>>,
    /// Whether it may do anything.
    pub active: bool,
    /// Principals by id.
    pub principals: HashMap<PrincipalId, Arc<Principal>>,
    /// Principals by name.
    pub principal_names: HashMap<Arc<str>, PrincipalId>,
    /// API keys and client keys.
    pub keys: HashMap<KeyId, Arc<Key>>,
    /// Connections by id.
    pub connections: HashMap<ConnectionId, Arc<Connection>>,
    /// Connections by name.
    pub names: HashMap<Name, ConnectionId>,
    /// The tenant's own providers by name.
    pub providers: HashMap<Name, Arc<ResolvedProvider>>,
    /// External issuers by the URL that names them.
    pub issuers: HashMap<Arc<str>, Arc<Issuer>>,
    /// Tokens that were revoked before their time, and until when that has to be remembered.
    pub revoked: HashMap<Arc<str>, Timestamp>,
}

impl TenantView {
    /// A tenant that has nothing yet.
    pub fn empty(tenant: TenantId, name: Name) -> Self {
        Self {
            tenant,
            name,
            alias: None,
            active: true,
            principals: HashMap::new(),
            principal_names: HashMap::new(),
            keys: HashMap::new(),
            connections: HashMap::new(),
            names: HashMap::new(),
            providers: HashMap::new(),
            issuers: HashMap::new(),
            revoked: HashMap::new(),
        }
    }

    /// The connection with this name or this id. A name has no underscore and an id has one, so no
    /// text is both.
    pub fn connection(&self, name_or_id: &str) -> Option<&Arc<Connection>> {
        let id = self.names.get(name_or_id).copied().or_else(|| name_or_id.parse().ok())?;
        self.connections.get(&id)
    }

    /// The principal with this name or this id.
    pub fn principal(&self, name_or_id: &str) -> Option<&Arc<Principal>> {
        let id = self.principal_names.get(name_or_id).copied().or_else(|| name_or_id.parse().ok())?;
        self.principals.get(&id)
    }
}

/// An external issuer of tokens, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The URL that names it, which is the `iss` of its tokens.
    pub url: Arc<str>,
    /// Its settings, in JSON.
    pub spec: Arc<str>,
    /// Whether its tokens are taken.
    pub active: bool,
    /// The epoch at which it last changed.
    pub changed: u64,
}

/// A principal.
#[derive(Debug)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// Its name, as records show it.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: PrincipalKind,
    /// What it may do at the most.
    pub scopes: ScopeSet,
    /// Where it may call; anywhere within its scopes where absent.
    pub uses: Option<Arc<[Use]>>,
    /// From where it may come; anywhere where empty.
    pub addresses: Arc<[IpNet]>,
    /// Whether it may do anything.
    pub active: bool,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Who acts where this principal does.
    pub fn actor(&self, tenant: TenantId) -> Actor {
        Actor { tenant, principal: self.id, kind: self.kind, name: Arc::clone(&self.name) }
    }

    /// Whether it may do anything at this moment.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.active && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What kind of key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verifier {
    /// The SHA-256 of a random API key.
    ApiKey([u8; 32]),
    /// The SHA-256 of a random client secret.
    ClientSecret([u8; 32]),
    /// The public keys of `private_key_jwt`, as JWKS.
    ClientKeys(Arc<str>),
}

/// A key of a principal.
#[derive(Debug)]
pub struct Key {
    /// Its id; an API key's text carries it, and it is the `client_id` of a client.
    pub id: KeyId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// What proves it.
    pub verifier: Verifier,
    /// What it may do at the most; all that its principal may where absent.
    pub scopes: Option<ScopeSet>,
    /// Where it may call.
    pub uses: Option<Arc<[Use]>>,
    /// From where it may come.
    pub addresses: Arc<[IpNet]>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Key {
    /// Whether it proves anything at this moment.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A declared use, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The connection that it speaks of.
    pub connection: Subject,
    /// The method; any where absent.
    pub method: Option<http::Method>,
    /// The path.
    pub path: PathTemplate,
}

impl Use {
    /// Whether it speaks of this connection.
    pub fn concerns(&self, name: &str, id: ConnectionId) -> bool {
        match &self.connection {
            Subject::Id(known) => *known == id,
            Subject::Name(known) => known.as_str() == name,
        }
    }

    /// Whether a call is within it.
    pub fn covers(&self, connection: &Connection, method: &http::Method, path: &str) -> bool {
        let same = self.concerns(connection.name.as_str(), connection.id);
        same && self.method.as_ref().is_none_or(|wanted| wanted == method) && self.path.matches(path)
    }
}

/// Whether a connection may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// Not yet complete.
    Pending,
    /// In use.
    Active,
    /// Runs nothing until it has a credential again.
    Degraded,
    /// Gone.
    Retired,
}

impl ConnectionStatus {
    /// The word for it in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Retired => "retired",
        }
    }

    /// The status with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Degraded, Self::Retired].into_iter().find(|status| status.as_str() == word)
    }
}

/// A tenant's account at a provider, resolved.
#[derive(Debug)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// The vendor.
    pub provider: Arc<Provider>,
    /// Whether it may be used.
    pub status: ConnectionStatus,
    /// Its credential.
    pub credential: Option<CredentialId>,
    /// Where it leads.
    pub base: Base,
    /// What it declares, shared with every connection that declares the same.
    pub endpoints: Arc<[Arc<Endpoint>]>,
    /// The rest of its settings, shared with every connection that has the same.
    pub settings: Arc<Settings>,
    /// The epoch at which it last changed.
    pub changed: u64,
}

/// The settings that most connections share.
#[derive(Debug, PartialEq)]
pub struct Settings {
    /// Our limits towards the vendor.
    pub limits: LimitSpec,
    /// When the breaker opens.
    pub breaker: BreakerSpec,
    /// Retries at the most.
    pub retries: u8,
    /// Redirects.
    pub redirects: RedirectSpec,
    /// Certificates trusted instead of the system's.
    pub trust_pem: Option<Arc<str>>,
    /// Pinned public keys (SHA-256 of the SPKI).
    pub pins: Vec<[u8; 32]>,
    /// The digest of the two, by which a credential is bound to whom the connection trusts.
    pub trust: [u8; 32],
    /// Private networks that may be reached all the same.
    pub danger_private_networks: Vec<IpNet>,
    /// Whether plain HTTP is spoken there; [`Base::plain`] says it too.
    pub danger_plain_http: bool,
}

/// A base URL: `https`, a host in its canonical ASCII form, a port, and a path prefix without a slash at
/// its end. A credential never travels outside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Whether plain HTTP is spoken there, to addresses in the connection's danger networks alone.
    pub plain: bool,
    /// The host, lower case, ASCII; an IPv6 address stands in brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// The prefix: empty, or `/` and segments.
    pub prefix: Arc<str>,
}

/// A vendor, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Its id, where it is a tenant's own and not the catalogue's.
    pub id: Option<ProviderId>,
    /// Its name.
    pub name: Name,
    /// Where its credential goes.
    pub auth: AuthPlacement,
    /// How it tells its limits.
    pub rate_headers: RateHeaders,
    /// Where it takes an idempotency key.
    pub idempotency_header: Option<http::HeaderName>,
    /// What it demands on every call.
    pub headers: http::HeaderMap,
    /// How a new credential is tried.
    pub verify: Option<Box<VerifySpec>>,
    /// Whether it lets an account have two live credentials at once, where that is known.
    pub two_live_credentials: Option<bool>,
}

impl Connection {
    /// The declared endpoint that a call falls under: the most exact one. Endpoints are kept in that
    /// order, so the first that fits is it.
    pub fn endpoint(&self, method: &http::Method, path: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.method == *method && endpoint.path.matches(path))
    }
}

/// A declared operation, resolved.
#[derive(Debug, PartialEq)]
pub struct Endpoint {
    /// The method.
    pub method: http::Method,
    /// The path.
    pub path: PathTemplate,
    /// What it does.
    pub operation: Operation,
    /// Whether it is bulk work.
    pub bulk: bool,
    /// Whether repeating it is harmless.
    pub idempotent: bool,
    /// What an answer must look like.
    pub answer: AnswerSpec,
    /// What a caller gets in the vendor's place while the vendor is down.
    pub fallback: Option<Fallback>,
}
