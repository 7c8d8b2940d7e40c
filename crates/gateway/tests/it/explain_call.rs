//! `lockgate explain call` by the built binary, on the folder of a gateway: it says what the running gate says,
//! and leaves nothing behind.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lockgate_testkit::{Canned, Vendor};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::process::{Gate, ask, furnish};
use crate::world::VENDOR_HOST;

fn explain(gate: &Gate, principal: &str, lines: &[Value]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(["explain", "call", "--as", principal, "--config"])
        .arg(gate.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

/// The verdicts, of which each has the members that every one has.
fn verdicts(gate: &Gate, principal: &str, lines: &[Value]) -> Vec<Value> {
    let output = explain(gate, principal, lines);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(told.len(), lines.len());
    for (line, told) in lines.iter().zip(&told) {
        let members: Vec<&str> = told.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, ["approval", "code", "id", "stage", "tier", "verdict"]);
        assert_eq!((&told["id"], &told["tier"], &told["approval"]), (&line["id"], &Value::Null, &Value::Null));
    }
    told
}

fn line(id: u32, method: &str, connection: &str, path: &str) -> Value {
    json!({ "id": id, "method": method, "connection": connection, "path": path })
}

/// What the running gate answers to the same: the code of a refusal, nothing where the vendor was asked.
async fn answered(door: std::net::SocketAddr, key: &str, line: &Value) -> Option<String> {
    let text = |member: &str| line[member].as_str().expect("text").to_owned();
    let target = format!("/call/{}{}", text("connection"), text("path"));
    let answer = ask(door, key, &text("method"), &target, None).await;
    (answer.header("content-type") == Some("application/problem+json")).then(|| answer.code())
}

/// Every file of the folder with its bytes. A database folds its log into its file when it likes to, so what
/// is in there is asked for instead.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut folders, mut all) = (vec![folder.to_owned()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("there") {
            let path = entry.expect("there").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().contains("lockgate.db") {
                all.insert(path.display().to_string(), std::fs::read(&path).expect("read"));
            }
        }
    }
    all
}

