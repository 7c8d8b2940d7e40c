//! Calls to vendors that succeed, fail, redirect, fall silent and send back what they were sent, with the
//! credential in each of its places.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use lockgate_testkit::{Behaviour, Canned};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::begin::Tenant;
use super::watched::{Watched, request, told};
use crate::world::VENDOR_HOST;

/// What each vendor does at which path, where `{}` is the credential.
const PATHS: [&str; 9] = ["ok", "echo", "moved", "away", "reset", "garbage", "reason", "slow", "half"];

/// One connection: the name, which is the first part of its vendor's paths too, and its credential as the vendor
/// sends it back.
struct Connection {
    name: &'static str,
    sent: String,
}

impl Connection {
    fn path(&self, what: &str) -> String {
        format!("/{}/{what}", self.name)
    }

    /// Scripts the vendor.
    fn script(&self, watched: &Watched) {
        let (vendor, sent, port) = (&watched.vendor, &self.sent, watched.vendor.address.port());
        let raw = |text: String| Behaviour::Raw(text.into_bytes());
        let coded = STANDARD.encode(sent);
        let person = watched.nest.text(&format!("person in an answer of {}", self.name));
        let body = json!({ "person": person, "you_sent": sent, "coded": coded }).to_string();
        let at = |what: &str| format!("GET {}", self.path(what));
        vendor.answers(&at("ok"), Canned::json(200, &body).header("x-echo", sent));
        let refused = Canned::json(401, &json!({ "error": format!("bad key {sent}"), "coded": coded }).to_string());
        vendor.answers(&at("echo"), refused.header("www-authenticate", &format!("Bearer error=\"{sent}\"")));
        let encoded: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
        let location = format!("https://{VENDOR_HOST}:{port}{}?key={encoded}", self.path("ok"));
        vendor.answers(&at("moved"), Canned::bytes(302, "").header("location", &location));
        let location = format!("https://elsewhere.test/{encoded}?key={encoded}#{encoded}");
        vendor.answers(&at("away"), Canned::bytes(302, sent.as_bytes()).header("location", &location));
        vendor.on(&at("reset"), Behaviour::Hang);
        vendor.on(&at("garbage"), raw(format!("220 {sent} ESMTP\r\n{coded}\r\n")));
        vendor.on(&at("reason"), raw(format!("HTTP/1.1 500 {sent}\r\ncontent-length: 0\r\n\r\n")));
        vendor.on(&at("slow"), Behaviour::Stall(Vec::new()));
        let half = format!("HTTP/1.1 200 OK\r\nx-echo: {sent}\r\ncontent-length: 9999\r\n\r\n{sent}");
        vendor.on(&at("half"), Behaviour::Stall(half.into_bytes()));
        let kept = watched.nest.text(&format!("person in a kept answer of {}", self.name));
        let kept = json!({ "person": kept, "you_sent": sent }).to_string();
        vendor.answers(&format!("POST {}", self.path("write")), Canned::json(201, &kept));
        let down = Canned::json(503, &json!({ "why": sent }).to_string()).header("retry-after", "600");
        vendor.answers(&format!("POST {}", self.path("down")), down);
    }
}

/// A provider, a connection and its credential.
pub async fn connected(watched: &Watched, tenant: &Tenant, name: &'static str, auth: Value, secret: &str) {
    let mut endpoints: Vec<Value> =
        PATHS.iter().map(|path| json!({ "method": "GET", "path": format!("/{path}") })).collect();
    endpoints.extend(
        ["write", "down"].map(|path| json!({ "method": "POST", "path": format!("/{path}"), "idempotent": true })),
    );
    connected_with(watched, tenant, name, auth, json!(endpoints), secret).await;
}

