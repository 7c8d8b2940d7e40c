//! The whole way out on an embedded store, with a clock that stands still and a vendor on loopback.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use lockgate_access::registry::{MadeKey, NewTenant, PageAsk};
use lockgate_access::{Access, Ask, Caller, Foundation, Presented, SealKeys, bootstrap};
use lockgate_audit::{Audit, Filter, Outcome, Relay, Signer};
use lockgate_store::{Row, Statement, Store, Value};
use lockgate_testkit::{ManualClock, Vendor};
use lockgate_traffic::Traffic;
use lockgate_vault::{
    Act, Custodian, CustodianParts, HOUSE, NewCredential, Sensitivity, Tokens, Vault, generate_root_key_file,
};
use lockgate_vocabulary::{
    Arrival, BoxFuture, Clock, ConnectionId, Errand, ErrandAnswer, ErrandFailure, ErrandOrder, Listener, RunId, Secret,
    Stop, SystemEntropy, TenantId, TraceContext,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::destination::Destination;
use crate::destination::resolve::StaticResolver;
use crate::{Body, Config, Egress, Errands, Order, Parts, Reply};

/// What is lost where a moment goes through the store, at the most.
pub(crate) const MOMENT: Duration = Duration::from_micros(2);

/// The credential that no caller may ever see.
pub(crate) const SECRET: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";

struct NoNetwork;

impl Errand for NoNetwork {
    fn run(&self, _: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        Box::pin(std::future::ready(Err(ErrandFailure::Unreachable)))
    }
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    /// The clock by which calls sleep, and nobody else.
    calls: ManualClock,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) access: Arc<Access>,
    pub(crate) egress: Egress,
    pub(crate) tenant: TenantId,
    pub(crate) vendor: Vendor,
    pub(crate) folder: TempDir,
    custodian: Custodian,
    operator: String,
    worker: String,
    /// The credential that connections are given.
    secret: String,
}

