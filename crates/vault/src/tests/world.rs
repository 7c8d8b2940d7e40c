//! The vault with everything to its left: a store, a trail, a registry, two tenants.

use std::sync::Arc;

use http::request::Parts;
use lockgate_access::registry::{MadeKey, NewTenant, PageAsk, Registry};
use lockgate_access::{Access, Ask, Caller, Config, Foundation, Grant, Presented, SealKeys, bootstrap};
use lockgate_audit::{Audit, Config as AuditConfig, Filter, Signer};
use lockgate_vocabulary::{
    Arrival, BoxFuture, Clock, ConnectionId, Errand, ErrandAnswer, ErrandFailure, ErrandOrder, Listener, Secret, Stop,
    SystemEntropy, TenantId, TraceContext,
};
use serde_json::json;

use super::fixture::{House, request};
use crate::secret::{Act, CredentialView, Custodian, CustodianParts, NewCredential, Sensitivity};
use crate::vault::{HOUSE, Vault};

/// No issuer can be reached.
struct NoNetwork;

impl Errand for NoNetwork {
    fn run(&self, _: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        Box::pin(std::future::ready(Err(ErrandFailure::Unreachable)))
    }
}

pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) audit: Audit,
    pub(crate) vault: Vault,
    pub(crate) access: Arc<Access>,
    pub(crate) custodian: Custodian,
    pub(crate) tenant: TenantId,
    operator: String,
    foreigner: String,
    worker: std::sync::Mutex<Option<String>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_house(House::new().await).await
    }

    /// On the embedded database whatever the environment says.
    pub(crate) async fn embedded() -> Self {
        Self::in_house(House::embedded().await).await
    }

    async fn in_house(house: House) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
        let audit_config = AuditConfig::new(house.folder.path().join("audit"), "test".parse().expect("a name"));
        let signer = Signer::new(&audit_config.origin(), &Secret::new(vec![7; 32])).expect("a signer");
        let opened = Audit::open(&audit_config, signer, clock.clone(), Arc::new(SystemEntropy)).await;
        let (audit, _) = opened.expect("the trail opens");
        let vault = house.vault().await;
        let (seal, unseal) = (vault.clone(), vault.clone());
        let foundation = Foundation {
            store: house.store.clone(),
            audit: audit.clone(),
            clock,
            entropy: Arc::new(SystemEntropy),
            seal: SealKeys::new(
                move |context, plain| seal.seal(HOUSE, "signing-key", context, plain),
                move |context, sealed| unseal.unseal(HOUSE, "signing-key", context, sealed),
            ),
            errand: Arc::new(NoNetwork),
        };
        let mut config = Config::default();
        config.tokens.issuer = "https://gateway.test".into();
        let access = Arc::new(Access::open(&config, foundation).await.expect("access opens"));
        let first = bootstrap(&house.store, &audit, "root", &house.clock, &SystemEntropy).await.expect("founded");
        access.refresh().await.expect("read");
        let custodian = Custodian::new(CustodianParts {
            vault: vault.clone(),
            access: access.clone(),
            audit: audit.clone(),
            errand: Arc::new(NoNetwork),
            recovery: crate::Config::default().recovery().expect("the usual"),
        });
        let root = identify(&access, &house, &text(&first.secret)).await;
        let (tenant, operator) = made(&access, &root, "acme").await;
        let (_, foreigner) = made(&access, &root, "other").await;
        Self {
            house,
            audit,
            vault,
            access,
            custodian,
            tenant,
            operator,
            foreigner,
            worker: std::sync::Mutex::default(),
        }
    }

    pub(crate) async fn operator(&self) -> Caller {
        identify(&self.access, &self.house, &self.operator).await
    }

    /// The operator of the other tenant.
    pub(crate) async fn foreigner(&self) -> Caller {
        identify(&self.access, &self.house, &self.foreigner).await
    }

    pub(crate) fn registry<'a>(&'a self, caller: &'a Caller) -> Registry<'a> {
        self.access.registry(caller, trace())
    }

    /// A principal with these scopes, as it is identified by its key.
    pub(crate) async fn principal(&self, name: &str, kind: &str, scopes: &[&str]) -> Caller {
        identify(&self.access, &self.house, &self.key(name, kind, scopes).await).await
    }

    /// The key of a new principal with these scopes.
    async fn key(&self, name: &str, kind: &str, scopes: &[&str]) -> String {
        let operator = self.operator().await;
        let registry = self.registry(&operator);
        let new = json!({"name": name, "kind": kind, "scopes": scopes});
        registry.create_principal(serde_json::from_value(new).expect("a principal")).await.expect("created");
        let key = json!({"principal": name, "kind": "api-key"});
        shown(&registry.create_key(serde_json::from_value(key).expect("a key")).await.expect("made"))
    }

    /// A service that may call, identified now: what it sees of its tenant is of this moment.
    pub(crate) async fn service(&self) -> Caller {
        let known = self.worker.lock().expect("a lock").clone();
        let key = match known {
            Some(key) => key,
            None => self.key("worker", "service", &["integration.connections.call"]).await,
        };
        *self.worker.lock().expect("a lock") = Some(key.clone());
        identify(&self.access, &self.house, &key).await
    }

    /// A connection of acme's at a vendor that takes its credential so.
    pub(crate) async fn connect(&self, name: &str, auth: serde_json::Value) -> ConnectionId {
        let operator = self.operator().await;
        let registry = self.registry(&operator);
        let spec = json!({
            "name": format!("vendor-{name}"), "title": "Vendor", "base_url": "https://api.vendor.example/base",
            "auth": auth, "endpoints": [{"method": "GET", "path": "/v1/things/{id}"}],
        });
        registry.create_provider(serde_json::from_value(spec).expect("a provider")).await.expect("created");
        let new = json!({"name": name, "provider": format!("vendor-{name}")});
        let made = registry.create_connection(serde_json::from_value(new).expect("a connection")).await;
        made.expect("created").connection
    }

    /// A connection with a bearer token.
    pub(crate) async fn bearer(&self, value: &str) -> (ConnectionId, CredentialView) {
        let connection = self.connect("crm", json!({"placement": "bearer"})).await;
        let operator = self.operator().await;
        let taken = self.custodian.create(act(&operator), new("crm-key", connection), secret(value)).await;
        (connection, taken.expect("taken in"))
    }

    /// The proof that a call of the service's is allowed now.
    pub(crate) async fn granted(&self, connection: &str) -> Result<Grant, Stop> {
        self.grant(&self.service().await, connection)
    }

    pub(crate) fn grant(&self, caller: &Caller, connection: &str) -> Result<Grant, Stop> {
        let ask = Ask { connection: connection.into(), method: http::Method::GET, path: "/v1/things/1".into() };
        self.access.authorize(caller, &ask)
    }

    /// What the vendor would see as authorization.
    pub(crate) fn sent(&self, grant: &Grant) -> Result<String, Stop> {
        let mut parts = self.parts();
        let _equipped = self.vault.equip(grant, &mut parts)?;
        Ok(parts.headers["authorization"].to_str().expect("visible").to_owned())
    }

    /// The same once the vault has looked at the store after the clock was moved.
    pub(crate) async fn sent_in_time(&self, grant: &Grant) -> Result<String, Stop> {
        loop {
            match self.sent(grant) {
                Err(Stop::Fault(fault)) if fault.is_unavailable() => tokio::task::yield_now().await,
                sent => return sent,
            }
        }
    }

    pub(crate) fn parts(&self) -> Parts {
        request("https://api.vendor.example/base/v1/things/1", &[])
    }

    /// The kinds of acme's events, oldest first.
    pub(crate) async fn events(&self) -> Vec<serde_json::Value> {
        let operator = self.operator().await;
        let page = self.registry(&operator).events(&PageAsk::default()).await.expect("read");
        page.items.iter().map(|item| serde_json::from_str(item.get()).expect("JSON")).collect()
    }

    /// The lines of acme's trail.
    pub(crate) async fn trail(&self) -> Vec<String> {
        let page = self.audit.entries(Some(self.tenant), Filter::default(), None, 100).await.expect("read");
        page.items.into_iter().map(|record| record.line.into()).collect()
    }
}