/// The same with endpoints of its own.
pub async fn connected_with(
    watched: &Watched,
    tenant: &Tenant,
    name: &'static str,
    auth: Value,
    endpoints: Value,
    secret: &str,
) {
    let base = format!("https://{VENDOR_HOST}:{}/{name}", watched.vendor.address.port());
    let spec = json!({ "name": format!("at-{name}"), "title": "Vendor", "auth": auth, "base_url": base, "endpoints": endpoints });
    watched.makes(&tenant.operator, "/v1/providers", spec).await;
    let spec = json!({
        "trust_pem": watched.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "retries": 1,
        "redirects": { "follow": true }, "breaker": { "least_calls": 10_000 },
        "limits": { "per_minute": 100_000, "burst": 10_000 },
    });
    let body = json!({ "name": name, "provider": format!("at-{name}"), "spec": spec });
    watched.makes(&tenant.operator, "/v1/connections", body).await;
    let body = json!({ "name": format!("{name}-key"), "connection": name, "owner": "us", "secret": secret });
    watched.makes(&tenant.operator, "/v1/credentials", body).await;
}

/// Connections with the credential in each place.
async fn furnished(watched: &Watched, tenant: &Tenant) -> Vec<Connection> {
    let nest = &watched.nest;
    let places = [
        ("bearer", json!({ "placement": "bearer" })),
        ("header", json!({ "placement": "header", "name": "X-Vendor-Key", "prefix": "Token " })),
        ("query", json!({ "placement": "query", "name": "api_key" })),
        ("basic", json!({ "placement": "basic" })),
    ];
    let mut connections = Vec::new();
    for (name, auth) in places {
        let sent = nest.token(&format!("credential in {name}"));
        let secret = if name == "basic" { format!("user:{sent}") } else { sent.clone() };
        connected(watched, tenant, name, auth, &secret).await;
        watched.may_hold(&watched.at_vendor(name), &format!("credential in {name}"));
        connections.push(Connection { name, sent });
    }
    for (name, client_auth) in [("oauth", "basic"), ("oauth-post", "post")] {
        let (client, token) =
            (nest.token(&format!("client secret of {name}")), nest.token(&format!("token of {name}")));
        let login = format!("login-{name}");
        let token_url = format!("https://{VENDOR_HOST}:{}/{login}/token", watched.vendor.address.port());
        let auth = json!({ "placement": "oauth", "token_url": token_url, "client_auth": client_auth });
        let granted = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3_600 });
        watched.vendor.answers(&format!("POST /{login}/token"), Canned::json(200, &granted.to_string()));
        connected(watched, tenant, name, auth, &format!("client:{client}")).await;
        watched.may_hold(&watched.at_vendor(&login), &format!("client secret of {name}"));
        watched.may_hold(&watched.at_vendor(name), &format!("token of {name}"));
        connections.push(Connection { name, sent: token });
    }
    connections
}

/// Calls every path of every connection, and has writes kept, repeated and go on behind an operation.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    let connections = furnished(watched, tenant).await;
    connections.iter().for_each(|connection| connection.script(watched));
    let reads = connections.iter().flat_map(|connection| PATHS.map(|what| (connection, what)));
    join_all(reads.map(|(connection, what)| read(watched, tenant, connection, what))).await;
    for connection in &connections {
        written(watched, tenant, connection).await;
    }
    clients_that_get_no_token(watched, tenant).await;
    lives_on_behind_an_operation(watched, tenant, &connections[0]).await;
}

/// What the caller sends along that nobody else is to see, and its key.
fn fields(watched: &Watched, tenant: &Tenant, what: &str) -> String {
    let cookie = watched.nest.word(&format!("cookie of {what}"));
    format!("X-Api-Key: {}\r\nCookie: session={cookie}\r\n", tenant.service)
}

async fn read(watched: &Watched, tenant: &Tenant, connection: &Connection, what: &str) {
    let name = format!("{} of {}", what, connection.name);
    let person = watched.nest.word(&format!("query of {name}"));
    let line = format!("GET /call/{}/{what}?person={person}", connection.name);
    watched.may_hold(&watched.at_vendor(connection.name), &format!("query of {name}"));
    let bytes = request(&line, &fields(watched, tenant, &name), "");
    let answer = watched.sends(&name, watched.door(), bytes).await;
    // What breaks off in the middle is no answer; what came of it is kept all the same.
    let Some(answer) = answer else { return assert_eq!(what, "half", "{name}") };
    let wanted: &[u16] = match what {
        "ok" | "moved" => &[200],
        "echo" => &[401],
        _ => &[500, 502, 503, 504],
    };
    assert!(wanted.contains(&answer.answer.status), "{name}: {:?}", answer.answer);
    if matches!(what, "ok" | "moved") {
        watched.shows(&answer, &format!("person in an answer of {}", connection.name));
    }
}