/// What a caller got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl World {
    /// A tenant whose connection `crm` leads to a vendor over TLS.
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| ()).await
    }

    /// The same with another provider or connection.
    pub(crate) async fn with(change: impl FnOnce(&mut Json, &mut Json)) -> Self {
        Self::lending(SECRET, change).await
    }

    /// The same with another credential.
    pub(crate) async fn lending(secret: &str, change: impl FnOnce(&mut Json, &mut Json)) -> Self {
        let vendor = Vendor::start("vendor.test").await;
        let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
        let mut world = Self::bare(vendor, Config::default()).await;
        secret.clone_into(&mut world.secret);
        world.connect("crm", port, &pem, change).await;
        world
    }

    /// Everything but a connection.
    pub(crate) async fn bare(vendor: Vendor, config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new();
        let calls = clock.apart();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy = Arc::new(SystemEntropy);
        let store_config = lockgate_store::Config::sqlite(folder.path().join("lockgate.db"));
        let store = Store::open(&store_config, shared.clone()).await.expect("the store opens");
        let mut audit_config =
            lockgate_audit::Config::new(folder.path().join("audit"), "test".parse().expect("a name"));
        // The clock leaps while a real disk writes; that does not make the disk slow.
        audit_config.stall_seconds = 600;
        let signer = Signer::new(&audit_config.origin(), &Secret::new(vec![7; 32])).expect("a signer");
        let (audit, _) = Audit::open(&audit_config, signer, shared.clone(), entropy.clone()).await.expect("a trail");
        generate_root_key_file(&folder.path().join("root.key"), &SystemEntropy).expect("a root key");
        let vault_config = lockgate_vault::Config::with_file(folder.path().join("root.key"));
        let vault = Vault::open(&vault_config, store.clone(), shared.clone(), entropy.clone()).await.expect("a vault");
        let access = access(&store, &audit, &vault, &shared).await;
        let first = bootstrap(&store, &audit, "root", &clock, &SystemEntropy).await.expect("founded");
        access.refresh().await.expect("read");
        let root = identify(&access, &clock, &text(&first.secret)).await;
        let (tenant, operator) = made(&access, &root, "acme").await;
        let traffic = Traffic::new(lockgate_traffic::Config::default(), None, shared.clone()).expect("traffic");
        let destination = Destination::new(&config.destination, Arc::new(names()), shared).expect("a guard");
        let errands = Errands::new(&config, destination.clone(), Arc::new(calls.clone()), None);
        let errand: Arc<dyn Errand> = Arc::new(errands);
        let tokens = Tokens::new(vault.clone(), Arc::clone(&errand), audit.clone());
        let spool_dir = folder.path().join("spool");
        std::fs::create_dir(&spool_dir).expect("a folder");
        let parts = Parts {
            access: access.clone(),
            traffic,
            audit: audit.clone(),
            vault: vault.clone(),
            tokens,
            store: store.clone(),
            destination,
            clock: Arc::new(calls.clone()),
            entropy,
            spool_dir,
            spans: crate::span::Spans::default(),
        };
        let egress = Egress::new(&config, parts);
        let recovery = std::time::Duration::from_secs(30 * 86_400);
        let (access_too, audit_too) = (access.clone(), audit.clone());
        let custodian =
            Custodian::new(CustodianParts { vault, access: access_too, audit: audit_too, errand, recovery });
        let (worker, secret) = (String::new(), SECRET.to_owned());
        let mut world = Self {
            clock,
            calls,
            store,
            audit,
            access,
            egress,
            tenant,
            vendor,
            folder,
            custodian,
            operator,
            worker,
            secret,
        };
        world.worker = world.principal("worker", &["integration.connections.call"]).await;
        world
    }

    /// A provider and a connection of it, with a credential.
    pub(crate) async fn connect(
        &self,
        name: &str,
        port: u16,
        pem: &str,
        change: impl FnOnce(&mut Json, &mut Json),
    ) -> ConnectionId {
        let operator = self.operator().await;
        let registry = self.access.registry(&operator, trace());
        let mut provider = json!({
            "name": format!("vendor-{name}"), "title": "Vendor",
            "base_url": format!("https://vendor.test:{port}/base"),
            "auth": {"placement": "bearer"}, "headers": {"x-api-version": "2026-01-01"}, "endpoints": endpoints(),
        });
        let mut spec = json!({"trust_pem": pem, "danger_private_networks": ["127.0.0.0/8"]});
        change(&mut provider, &mut spec);
        let open = provider["auth"]["placement"] == "none";
        registry.create_provider(serde_json::from_value(provider).expect("a provider")).await.expect("created");
        let new = json!({"name": name, "provider": format!("vendor-{name}"), "spec": spec});
        let made = registry.create_connection(serde_json::from_value(new).expect("a connection")).await;
        let connection = made.expect("created").connection;
        if open {
            return connection;
        }
        let act = Act { caller: &operator, trace: trace() };
        let new = NewCredential {
            name: format!("{name}-key").parse().expect("a name"),
            connection,
            owner: "payments team".into(),
            sensitivity: Sensitivity::High,
            cadence_days: None,
            expires_at: None,
            purge_protected: false,
            backend: None,
        };
        self.custodian.create(act, new, Secret::from(self.secret.clone())).await.expect("taken in");
        connection
    }

    /// A principal with these scopes; its key.
    pub(crate) async fn principal(&self, name: &str, scopes: &[&str]) -> String {
        let operator = self.operator().await;
        let registry = self.access.registry(&operator, trace());
        let new = json!({"name": name, "kind": "service", "scopes": scopes});
        registry.create_principal(serde_json::from_value(new).expect("a principal")).await.expect("created");
        let key = json!({"principal": name, "kind": "api-key"});
        let made = registry.create_key(serde_json::from_value(key).expect("a key")).await.expect("made");
        shown(&made)
    }

    pub(crate) async fn operator(&self) -> Caller {
        identify(&self.access, &self.clock, &self.operator).await
    }

    pub(crate) async fn worker(&self) -> Caller {
        identify(&self.access, &self.clock, &self.worker).await
    }

    pub(crate) async fn caller(&self, key: &str) -> Caller {
        identify(&self.access, &self.clock, key).await
    }

    /// An order of `crm` for this line, such as `GET /v1/things/1?full=1`.
    pub(crate) fn order(&self, line: &str) -> Order {
        let (method, target) = line.split_once(' ').expect("a method and a path");
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Order {
            run: RunId::generate(&self.clock, &SystemEntropy),
            ask: Ask {
                connection: "crm".into(),
                method: Method::from_bytes(method.as_bytes()).expect("a method"),
                path: path.into(),
            },
            query: query.map(Into::into),
            headers: HeaderMap::new(),
            body: Body::Empty,
            dry_run: false,
            idempotency_key: None,
            respond_async: false,
            arrival: arrival(&self.clock),
        }
    }

    /// Has it called, and reads the answer to its end.
    pub(crate) async fn send(&self, order: Order) -> Result<Got, Stop> {
        let caller = self.worker().await;
        read(self.egress.call(caller, order).await?).await
    }

    pub(crate) async fn call(&self, line: &str) -> Result<Got, Stop> {
        self.send(self.order(line)).await
    }

    /// Has it called beside the test.
    pub(crate) async fn spawn(&self, order: Order) -> JoinHandle<Result<Got, Stop>> {
        let (egress, caller) = (self.egress.clone(), self.worker().await);
        tokio::spawn(async move { read(egress.call(caller, order).await?).await })
    }

    /// Lets time go by, with everything that has to happen meanwhile.
    pub(crate) async fn pass(&self, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(Duration::from_millis(400));
            left -= step;
            self.clock.advance(step);
            self.store.confirm_epoch().await.expect("the store answers");
            self.access.refresh().await.expect("read");
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until the call that runs beside the test, and no other, waits for its next attempt, or is
    /// over. INVARIANT: an attempt under way sleeps by its alarm alone, one that waits by its pause as well.
    pub(crate) async fn until_it_waits<T>(&self, call: &JoinHandle<T>) {
        self.until(|| call.is_finished() || self.sleepers() >= 2).await;
    }

    /// How often calls sleep at this moment.
    pub(crate) fn sleepers(&self) -> usize {
        self.calls.wakes().len()
    }

    /// Whether a call sleeps for exactly so long from now. Moments in the store are whole microseconds.
    pub(crate) fn sleeps_for(&self, wait: Duration) -> bool {
        let wanted = self.clock.elapsed().saturating_add(wait);
        self.calls.wakes().iter().any(|wakes| wakes.abs_diff(wanted) <= MOMENT)
    }

    pub(crate) async fn until(&self, done: impl Fn() -> bool) {
        while !done() {
            // Real sockets and threads are at work, so the test makes room and looks again.
            tokio::task::yield_now().await;
        }
    }

    /// The run's attempts and its end, once it has one.
    pub(crate) async fn run(&self, run: RunId) -> lockgate_audit::Run {
        loop {
            let found = self.audit.run(self.tenant, run).await.expect("the trail is read");
            if let Some(found) = found.filter(|found| found.ended.is_some()) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }

    /// How the run ended.
    pub(crate) async fn outcome(&self, run: RunId) -> (Outcome, Option<String>) {
        let ended = self.run(run).await.ended.expect("it ended");
        (ended.outcome, ended.code.map(Into::into))
    }

    /// How many entries of this kind the tenant's trail has.
    pub(crate) async fn entries(&self, kind: &str) -> usize {
        Relay::new(self.audit.clone(), self.store.clone()).pass().await.expect("what was done is recorded");
        let filter = Filter { kind: Some(kind.into()), ..Filter::default() };
        let page = self.audit.entries(Some(self.tenant), filter, None, 1_000).await.expect("the trail is read");
        page.items.len()
    }

    /// The tenant's events of this kind.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Json> {
        let operator = self.operator().await;
        let page = self.access.registry(&operator, trace()).events(&PageAsk::default()).await.expect("read");
        let each = page.items.iter().map(|item| serde_json::from_str::<Json>(item.get()).expect("JSON"));
        each.filter(|event| event["type"] == kind).collect()
    }

    pub(crate) async fn rows(&self, statement: &'static Statement, values: Vec<Value>) -> Vec<Row> {
        self.store.read(self.tenant, statement, values).await.expect("read")
    }
}

