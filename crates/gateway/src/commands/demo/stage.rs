//! The stage: a fresh folder, a gateway, a vendor, two tenants. All through the doors that a user has.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use lockgate_egress::{OperatorAnswer, OperatorClient};
use lockgate_vocabulary::{Clock, Fault, RunId, Secret};
use serde_json::{Value, json};

use super::script::Script;
use super::vendor::Vendor;
use crate::assemble::Seams;
use crate::commands::{Failure, init};
use crate::config::Config;
use crate::running::Running;

/// The name under which the demonstration's vendor is called.
pub(super) const VENDOR_HOST: &str = "api.demo-vendor.com";
/// A name that leads into a private network, as one that an attacker controls would.
const INSIDE_HOST: &str = "inside.demo-vendor.com";
/// The vendor's credential. The only places that see it are the vault and the vendor.
pub(super) const CREDENTIAL: &str = "sk_demo_4f1dVq0nJ8y2LrWm";

/// Everything that the steps need.
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    pub(super) vendor: Vendor,
    pub(super) clock: Arc<dyn Clock>,
    /// The caller: a service of the first tenant.
    pub(super) caller: OperatorClient,
    /// A caller of another tenant.
    pub(super) stranger: OperatorClient,
    /// The first tenant's operator.
    pub(super) operator: OperatorClient,
    /// The door's address.
    pub(super) door: String,
    caller_key: String,
    running: Running,
}

impl Stage {
    /// Sets it. What cannot be set up leaves no folder behind.
    pub(super) async fn set(script: &mut Script<'_>) -> Result<Self, Failure> {
        let seams = Seams::system();
        let folder = fresh_folder(&seams)?;
        let set = Self::set_in(folder.clone(), seams, script).await;
        if set.is_err() {
            // The reason is worth more than what is left of the folder.
            drop(std::fs::remove_dir_all(&folder));
        }
        set
    }

    async fn set_in(folder: PathBuf, seams: Seams, script: &mut Script<'_>) -> Result<Self, Failure> {
        script.say(&format!("A fresh gateway in {}", folder.display()))?;
        let made = init::make(&folder, None, "operator", &seams).await?;
        write(&folder.join("lockgate.toml"), CONFIGURATION)?;
        let config = Config::load(&folder.join("lockgate.toml"))?;
        let running = Running::start(&config, &seams).await?;
        let url = |address: Option<std::net::SocketAddr>| {
            address
                .map(|address| format!("http://{address}"))
                .ok_or(Fault::violated("the demonstration has both listeners"))
        };
        let (door, admin) = (url(running.door)?, url(running.admin)?);
        let vendor = Vendor::start(VENDOR_HOST, CREDENTIAL).await?;
        script.say(&format!("door {door}, admin {admin}, vendor https://{VENDOR_HOST} on {}", vendor.address))?;

        let client =
            |base: &str, key: &str| OperatorClient::new(base, Secret::from(key.to_owned()), None, seams.clock.clone());
        let house = OperatorClient::new(&admin, made.first.secret, None, seams.clock.clone());
        let (acme, other) = (tenant(&house, "acme").await?, tenant(&house, "other").await?);
        let (operator, foreign) = (client(&admin, &acme), client(&admin, &other));
        provide(&operator, &vendor).await?;
        let caller_key = service(&operator, "billing").await?;
        let stranger_key = service(&foreign, "snooper").await?;
        script.say("two tenants, a provider, two connections, a credential (accepted once), a service's key")?;
        let (caller, stranger) = (client(&door, &caller_key), client(&door, &stranger_key));
        let clock = seams.clock.clone();
        Ok(Self { folder, vendor, clock, caller, stranger, operator, caller_key, door, running })
    }

    /// The public key that the trail is verified with.
    pub(super) fn verifier(&self) -> String {
        self.running.rooms.audit.verifier().to_string()
    }

    /// Has everything that is under way written down and signed.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        self.running.rooms.relay.pass().await?;
        self.running.rooms.audit.checkpoint().await?;
        Ok(())
    }

    /// Says what to try next.
    pub(super) fn invite(&self, script: &mut Script<'_>) -> Result<(), Failure> {
        script.say("\nThe gateway stays up until Ctrl-C. Try:")?;
        let (door, key) = (&self.door, &self.caller_key);
        script.say(&format!("  curl -i -H 'X-Api-Key: {key}' {door}/call/vendor/v1/customers/cus_1"))?;
        script.say(&format!(
            "  curl -i -H 'X-Api-Key: {key}' -H 'X-DryRun: true' {door}/call/vendor/v1/customers/cus_1"
        ))?;
        script.say(&format!(
            "  lockgate audit verify --dir {} --key '{}'",
            self.folder.join("data/audit").display(),
            self.verifier()
        ))
    }

    /// Takes it down again, folder and all.
    pub(super) async fn strike(self) -> Result<(), Failure> {
        self.running.stop().await?;
        std::fs::remove_dir_all(&self.folder)
            .map_err(|error| Failure::Internal(format!("removing {}: {error}", self.folder.display())))
    }
}

