//! A whole gateway in this process, on real loopback sockets, with a clock that the test moves.
//!
//! Tenants, keys and connections are made over the operators' API, as a person would. Ending a world
//! verifies its trail and looks for runs that were opened and never closed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lockgate_audit::verify::{Options, verify};
use lockgate_egress::destination::resolve::{ResolveFailure, Resolver};
use lockgate_gateway::assemble::{self, Seams};
use lockgate_gateway::config::Config;
use lockgate_gateway::keys;
use lockgate_gateway::running::Running;
use lockgate_testkit::{ManualClock, SeededEntropy, Vendor};
use lockgate_vocabulary::{BoxFuture, Clock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};

/// The host of the world's vendor.
pub const VENDOR_HOST: &str = "api.vendor.test";

/// The credential that the vendor knows.
pub const VENDOR_SECRET: &str = "vendor-secret-7d1f";

/// What names lead to: loopback, or what a test says of one. It counts how often each is asked for.
#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<HashMap<String, Script>>>);

#[derive(Default)]
struct Script {
    answers: Vec<Vec<IpAddr>>,
    asked: usize,
}

impl Names {
    /// Says what each look-up of a name gives, one after the other; the last one stays.
    pub fn say(&self, name: &str, answers: Vec<Vec<IpAddr>>) {
        let mut names = self.0.lock().expect("not poisoned");
        names.insert(name.to_owned(), Script { answers, asked: 0 });
    }

    /// How often a name was looked up.
    pub fn asked(&self, name: &str) -> usize {
        self.0.lock().expect("not poisoned").get(name).map_or(0, |script| script.asked)
    }
}

impl Resolver for Names {
    fn resolve(&self, name: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        let mut names = self.0.lock().expect("not poisoned");
        let script = names.entry(name.to_string()).or_default();
        script.asked += 1;
        let loopback = vec![IpAddr::from([127, 0, 0, 1])];
        let told = script.answers.get(script.asked - 1).or(script.answers.last()).cloned().unwrap_or(loopback);
        let answer = if told.is_empty() { Err(ResolveFailure::NotFound) } else { Ok(told) };
        Box::pin(std::future::ready(answer))
    }
}

/// A tenant with an operator and a service that may call.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: String,
    pub operator: String,
    pub service: String,
    pub principal: String,
}

/// A gateway, a vendor, a clock.
pub struct World {
    pub clock: ManualClock,
    pub names: Names,
    pub vendor: Vendor,
    pub running: Running,
    pub door: SocketAddr,
    pub admin: SocketAddr,
    /// The API key of the house's first operator.
    pub house: String,
    config: Config,
    seams: Seams,
    dir: TempDir,
}

/// One node in its folder, which has a root key already.
fn node(folder: &Path, seams: &Seams, door: &str, more: &str) -> Config {
    keys::generate_checkpoint_key(&folder.join("checkpoint.key"), &*seams.entropy).expect("a signing key");
    configured(folder, door, more)
}

fn configured(folder: &Path, door: &str, more: &str) -> Config {
    let text = format!(
        "{more}\n[door]\nlisten = \"127.0.0.1:0\"\n{door}\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [access]\ndanger_private_networks = [\"127.0.0.0/8\"]\n"
    );
    Config::parse(&text, folder).expect("a sound configuration")
}

async fn started(config: &Config, seams: &Seams) -> Running {
    Running::start(config, seams).await.unwrap_or_else(|failure| panic!("{failure:?}"))
}

impl World {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// A world whose configuration has these keys beside those that every world has.
    pub async fn with(more: &str) -> Self {
        Self::built(ManualClock::new(), "", more).await
    }

    /// The same at the moment that this clock shows.
    pub async fn at(clock: ManualClock, more: &str) -> Self {
        Self::built(clock, "", more).await
    }

    /// The same with keys of the door's own section.
    pub async fn with_door(door: &str, more: &str) -> Self {
        Self::built(ManualClock::new(), door, more).await
    }

    async fn built(clock: ManualClock, door: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (names, entropy) = (Names::default(), SeededEntropy::new(0x10c4_6a7e));
        let seams =
            Seams { clock: Arc::new(clock.clone()), entropy: Arc::new(entropy), resolver: Arc::new(names.clone()) };
        lockgate_vault::generate_root_key_file(&dir.path().join("root.key"), &*seams.entropy).expect("a root key");
        let config = node(dir.path(), &seams, door, more);
        let first = assemble::found_house(&config, "operator", &seams).await.expect("a first operator");
        let running = started(&config, &seams).await;
        let house = String::from_utf8_lossy(first.secret.expose()).into_owned();
        let (door, admin) = (running.door.expect("a door"), running.admin.expect("an operators' side"));
        let vendor = Vendor::start_for(&[VENDOR_HOST, "*.hop.test"]).await;
        Self { clock, names, vendor, running, door, admin, house, config, seams, dir }
    }

    /// Another node of the same gateway: the same store and root key, a trail of its own.
    pub async fn second(&self, more: &str) -> Running {
        self.further("node-2", more).await
    }

