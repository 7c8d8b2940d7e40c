//! The binary itself: exit codes, signals, and what a killed process leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lockgate_testkit::{Behaviour, Canned, Vendor};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};
use crate::world::{VENDOR_HOST, VENDOR_SECRET};

pub fn lockgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate")).args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

pub struct Gate {
    dir: TempDir,
    pub operator: String,
}

impl Gate {
    /// A folder as `init` makes it, on free ports, in which the vendor's name leads to loopback.
    pub fn init() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let gate = dir.path().join("gate");
        let made = lockgate(&["init", &gate.display().to_string(), "--json"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let this = Self { dir, operator: told["api_key"].as_str().expect("a key").to_owned() };
        let text = std::fs::read_to_string(this.config()).expect("there");
        let text = text.replace("127.0.0.1:8443", "127.0.0.1:0").replace("127.0.0.1:8444", "127.0.0.1:0");
        let text = text.replace("format = \"text\"", "format = \"json\"");
        let text = text
            .replace("[traffic]", "[traffic]\ncaller_burst = 100000\ntenant_burst = 100000")
            .replace("caller_per_minute = 6000", "caller_per_minute = 1000000")
            .replace("tenant_per_minute = 60000", "tenant_per_minute = 1000000");
        let more = format!(
            "[access]\ndanger_private_networks = [\"127.0.0.0/8\"]\n\
             [egress.destination.danger_static_hosts]\n\"{VENDOR_HOST}\" = [\"127.0.0.1\"]\n"
        );
        std::fs::write(this.config(), format!("{text}\n{more}")).expect("written");
        this
    }

    /// The gateway in the folder `gate` below this one.
    pub fn of(dir: TempDir, operator: String) -> Self {
        Self { dir, operator }
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("gate")
    }

    pub fn config(&self) -> PathBuf {
        self.folder().join("lockgate.toml")
    }

    pub fn serve(&self) -> Serving {
        Serving::start(&self.config())
    }

    pub fn verify(&self) -> Output {
        lockgate(&["audit", "verify", "--config", &self.config().display().to_string()])
    }
}

/// A process that serves.
pub struct Serving {
    child: Child,
    pub door: SocketAddr,
    pub admin: SocketAddr,
}

impl Serving {
    pub fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(["serve", "--config"]).arg(config);
        Self::told(command)
    }