#[tokio::test]
async fn it_says_what_the_running_gate_says_and_leaves_nothing_behind() {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.answers("*", Canned::json(200, "{}"));
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let make = async |path: &str, body: Value| {
        let answer = ask(serving.admin, &operator, "POST", path, Some(body)).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    };
    // One that is not opened to the network that it leads to, one that has no credential, one that leads
    // where a name server would have to be asked.
    let (trust, elsewhere) = (vendor.authority_pem.as_str(), "https://api.vendor.example");
    let spec = json!({
        "name": "elsewhere", "title": "Elsewhere", "base_url": elsewhere, "auth": { "placement": "bearer" },
        "endpoints": [
            { "method": "GET", "path": "/v1/things/{id}" },
            { "method": "GET", "path": "/v1/rates", "fallback": { "media_type": "text/plain", "body": "none" } },
        ],
    });
    make("/v1/providers", spec).await;
    for (name, provider, secret) in [("shut", "vendor", true), ("bare", "vendor", false), ("named", "elsewhere", true)]
    {
        let settings = json!({ "trust_pem": trust });
        make("/v1/connections", json!({ "name": name, "provider": provider, "spec": settings })).await;
        if secret {
            let body = json!({ "name": format!("{name}-key"), "connection": name, "owner": "o", "secret": "s3cret" });
            make("/v1/credentials", body).await;
        }
    }
    let reader = json!({
        "name": "reader", "kind": "service", "scopes": ["integration.connections.call:pay:read"],
        "addresses": ["127.0.0.0/8"],
    });
    let principal = make("/v1/principals", reader).await["principal"].as_str().expect("an id").to_owned();
    let key = make("/v1/api-keys", json!({ "principal": principal, "kind": "api-key" })).await;
    let reader = key["secret"].as_str().expect("a secret").to_owned();

    let lines = [
        line(1, "POST", "pay", "/v1/things"),
        line(2, "POST", "pay", "/v1/things?a=b"),
        line(3, "POST", "pay", "/v1/other"),
        line(4, "GET", "pay", "/v1/things"),
        line(5, "POST", "nobodys", "/v1/things"),
        line(6, "POST", "pay", "/v1/x/..%2fthings"),
        line(7, "POST", "shut", "/v1/things"),
        line(8, "POST", "bare", "/v1/things"),
        line(9, "TRACE", "pay", "/v1/things"),
        line(10, "POST", "pay", "/v1/things?_method=DELETE"),
    ];
    for (name, key) in [("billing", &service), ("reader", &reader)] {
        // While the gate runs, on the same database.
        let told = verdicts(&gate, name, &lines);
        let mut allowed = 0;
        for (line, told) in lines.iter().zip(&told) {
            if line["method"] == "TRACE" {
                assert_eq!((&told["verdict"], &told["stage"]), (&json!("block"), &json!("read")));
                continue;
            }
            let really = answered(serving.door, key, line).await;
            assert_eq!(told["code"].as_str(), really.as_deref(), "{name}: {line}");
            assert_eq!(told["verdict"] == "allow", really.is_none());
            assert_eq!(told["stage"].is_null(), really.is_none());
            allowed += usize::from(really.is_none());
        }
        assert_eq!(allowed, if name == "billing" { 2 } else { 0 });
    }
    let stages: Vec<Value> = verdicts(&gate, "billing", &lines).iter().map(|told| told["stage"].clone()).collect();
    let expected = [
        Value::Null,
        Value::Null,
        json!("authorize"),
        json!("authorize"),
        json!("authorize"),
        json!("read"),
        json!("vet"),
        json!("authorize"),
        json!("read"),
        json!("gather"),
    ];
    assert_eq!(stages, expected);
    // What the running gate would resolve is judged by its text, and nobody is asked.
    assert_eq!(verdicts(&gate, "billing", &[line(1, "GET", "named", "/v1/things/1")])[0]["verdict"], "allow");
    // What an endpoint declares for a vendor that is down stands in for the vendor, and for no refusal of ours.
    let rates = |id, method, more: &str| line(id, method, "named", &format!("/v1/rates{more}"));
    let asked = [rates(1, "GET", ""), rates(2, "GET", "?_method=PUT"), rates(3, "POST", ""), rates(4, "HEAD", "")];
    for (principal, expected) in [
        ("billing", [json!(true), json!(false), Value::Null, Value::Null]),
        ("reader", [Value::Null, Value::Null, Value::Null, Value::Null]),
    ] {
        let output = explain(&gate, principal, &asked);
        let text = String::from_utf8(output.stdout).expect("text");
        let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let said: Vec<Value> = told.iter().map(|told| told["fallback"].clone()).collect();
        assert_eq!(said, expected, "{principal}: {told:?}");
        for told in told.iter().filter(|told| !told["fallback"].is_null()) {
            assert_eq!(told["fallback"], json!(told["verdict"] == "allow"), "{told}");
        }
    }

    let suspended = json!({ "status": "suspended" });
    let path = format!("/v1/principals/{principal}");
    let told = ask(serving.admin, &operator, "PATCH", &path, Some(suspended)).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let kept = async |admin| {
        let mut lists = Vec::new();
        // Of the trail what was refused: that somebody read it is in there as well.
        for list in ["runs?limit=1000", "audit?kind=refused&limit=1000", "principals", "connections", "api-keys"] {
            let mut told = ask(admin, &operator, "GET", &format!("/v1/{list}"), None).await.json();
            // How a connection stands a node forgets with its process.
            for item in told["items"].as_array_mut().expect("items") {
                item.as_object_mut().expect("an object").remove("state");
            }
            lists.push(told);
        }
        lists
    };
    let kept_before = kept(serving.admin).await;
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));

    let (before, requests) = (files(&gate.folder()), vendor.seen().len());
    let told = verdicts(&gate, &principal, &[line(1, "GET", "pay", "/v1/things"), json!({ "id": "x", "path": 7 })]);
    assert_eq!((&told[0]["stage"], &told[0]["code"]), (&json!("identify"), &json!("access.principal.inactive")));
    assert_eq!((&told[1]["stage"], &told[1]["code"]), (&json!("read"), &json!("gateway.explain.line")));
    let told = verdicts(&gate, "billing", &[line(1, "POST", "pay", "/v1/things")]);
    assert_eq!(told[0]["verdict"], "allow");
    assert_eq!(vendor.seen().len(), requests, "nothing was sent");
    let after = files(&gate.folder());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let changed: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let again = gate.serve();
    assert_eq!(kept(again.admin).await, kept_before, "no row and no record came or went");
    again.signal(Signal::TERM);
    assert_eq!(again.wait(), Some(0));
}

#[test]
fn what_it_cannot_look_at_is_named_with_its_cure() {
    let gate = Gate::init();
    let output = explain(&gate, "nobody", &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("--as"), "{told}");
    let database = gate.folder().join("data/lockgate.db");
    std::fs::remove_file(&database).expect("there");
    let output = explain(&gate, "nobody", &[]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("--config"), "{told}");
    assert!(!database.exists(), "it was not made");
}
