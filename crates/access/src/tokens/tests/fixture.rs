//! A house with two tenants, their credentials, an issuer of its own, and a scripted network.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_store::Store;
use lockgate_testkit::{ManualClock, SeededEntropy};
use lockgate_vocabulary::{
    Arrival, BoxFuture, Clock, Errand, ErrandAnswer, ErrandFailure, ErrandOrder, Fault, KeyId, Listener, PrincipalId,
    PrincipalKind, Secret, Stop, TenantId, TraceContext,
};
use tempfile::TempDir;

use crate::access::tests::world::store_config;
use crate::authn::Presented;
use crate::authn::identity::Identity;
use crate::authn::text_key::fingerprint;
use crate::caller::Caller;
use crate::config::Config;
use crate::directory::{Directory, Issuer, Key, Principal, TenantView, Verifier};
use crate::issuer::IssuerSpec;
use crate::jose::base64url;
use crate::jose::tests::mint::Mint;
use crate::tokens::{Grounds, Posted, SealKeys};

pub(crate) const TENANT: TenantId = TenantId::from_u128(1);
pub(crate) const OTHER: TenantId = TenantId::from_u128(2);
pub(crate) const SERVICE: PrincipalId = PrincipalId::from_u128(11);
pub(crate) const OPERATOR: PrincipalId = PrincipalId::from_u128(12);
pub(crate) const SECOND: PrincipalId = PrincipalId::from_u128(13);
pub(crate) const OUTSIDER: PrincipalId = PrincipalId::from_u128(21);
pub(crate) const API_KEY: KeyId = KeyId::from_u128(101);
pub(crate) const OPERATOR_KEY: KeyId = KeyId::from_u128(102);
pub(crate) const CLIENT: KeyId = KeyId::from_u128(103);
pub(crate) const CLIENT_TWO: KeyId = KeyId::from_u128(104);
pub(crate) const CLIENT_JWKS: KeyId = KeyId::from_u128(105);
pub(crate) const SECOND_CLIENT: KeyId = KeyId::from_u128(106);
pub(crate) const OUTSIDER_CLIENT: KeyId = KeyId::from_u128(201);

pub(crate) const ISSUER: &str = "https://gateway.test";
pub(crate) const CALL: &str = "integration.connections.call";
pub(crate) const READ: &str = "integration.connections.read";

/// The text of an API key that a test knows.
pub(crate) fn api_key(id: KeyId) -> String {
    let id = id.to_string();
    format!("lgk_{}_{}", id.strip_prefix("key_").expect("an id"), chance(&id))
}

/// The text of a client secret that a test knows.
pub(crate) fn secret(id: KeyId) -> String {
    format!("lgs_{}", chance(&id.to_string()))
}

fn chance(id: &str) -> String {
    base64url::encode(&fingerprint(id.as_bytes()))
}

/// The key with which `CLIENT_JWKS` signs its assertions.
pub(crate) fn client_mint() -> Mint {
    Mint::new("cl-1", 9)
}

