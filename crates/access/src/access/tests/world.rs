//! The room on a store and an audit log of its own: PostgreSQL where the environment names a server,
//! SQLite elsewhere. The house is founded, and two tenants are made through the registry.

use std::sync::Arc;

use lockgate_audit::{Audit, Config as AuditConfig, Signer};
use lockgate_store::{Config as StoreConfig, Store};
use lockgate_testkit::{ManualClock, SeededEntropy};
use lockgate_vocabulary::{
    Arrival, BoxFuture, Clock, Errand, ErrandAnswer, ErrandFailure, ErrandOrder, KeyId, Listener, RunId, Secret, Stop,
    SystemClock, SystemEntropy, TraceContext, TraceId,
};
use tempfile::TempDir;

use crate::access::{Access, Foundation};
use crate::authn::Presented;
use crate::caller::Caller;
use crate::config::Config;
use crate::registry::{MadeKey, NewKey, NewPrincipal, NewTenant, Registry, bootstrap};
use crate::tokens::SealKeys;

/// One tenant and the key of its operator.
pub(crate) struct Side {
    pub(crate) tenant: lockgate_vocabulary::TenantId,
    pub(crate) operator: String,
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) access: Access,
    /// The key of the house's operator.
    pub(crate) house: String,
    pub(crate) acme: Side,
    pub(crate) other: Side,
    /// Holds the files of the store and of the audit log for as long as the test runs.
    pub(crate) _folder: TempDir,
}

/// No issuer can be reached.
struct NoNetwork;

impl Errand for NoNetwork {
    fn run(&self, _: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        Box::pin(std::future::ready(Err(ErrandFailure::Unreachable)))
    }
}

/// Signing keys are the vault's to seal; here they only have to come back.
fn seal() -> SealKeys {
    SealKeys::new(|_, plain| Ok(plain.to_vec()), |_, sealed| Ok(Secret::new(sealed.to_vec())))
}

/// A store for one test.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the server is")]
pub(crate) fn store_config(folder: &TempDir) -> StoreConfig {
    match std::env::var("LOCKGATE_TEST_POSTGRES") {
        Ok(url) => {
            let unique = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string().split_off(4);
            StoreConfig::postgres(url, format!("t_{unique}"))
        }
        Err(_) => StoreConfig::sqlite(folder.path().join("store.db")),
    }
}

/// What every test's room is configured with.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.tokens.issuer = "https://gateway.test".into();
    config.danger_private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    config
}

/// Opens the room on this store, as one node of several does.
pub(crate) async fn node(config: &Config, store: &Store, audit: &Audit, clock: &ManualClock) -> Access {
    let foundation = Foundation {
        store: store.clone(),
        audit: audit.clone(),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SystemEntropy),
        seal: seal(),
        errand: Arc::new(NoNetwork),
    };
    Access::open(config, foundation).await.unwrap_or_else(|fault| panic!("{fault}"))
}

