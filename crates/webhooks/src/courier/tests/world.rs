//! A courier with its store, its vault and the way out; subscriptions and deliveries are put in by hand.

use std::collections::HashMap;

use bytes::Bytes;
use lockgate_access::{Access, Foundation, SealKeys, bootstrap};
use lockgate_audit::Signer;
use lockgate_egress::destination::Destination;
use lockgate_egress::destination::resolve::StaticResolver;
use lockgate_egress::{Endpoint, EndpointParts, Parts};
use lockgate_store::{Change, Row, Statement, Value, values};
use lockgate_testkit::{ManualClock, Vendor};
use lockgate_traffic::Traffic;
use lockgate_vault::{HOUSE, Tokens, generate_root_key_file};
use lockgate_vocabulary::{
    BoxFuture, DeliveryId, Errand, ErrandAnswer, ErrandFailure, ErrandOrder, RunId, Secret, SystemClock, SystemEntropy,
    Timestamp,
};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::super::*;
use crate::envelope::Envelope;
use crate::judge::SCHEDULE;
use crate::subscription::{Onward, Side, Way};

pub(crate) const TENANT: TenantId = TenantId::from_u128(1 << 80);

/// The line of the endpoint at which the vendor listens.
pub(crate) const LINE: &str = "POST /hook";

static SUBSCRIBE: Statement = Statement::tenant(
    "test.subscribe",
    "INSERT INTO subscriptions (tenant, subscription, name, direction, spec, status, created_at, changed) \
     VALUES ($1, $2, $3, 'inbound', '{}', $4, 0, 0)",
);

static RETIRE: Statement =
    Statement::tenant("test.retire", "UPDATE subscriptions SET status = $3 WHERE tenant = $1 AND subscription = $2");

static PUT: Statement = Statement::tenant(
    "test.put",
    "INSERT INTO deliveries (tenant, delivery, subscription, state, event_type, digest, size, sealed, order_key, \
     tries, due_at, received_at) VALUES ($1, $2, $3, 'waiting', $4, $5, 0, $6, $7, 0, $8, $8)",
);

static STATE: Statement = Statement::tenant(
    "test.state",
    "SELECT state, tries, due_at, lease_until, cause, code, ended_at FROM deliveries \
     WHERE tenant = $1 AND delivery = $2",
);

static ATTEMPTS: Statement = Statement::tenant(
    "test.attempts",
    "SELECT number, outcome, status, code FROM attempts WHERE tenant = $1 AND delivery = $2 ORDER BY number",
);

static SUBSCRIPTION: Statement = Statement::tenant(
    "test.subscription",
    "SELECT status, reason FROM subscriptions WHERE tenant = $1 AND subscription = $2",
);

static ENDPOINT: Statement =
    Statement::tenant("test.endpoint", "SELECT failures FROM endpoints WHERE tenant = $1 AND subscription = $2");

static OUTBOX: Statement = Statement::tenant("test.outbox", "SELECT body FROM outbox WHERE tenant = $1");

static EVENTS: Statement = Statement::tenant("test.events", "SELECT body FROM events WHERE tenant = $1");

struct NoNetwork;

impl Errand for NoNetwork {
    fn run(&self, _: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        Box::pin(std::future::ready(Err(ErrandFailure::Unreachable)))
    }
}

/// How a delivery stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stands {
    pub(crate) state: String,
    pub(crate) tries: i64,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) leased: bool,
    pub(crate) cause: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) ended: bool,
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) vault: Vault,
    pub(crate) egress: Egress,
    pub(crate) vendor: Vendor,
    pub(crate) courier: Courier,
    pub(crate) known: Arc<Mutex<HashMap<SubscriptionId, Arc<Subscription>>>>,
    _folder: TempDir,
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the server is")]
fn store_config(folder: &TempDir) -> lockgate_store::Config {
    match std::env::var("LOCKGATE_TEST_POSTGRES") {
        Ok(url) => {
            let unique = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string().split_off(4);
            lockgate_store::Config::postgres(url, format!("t_{unique}"))
        }
        Err(_) => lockgate_store::Config::sqlite(folder.path().join("store.db")),
    }
}