    /// The same where the process may have so many file descriptors.
    fn start_with(config: &Path, descriptors: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors}; exec \"$0\" serve --config \"$1\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_lockgate")]).arg(config);
        Self::told(command)
    }

    fn told(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let told = loop {
            let line = lines.next().expect("it says that it serves").expect("text");
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if event["fields"]["message"] == "serving" {
                break event["fields"].clone();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| {
            // A process without this listener gets an address that nobody answers at.
            let text = told[name].as_str().filter(|text| *text != "None").unwrap_or("127.0.0.1:1");
            text.trim_start_matches("Some(").trim_end_matches(')').parse().expect("an address")
        };
        Self { door: address("door"), admin: address("admin"), child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is there");
    }

    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

pub async fn ask(address: SocketAddr, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let typed = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut client = Client::connect(address).await;
    client
        .send(format!(
            "{method} {path} HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n{typed}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    client.answer().await.expect("an answer")
}

/// A tenant with a connection to the vendor; its operator's and its service's keys.
pub async fn furnish(admin: SocketAddr, house: &str, vendor: &Vendor) -> (String, String) {
    let make = async |key: &str, path: &str, body: Value| {
        let answer = ask(admin, key, "POST", path, Some(body)).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    };
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    let operator = text(&make(house, "/v1/tenants", json!({ "name": "acme" })).await["key"]["secret"]);
    let spec = json!({
        "name": "vendor", "title": "Vendor", "base_url": format!("https://{VENDOR_HOST}:{}", vendor.address.port()),
        "auth": { "placement": "bearer" }, "endpoints": [{ "method": "POST", "path": "/v1/things" }],
    });
    make(&operator, "/v1/providers", spec).await;
    let settings = json!({
        "trust_pem": vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"],
        "limits": { "per_minute": 1_000_000, "burst": 100_000 },
    });
    make(&operator, "/v1/connections", json!({ "name": "pay", "provider": "vendor", "spec": settings })).await;
    let credential = json!({ "name": "pay-key", "connection": "pay", "owner": "payments", "secret": VENDOR_SECRET });
    make(&operator, "/v1/credentials", credential).await;
    let service = json!({
        "name": "billing", "kind": "service", "scopes": ["integration.connections.call"], "addresses": ["127.0.0.0/8"],
    });
    let principal = text(&make(&operator, "/v1/principals", service).await["principal"]);
    let key = make(&operator, "/v1/api-keys", json!({ "principal": principal, "kind": "api-key" })).await;
    (operator, text(&key["secret"]))
}

#[tokio::test]
async fn serves_until_terminated_and_ends_with_zero() {
    let gate = Gate::init();
    let serving = gate.serve();
    let answer = ask(serving.door, "lgk_", "GET", "/readyz", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    let verified = gate.verify();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// A gateway that was killed while a write was under way, its vendor, and its tenant's operator.
pub async fn killed_during_a_write() -> (Gate, Vendor, String) {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    vendor.on("POST /v1/things", Behaviour::Gated(Canned::json(201, "{}")));
    let mut client = Client::connect(serving.door).await;
    client
        .send(format!(
            "POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {service}\r\nContent-Length: 2\r\n\r\n{{}}"
        ))
        .await;
    vendor.wait_for("POST /v1/things", 1).await;
    serving.signal(Signal::KILL);
    assert_eq!(serving.wait(), None, "it had no time to end");
    (gate, vendor, operator)
}

#[tokio::test]
async fn a_call_that_was_under_way_when_the_process_was_killed_is_unknown() {
    let (gate, vendor, operator) = killed_during_a_write().await;
    let again = gate.serve();
    let runs = ask(again.admin, &operator, "GET", "/v1/runs", None).await.json();
    let outcomes: Vec<&Value> = runs["items"].as_array().expect("items").iter().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, [&json!("unknown")], "{runs}");
    assert_eq!(vendor.count("POST /v1/things"), 1, "nobody sends it again");
    again.signal(Signal::TERM);
    assert_eq!(again.wait(), Some(0));
    assert!(gate.verify().status.success());
}

/// Runs a command on the gateway's folder. Gives how it ended and everything that it said.
pub fn told(gate: &Gate, arguments: &[&str]) -> (Option<i32>, String) {
    let config = gate.config().display().to_string();
    let ended = lockgate(&[arguments, &["--config", &config]].concat());
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn served_once(gate: &Gate) {
    let serving = gate.serve();
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
}

fn put_in_place_of(trail: &Path, copy: &Path) {
    std::fs::remove_dir_all(trail).expect("there");
    std::fs::create_dir(trail).expect("made");
    for file in std::fs::read_dir(copy).expect("there") {
        let file = file.expect("there");
        std::fs::copy(file.path(), trail.join(file.file_name())).expect("copied");
    }
}

#[tokio::test]
async fn a_trail_that_was_cut_back_or_is_gone_is_refused_until_the_loss_is_accepted() {
    let gate = Gate::init();
    let (trail, earlier) = (gate.folder().join("data/audit"), gate.dir.path().join("earlier"));
    let nothing = gate.dir.path().join("nothing");
    std::fs::create_dir(&earlier).expect("made");
    std::fs::create_dir(&nothing).expect("made");
    put_in_place_of(&earlier, &trail);
    served_once(&gate);
    let whole = gate.dir.path().join("whole");
    std::fs::create_dir(&whole).expect("made");
    put_in_place_of(&whole, &trail);
    for copy in [&earlier, &nothing] {
        put_in_place_of(&trail, copy);
        let (code, said) = told(&gate, &["audit", "verify"]);
        assert!(code == Some(1) && said.contains("its end is missing") && said.contains("accept-loss"), "{said}");
        let (code, said) = told(&gate, &["serve"]);
        assert!(code == Some(1) && said.contains("audit.rolled-back") && said.contains("accept-loss"), "{said}");
        let (code, said) = told(&gate, &["audit", "export"]);
        assert_eq!(code, Some(1), "{said}");
    }
    put_in_place_of(&trail, &whole);
    assert_eq!(told(&gate, &["audit", "verify"]).0, Some(0), "the whole one is what is remembered");
    let (code, said) = told(&gate, &["audit", "accept-loss", "--reason", "none"]);
    assert!(code == Some(1) && said.contains("nothing is lost"), "{said}");

    put_in_place_of(&trail, &earlier);
    let (code, said) = told(&gate, &["audit", "accept-loss", "--reason", "the disk died"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(told(&gate, &["audit", "verify"]).0, Some(0));
    served_once(&gate);
    let (code, said) = told(&gate, &["audit", "export"]);
    assert!(code == Some(0) && said.contains("trail.loss-accepted") && said.contains("the disk died"), "{said}");
}

#[tokio::test]
async fn a_witness_tells_a_trail_that_was_cut_back_without_the_store() {
    let gate = Gate::init();
    let text = std::fs::read_to_string(gate.config()).expect("there");
    let text = text.replacen("[audit]", "[audit]\nwitness_file = \"witness\"", 1);
    std::fs::write(gate.config(), text).expect("written");
    let (trail, earlier) = (gate.folder().join("data/audit"), gate.dir.path().join("earlier"));
    std::fs::create_dir(&earlier).expect("made");
    put_in_place_of(&earlier, &trail);
    let (store, old) = (gate.folder().join("data/lockgate.db"), gate.dir.path().join("old.db"));
    std::fs::copy(&store, &old).expect("copied");
    served_once(&gate);
    let witness = gate.folder().join("witness").display().to_string();
    let key = std::fs::read_to_string(gate.folder().join("checkpoint.vkey")).expect("there");
    let verify = || {
        let trail = trail.display().to_string();
        lockgate(&["audit", "verify", "--dir", &trail, "--key", key.trim_end(), "--at-least", &witness])
    };
    assert!(verify().status.success());
    put_in_place_of(&trail, &earlier);
    let ended = verify();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.code() == Some(1) && said.contains("its end is missing"), "{said}");
    // The store rolled back together with the trail changes nothing for whoever asks the witness.
    for name in ["lockgate.db", "lockgate.db-wal", "lockgate.db-shm"] {
        _ = std::fs::remove_file(gate.folder().join("data").join(name));
    }
    std::fs::copy(&old, &store).expect("copied");
    let (code, said) = told(&gate, &["serve"]);
    assert!(code == Some(1) && said.contains("audit.rolled-back"), "{said}");
}

#[tokio::test]
async fn the_root_key_is_demanded_and_must_be_the_right_one() {
    let (gate, other) = (Gate::init(), Gate::init());
    let serve = || {
        let ended = lockgate(&["serve", "--config", &gate.config().display().to_string()]);
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let key = gate.folder().join("root.key");
    std::fs::remove_file(&key).expect("there");
    let (code, told) = serve();
    assert!(code == Some(2) && told.contains("vault.root_key_file"), "{code:?} {told}");
    std::fs::copy(other.folder().join("root.key"), &key).expect("copied");
    let (code, told) = serve();
    assert!(code == Some(2) && told.contains("vault.root_key_file"), "{code:?} {told}");
    std::fs::remove_file(gate.folder().join("checkpoint.key")).expect("there");
    let (code, told) = serve();
    assert!(code == Some(2) && told.contains("audit.checkpoint_key_file"), "{code:?} {told}");
}

#[tokio::test]
async fn idle_connections_do_not_use_up_the_descriptors_of_the_house() {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    let serving = Serving::start_with(&gate.config(), 160);
    let (_, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    vendor.on("POST /v1/things", Behaviour::Answer(Canned::json(201, "{}")));
    // One caller is in before the crowd comes; the crowd is larger than all descriptors.
    let mut client = Client::connect(serving.door).await;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(Client::connect(serving.door).await);
        crowd.push(Client::connect(serving.admin).await);
    }
    for number in 0..3_u8 {
        client
            .send(format!(
                "POST /call/pay/v1/things HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {service}\r\nContent-Length: 2\r\n\r\n{{}}"
            ))
            .await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!(answer.status, 201, "call {number}: {}", answer.text());
    }
    drop(crowd);
    let ready = loop {
        let mut client = Client::connect(serving.door).await;
        client.send("GET /readyz HTTP/1.1\r\nHost: gate\r\n\r\n").await;
        if let Some(answer) = client.answer().await {
            break answer;
        }
    };
    assert_eq!(ready.status, 200, "{}", ready.text());
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

#[tokio::test]
async fn a_process_without_a_door_is_asked_on_the_operators_side_how_it_is() {
    let gate = Gate::init();
    let text = std::fs::read_to_string(gate.config()).expect("there");
    for (roles, tenants) in [("[\"admin\"]", 200), ("[\"worker\"]", 404)] {
        let roles = text.replace("[\"door\", \"worker\", \"admin\"]", roles);
        std::fs::write(gate.config(), roles).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(["serve", "--config"]).arg(gate.config());
        let serving = Serving::told(command);
        for path in ["/healthz", "/readyz"] {
            let answer = ask(serving.admin, "lgk_", "GET", path, None).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        let asked = ask(serving.admin, &gate.operator, "GET", "/v1/tenants", None).await;
        assert_eq!(asked.status, tenants, "{}", asked.text());
        serving.signal(Signal::TERM);
        assert_eq!(serving.wait(), Some(0));
    }
}

#[test]
fn without_a_certificate_only_loopback_is_served() {
    let gate = Gate::init();
    let text = std::fs::read_to_string(gate.config()).expect("there").replacen("127.0.0.1:0", "0.0.0.0:0", 1);
    std::fs::write(gate.config(), text).expect("written");
    let ended = lockgate(&["serve", "--config", &gate.config().display().to_string()]);
    assert_eq!(ended.status.code(), Some(2));
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("door.listen") && told.contains("certificate_file"), "{told}");
}

#[test]
fn no_secret_is_printed_and_none_is_in_a_file_in_the_clear() {
    let gate = Gate::init();
    // The end of the key: its beginning is the id, which is no secret.
    let secret = gate.operator.chars().rev().take(24).collect::<String>().chars().rev().collect::<String>();
    let mut folders = vec![gate.folder()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("there") {
            let path = entry.expect("there").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let mut bytes = Vec::new();
            std::fs::File::open(&path).expect("there").read_to_end(&mut bytes).expect("read");
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "the operator's key is in {}", path.display());
        }
    }
    assert!(files >= 6, "{files}");
}
