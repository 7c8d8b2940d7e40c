//! What the hot path knows of tenants: one immutable snapshot in memory, replaced when the epoch rises.
//!
//! Records here are resolved: everything was parsed and checked when the snapshot was made, so a call
//! only looks things up. Nothing secret is in it: verifiers are hashes, credentials are references.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use lockgate_vocabulary::{
    ConnectionId, CredentialId, KeyId, Name, PrincipalId, PrincipalKind, ProviderId, TenantId, Timestamp,
};

use crate::scope::ScopeSet;
use crate::spec::{
    AnswerSpec, AuthPlacement, BreakerSpec, DeclaredUse, LimitSpec, Operation, RateHeaders, RedirectSpec,
};
use crate::template::PathTemplate;

/// Everything the house knows of its tenants at one epoch.
#[derive(Debug, Default)]
pub struct Directory {
    /// The epoch that it shows.
    pub epoch: u64,
    /// The tenants.
    pub tenants: HashMap<TenantId, Arc<TenantView>>,
    /// Which tenant an API key or client belongs to, so that a key alone finds its tenant.
    pub keys: HashMap<KeyId, TenantId>,
}

/// One tenant and all that belongs to it. No look-up leads from one view into another.
#[derive(Debug)]
pub struct TenantView {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: Name,
    /// The name by which an external issuer knows it.
    pub alias: Option<Arc<str>>,
    /// Whether it may do anything.
    pub active: bool,
    /// Principals.
    pub principals: HashMap<PrincipalId, Arc<Principal>>,
    /// API keys and client keys.
    pub keys: HashMap<KeyId, Arc<Key>>,
    /// Connections by id.
    pub connections: HashMap<ConnectionId, Arc<Connection>>,
    /// Connections by name.
    pub names: HashMap<Name, ConnectionId>,
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

/// A declared use, resolved.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    /// As it was written.
    pub declared: DeclaredUse,
    /// Its path.
    pub path: PathTemplate,
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
    /// Private networks that may be reached all the same.
    pub danger_private_networks: Vec<IpNet>,
}

/// A base URL: `https`, a host in its canonical ASCII form, a port, and a path prefix without a slash at
/// its end. A credential never travels outside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The host, lower case, ASCII; an IPv6 address stands in brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// The prefix: empty, or `/` and segments.
    pub prefix: Arc<str>,
}

/// A vendor, resolved.
#[derive(Debug)]
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
}

/// A declared operation, resolved.
#[derive(Debug)]
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
}