/// Reads a reply to its end; a body that breaks off shows its code in place of the text.
pub(crate) async fn read(reply: Reply) -> Result<Got, Stop> {
    let answer = reply.into_outcome()?;
    let body = match answer.body.collect().await {
        Ok(whole) => String::from_utf8_lossy(&whole.to_bytes()).into_owned(),
        Err(broken) => format!("broken: {}", broken.code),
    };
    Ok(Got { status: answer.status, headers: answer.headers, body })
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Stop>) -> &'static str {
    match result {
        Err(Stop::Refused(refusal)) => refusal.code(),
        Err(Stop::Fault(fault)) => panic!("no refusal: {fault}"),
        Ok(got) => panic!("no refusal: {got:?}"),
    }
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Stop>) -> lockgate_vocabulary::Refusal {
    match result {
        Err(Stop::Refused(refusal)) => refusal,
        Err(Stop::Fault(fault)) => panic!("no refusal: {fault}"),
        Ok(got) => panic!("no refusal: {got:?}"),
    }
}

/// A JSON body.
pub(crate) fn json_body(order: &mut Order, body: &str) {
    order.headers.insert("content-type", "application/json".parse().expect("a value"));
    order.body = Body::from(Bytes::from(body.to_owned()));
}

pub(crate) fn endpoints() -> Json {
    json!([
        {"method": "GET", "path": "/v1/things"},
        {"method": "GET", "path": "/v1/things/{id}"},
        {"method": "HEAD", "path": "/v1/things/{id}"},
        {"method": "POST", "path": "/v1/things"},
        {"method": "PUT", "path": "/v1/things/{id}"},
        {"method": "DELETE", "path": "/v1/things/{id}"},
        {"method": "POST", "path": "/v1/pings", "idempotent": true},
        {"method": "POST", "path": "/v1/search", "operation": "read"},
        {"method": "POST", "path": "/v1/import", "bulk": true},
        {"method": "GET", "path": "/v1/export", "bulk": true},
        {"method": "GET", "path": "/v1/small", "answer": {"most_bytes": 64}},
        {"method": "GET", "path": "/v1/typed", "answer": {"media_types": ["application/json"]}},
        {"method": "GET", "path": "/v1/checked", "answer": {"schema": schema(), "most_bytes": 4096}},
        {"method": "POST", "path": "/v1/checked", "answer": {"schema": schema()}},
    ])
}