/// The demonstration's gateway: free ports, short patience, and names that stand for the vendor's host and
/// for one inside a private network. Both weakenings are what their names say; a real gateway has neither.
const CONFIGURATION: &str = r#"
[door]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[access]
danger_private_networks = ["127.0.0.0/8"]
[egress]
answer_head_seconds = 2
[egress.destination.danger_static_hosts]
"api.demo-vendor.com" = ["127.0.0.1"]
"inside.demo-vendor.com" = ["10.0.0.5"]
"#;

fn fresh_folder(seams: &Seams) -> Result<PathBuf, Failure> {
    // A run's identifier is as good a fresh name as any: it is unique and tells when it was made.
    let name = format!("lockgate-demo-{}", RunId::generate(&*seams.clock, &*seams.entropy));
    let folder = std::env::temp_dir().join(name);
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|error| Failure::Internal(format!("making {}: {error}", folder.display())))?;
    Ok(folder)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::Internal(format!("writing {}: {error}", path.display())))
}

/// Asks the admin API for something that must be granted.
pub(super) async fn ask(client: &OperatorClient, method: Method, path: &str, body: Value) -> Result<Value, Failure> {
    let answer = client.send(method, path, Some(Bytes::from(body.to_string()))).await;
    let answer = answer.map_err(|failure| Failure::Internal(failure.to_string()))?;
    if answer.status.is_success() {
        return Ok(json_of(&answer));
    }
    Err(Failure::Refused(format!("demo: setting the stage: {path}: {}", String::from_utf8_lossy(&answer.body))))
}

/// The JSON of an answer.
pub(super) fn json_of(answer: &OperatorAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// The text at this place of an answer.
pub(super) fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Failure::Internal(format!("demo: an answer has no {pointer}")))
}

/// A tenant; the text of its first operator's key.
async fn tenant(house: &OperatorClient, name: &str) -> Result<String, Failure> {
    let made = ask(house, Method::POST, "/v1/tenants", json!({ "name": name })).await?;
    text(&made, "/key/secret")
}

/// A service that may call every connection of its tenant and fetch its deliveries; the text of its key.
async fn service(operator: &OperatorClient, name: &str) -> Result<String, Failure> {
    let scopes = json!(["integration.connections.call", "webhooks.deliveries.ingest"]);
    let new = json!({ "name": name, "kind": "service", "scopes": scopes });
    ask(operator, Method::POST, "/v1/principals", new).await?;
    let made = ask(operator, Method::POST, "/v1/api-keys", json!({ "principal": name, "kind": "api-key" })).await?;
    text(&made, "/secret")
}

/// The vendor as a provider, a connection to it with its credential, and one that leads inside.
async fn provide(operator: &OperatorClient, vendor: &Vendor) -> Result<(), Failure> {
    let port = vendor.address.port();
    let customer = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } });
    let read = |path: &str| json!({ "method": "GET", "path": path });
    let provider = json!({
        "name": "demo-vendor", "title": "Demonstration vendor", "base_url": format!("https://{VENDOR_HOST}:{port}"),
        "auth": { "placement": "bearer" },
        "endpoints": [
            { "method": "GET", "path": "/v1/customers/{id}", "answer": { "schema": customer } },
            { "method": "GET", "path": "/v1/garbage", "answer": { "schema": customer } },
            read("/v1/limited"), read("/v1/moved"), read("/v1/moved-private"), read("/v1/health"),
            { "method": "POST", "path": "/v1/payments" },
        ],
    });
    ask(operator, Method::POST, "/v1/providers", provider).await?;
    let spec = json!({
        "trust_pem": vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 1,
        "redirects": { "follow": true },
        "breaker": { "least_calls": 4, "failure_percent": 50, "window_seconds": 2, "open_seconds": 2 },
    });
    let connection = json!({ "name": "vendor", "provider": "demo-vendor", "spec": spec });
    ask(operator, Method::POST, "/v1/connections", connection).await?;
    // Its name is public and well-formed; only its address tells where it leads.
    let inside = json!({
        "name": "demo-inside", "title": "A vendor whose name leads inside", "base_url": format!("https://{INSIDE_HOST}"),
        "auth": { "placement": "bearer" }, "endpoints": [read("/v1/health")],
    });
    ask(operator, Method::POST, "/v1/providers", inside).await?;
    ask(operator, Method::POST, "/v1/connections", json!({ "name": "inside", "provider": "demo-inside" })).await?;
    for connection in ["vendor", "inside"] {
        let credential = json!({
            "name": format!("{connection}-key"), "connection": connection, "owner": "payments", "secret": CREDENTIAL,
        });
        ask(operator, Method::POST, "/v1/credentials", credential).await?;
    }
    Ok(())
}