fn names() -> StaticResolver {
    let names = ["hook.test", "other.test"].map(|name| (name.to_owned(), vec!["127.0.0.1".parse().expect("one")]));
    StaticResolver::new(&names.into_iter().collect()).expect("a map")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(CourierConfig::default()).await
    }

    pub(crate) async fn with(config: CourierConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let entropy = Arc::new(SystemEntropy);
        let store = Store::open(&store_config(&folder), shared.clone()).await.expect("the store opens");
        let mut audit = lockgate_audit::Config::new(folder.path().join("audit"), "test".parse().expect("a name"));
        audit.stall_seconds = 600;
        let signer = Signer::new(&audit.origin(), &Secret::new(vec![7; 32])).expect("a signer");
        let (audit, _) = Audit::open(&audit, signer, shared.clone(), entropy.clone()).await.expect("a trail");
        generate_root_key_file(&folder.path().join("root.key"), &SystemEntropy).expect("a root key");
        let vault = lockgate_vault::Config::with_file(folder.path().join("root.key"));
        let vault = Vault::open(&vault, store.clone(), shared.clone(), entropy.clone()).await.expect("a vault");
        vault.prepare(TENANT).await.expect("a key");
        let egress = egress(&folder, (&store, &audit, &vault), &shared).await;
        let vendor = Vendor::start_for(&["hook.test", "other.test"]).await;
        let known = Arc::<Mutex<HashMap<_, _>>>::default();
        let parts = parts((&store, &audit, &vault, &egress), &known, &shared);
        let courier = Courier::new(config, parts);
        store.prepare_all(rows::STATEMENTS).await.expect("the engine takes every statement");
        Self { clock, store, audit, vault, egress, vendor, courier, known, _folder: folder }
    }

    /// Another node on the same store.
    pub(crate) fn another(&self) -> Courier {
        let shared: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let rooms = (&self.store, &self.audit, &self.vault, &self.egress);
        Courier::new(CourierConfig::default(), parts(rooms, &self.known, &shared))
    }

    /// An active subscription that pushes to the vendor's path.
    pub(crate) async fn subscribe(&self, path: &str) -> SubscriptionId {
        self.subscribe_with(path, |_| ()).await
    }

    pub(crate) async fn subscribe_with(&self, path: &str, change: impl FnOnce(&mut Subscription)) -> SubscriptionId {
        let id = SubscriptionId::generate(&self.clock, &SystemEntropy);
        let endpoint = EndpointParts {
            url: format!("https://hook.test:{}{path}", self.vendor.address.port()),
            trust_pem: Some(self.vendor.authority_pem.clone()),
            danger_private_networks: vec!["127.0.0.0/8".parse().expect("a network")],
            ..EndpointParts::default()
        };
        let mut subscription = Subscription {
            tenant: TENANT,
            id,
            name: "hook".parse().expect("a name"),
            status: Status::Active,
            side: Side::Outbound { types: [].into() },
            onward: Onward {
                way: Way::Push(Arc::new(Endpoint::resolve(endpoint).expect("an endpoint"))),
                schedule: SCHEDULE.into(),
                timeout: Duration::from_secs(15),
                per_minute: None,
                concurrent: 8,
                order_by: None,
                keep: Duration::from_secs(86_400),
                replay_approval: false,
            },
            verifying: [].into(),
            signing: [].into(),
        };
        change(&mut subscription);
        let put = Change::of(TENANT).step(&SUBSCRIBE, values![id, id.to_string(), "active"]);
        self.store.apply(put).await.expect("put");
        self.known().insert(id, Arc::new(subscription));
        id
    }

    pub(crate) async fn retire(&self, id: SubscriptionId) {
        self.store.apply(Change::of(TENANT).step(&RETIRE, values![id, "retired"])).await.expect("retired");
    }

    pub(crate) fn known(&self) -> std::sync::MutexGuard<'_, HashMap<SubscriptionId, Arc<Subscription>>> {
        self.known.lock().expect("free")
    }

    /// Something to pass on, due at once.
    pub(crate) async fn put(&self, subscription: SubscriptionId, body: &'static str) -> DeliveryId {
        self.put_in_order(subscription, body, None).await
    }

    pub(crate) async fn put_in_order(
        &self,
        subscription: SubscriptionId,
        body: &'static str,
        key: Option<&str>,
    ) -> DeliveryId {
        // Identifiers of one millisecond are in no order.
        self.clock.advance(Duration::from_millis(1));
        let id = DeliveryId::generate(&self.clock, &SystemEntropy);
        let headers = vec![
            ("content-type".to_owned(), b"application/json; x=1".to_vec()),
            ("x-provider-signature".to_owned(), b"provider's own".to_vec()),
        ];
        let envelope = Envelope { headers, body: Bytes::from_static(body.as_bytes()) };
        let sealed = envelope.seal(&self.vault, TENANT, id).expect("sealed");
        let values = values![id, subscription, "thing.made", [0u8; 32], sealed, key, self.clock.now()];
        self.store.apply(Change::of(TENANT).step(&PUT, values)).await.expect("put");
        id
    }

    /// One round, and everything that it began, to its end.
    pub(crate) async fn deliver(&self) -> usize {
        let begun = self.courier.round().await.expect("a round").begun;
        self.until_free().await;
        begun
    }

    /// Waits until nothing is under way. Real sockets and threads are at work meanwhile.
    pub(crate) async fn until_free(&self) {
        while self.courier.free_workers() < self.courier.inner.config.workers {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time go by; the store's epoch is confirmed meanwhile.
    pub(crate) fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) async fn rows(&self, statement: &'static Statement, values: Vec<Value>) -> Vec<Row> {
        self.store.read(TENANT, statement, values).await.expect("read")
    }

    pub(crate) async fn stands(&self, delivery: DeliveryId) -> Stands {
        let rows = self.rows(&STATE, values![delivery]).await;
        let (row, text) = (&rows[0], |text: Option<&str>| text.map(str::to_owned));
        Stands {
            state: row.text(0).expect("a state").into(),
            tries: row.int(1).expect("a number"),
            due_at: row.opt_moment(2).expect("a moment"),
            leased: row.opt_moment(3).expect("a moment").is_some(),
            cause: text(row.opt_text(4).expect("a word")),
            code: text(row.opt_text(5).expect("a word")),
            ended: row.opt_moment(6).expect("a moment").is_some(),
        }
    }

    /// State and tries.
    pub(crate) async fn state(&self, delivery: DeliveryId) -> (String, i64) {
        let stands = self.stands(delivery).await;
        (stands.state, stands.tries)
    }

    /// Number, outcome, status and code of each try.
    pub(crate) async fn attempts(&self, delivery: DeliveryId) -> Vec<(i64, String, Option<i64>, Option<String>)> {
        let read = |row: &Row| {
            let (status, code) = (row.opt_int(2).expect("a number"), row.opt_text(3).expect("a code"));
            (row.int(0).expect("a number"), row.text(1).expect("a word").into(), status, code.map(Into::into))
        };
        self.rows(&ATTEMPTS, values![delivery]).await.iter().map(read).collect()
    }

    /// Status and reason.
    pub(crate) async fn subscription(&self, id: SubscriptionId) -> (String, Option<String>) {
        let rows = self.rows(&SUBSCRIPTION, values![id]).await;
        (rows[0].text(0).expect("a word").into(), rows[0].opt_text(1).expect("a word").map(Into::into))
    }

    pub(crate) async fn failures(&self, id: SubscriptionId) -> i64 {
        let rows = self.rows(&ENDPOINT, values![id]).await;
        rows.first().map_or(0, |row| row.int(0).expect("a number"))
    }

    /// How many acts of this kind are recorded about an object.
    pub(crate) async fn recorded(&self, action: &str, object: impl std::fmt::Display) -> usize {
        let (action, object) = (format!("\"{action}\""), format!("\"{object}\""));
        let rows = self.rows(&OUTBOX, values![]).await;
        let texts = rows.iter().map(|row| row.text(0).expect("text"));
        texts.filter(|text| text.contains(&action) && text.contains(&object)).count()
    }

    pub(crate) async fn events(&self) -> Vec<Json> {
        let rows = self.rows(&EVENTS, values![]).await;
        rows.iter().map(|row| serde_json::from_str(row.text(0).expect("text")).expect("JSON")).collect()
    }
}