pub(crate) struct House {
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) directory: Directory,
    pub(crate) net: Arc<Net>,
    pub(crate) folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(mut config: Config) -> Self {
        config.tokens.issuer = ISSUER.into();
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new();
        let store = Store::open(&store_config(&folder), Arc::new(clock.clone())).await.expect("a store");
        let net = Arc::new(Net::default());
        let identity = open(&config, &store, &clock, &net, 1).await;
        Self { clock, store, identity, directory: directory(), net, folder }
    }

    /// Another node on the same store.
    pub(crate) async fn node(&self, seed: u64) -> Identity {
        let mut config = Config::default();
        config.tokens.issuer = ISSUER.into();
        open(&config, &self.store, &self.clock, &self.net, seed).await
    }

    /// Changes a tenant, as a new snapshot would show it.
    pub(crate) fn change(&mut self, tenant: TenantId, change: impl FnOnce(&mut TenantView)) {
        let mut view = TenantView::clone(&self.directory.tenants[&tenant]);
        change(&mut view);
        self.directory.epoch += 1;
        self.directory.tenants.insert(tenant, Arc::new(view));
    }

    pub(crate) fn change_key(&mut self, id: KeyId, change: impl FnOnce(&mut Key)) {
        let tenant = self.directory.keys[&id];
        self.change(tenant, |view| {
            let old = &view.keys[&id];
            let mut key = Key {
                id: old.id,
                principal: old.principal,
                verifier: old.verifier.clone(),
                scopes: old.scopes.clone(),
                uses: old.uses.clone(),
                addresses: old.addresses.clone(),
                expires_at: old.expires_at,
                revoked: old.revoked,
            };
            change(&mut key);
            view.keys.insert(id, Arc::new(key));
        });
    }

    pub(crate) fn change_principal(&mut self, id: PrincipalId, change: impl FnOnce(&mut Principal)) {
        let tenant = if id == OUTSIDER { OTHER } else { TENANT };
        self.change(tenant, |view| {
            let old = &view.principals[&id];
            let mut principal = Principal {
                id: old.id,
                name: old.name.clone(),
                kind: old.kind,
                scopes: old.scopes.clone(),
                uses: old.uses.clone(),
                addresses: old.addresses.clone(),
                active: old.active,
                expires_at: old.expires_at,
            };
            change(&mut principal);
            view.principals.insert(id, Arc::new(principal));
        });
    }

    /// Lets a tenant trust an external issuer.
    pub(crate) fn trust(&mut self, tenant: TenantId, url: &str, spec: &IssuerSpec) {
        let spec: Arc<str> = serde_json::to_string(spec).expect("JSON").into();
        let issuer = Issuer { url: url.into(), spec, active: true, changed: 1 };
        self.change(tenant, |view| drop(view.issuers.insert(url.into(), Arc::new(issuer))));
    }

    pub(crate) fn arrival(&self, peer: &str) -> Arrival {
        let trace = TraceContext::start(&SeededEntropy::new(7));
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        Arrival { peer, listener: Listener::Door, at: self.clock.now(), trace }
    }

    pub(crate) async fn bearer(&self, token: &str) -> Result<Caller, Stop> {
        let header = format!("Bearer {token}");
        let presented = Presented { authorization: Some(header.as_bytes()), api_key: None };
        self.identity.identify(&self.directory, presented, &self.arrival("192.0.2.1")).await
    }

    pub(crate) async fn key(&self, text: &str, peer: &str) -> Result<Caller, Stop> {
        let presented = Presented { authorization: None, api_key: Some(text.as_bytes()) };
        self.identity.identify(&self.directory, presented, &self.arrival(peer)).await
    }

    /// A token of this client, by `client_secret_post`.
    pub(crate) async fn token(&self, client: KeyId) -> String {
        let form = format!("grant_type=client_credentials&client_id={client}&client_secret={}", secret(client));
        let body = self.issue(&form).await.expect("a token");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn issue(&self, form: &str) -> Result<serde_json::Value, Stop> {
        self.issue_from(form, "192.0.2.1").await
    }

    pub(crate) async fn issue_from(&self, form: &str, peer: &str) -> Result<serde_json::Value, Stop> {
        let posted = Posted { authorization: None, form: form.as_bytes() };
        let issued = self.identity.tokens.issue(&self.directory, &posted, &self.arrival(peer)).await?;
        Ok(serde_json::from_str(&issued.body).expect("JSON"))
    }
}

async fn open(config: &Config, store: &Store, clock: &ManualClock, net: &Arc<Net>, seed: u64) -> Identity {
    let grounds = Grounds {
        store: store.clone(),
        audit: None,
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
        seal: seal(),
    };
    let errand: Arc<dyn Errand> = Arc::clone(net) as _;
    Identity::open(config, grounds, errand).await.expect("an identity")
}

/// Turns bytes over and ties them to their context, so that a test sees whether they were sealed.
pub(crate) fn seal() -> SealKeys {
    let turn = |bytes: &[u8]| bytes.iter().map(|byte| byte ^ 0x5a).collect::<Vec<u8>>();
    SealKeys::new(
        move |context, plain| Ok([&fingerprint(context)[..], &turn(plain)].concat()),
        move |context, sealed| match sealed.strip_prefix(&fingerprint(context)[..]) {
            Some(sealed) => Ok(Secret::new(turn(sealed))),
            None => Err(Fault::violated("it was sealed in its context")),
        },
    )
}