    /// The same under this name.
    pub async fn further(&self, name: &str, more: &str) -> Running {
        let folder = self.dir.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::copy(self.dir.path().join("root.key"), folder.join("root.key")).expect("the same root key");
        let config = node(&folder, &self.seams, "", &format!("node = \"{name}\"\n{more}"));
        started(&config, &self.seams).await
    }

    /// The same gateway after a stop and a start, with these keys in the place of those that it had.
    pub async fn restarted(self, more: &str) -> Self {
        self.running.stop().await.expect("it ends in order");
        let config = configured(self.dir.path(), "", more);
        let running = started(&config, &self.seams).await;
        let (door, admin) = (running.door.expect("a door"), running.admin.expect("an operators' side"));
        Self { running, door, admin, config, ..self }
    }

    /// One request to the operators' side.
    pub async fn ask(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let typed = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{typed}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = Client::connect(self.admin).await;
        client.send(request).await;
        client.answer().await.expect("an answer")
    }

    /// Makes something, and gives what was told of it. On a busy machine Redis may be too slow for the
    /// counters; then nothing was made, and it is asked for again.
    pub async fn make(&self, key: &str, path: &str, body: Value) -> Value {
        let mut answer = self.ask(key, "POST", path, Some(body.clone())).await;
        while answer.status == 503 && answer.code() == "traffic.limits.unavailable" {
            answer = self.ask(key, "POST", path, Some(body.clone())).await;
        }
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    }