/// A write with a key, again, as a dry run, and with a body that is kept on disk.
async fn written(watched: &Watched, tenant: &Tenant, connection: &Connection) {
    let name = connection.name;
    let person = watched.nest.text(&format!("person sent to {name}"));
    watched.may_hold(&watched.at_vendor(name), &format!("person sent to {name}"));
    let body = json!({ "person": person }).to_string();
    let line = format!("POST /call/{name}/write");
    let key = watched.nest.word(&format!("idempotency key of {name}"));
    let typed = format!("{}Content-Type: application/json\r\n", fields(watched, tenant, &format!("write to {name}")));
    let keyed = format!("{typed}Idempotency-Key: {key}\r\n");
    for (what, fields) in [("first", &keyed), ("again", &keyed)] {
        let answer = watched.calls(&format!("{what} write to {name}"), &line, fields, &body).await.demand(201);
        watched.shows(&answer, &format!("person in a kept answer of {name}"));
    }
    let other = watched.calls("a key with another request", &line, &keyed, "{}").await;
    assert!(matches!(other.answer.status, 409 | 422), "{}", other.answer.text());
    let dry = watched.calls("a dry run", &line, &format!("{typed}X-DryRun: true\r\n"), &body).await;
    assert_eq!(dry.json()["dry_run"], true, "{}", dry.answer.text());
}

/// Token endpoints that refuse, and that answer with what is no token; each sends back what it was sent.
async fn clients_that_get_no_token(watched: &Watched, tenant: &Tenant) {
    for (name, status) in [("refusing", 400), ("mumbling", 200)] {
        let client = watched.nest.token(&format!("client secret of {name}"));
        let login = format!("login-{name}");
        let token_url = format!("https://{VENDOR_HOST}:{}/{login}/token", watched.vendor.address.port());
        let auth = json!({ "placement": "oauth", "token_url": token_url });
        let text = format!("<html>{client} {}</html>", STANDARD.encode(format!("client:{client}")));
        let told = Canned::bytes(status, text).header("x-echo", &client).header("content-type", "text/html");
        watched.vendor.answers(&format!("POST /{login}/token"), told);
        connected(watched, tenant, name, auth, &format!("client:{client}")).await;
        watched.may_hold(&watched.at_vendor(&login), &format!("client secret of {name}"));
        let key = format!("X-Api-Key: {}\r\n", tenant.service);
        watched.calls(name, &format!("GET /call/{name}/ok"), &key, "").await.demand(502);
    }
}

/// A call whose vendor is away goes on behind an operation with a body that is too large for memory, and its
/// process dies meanwhile.
async fn lives_on_behind_an_operation(watched: &Watched, tenant: &Tenant, connection: &Connection) {
    let name = connection.name;
    let person = watched.nest.text("person in a body on disk");
    watched.may_hold(&watched.at_vendor(name), "person in a body on disk");
    let body = json!({ "person": person, "more": "x".repeat(300_000) }).to_string();
    let fields = format!(
        "{}Content-Type: application/json\r\nPrefer: respond-async\r\nIdempotency-Key: large\r\n",
        fields(watched, tenant, "the call behind an operation")
    );
    let taken =
        watched.calls("a call that waits", &format!("POST /call/{name}/down"), &fields, &body).await.demand(202);
    let operation = taken.answer.header("location").expect("where it is told of").to_owned();
    watched.look_at_process();
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "{}", told(&leaks));
    watched.ended_by(Signal::KILL);
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "{}", told(&leaks));
    watched.serve();
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    watched.calls("the operation", &format!("GET {operation}"), &key, "").await;
}