async fn made(access: &Access, root: &Caller, name: &str) -> (TenantId, String) {
    let new = NewTenant { name: name.parse().expect("a name"), alias: None, operator: None };
    let made = access.registry(root, trace()).create_tenant(new).await.expect("made");
    (made.tenant.tenant, shown(&made.key))
}

async fn identify(access: &Access, house: &House, key: &str) -> Caller {
    let arrival = Arrival {
        peer: "192.0.2.1:1".parse().expect("an address"),
        listener: Listener::Admin,
        at: house.clock.now(),
        trace: TraceContext::start(&SystemEntropy),
    };
    let presented = Presented { authorization: None, api_key: Some(key.as_bytes()) };
    access.identify(presented, &arrival).await.expect("identified")
}

fn shown(made: &MadeKey) -> String {
    text(made.secret.as_ref().expect("a text"))
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).expect("text")
}

fn trace() -> lockgate_vocabulary::TraceId {
    TraceContext::start(&SystemEntropy).trace
}

pub(crate) fn act(caller: &Caller) -> Act<'_> {
    Act { caller, trace: trace() }
}

pub(crate) fn secret(value: &str) -> Secret {
    Secret::from(value.to_owned())
}

pub(crate) fn new(name: &str, connection: ConnectionId) -> NewCredential {
    NewCredential {
        name: name.parse().expect("a name"),
        connection,
        owner: "payments team".into(),
        sensitivity: Sensitivity::High,
        cadence_days: Some(90),
        expires_at: None,
        purge_protected: false,
        backend: None,
    }
}

/// The code of a refusal.
pub(crate) fn code<T>(result: Result<T, Stop>) -> &'static str {
    match result {
        Err(Stop::Refused(refusal)) => refusal.code(),
        Err(Stop::Fault(fault)) => panic!("no refusal: {fault}"),
        Ok(_) => panic!("no refusal"),
    }
}