fn directory() -> Directory {
    let mut ours = TenantView::empty(TENANT, "acme".parse().expect("a name"));
    ours.alias = Some("tenant-a".into());
    for (id, name, kind, scopes) in [
        (SERVICE, "svc-a", PrincipalKind::Service, format!("{CALL} {READ}")),
        (SECOND, "svc-b", PrincipalKind::Service, CALL.into()),
        (OPERATOR, "ops", PrincipalKind::Operator, "tenants.admin audit.read".into()),
    ] {
        ours.principals.insert(id, Arc::new(principal(id, name, kind, &scopes)));
    }
    for (id, of) in [(API_KEY, SERVICE), (OPERATOR_KEY, OPERATOR)] {
        let verifier = Verifier::ApiKey(fingerprint(api_key(id).as_bytes()));
        ours.keys.insert(id, Arc::new(key(id, of, verifier)));
    }
    for (id, of) in [(CLIENT, SERVICE), (CLIENT_TWO, SERVICE), (SECOND_CLIENT, SECOND)] {
        ours.keys.insert(id, Arc::new(client_key(id, of)));
    }
    let jwks = Verifier::ClientKeys(client_mint().jwks().into());
    ours.keys.insert(CLIENT_JWKS, Arc::new(key(CLIENT_JWKS, SERVICE, jwks)));
    let mut theirs = TenantView::empty(OTHER, "globex".parse().expect("a name"));
    theirs.alias = Some("tenant-b".into());
    theirs.principals.insert(OUTSIDER, Arc::new(principal(OUTSIDER, "svc-a", PrincipalKind::Service, CALL)));
    theirs.keys.insert(OUTSIDER_CLIENT, Arc::new(client_key(OUTSIDER_CLIENT, OUTSIDER)));
    let mut directory = Directory { epoch: 1, ..Directory::default() };
    for view in [ours, theirs] {
        directory.keys.extend(view.keys.keys().map(|key| (*key, view.tenant)));
        directory.aliases.extend(view.alias.clone().map(|alias| (alias, view.tenant)));
        directory.tenants.insert(view.tenant, Arc::new(view));
    }
    directory
}

pub(crate) fn principal(id: PrincipalId, name: &str, kind: PrincipalKind, scopes: &str) -> Principal {
    Principal {
        id,
        name: name.into(),
        kind,
        scopes: scopes.parse().expect("scopes"),
        uses: None,
        addresses: Arc::new([]),
        active: true,
        expires_at: None,
    }
}

pub(crate) fn client_key(id: KeyId, of: PrincipalId) -> Key {
    key(id, of, Verifier::ClientSecret(fingerprint(secret(id).as_bytes())))
}

pub(crate) fn key(id: KeyId, principal: PrincipalId, verifier: Verifier) -> Key {
    Key { id, principal, verifier, scopes: None, uses: None, addresses: Arc::new([]), expires_at: None, revoked: false }
}

/// The refusal's code, or what else came.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Stop>) -> &'static str {
    match result {
        Err(Stop::Refused(refusal)) => refusal.code(),
        other => panic!("no refusal: {other:?}"),
    }
}

/// A network whose answers are written down.
#[derive(Default)]
pub(crate) struct Net {
    answers: Mutex<HashMap<String, Result<ErrandAnswer, ErrandFailure>>>,
    asked: AtomicUsize,
    slow: AtomicUsize,
}

impl Net {
    pub(crate) fn answer(&self, url: &str, body: impl Into<Vec<u8>>) {
        let answer =
            ErrandAnswer { status: 200, body: body.into(), fresh_for: None, retry_after: None, dpop_nonce: None };
        self.answers.lock().expect("a lock").insert(url.into(), Ok(answer));
    }

    pub(crate) fn fresh_for(&self, url: &str, fresh_for: Duration) {
        if let Some(Ok(answer)) = self.answers.lock().expect("a lock").get_mut(url) {
            answer.fresh_for = Some(fresh_for);
        }
    }

    pub(crate) fn fail(&self, url: &str) {
        self.answers.lock().expect("a lock").insert(url.into(), Err(ErrandFailure::Unreachable));
    }

    /// How often anybody asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Lets every answer wait until other tasks had their turn.
    pub(crate) fn be_slow(&self) {
        self.slow.store(64, Ordering::SeqCst);
    }
}

impl Errand for Net {
    fn run(&self, order: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().expect("a lock").get(&order.url).cloned();
        let turns = self.slow.load(Ordering::SeqCst);
        Box::pin(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            let nothing =
                ErrandAnswer { status: 404, body: Vec::new(), fresh_for: None, retry_after: None, dpop_nonce: None };
            let answer = answer.unwrap_or(Ok(nothing))?;
            assert!(answer.body.len() <= order.most_bytes);
            Ok(answer)
        })
    }
}
