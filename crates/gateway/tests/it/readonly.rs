//! A database that can only be read from one moment on, while the gateway serves: what has to be kept is refused
//! in time, what has not goes on, and once it can be written again nothing was lost and nothing half done. The
//! files are made immutable, so this needs a file system and the right for that.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::process::{Gate, Serving, ask, furnish};
use crate::world::VENDOR_HOST;

const LINE: &str = "POST /v1/things";

/// What is refused is refused within this: the wait for a database that another process holds, and a margin.
const IN_TIME: Duration = Duration::from_secs(8);

/// The database and its log, which nobody may write while this is there. The index of the log is memory that
/// processes share, and stays.
pub struct Frozen(Vec<PathBuf>);

impl Frozen {
    /// Says so where it may not.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    pub fn database(data: &Path) -> Option<Self> {
        let files = Self(["lockgate.db", "lockgate.db-wal"].map(|name| data.join(name)).to_vec());
        if !files.turn("+i") {
            eprintln!("skipped: this user, or this file system, makes no file immutable");
            return None;
        }
        Some(files)
    }

    fn turn(&self, flag: &str) -> bool {
        let made = Command::new("chattr").arg(flag).args(&self.0).output();
        made.is_ok_and(|made| made.status.success())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.turn("-i");
    }
}

/// A service's key that may be exchanged for tokens.
struct Clients {
    id: String,
    secret: String,
}

impl Clients {
    async fn of(serving: &Serving, operator: &str) -> Self {
        let body = json!({ "principal": "billing", "kind": "client-secret" });
        let made = ask(serving.admin, operator, "POST", "/v1/api-keys", Some(body)).await.json();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {made}")).to_owned();
        Self { id: text(&made["key"]), secret: text(&made["secret"]) }
    }

    async fn post(&self, serving: &Serving, path: &str, form: &str) -> Answer {
        let form = format!("{form}&client_id={}&client_secret={}", self.id, self.secret);
        let mut client = Client::connect(serving.door).await;
        let typed = "Content-Type: application/x-www-form-urlencoded";
        let length = form.len();
        client
            .send(format!("POST {path} HTTP/1.1\r\nHost: gate\r\n{typed}\r\nContent-Length: {length}\r\n\r\n{form}"))
            .await;
        client.answer().await.expect("an answer")
    }
}

/// A call with these fields.
async fn write(serving: &Serving, more: &str) -> Answer {
    let mut client = Client::connect(serving.door).await;
    client.send(format!("POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\n{more}Content-Length: 0\r\n\r\n")).await;
    client.answer().await.expect("an answer")
}

/// Refused for now, in time, and without a word of what is inside.
async fn refused(what: &str, asked: impl Future<Output = Answer>) {
    let clock = SystemClock::new();
    let begun = clock.elapsed();
    let answer = asked.await;
    let took = clock.elapsed() - begun;
    assert_eq!(answer.status, 503, "{what}: {}", answer.text());
    assert!(took < IN_TIME, "{what}: {took:?}");
    let text = answer.text().to_lowercase();
    for inner in ["sqlite", "disk i/o", "readonly", "lockgate.db"] {
        assert!(!text.contains(inner), "{what}: {inner} is told: {text}");
    }
    let told = answer.json();
    let code = told["code"].as_str().or_else(|| told["error"].as_str()).unwrap_or_default().to_owned();
    assert!(
        ["gateway.fault.unavailable", "admin.fault.unavailable", "temporarily_unavailable"].contains(&&*code),
        "{what}: {code}"
    );
}

