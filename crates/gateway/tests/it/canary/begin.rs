//! The gateway is founded, its configuration carries every secret that a configuration can lead to, and a tenant
//! moves in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::watched::Watched;
use crate::world::VENDOR_HOST;

/// Where the store is, and what else the configuration says of it.
pub struct Engine {
    /// Sections of the configuration.
    pub sections: String,
    /// The secrets that those lead to, by their names.
    pub planted: Vec<(String, String)>,
    /// Whether there is a broker that deliveries are published to.
    pub publishes: bool,
    /// How the log is written.
    pub log: &'static str,
    /// Chance, so that no two runs plant the same.
    pub seed: u64,
}

impl Engine {
    /// A store beside the gateway, and nothing else.
    pub fn sqlite(seed: u64) -> Self {
        Self { sections: String::new(), planted: Vec::new(), publishes: false, log: "json", seed }
    }
}

/// The file of the token that metrics are read with.
pub const SCRAPE: &str = "scrape.token";

/// Whoever acts for the tenant.
pub struct Tenant {
    /// The first operator's key.
    pub operator: String,
    /// Another operator's, who decides.
    pub second: String,
    /// One's who sees that there are deliveries and not what they hold.
    pub onlooker: String,
    /// A service's that calls, fetches and sends.
    pub service: String,
    /// That service's principal.
    pub principal: String,
}

/// A gateway that serves, and the key of the house's first operator.
pub async fn founded(engine: &Engine) -> (Watched, String) {
    let watched = Watched::new(engine.seed).await;
    for (name, secret) in &engine.planted {
        watched.nest.raw(name, secret.clone().into_bytes());
    }
    let gate = watched.gate().display().to_string();
    let (made, _) = watched.types("init", &["init", &gate, "--keys-only"], "");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    learn_keys(&watched, "first");
    std::fs::write(watched.config(), configuration(&watched, engine)).expect("written");
    let config = watched.config().display().to_string();
    let (made, file) = watched.types("bootstrap", &["bootstrap", "--json", "--config", &config], "");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let house = told["api_key"].as_str().expect("a key").to_owned();
    watched.nest.made("key of the house's operator", &house);
    watched.may_hold(&file, "key of the house's operator");
    watched.serve();
    (watched, house)
}

/// Notes the keys that are in the gateway's own files now, each of which may be in its file and nowhere else.
pub fn learn_keys(watched: &Watched, which: &str) {
    let keys = [("root.key", "root key", 2), ("checkpoint.key", "checkpoint key", 0)];
    for (file, name, word) in keys {
        let path = watched.gate().join(file);
        let text = std::fs::read_to_string(&path).expect("there");
        let current = text.lines().find(|line| word == 0 || line.starts_with("current ")).expect("a key");
        let key = STANDARD.decode(current.split(' ').nth(word).expect("a key")).expect("base 64");
        let name = format!("{name} ({which})");
        if watched.nest.each().iter().any(|(_, known)| *known == key) {
            continue;
        }
        watched.nest.raw(&name, key);
        watched.may_hold(&path, &name);
    }
}

fn configuration(watched: &Watched, engine: &Engine) -> String {
    let scrape = watched.apart(SCRAPE, &watched.nest.word("scrape token"));
    format!(
        "[door]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{}\n\
         [audit]\ncheckpoint_key_file = \"checkpoint.key\"\nsegment_bytes = 1048576\n\
         [vault]\nroot_key_file = \"root.key\"\n\
         [access]\ndanger_private_networks = [\"127.0.0.0/8\"]\n\
         [traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000\ntenant_per_minute = 1000000\n\
         tenant_burst = 100000\n\
         [egress]\nanswer_head_seconds = 2\nstall_seconds = 2\n\
         [egress.destination.danger_static_hosts]\n\"{VENDOR_HOST}\" = [\"127.0.0.1\"]\n\
         [telemetry]\nlog = \"trace\"\nformat = \"{}\"\nscrape_token_file = \"{}\"\n\
         [telemetry.otlp]\nendpoint = \"http://{}\"\ninterval_seconds = 1\n",
        engine.sections,
        engine.log,
        scrape.display(),
        watched.collector.address,
    )
}

/// A tenant with those who act for it.
pub async fn moved_in(watched: &Watched, house: &str) -> Tenant {
    watched.collector.answers("POST /v1/traces", lockgate_testkit::Canned::bytes(200, ""));
    let made = watched.makes(house, "/v1/tenants", json!({ "name": "acme" })).await;
    let operator = watched.shown_once(&made, "key of the tenant's operator", &made.json()["key"]["secret"]);
    let deciding = json!(["integration.approvals.decide", "integration.runs.read", "webhooks.deliveries.replay"]);
    let (_, second) = principal(watched, &operator, "second", "operator", deciding).await;
    let looking = json!(["integration.runs.read", "integration.connections.read"]);
    let (_, onlooker) = principal(watched, &operator, "onlooker", "operator", looking).await;
    let using = json!(["integration.connections.call", "webhooks.deliveries.ingest", "webhooks.events.send"]);
    let (principal, service) = principal(watched, &operator, "billing", "service", using).await;
    Tenant { operator, second, onlooker, service, principal }
}

/// A principal of the tenant's and its key.
pub async fn principal(watched: &Watched, operator: &str, name: &str, kind: &str, scopes: Value) -> (String, String) {
    let body = json!({ "name": name, "kind": kind, "scopes": scopes, "addresses": ["127.0.0.0/8"] });
    let made = watched.makes(operator, "/v1/principals", body).await;
    let id = made.json()["principal"].as_str().expect("an id").to_owned();
    let body = json!({ "principal": id, "kind": "api-key" });
    let key = watched.makes(operator, "/v1/api-keys", body).await;
    (id, watched.shown_once(&key, &format!("key of {name}"), &key.json()["secret"]))
}
