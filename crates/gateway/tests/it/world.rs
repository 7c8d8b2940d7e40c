//! A whole gateway in this process, on real loopback sockets, with a clock that the test moves.
//!
//! Tenants, keys and connections are made over the operators' API, as a person would. Ending a world
//! verifies its trail and looks for runs that were opened and never closed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lockgate_access::bootstrap;
use lockgate_audit::verify::{Options, verify};
use lockgate_egress::destination::resolve::{ResolveFailure, Resolver};
use lockgate_gateway::assemble::Seams;
use lockgate_gateway::config::Config;
use lockgate_gateway::keys;
use lockgate_gateway::running::Running;
use lockgate_testkit::{ManualClock, SeededEntropy, Vendor};
use lockgate_vocabulary::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};

/// The host of the world's vendor.
pub const VENDOR_HOST: &str = "api.vendor.test";

/// The credential that the vendor knows.
pub const VENDOR_SECRET: &str = "vendor-secret-7d1f";

/// Every name leads to loopback.
struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _: Arc<str>) -> BoxFuture<Result<Vec<IpAddr>, ResolveFailure>> {
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
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
    #[expect(dead_code, reason = "held so that the gateway's time stands still")]
    pub clock: ManualClock,
    pub vendor: Vendor,
    pub running: Running,
    pub door: SocketAddr,
    pub admin: SocketAddr,
    /// The API key of the house's first operator.
    pub house: String,
    config: Config,
    _dir: TempDir,
}

impl World {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// A world whose configuration has these keys beside those that every world has.
    pub async fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let seams = Seams {
            clock: Arc::new(ManualClock::new()),
            entropy: Arc::new(SeededEntropy::new(0x10c4_6a7e)),
            resolver: Arc::new(Loopback),
        };
        Self::in_folder(dir, seams, more).await
    }

    async fn in_folder(dir: TempDir, mut seams: Seams, more: &str) -> Self {
        let clock = ManualClock::new();
        seams.clock = Arc::new(clock.clone());
        lockgate_vault::generate_root_key_file(&dir.path().join("root.key"), &*seams.entropy).expect("a root key");
        keys::generate_checkpoint_key(&dir.path().join("checkpoint.key"), &*seams.entropy).expect("a signing key");
        let text = format!(
            "[door]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [access]\ndanger_private_networks = [\"127.0.0.0/8\"]\n{more}\n"
        );
        let config = Config::parse(&text, dir.path()).expect("a sound configuration");
        let running = Running::start(&config, &seams).await.unwrap_or_else(|failure| panic!("{failure:?}"));
        let (store, audit) = (&running.rooms.store, &running.rooms.audit);
        let first =
            bootstrap(store, audit, "operator", &*seams.clock, &*seams.entropy).await.expect("a first operator");
        running.rooms.access.refresh().await.expect("the directory");
        let house = String::from_utf8_lossy(first.secret.expose()).into_owned();
        let (door, admin) = (running.door.expect("a door"), running.admin.expect("an operators' side"));
        let vendor = Vendor::start(VENDOR_HOST).await;
        Self { clock, vendor, running, door, admin, house, config, _dir: dir }
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

    /// Makes something, and gives what was told of it.
    pub async fn make(&self, key: &str, path: &str, body: Value) -> Value {
        let answer = self.ask(key, "POST", path, Some(body)).await;
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
        let made = self.make(&tenant.operator, "/v1/connections", body).await;
        let body =
            json!({ "name": format!("{name}-key"), "connection": name, "owner": "payments", "secret": VENDOR_SECRET });
        self.make(&tenant.operator, "/v1/credentials", body).await;
        made["connection"].as_str().expect("an id").to_owned()
    }

    /// One request to the door with this API key.
    pub async fn call(&self, key: &str, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = Client::connect(self.door).await;
        client.send(request).await;
        client.answer().await.expect("an answer")
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

/// The text of a key that was just made.
fn secret(made: &Value) -> String {
    made["secret"].as_str().unwrap_or_else(|| panic!("no secret in {made}")).to_owned()
}