fn parts(
    (store, audit, vault, egress): (&Store, &Audit, &Vault, &Egress),
    known: &Arc<Mutex<HashMap<SubscriptionId, Arc<Subscription>>>>,
    clock: &Arc<dyn Clock>,
) -> CourierParts {
    let known = Arc::clone(known);
    CourierParts {
        store: store.clone(),
        audit: audit.clone(),
        vault: vault.clone(),
        egress: egress.clone(),
        find: Arc::new(move |id| Ok(known.lock().expect("free").get(&id).cloned())),
        sign: Arc::new(|_, id, seconds, body| Ok(format!("v1,{id}.{seconds}.{}", body.len()))),
        broker: None,
        wake: Arc::new(Notify::new()),
        clock: Arc::clone(clock),
        entropy: Arc::new(SystemEntropy),
    }
}

async fn egress(folder: &TempDir, (store, audit, vault): (&Store, &Audit, &Vault), clock: &Arc<dyn Clock>) -> Egress {
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
    let tokens = Tokens::new(vault.clone(), Arc::new(NoNetwork), audit.clone());
    let mut config = lockgate_access::Config::default();
    config.tokens.issuer = "https://gateway.test".into();
    let access = Arc::new(Access::open(&config, foundation).await.expect("access opens"));
    bootstrap(store, audit, "root", &**clock, &SystemEntropy).await.expect("founded");
    let config = lockgate_egress::Config::default();
    let parts = Parts {
        access,
        traffic: Traffic::new(lockgate_traffic::Config::default(), None, clock.clone()).expect("traffic"),
        audit: audit.clone(),
        vault: vault.clone(),
        tokens,
        store: store.clone(),
        destination: Destination::new(&config.destination, Arc::new(names()), clock.clone()).expect("a guard"),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        spool_dir: folder.path().to_owned(),
        spans: lockgate_egress::span::Spans::default(),
    };
    Egress::new(&config, parts)
}