fn schema() -> Json {
    json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    })
}

/// Names of vendors on loopback, and of what no vendor is.
fn names() -> StaticResolver {
    let address = |text: &str| vec![text.parse().expect("an address")];
    let names = [
        ("vendor.test", address("127.0.0.1")),
        ("files.vendor.test", address("127.0.0.1")),
        ("metadata.vendor.test", address("169.254.169.254")),
        ("inside.vendor.test", address("10.0.0.7")),
    ];
    let names = names.into_iter().map(|(name, addresses)| (name.to_owned(), addresses)).collect();
    StaticResolver::new(&names).expect("a map")
}

async fn access(store: &Store, audit: &Audit, vault: &Vault, clock: &Arc<dyn Clock>) -> Arc<Access> {
    let (seal, unseal) = (vault.clone(), vault.clone());
    let foundation = Foundation {
        store: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        seal: SealKeys::new(
            move |context, plain| seal.seal(HOUSE, "signing-key", context, plain),
            move |context, sealed| unseal.unseal(HOUSE, "signing-key", context, sealed),
        ),
        errand: Arc::new(NoNetwork),
    };
    let mut config = lockgate_access::Config::default();
    config.tokens.issuer = "https://gateway.test".into();
    config.danger_private_networks = vec!["127.0.0.0/8".parse().expect("a network")];
    Arc::new(Access::open(&config, foundation).await.expect("access opens"))
}

async fn made(access: &Access, root: &Caller, name: &str) -> (TenantId, String) {
    let new = NewTenant { name: name.parse().expect("a name"), alias: None, operator: None };
    let made = access.registry(root, trace()).create_tenant(new).await.expect("made");
    (made.tenant.tenant, shown(&made.key))
}

async fn identify(access: &Access, clock: &ManualClock, key: &str) -> Caller {
    let presented = Presented { authorization: None, api_key: Some(key.as_bytes()) };
    access.identify(presented, &arrival(clock)).await.expect("identified")
}

fn arrival(clock: &ManualClock) -> Arrival {
    Arrival {
        peer: "192.0.2.1:1".parse().expect("an address"),
        listener: Listener::Door,
        at: clock.now(),
        trace: TraceContext::start(&SystemEntropy),
    }
}

fn shown(made: &MadeKey) -> String {
    text(made.secret.as_ref().expect("a text"))
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).expect("text")
}

pub(crate) fn trace() -> lockgate_vocabulary::TraceId {
    TraceContext::start(&SystemEntropy).trace
}