    /// A tenant whose service may call everything that its connections declare.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let made = self.make(&self.house, "/v1/tenants", json!({ "name": name })).await;
        let id = made["tenant"]["tenant"].as_str().expect("an id").to_owned();
        let operator = secret(&made["key"]);
        let (principal, service) = self.service(&operator, "billing", json!(["integration.connections.call"])).await;
        Tenant { id, operator, service, principal }
    }

    /// A service of a tenant with these scopes, and its API key.
    pub async fn service(&self, operator: &str, name: &str, scopes: Value) -> (String, String) {
        let body = json!({ "name": name, "kind": "service", "scopes": scopes, "addresses": ["127.0.0.0/8"] });
        let made = self.make(operator, "/v1/principals", body).await;
        let principal = made["principal"].as_str().expect("an id").to_owned();
        let body = json!({ "principal": principal, "kind": "api-key" });
        let key = self.make(operator, "/v1/api-keys", body).await;
        (principal, secret(&key))
    }

    /// A connection of the tenant's to the world's vendor, with its credential.
    pub async fn connection(&self, tenant: &Tenant, name: &str) -> String {
        self.connection_with(tenant, name, json!({})).await
    }

    /// The same with settings beside those that every one has.
    pub async fn connection_with(&self, tenant: &Tenant, name: &str, more: Value) -> String {
        let made = self.try_connection(tenant, name, more).await;
        made.unwrap_or_else(|refused| panic!("{name}: {}", refused.text()))
    }

    /// The same where the registry may refuse the settings; its answer where it does.
    pub async fn try_connection(&self, tenant: &Tenant, name: &str, more: Value) -> Result<String, Answer> {
        let provider = format!("vendor-{name}");
        let endpoint = |method: &str, path: &str| json!({ "method": method, "path": path });
        let spec = json!({
            "name": provider, "title": "Vendor", "base_url": format!("https://{VENDOR_HOST}:{}", self.vendor.address.port()),
            "auth": { "placement": "bearer" },
            "endpoints": [
                endpoint("GET", "/v1/things/{id}"), endpoint("POST", "/v1/things"), endpoint("DELETE", "/v1/things/{id}"),
                endpoint("GET", "/v1/files/{path...}"),
            ],
        });
        self.make(&tenant.operator, "/v1/providers", spec).await;
        let mut settings =
            json!({ "trust_pem": self.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
        let members = settings.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        let body = json!({ "name": name, "provider": provider, "spec": settings });
        let made = self.ask(&tenant.operator, "POST", "/v1/connections", Some(body)).await;
        if made.status != 201 {
            return Err(made);
        }
        let body =
            json!({ "name": format!("{name}-key"), "connection": name, "owner": "payments", "secret": VENDOR_SECRET });
        self.make(&tenant.operator, "/v1/credentials", body).await;
        Ok(made.json()["connection"].as_str().expect("an id").to_owned())
    }

    /// One request to the door with this API key.
    pub async fn call(&self, key: &str, method: &str, path: &str, more: &str, body: &str) -> Answer {
        call_at(self.door, key, (method, path), more, body).await
    }

    /// The same without body or fields.
    pub async fn read(&self, key: &str, path: &str) -> Answer {
        self.call(key, "GET", path, "", "").await
    }

    /// The records of a tenant's trail.
    pub async fn trail(&self, tenant: &Tenant) -> Vec<Value> {
        let answer = self.ask(&tenant.operator, "GET", "/v1/audit?limit=1000", None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].as_array().expect("items").clone()
    }

    /// The folder in which everything of the gateway's lies.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// How many entries the log of the trail has.
    pub fn entries(&self) -> u64 {
        let report = verify(&self.config.audit.dir, self.running.rooms.audit.verifier(), &Options::default());
        assert!(report.is_sound(), "{report}");
        report.entries
    }

    /// The folder of what the node writes.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Lets so much time go by, and waits until the gateway has seen the store again.
    pub async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        while self.read(&self.house, "/readyz").await.status != 200 {
            // A look at the store that was under way counts from when it began, which may be too long ago.
            self.clock.advance(Duration::from_millis(100));
        }
    }

    /// A tenant's run once it has ended: the end is written behind the answer. The trail itself is asked
    /// until then, because whoever asks the gateway again and again has a rate.
    pub async fn ended(&self, tenant: &Tenant, run: &str) -> Value {
        let (tenant_id, run_id) = (tenant.id.parse().expect("an id"), run.parse().expect("an id"));
        loop {
            let found = self.running.rooms.audit.run(tenant_id, run_id).await.expect("the trail is read");
            if found.is_some_and(|run| run.ended.is_some()) {
                break;
            }
            tokio::task::yield_now().await;
        }
        let told = self.ask(&tenant.operator, "GET", &format!("/v1/runs/{run}"), None).await;
        assert_eq!(told.status, 200, "{run}: {}", told.text());
        told.json()
    }

    /// Lets time go by until the task is over.
    pub async fn outlast<T>(&self, task: tokio::task::JoinHandle<T>) -> T {
        self.outlast_within(task, Duration::MAX).await
    }

    /// The same where no more time goes by than this. Then the clock stands still, and what the task still waits
    /// for are sockets and disks, which take as long as the machine wants: whatever the gateway would do later by
    /// its clock it does not do any more.
    pub async fn outlast_within<T>(&self, task: tokio::task::JoinHandle<T>, most: Duration) -> T {
        let end = self.clock.elapsed().saturating_add(most);
        for _ in 0..20_000 {
            if task.is_finished() {
                break;
            }
            // No further than to whoever sleeps least: nobody's time is up before they were asked to act.
            let next = self.clock.wakes().first().copied().unwrap_or_default().saturating_sub(self.clock.elapsed());
            let step = next.clamp(Duration::from_millis(1), Duration::from_millis(500));
            self.clock.advance(step.min(end.saturating_sub(self.clock.elapsed())));
            self.settled().await;
        }
        assert!(task.is_finished(), "it is not over after {most:?}");
        self.pass(Duration::ZERO).await;
        task.await.expect("no panic")
    }

    /// Waits until what woke has had its turn at sockets and at the disk. A refusal alone does not tell, since
    /// equal ones are counted and not written; a checkpoint is signed once everything before it is on the disk,
    /// and the answer that waits for that goes out with the second exchange.
    async fn settled(&self) {
        self.read("nobody", "/healthz").await;
        self.running.rooms.audit.checkpoint().await.expect("a checkpoint");
        self.read("nobody", "/healthz").await;
    }

    /// The last run of the tenant, once it has ended: its outcome and its code.
    pub async fn last_run(&self, tenant: &Tenant) -> (Value, Value) {
        self.last_run_while(tenant, Duration::ZERO).await
    }

    /// The same where so much time goes by with every look.
    pub async fn last_run_while(&self, tenant: &Tenant, step: Duration) -> (Value, Value) {
        loop {
            self.pass(step).await;
            self.settled().await;
            let runs = self.ask(&tenant.operator, "GET", "/v1/runs?limit=1", None).await;
            assert_eq!(runs.status, 200, "{}", runs.text());
            let run = runs.json()["items"][0].clone();
            if run["outcome"].is_string() {
                return (run["outcome"].clone(), run["code"].clone());
            }
        }
    }

    /// Ends the gateway where its store is gone, which it says. INVARIANT: its trail is closed all the same, with
    /// a checkpoint over all of it.
    pub async fn end_without_store(self) {
        let key = self.running.rooms.audit.verifier().clone();
        self.running.rooms.store.clone().close().await.expect("closed");
        assert!(self.running.stop().await.is_err(), "what was to be relayed is not in the trail");
        let report = verify(&self.config.audit.dir, &key, &Options::default());
        assert!(report.is_sound() && !report.live, "{report}");
        assert_eq!(report.unsigned(), 0, "the last entries are under a checkpoint");
    }

    /// Ends the gateway in order. INVARIANT: its trail verifies, and no run is left open.
    pub async fn end(self) {
        let key = self.running.rooms.audit.verifier().clone();
        self.running.stop().await.expect("it ends in order");
        let report = verify(&self.config.audit.dir, &key, &Options::default());
        assert!(report.is_sound(), "{report}");
        assert_eq!(report.open_runs, 0, "a run is left open");
        let spools = std::fs::read_dir(self.config.spool_dir()).expect("there").count();
        assert_eq!(spools, 0, "a spooled body is left");
    }
}

/// One request to a node's door with this API key.
pub async fn call_at(door: SocketAddr, key: &str, (method, path): (&str, &str), more: &str, body: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = Client::connect(door).await;
    client.send(request).await;
    client.answer().await.expect("an answer")
}

/// The text of a key that was just made.
fn secret(made: &Value) -> String {
    made["secret"].as_str().unwrap_or_else(|| panic!("no secret in {made}")).to_owned()
}
