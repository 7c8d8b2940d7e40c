//! `lockgate connection connect` with the binary itself: a person at a desk connects an account, and reads how it stands.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use lockgate_testkit::Vendor;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::browser::{Browser, location, query};
use crate::client::Client;
use crate::connect::{ISSUER, TOKEN, tokens};
use crate::process::{Gate, Serving, ask};
use crate::world::VENDOR_HOST;

/// A gateway that serves, with a connection that nobody has connected yet.
struct Desk {
    gate: Gate,
    serving: Serving,
    operator: String,
    vendor: Vendor,
}

impl Desk {
    async fn set() -> Self {
        let (gate, vendor) = (Gate::init(), Vendor::start(VENDOR_HOST).await);
        let serving = gate.serve();
        let made = ask(serving.admin, &gate.operator, "POST", "/v1/tenants", Some(json!({ "name": "acme" }))).await;
        let operator = made.json()["key"]["secret"].as_str().expect("a key").to_owned();
        let at = |path: &str| format!("https://{VENDOR_HOST}:{}{path}", vendor.address.port());
        let auth = json!({
            "placement": "oauth", "token_url": at("/login/token"), "scope": "things.read",
            "authorization": { "url": at("/login/auth"), "issuer": ISSUER },
        });
        let provider = json!({
            "name": "vendor", "title": "Vendor", "auth": auth, "base_url": at(""),
            "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
        });
        let spec = json!({ "trust_pem": vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
        for (path, body) in [
            ("/v1/providers", provider),
            ("/v1/connections", json!({ "name": "crm", "provider": "vendor", "spec": spec })),
            ("/v1/credentials", json!({ "name": "c", "connection": "crm", "owner": "o", "secret": "gateway:secret" })),
        ] {
            let made = ask(serving.admin, &operator, "POST", path, Some(body)).await;
            assert_eq!(made.status, 201, "{path}: {}", made.text());
        }
        Self { gate, serving, operator, vendor }
    }

    fn command(&self, line: &str) -> Command {
        let key = self.gate.folder().join("operator.key");
        std::fs::write(&key, &self.operator).expect("written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("set");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(line.split_whitespace()).args(["--admin", &format!("http://{}", self.serving.admin)]);
        command.arg("--api-key-file").arg(key).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn typed(&self, line: &str) -> Output {
        self.command(line).output().expect("it runs")
    }

    /// Starts to connect; the process, and the path of its link.
    fn connecting(&self) -> (Child, String) {
        let mut child = self.command("connection connect crm").spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let link = loop {
            let line = lines.next().expect("it prints a link").expect("text");
            if let Some((_, path)) = line.split_once("/connect/") {
                break format!("/connect/{path}");
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        (child, link)
    }
}

/// Goes to a URL of this machine as a browser does.
async fn visit(url: &str) -> String {
    let (origin, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let address: SocketAddr = origin.parse().expect("an address");
    let mut client = Client::connect(address).await;
    client.send(format!("GET /{path} HTTP/1.1\r\nHost: {origin}\r\n\r\n")).await;
    client.answer().await.expect("an answer").text()
}

fn ended(mut child: Child) -> (Option<i32>, String) {
    let mut told = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut told).expect("text");
    (child.wait().expect("it ends").code(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_a_desk_connects_an_account_and_sees_how_it_stands() {
    let desk = Desk::set().await;
    let none = desk.typed("connection grant crm --json");
    let told: Value = serde_json::from_slice(&none.stdout).expect("JSON");
    assert_eq!(told["state"], "none");

    // Declined, and then begun again.
    let (child, link) = desk.connecting();
    let mut browser = Browser::default();
    let asked = query(&location(&browser.visit(desk.serving.door, &link).await));
    let callback = asked["redirect_uri"].split_once("/oauth/").expect("a callback").1.to_owned();
    let at = |more: &str, state: &str| format!("/oauth/{callback}?state={state}&iss={ISSUER}&{more}");
    let led = location(&browser.visit(desk.serving.door, &at("error=access_denied", &asked["state"])).await);
    assert!(visit(&led).await.starts_with("You may close this window"));
    assert_eq!(ended(child), (Some(1), String::new()));

    desk.vendor.answers(TOKEN, tokens(1, 3_600));
    let (child, link) = desk.connecting();
    let asked = query(&location(&browser.visit(desk.serving.door, &link).await));
    let led = location(&browser.visit(desk.serving.door, &at("code=c-1", &asked["state"])).await);
    let stray = led.split('?').next().expect("a URL");
    assert_eq!(visit(&format!("{stray}favicon.ico")).await, "", "whoever else comes is sent away");
    assert!(visit(&led).await.starts_with("You may close this window"));
    assert_eq!(ended(child), (Some(0), "crm: the account is connected.\n".to_owned()));

    let held = String::from_utf8(desk.typed("connection grant crm").stdout).expect("text");
    assert!(held.contains("held") && held.contains("things.read") && !held.contains("canary"), "{held}");
    let gone = desk.typed("connection disconnect crm --json");
    let told: Value = serde_json::from_slice(&gone.stdout).expect("JSON");
    let each = |token: &str| json!({ "token": token, "result": "unsupported" });
    assert_eq!(told["tokens"], json!([each("refresh_token"), each("access_token")]));
    // What it cannot do it says by its code and its cure.
    let refused = desk.typed("connection connect nobody");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && told.contains("access.object.unknown"), "{told}");
    desk.serving.signal(Signal::TERM);
    assert_eq!(desk.serving.wait(), Some(0));
}
