//! Webhooks at a desk, with the binary itself: the verbs against a gateway that runs, and `lockgate listen`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vocabulary::{Clock, Secret, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::process::{Gate, Serving, ask};
use crate::world::VENDOR_HOST;

/// The provider's secret.
const SECRET: &str = "whsec_c2VjcmV0IG9mIHRoZSBwcm92aWRlciBvZiB0aGUgdGVzdA==";

/// A gateway that serves, with a tenant, and what its operator types.
struct Desk {
    gate: Gate,
    serving: Serving,
    operator: String,
}

impl Desk {
    async fn set() -> Self {
        let gate = Gate::init();
        let serving = gate.serve();
        let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(json!({ "name": "acme" }))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let operator = made.json()["key"]["secret"].as_str().expect("a key").to_owned();
        Self { gate, serving, operator }
    }

    /// A file in the gateway's folder that its owner alone may read.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.gate.folder().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        path
    }

    fn command(&self, key: &str, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(line.split_whitespace()).args(["--json", "--admin", &format!("http://{}", self.serving.admin)]);
        command.arg("--api-key-file").arg(self.file("operator.key", key)).stdin(Stdio::null());
        command
    }

    fn typed(&self, key: &str, line: &str) -> Output {
        self.command(key, line).output().expect("it runs")
    }

    /// What the operator's line prints, which must succeed.
    fn done(&self, line: &str) -> Value {
        let ended = self.typed(&self.operator, line);
        assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{line}: not JSON"))
    }

    /// The code with which a line is refused.
    fn refused(&self, key: &str, line: &str) -> String {
        let ended = self.typed(key, line);
        assert_eq!(ended.status.code(), Some(1), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
        let told: Value = serde_json::from_slice(&ended.stderr).unwrap_or_else(|_| panic!("{line}: not JSON"));
        told["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Another operator of the tenant's, who may do this.
    async fn colleague(&self, name: &str, scopes: Value) -> String {
        let new = json!({ "name": name, "kind": "operator", "scopes": scopes });
        let made = ask(self.serving.admin, &self.operator, "POST", "/v1/principals", Some(new)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let key = json!({ "principal": name, "kind": "api-key" });
        let key = ask(self.serving.admin, &self.operator, "POST", "/v1/api-keys", Some(key)).await;
        key.json()["secret"].as_str().expect("a key").to_owned()
    }

    /// A service of the tenant's that may do this; its key.
    async fn service(&self, scope: &str) -> String {
        let new = json!({ "name": "app", "kind": "service", "scopes": [scope] });
        let made = ask(self.serving.admin, &self.operator, "POST", "/v1/principals", Some(new)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        self.done("api-key create --principal app")["secret"].as_str().expect("a key").to_owned()
    }

    /// Sends an event under a key.
    async fn event(&self, key: &str, once: &str, body: &str) -> Answer {
        let mut client = Client::connect(self.serving.door).await;
        client
            .send(format!(
                "POST /events HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\nIdempotency-Key: {once}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        client.answer().await.expect("an answer")
    }

    /// A door in for the provider's deliveries; its path.
    fn subscribed(&self, name: &str) -> String {
        let secret = self.file("provider.secret", &format!("{SECRET}\n"));
        let made = self.done(&format!(
            "subscription create --name {name} --scheme standardwebhooks --secret-file {}",
            secret.display()
        ));
        assert!(!made.to_string().contains(SECRET), "{made}");
        made["path"].as_str().expect("a path").to_owned()
    }

    fn listening(&self, key: &str, line: &str) -> Listening {
        let mut command = self.command(key, line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut said).expect("text");
        assert!(said.starts_with("listening to"), "{said}");
        Listening(child)
    }

    fn end(self) {
        self.serving.signal(Signal::TERM);
        assert_eq!(self.serving.wait(), Some(0));
        assert!(self.gate.verify().status.success());
    }
}

/// A process that listens.
struct Listening(Child);

impl Listening {
    /// How it ended, and its lines.
    fn ended(self) -> (Option<i32>, Vec<Value>) {
        let ended = self.0.wait_with_output().expect("it ends");
        let text = String::from_utf8(ended.stdout).expect("text");
        (ended.status.code(), text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid")).expect("a pid");
        kill_process(pid, Signal::INT).expect("it is there");
    }
}

/// A developer's own server, which answers one request with this status; what it got.
fn server(status: u16) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody");
        let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
        while !seen.ends_with(b"}") {
            let count = stream.read(&mut piece).expect("bytes");
            seen.extend_from_slice(&piece[..count]);
        }
        stream.write_all(format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n").as_bytes()).expect("written");
        String::from_utf8(seen).expect("text")
    });
    (address, served)
}

/// A delivery that the provider signed for this very moment, sent with this body.
async fn delivered(desk: &Desk, path: &str, id: &str, (signed, sent): (&str, &str)) -> Answer {
    let now = SystemClock::new().now().as_secs();
    let secrets = WebhookSecrets::new([(1, Secret::from(SECRET.to_owned()))]);
    let signature = secrets.sign_standard(id, now, signed.as_bytes()).expect("signed");
    let mut client = Client::connect(desk.serving.door).await;
    client
        .send(format!(
            "POST {path} HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nX-Provider: Shop\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: {now}\r\nwebhook-signature: {signature}\r\n\
             Content-Length: {}\r\n\r\n{sent}",
            sent.len()
        ))
        .await;
    client.answer().await.expect("an answer")
}

#[tokio::test]
async fn a_developer_sees_what_arrives_gets_it_as_it_came_and_learns_why_something_did_not() {
    let desk = Desk::set().await;
    let path = desk.subscribed("shop");
    let paid = "{\"type\": \"invoice.paid\",  \"n\": 1}";
    let earlier = delivered(&desk, &path, "msg_0", (paid, paid)).await;
    assert_eq!(earlier.status, 200, "{}", earlier.text());
    // No more than this is needed.
    let scopes = json!(["integration.runs.read", "audit.read", "webhooks.deliveries.replay"]);
    let reader = desk.colleague("reader", scopes).await;
    let (address, served) = server(204);
    let listening = desk.listening(&reader, &format!("listen shop --once 1 --forward http://{address}/in?desk=1"));
    assert_eq!(delivered(&desk, &path, "msg_1", (paid, "{\"type\":\"invoice.forged\"}")).await.status, 401);
    let answer = delivered(&desk, &path, "msg_2", (paid, paid)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (code, lines) = listening.ended();
    assert_eq!((code, lines.len()), (Some(0), 2), "{lines:?}");
    let of = |kind: &str| lines.iter().find(|line| line["kind"] == kind).expect("a line");
    let told = of("delivery");
    assert_eq!(told["delivery"]["delivery"], answer.json()["delivery"], "what came before is not told");
    assert_eq!((&told["delivery"]["state"], &told["delivery"]["secret_version"]), (&json!("waiting"), &json!(1)));
    assert_eq!(told["forwarded"]["status"], 204);
    let refused = of("refused");
    assert_eq!(refused["code"], "webhooks.signature.mismatch");
    assert_eq!(refused["subscription"].as_str(), path.rsplit('/').next());
    assert!(refused["cure"].as_str().is_some_and(|cure| !cure.is_empty()), "{refused}");
    let seen = served.join().expect("served");
    assert!(seen.starts_with("POST /in?desk=1 HTTP/1.1\r\n") && seen.ends_with(&format!("\r\n\r\n{paid}")), "{seen}");
    for line in ["webhook-id: msg_2\r\n", "x-provider: Shop\r\n", "content-type: application/json\r\n"] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(!seen.contains("lgk_") && !seen.contains("host: gate"), "{seen}");
    let waits = desk.done("delivery list --subscription shop --state waiting");
    assert_eq!(waits["items"].as_array().map(Vec::len), Some(2), "listening takes nothing away: {waits}");
    desk.end();
}

#[tokio::test]
async fn a_burst_of_refusals_is_told_one_by_one() {
    let desk = Desk::set().await;
    let path = desk.subscribed("shop");
    let listening = desk.listening(&desk.operator, "listen shop --once 1");
    for number in 0..110 {
        assert_eq!(delivered(&desk, &path, &format!("msg_{number}"), ("{}", "{ }")).await.status, 401);
    }
    assert_eq!(delivered(&desk, &path, "msg_true", ("{}", "{}")).await.status, 200);
    let (code, lines) = listening.ended();
    let refused = lines.iter().filter(|line| line["kind"] == "refused").count();
    assert_eq!((code, refused), (Some(0), 110));
    desk.end();
}

#[tokio::test]
async fn a_gateway_that_is_started_anew_is_waited_for() {
    let mut desk = Desk::set().await;
    let path = desk.subscribed("shop");
    // It comes back where it was: the first listener of the configuration is the door's.
    let text = std::fs::read_to_string(desk.gate.config()).expect("there");
    let text = text.replacen("127.0.0.1:0", &desk.serving.door.to_string(), 1);
    let text = text.replacen("127.0.0.1:0", &desk.serving.admin.to_string(), 1);
    std::fs::write(desk.gate.config(), text).expect("written");
    let mut listening = desk.listening(&desk.operator, "listen shop --once 1");
    desk.serving.signal(Signal::TERM);
    assert_eq!(desk.serving.wait(), Some(0));
    // It says once that nobody answers.
    let mut said = String::new();
    BufReader::new(listening.0.stderr.as_mut().expect("piped")).read_line(&mut said).expect("text");
    assert!(said.contains("Waiting for it."), "{said}");
    desk.serving = desk.gate.serve();
    assert_eq!(delivered(&desk, &path, "msg_1", ("{}", "{}")).await.status, 200);
    let (code, lines) = listening.ended();
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:?}");
    desk.end();
}

#[tokio::test]
async fn listening_ends_as_it_should() {
    let desk = Desk::set().await;
    let path = desk.subscribed("shop");
    let listening = desk.listening(&desk.operator, "listen shop");
    listening.interrupt();
    assert_eq!(listening.ended(), (Some(0), Vec::new()));
    // A server that does not take a delivery is a failed check.
    let (address, served) = server(500);
    let listening = desk.listening(&desk.operator, &format!("listen shop --once 1 --forward http://{address}/"));
    assert_eq!(delivered(&desk, &path, "msg_1", ("{}", "{}")).await.status, 200);
    let (code, lines) = listening.ended();
    assert_eq!((code, &lines[0]["forwarded"]["status"]), (Some(1), &json!(500)));
    served.join().expect("served");
    let listening = desk.listening(&desk.operator, &format!("listen shop --once 1 --forward http://{address}/"));
    assert_eq!(delivered(&desk, &path, "msg_2", ("{}", "{}")).await.status, 200);
    let (code, lines) = listening.ended();
    assert!(code == Some(1) && lines[0]["forwarded"]["error"].is_string(), "{lines:?}");
    // Who may not, and what is not there.
    assert_eq!(desk.refused(&desk.operator, "listen nowhere"), "access.object.unknown");
    let blind = desk.colleague("blind", json!(["integration.connections.read"])).await;
    assert!(desk.refused(&blind, "listen shop").starts_with("access."));
    desk.end();
}

#[tokio::test]
async fn the_verbs_lead_a_delivery_from_its_arrival_to_its_replay() {
    let desk = Desk::set().await;
    let path = desk.subscribed("shop");
    let first =
        delivered(&desk, &path, "msg_1", ("{}", "{}")).await.json()["delivery"].as_str().expect("an id").to_owned();
    let shown = desk.done(&format!("delivery show {first}"));
    assert_eq!((&shown["state"], &shown["envelope"]["body_b64"]), (&json!("waiting"), &json!("e30=")));
    let other = delivered(&desk, &path, "msg_1", ("{ }", "{ }")).await.json();
    assert_eq!(other["quarantined"], true, "{other}");
    for line in ["delivery list --state waitin", "delivery dead --cause us", "approval list --state open"] {
        assert_eq!(desk.refused(&desk.operator, line), "access.input.invalid", "{line}");
    }
    assert_eq!(desk.typed(&desk.operator, "subscription create --name nothing").status.code(), Some(2));
    let dead = desk.done("delivery dead --cause conflict --subscription shop");
    assert_eq!(dead["items"][0]["delivery"], other["delivery"], "{dead}");
    // A script sees by the exit code that some were not played.
    let ended = desk.typed(&desk.operator, &format!("delivery replay {first} --reason early"));
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    let early: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(early["failed"][0]["code"], "webhooks.delivery.under_way", "{early}");

    let spec = json!({ "direction": "inbound", "scheme": "standardwebhooks", "delivery": { "replay_approval": true } });
    let spec = desk.file("spec.json", &spec.to_string());
    desk.done(&format!("subscription change shop --spec {}", spec.display()));
    let key = desk.service("webhooks.deliveries.ingest").await;
    for time in ["once", "twice"] {
        let acknowledged = ask(desk.serving.door, &key, "POST", &format!("/deliveries/{first}/ack"), None).await;
        assert_eq!(acknowledged.status, 204, "{time}: {}", acknowledged.text());
    }
    let asked = desk.done(&format!("delivery replay {first} --reason again"));
    let approval = asked["approval"].as_str().expect("an approval").to_owned();
    let own = desk.refused(&desk.operator, &format!("approval approve {approval}"));
    assert_eq!(own, "webhooks.approval.own");
    let second = desk.colleague("second", json!(["integration.approvals.decide", "webhooks.deliveries.replay"])).await;
    let approved = desk.typed(&second, &format!("approval approve {approval} --note seen"));
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    let again = desk.refused(&second, &format!("approval deny {approval}"));
    assert_eq!(again, "webhooks.approval.over");
    assert_eq!(desk.done("approval list --state done")["items"][0]["note"], "seen");
    let replays = desk.done("delivery list --state waiting");
    assert_eq!(replays["items"][0]["replay_of"], json!(first), "{replays}");

    let secret = desk.file("next.secret", &SECRET.replace("c2Vj", "d2Vj"));
    let added = desk.done(&format!("subscription add-secret shop --secret-file {}", secret.display()));
    assert_eq!(added["secrets"].as_array().map(Vec::len), Some(2), "{added}");
    desk.done("subscription withdraw-secret shop --purpose verify --version 1");
    let last = desk.refused(&desk.operator, "subscription withdraw-secret shop --purpose verify --version 2");
    assert_eq!(last, "webhooks.secret.last");
    assert_eq!(delivered(&desk, &path, "msg_3", ("{}", "{}")).await.status, 401, "its secret was withdrawn");
    assert_eq!(desk.done("subscription pause shop --reason moving")["reason"], "moving");
    assert_eq!(desk.done("subscription resume shop")["status"], "active");
    assert_eq!(desk.done("subscription retire shop")["status"], "retired");
    assert_eq!(desk.refused(&desk.operator, "subscription resume shop"), "webhooks.subscription.retired");
    assert_eq!(desk.done("subscription list")["items"][0]["status"], "retired");
    desk.end();
}

#[tokio::test]
async fn a_way_out_waits_for_its_endpoint_and_events_wait_for_it() {
    let desk = Desk::set().await;
    // The name leads to this machine, which is no place for a tenant's endpoint.
    let made =
        desk.done(&format!("subscription create --name out --event-type invoice.* --push https://{VENDOR_HOST}/in"));
    assert_eq!((&made["status"], &made["reason"]), (&json!("pending"), &json!("egress.address.loopback")));
    assert!(made["signing_secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{made}");
    assert_eq!(desk.done("subscription verify out")["status"], "pending");
    assert_eq!(desk.refused(&desk.operator, "subscription resume out"), "webhooks.endpoint.unverified");
    let shown = desk.done("subscription show out");
    assert!(shown["signing_secret"].is_null() && shown["secrets"][0]["purpose"] == "sign", "{shown}");

    let key = desk.service("webhooks.events.send").await;
    let paid = "{\"type\": \"invoice.paid\", \"data\": {\"n\":  7}}";
    let sent = desk.event(&key, "inv-7", paid).await;
    assert_eq!((sent.status, &sent.json()["deliveries"]), (202, &json!(1)), "{}", sent.text());
    let again = desk.event(&key, "inv-7", paid).await;
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), sent.json()));
    let other = desk.event(&key, "inv-7", "{\"type\": \"invoice.void\", \"data\": {}}").await;
    assert_eq!((other.status, other.code().as_str()), (422, "webhooks.event.key_reused"));
    for shapeless in
        ["{\"type\": \"invoice.paid\"}", "{\"type\": \"a\", \"data\": {}, \"more\": 1}", "[]", "{\"type\":"]
    {
        let refused = desk.event(&key, "inv-8", shapeless).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "gateway.body.json"), "{shapeless}");
    }
    let waits = desk.done("delivery list --subscription out --state waiting");
    assert_eq!(waits["items"].as_array().map(Vec::len), Some(1), "told once: {waits}");
    desk.end();
}

#[tokio::test]
async fn signing_keys_are_withdrawn_by_the_houses_operator_alone_and_back_ends_are_listed() {
    let desk = Desk::set().await;
    let house = desk.gate.operator.clone();
    assert_eq!(desk.done("backend list"), json!({ "items": [] }), "the house keeps everything itself");
    assert_eq!(desk.refused(&desk.operator, "signing-key list"), "access.house.only");
    let keys = |line: &str| -> Vec<Value> {
        let ended = desk.typed(&house, line);
        assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
        let told: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        told["items"].as_array().expect("items").clone()
    };
    let before = keys("signing-key list");
    let current = before.iter().find(|key| key["status"] == "current").expect("one signs");
    let kid = current["kid"].as_str().expect("a kid");
    assert_eq!(desk.refused(&desk.operator, &format!("signing-key withdraw {kid}")), "access.house.only");
    let after = keys(&format!("signing-key withdraw {kid}"));
    assert!(after.len() == 2 && after.iter().all(|key| key["kid"] != kid), "{after:?}");
    assert_eq!(desk.refused(&house, &format!("signing-key withdraw {kid}")), "access.object.unknown");
    desk.serving.signal(Signal::TERM);
    assert_eq!(desk.serving.wait(), Some(0));
}