pub(crate) fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let store = Store::open(&store_config(&folder), Arc::new(clock.clone())).await;
        let store = store.unwrap_or_else(|fault| panic!("{fault}"));
        let audit_config = AuditConfig::new(folder.path().join("audit"), "test".parse().unwrap());
        let signer = Signer::new(&audit_config.origin(), &Secret::new(vec![7; 32])).unwrap();
        let opened = Audit::open(&audit_config, signer, Arc::new(clock.clone()), Arc::new(SystemEntropy)).await;
        let (audit, _) = opened.unwrap_or_else(|fault| panic!("{fault}"));
        let access = node(&config(), &store, &audit, &clock).await;
        let first = bootstrap(&store, &audit, "root", &clock, &SystemEntropy).await.unwrap();
        access.refresh().await.unwrap();
        let house = text(&first.secret);
        let (acme, other) =
            (Side::make(&access, &clock, &house, "acme").await, Side::make(&access, &clock, &house, "other").await);
        Self { clock, store, audit, access, house, acme, other, _folder: folder }
    }

    /// Another node on the same store.
    pub(crate) async fn node(&self) -> Access {
        node(&config(), &self.store, &self.audit, &self.clock).await
    }

    /// Who holds this API key.
    pub(crate) async fn caller(&self, key: &str) -> Caller {
        identify(&self.access, &self.clock, key).await.unwrap_or_else(|stop| panic!("{stop}"))
    }

    pub(crate) async fn identify(&self, key: &str) -> Result<Caller, Stop> {
        identify(&self.access, &self.clock, key).await
    }

    /// The operator of acme.
    pub(crate) async fn operator(&self) -> Caller {
        self.caller(&self.acme.operator).await
    }

    /// The operator of the other tenant.
    pub(crate) async fn foreigner(&self) -> Caller {
        self.caller(&self.other.operator).await
    }

    pub(crate) fn registry<'a>(&'a self, caller: &'a Caller) -> Registry<'a> {
        self.access.registry(caller, trace())
    }

    /// A principal of acme's with these scopes, and its API key.
    pub(crate) async fn service(&self, name: &str, scopes: &[&str]) -> (Caller, KeyId) {
        let operator = self.operator().await;
        let registry = self.registry(&operator);
        registry.create_principal(principal(name, "service", scopes)).await.unwrap();
        let made = registry.create_key(key(name)).await.unwrap();
        (self.caller(&shown(&made)).await, made.key.key)
    }
}

impl Side {
    async fn make(access: &Access, clock: &ManualClock, house: &str, name: &str) -> Self {
        let root = identify(access, clock, house).await.unwrap();
        let new = NewTenant { name: name.parse().unwrap(), alias: Some(format!("{name}-corp")), operator: None };
        let made = access.registry(&root, trace()).create_tenant(new).await.unwrap_or_else(|stop| panic!("{stop}"));
        Self { tenant: made.tenant.tenant, operator: shown(&made.key) }
    }
}

pub(crate) fn shown(made: &MadeKey) -> String {
    text(made.secret.as_ref().unwrap())
}

pub(crate) fn trace() -> TraceId {
    TraceContext::start(&SeededEntropy::new(3)).trace
}

pub(crate) async fn identify(access: &Access, clock: &ManualClock, key: &str) -> Result<Caller, Stop> {
    let arrival = Arrival {
        peer: "192.0.2.1:1".parse().unwrap(),
        listener: Listener::Door,
        at: clock.now(),
        trace: TraceContext::start(&SeededEntropy::new(3)),
    };
    access.identify(Presented { authorization: None, api_key: Some(key.as_bytes()) }, &arrival).await
}

pub(crate) fn principal(name: &str, kind: &str, scopes: &[&str]) -> NewPrincipal {
    serde_json::from_value(serde_json::json!({"name": name, "kind": kind, "scopes": scopes})).unwrap()
}

/// An API key of this principal.
pub(crate) fn key(principal: &str) -> NewKey {
    serde_json::from_value(serde_json::json!({"principal": principal, "kind": "api-key"})).unwrap()
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Stop>) -> &'static str {
    match result {
        Err(Stop::Refused(refusal)) => refusal.code(),
        other => panic!("no refusal: {other:?}"),
    }
}

/// Where the input is wrong.
pub(crate) fn pointers<T: std::fmt::Debug>(result: Result<T, Stop>) -> Vec<String> {
    match result {
        Err(Stop::Refused(refusal)) => refusal.violations().iter().map(|each| each.pointer.clone()).collect(),
        other => panic!("no refusal: {other:?}"),
    }
}

/// A refusal as it is answered, for comparing two of them.
pub(crate) fn answer<T: std::fmt::Debug>(result: Result<T, Stop>) -> String {
    match result {
        Err(Stop::Refused(refusal)) => format!("{refusal:?}"),
        other => panic!("no refusal: {other:?}"),
    }
}