#[tokio::test]
async fn a_database_that_can_only_be_read_refuses_what_must_be_kept_and_comes_back() {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.answers(LINE, Canned::json(201, "{}"));
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let tenants = ask(serving.admin, &gate.operator, "GET", "/v1/tenants", None).await.json();
    let tenants = tenants["items"].as_array().expect("items").clone();
    let acme = tenants.iter().find(|tenant| tenant["name"] == "acme").expect("it was made");
    let tenant = acme["tenant"].as_str().expect("an id").to_owned();
    let clients = Clients::of(&serving, &operator).await;
    let issued = clients.post(&serving, "/oauth/token", "grant_type=client_credentials").await.json();
    let token = issued["access_token"].as_str().expect("a token").to_owned();
    let (key, bearer) = (format!("X-Api-Key: {service}\r\n"), format!("Authorization: Bearer {token}\r\n"));
    let admin =
        async |method: &str, path: &str, body: Option<Value>| ask(serving.admin, &operator, method, path, body).await;
    let more = |name: &str| Some(json!({ "name": name, "kind": "service", "scopes": [], "addresses": [] }));
    assert_eq!(admin("POST", "/v1/principals", more("before")).await.status, 201);
    assert_eq!(write(&serving, &format!("{key}Idempotency-Key: kept\r\n")).await.status, 201);
    let made = admin("POST", "/v1/api-keys", Some(json!({ "principal": "billing", "kind": "api-key" }))).await.json();
    let other = made["secret"].as_str().expect("a secret").to_owned();
    let revoked = format!("/v1/api-keys/{}", made["key"].as_str().expect("an id"));

    let Some(frozen) = Frozen::database(&gate.folder().join("data")) else { return };
    let sent = vendor.count(LINE);
    refused("a change", admin("POST", "/v1/principals", more("during"))).await;
    refused("a revocation of a key", admin("DELETE", &revoked, None)).await;
    refused("a first use of an idempotency key", write(&serving, &format!("{key}Idempotency-Key: new\r\n"))).await;
    refused("a revocation of a token", clients.post(&serving, "/oauth/revoke", &format!("token={token}"))).await;
    assert_eq!(vendor.count(LINE), sent, "nothing is sent whose key is not kept");
    for more in [&key, &bearer, &format!("X-Api-Key: {other}\r\n")] {
        assert_eq!(write(&serving, more).await.status, 201, "what needs no write goes on");
    }
    let issued = clients.post(&serving, "/oauth/token", "grant_type=client_credentials").await;
    assert_eq!(issued.status, 200, "a token is in the trail alone: {}", issued.text());
    let replayed = write(&serving, &format!("{key}Idempotency-Key: kept\r\n")).await;
    assert_eq!((replayed.status, replayed.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(admin("GET", "/v1/principals", None).await.status, 200, "what is there can be read");
    assert_eq!(clients.post(&serving, "/oauth/introspect", &format!("token={token}")).await.json()["active"], true);
    assert_eq!(write(&serving, "X-Api-Key: lgk_nobody\r\n").await.status, 401, "who may not come in does not");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(serving.door, "lgk_", "GET", path, None).await.status, 200, "{path}");
    }
    vendor.forget(LINE);
    vendor.on(LINE, Behaviour::Hang);
    let unknown = write(&serving, &key).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (504, "egress.outcome.unknown"), "{}", unknown.text());
    let unknown = unknown.header("x-lockgate-run").expect("a run").to_owned();
    vendor.forget(LINE);
    vendor.answers(LINE, Canned::json(201, "{}"));

    drop(frozen);
    let sent = vendor.count(LINE);
    assert_eq!(admin("POST", "/v1/principals", more("during")).await.status, 201, "it was not half done");
    assert_eq!(write(&serving, &format!("{key}Idempotency-Key: new\r\n")).await.status, 201);
    let again = write(&serving, &format!("{key}Idempotency-Key: new\r\n")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(vendor.count(LINE), sent + 1);
    let gone = admin("DELETE", &revoked, None).await;
    assert!(gone.status < 300, "{}", gone.text());
    assert_eq!(write(&serving, &format!("X-Api-Key: {other}\r\n")).await.status, 401, "a revocation holds");
    assert_eq!(clients.post(&serving, "/oauth/revoke", &format!("token={token}")).await.status, 200);
    assert_eq!(write(&serving, &bearer).await.status, 401);
    let told = loop {
        let open = admin("GET", "/v1/escalations?state=open", None).await.json();
        if let Some(first) = open["items"].as_array().and_then(|items| items.first()) {
            break first["run"].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(told, json!(unknown), "what nobody knows is told once it can be");
    let names: Vec<Value> = admin("GET", "/v1/principals", None).await.json()["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    assert!(
        ["before", "during", "billing"].iter().all(|name| names.iter().filter(|known| *known == name).count() == 1),
        "{names:?}"
    );
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    let verified = gate.verify();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let exported = crate::process::told(&gate, &["audit", "export", "--tenant", &tenant]).1;
    let acts = exported.lines().filter(|line| line.contains("principal.create") && line.contains("during")).count();
    assert_eq!(acts, 1, "an act is recorded where it holds, and there alone");
}
