//! What operators do with credentials, what they paste into the wrong place, and everything that they are shown.

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use super::begin::{SCRAPE, Tenant};
use super::watched::{Watched, request};

/// Where something may be written, with a body that is whole but for what is put in its place.
fn writes() -> [(&'static str, Value); 12] {
    let spec = json!({ "name": "x", "title": "x", "base_url": "https://x.test", "auth": { "placement": "bearer" } });
    [
        ("POST /v1/credentials", json!({ "name": "x", "connection": "bearer", "owner": "us", "secret": "x-secret" })),
        ("POST /v1/credentials/bearer-key/versions", json!({ "secret": "x-secret" })),
        ("POST /v1/credentials/bearer-key/revoke", json!({ "reason": "x" })),
        ("POST /v1/providers", spec.clone()),
        ("PUT /v1/providers/at-bearer", spec),
        ("POST /v1/connections", json!({ "name": "x", "provider": "at-bearer", "spec": {} })),
        ("PATCH /v1/connections/bearer", json!({ "status": "active" })),
        ("POST /v1/principals", json!({ "name": "x", "kind": "service", "scopes": [] })),
        ("POST /v1/api-keys", json!({ "principal": "billing", "kind": "api-key" })),
        ("POST /v1/issuers", json!({ "issuer": "https://idp.test", "spec": {} })),
        (
            "POST /v1/subscriptions",
            json!({ "name": "x", "spec": { "direction": "inbound", "scheme": "github" }, "secrets": ["x"] }),
        ),
        ("POST /v1/deliveries/replay", json!({ "deliveries": [], "reason": "x" })),
    ]
}

/// Everything that an operator may see, as a list.
const LISTS: [&str; 12] = [
    "api-keys",
    "approvals",
    "audit",
    "connections",
    "credentials",
    "dead-letters",
    "deliveries",
    "escalations",
    "events",
    "issuers",
    "providers",
    "subscriptions",
];

/// Everything.
pub async fn drive(watched: &Watched, tenant: &Tenant, house: &str) {
    credentials_are_replaced(watched, tenant).await;
    for (line, whole) in writes() {
        misplaced(watched, tenant, line, &whole).await;
    }
    strangers(watched, tenant).await;
    everything_is_shown(watched, tenant, house).await;
}

/// Rotated, used, revoked, and called without.
async fn credentials_are_replaced(watched: &Watched, tenant: &Tenant) {
    let newer = watched.nest.token("a rotated credential");
    watched.may_hold(&watched.at_vendor("header"), "a rotated credential");
    let rotate = "POST /v1/credentials/header-key/versions";
    watched
        .asks("rotated", &tenant.operator, rotate, Some(json!({ "secret": newer, "danger_unverified": true })))
        .await
        .demand(201);
    watched.vendor.forget("GET /header/ok");
    watched.vendor.answers("GET /header/ok", Canned::json(403, &json!({ "why": newer }).to_string()));
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    watched.calls("a call after a rotation", "GET /call/header/ok", &key, "").await.demand(403);
    for name in ["header-key", "oauth-key"] {
        let revoke = format!("POST /v1/credentials/{name}/revoke");
        watched.asks("revoked", &tenant.operator, &revoke, Some(json!({ "reason": "leaked" }))).await.demand(200);
    }
    watched.calls("a call after a revocation", "GET /call/header/ok", &key, "").await.demand(409);
    // Whoever may not write is refused before anything of the secret is looked at.
    let refused = watched.nest.token("a credential of somebody who may not rotate");
    let body = json!({ "secret": refused });
    watched.asks("rotated by an onlooker", &tenant.onlooker, rotate, Some(body)).await.demand(403);
    let body = json!({ "secret": refused });
    watched.asks("rotated by a service", &tenant.service, rotate, Some(body)).await.demand(403);
}

/// A secret in each wrong place of one request: cut off, of a wrong type, in a member that nobody knows or that is
/// meant for something else, twice, under another media type, in the query.
async fn misplaced(watched: &Watched, tenant: &Tenant, line: &str, whole: &Value) {
    let secret = |what: &str| watched.nest.token(&format!("{what} in {line}"));
    let with = |member: &str, value: Value| {
        let mut body = whole.clone();
        body[member] = value;
        body.to_string()
    };
    let typed = "Content-Type: application/json\r\n";
    let mut bodies = vec![
        ("a secret before the end", format!("{{\"secret\":\"{}", secret("a secret before the end"))),
        ("a secret that is no JSON", secret("a secret that is no JSON")),
        ("a secret in an object", with("secret", json!({ "value": secret("a secret in an object") }))),
        ("a secret in a list", with("scopes", json!([[secret("a secret in a list")]]))),
        ("a secret inside of settings", with("spec", json!({ "secret": secret("a secret inside of settings") }))),
        ("a secret for a direction", with("spec", json!({ "direction": secret("a secret for a direction") }))),
        ("a secret for a placement", with("auth", json!({ "placement": secret("a secret for a placement") }))),
        ("a secret under an unknown name", with("api_secret", json!(secret("a secret under an unknown name")))),
        ("a secret for a name", with(&secret("a secret for a name"), json!(1))),
        ("a secret for a number", with("expires_in", json!(secret("a secret for a number")))),
        ("a secret for a kind", with("kind", json!(secret("a secret for a kind")))),
        ("a secret for a status", with("status", json!(secret("a secret for a status")))),
        ("a secret for a sensitivity", with("sensitivity", json!(secret("a secret for a sensitivity")))),
    ];
    let twice = secret("a secret twice");
    bodies.push(("a secret twice", format!("{{\"secret\":\"{twice}\",\"secret\":\"{twice}\"}}")));
    for (what, body) in bodies {
        sent(watched, tenant, &format!("{what} in {line}"), line, typed, &body).await;
    }
    let body = with("secret", json!(secret("a secret in a text")));
    sent(watched, tenant, "a text", line, "Content-Type: text/plain\r\n", &body).await;
    let queried = format!("{line}?secret={}", watched.nest.word(&format!("a secret in the query of {line}")));
    sent(watched, tenant, "a secret in a query", &queried, typed, r#"{"nothing":1}"#).await;
}

/// One request that must be refused.
async fn sent(watched: &Watched, tenant: &Tenant, what: &str, line: &str, typed: &str, body: &str) {
    let bytes = request(line, &format!("X-Api-Key: {}\r\n{typed}", tenant.operator), body);
    let answer = watched.sends(what, watched.admin(), bytes).await.unwrap_or_else(|| panic!("{what}: no answer"));
    assert!((400..500).contains(&answer.answer.status), "{what}: {}", answer.answer.text());
}

/// Requests to either side with secrets in their heads, well-formed and not.
async fn strangers(watched: &Watched, tenant: &Tenant) {
    let key = format!("X-Api-Key: {}\r\n", tenant.operator);
    let service = format!("X-Api-Key: {}\r\n", tenant.service);
    for (side, to) in [("door", watched.door()), ("operators' side", watched.admin())] {
        let word = |what: &str| watched.nest.word(&format!("{what} at the {side}"));
        let heads = [
            (
                "a key in a path",
                format!("GET /v1/credentials/{} HTTP/1.1\r\nHost: gate\r\n{key}\r\n", word("a key in a path")),
            ),
            (
                "a key in a query",
                format!("GET /v1/credentials?api_key={} HTTP/1.1\r\nHost: gate\r\n{key}\r\n", word("a key in a query")),
            ),
            (
                "a key for a connection",
                format!("GET /call/{}/ok HTTP/1.1\r\nHost: gate\r\n{service}\r\n", word("a key for a connection")),
            ),
            (
                "a key below a connection",
                format!(
                    "GET /call/bearer/{} HTTP/1.1\r\nHost: gate\r\n{service}\r\n",
                    word("a key below a connection")
                ),
            ),
            (
                "a key for an operation",
                format!("GET /operations/{} HTTP/1.1\r\nHost: gate\r\n{service}\r\n", word("a key for an operation")),
            ),
            (
                "a key for a hook",
                format!("POST /hooks/{} HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n\r\n", word("a key for a hook")),
            ),
            (
                "a key of nobody's",
                format!("GET /v1/runs HTTP/1.1\r\nHost: gate\r\nX-Api-Key: lgk_{}\r\n\r\n", word("a key of nobody's")),
            ),
            (
                "a login",
                format!("GET /v1/runs HTTP/1.1\r\nHost: gate\r\nAuthorization: Basic {}\r\n\r\n", word("a login")),
            ),
            (
                "a scheme",
                format!("GET /v1/runs HTTP/1.1\r\nHost: gate\r\nAuthorization: {} x\r\n\r\n", word("a scheme")),
            ),
            (
                "two credentials",
                format!(
                    "GET /v1/runs HTTP/1.1\r\nHost: gate\r\n{key}Authorization: Bearer {}\r\n\r\n",
                    word("two credentials")
                ),
            ),
            ("a host", format!("GET /v1/runs HTTP/1.1\r\nHost: {}\r\n{key}\r\n", word("a host"))),
            ("a method", format!("{} /v1/runs HTTP/1.1\r\nHost: gate\r\n{key}\r\n", word("a method"))),
            ("a version", format!("GET /v1/runs HTTP/1.1{}\r\nHost: gate\r\n{key}\r\n", word("a version"))),
            (
                "a field's name",
                format!("GET /v1/runs HTTP/1.1\r\nHost: gate\r\n{} : x\r\n{key}\r\n", word("a field's name")),
            ),
            (
                "a folded field",
                format!("GET /v1/runs HTTP/1.1\r\nHost: gate\r\nX: a\r\n {}\r\n{key}\r\n", word("a folded field")),
            ),
            (
                "a trace",
                format!(
                    "GET /v1/runs HTTP/1.1\r\nHost: gate\r\ntraceparent: {0}\r\ntracestate: k={0}\r\n{key}\r\n",
                    word("a trace")
                ),
            ),
            (
                "an agent",
                format!(
                    "GET /v1/runs HTTP/1.1\r\nHost: gate\r\nUser-Agent: {0}\r\nReferer: https://x.test/?k={0}\r\n{key}\r\n",
                    word("an agent")
                ),
            ),
            (
                "a target with a host",
                format!(
                    "GET https://me:{}@gate/v1/runs HTTP/1.1\r\nHost: gate\r\n{key}\r\n",
                    word("a target with a host")
                ),
            ),
            (
                "an idempotency key",
                format!(
                    "POST /call/bearer/write HTTP/1.1\r\nHost: gate\r\n{service}Idempotency-Key: {}\t\u{7f}\r\nContent-Length: 0\r\n\r\n",
                    word("an idempotency key")
                ),
            ),
            ("no request", format!("{}\r\n\r\n", word("no request"))),
        ];
        for (what, head) in heads {
            watched.sends(&format!("{what} at the {side}"), to, head).await;
        }
    }
}

/// Each list, each of its rows, the metrics and the documents.
async fn everything_is_shown(watched: &Watched, tenant: &Tenant, house: &str) {
    for list in LISTS {
        let rows =
            watched.asks(&format!("the {list}"), &tenant.operator, &format!("GET /v1/{list}?limit=1000"), None).await;
        let rows = rows.demand(200).json();
        // What a delivery holds is shown where that is asked for, and is looked at there.
        if matches!(list, "audit" | "deliveries" | "dead-letters" | "events") {
            continue;
        }
        for row in rows["items"].as_array().expect("items") {
            let member = ["key", "approval", "connection", "escalation", "id", "subscription", "name"];
            let id = member.iter().find_map(|member| row[*member].as_str()).unwrap_or_default();
            watched.asks(&format!("one of the {list}"), &tenant.operator, &format!("GET /v1/{list}/{id}"), None).await;
        }
    }
    for list in ["principals", "runs"] {
        watched
            .asks(&format!("the {list}"), &tenant.operator, &format!("GET /v1/{list}?limit=1000"), None)
            .await
            .demand(200);
    }
    let scrape = watched.told_apart(SCRAPE);
    for token in [scrape.as_str(), &watched.nest.word("a wrong scrape token")] {
        let fields = format!("Authorization: Bearer {token}\r\n");
        watched.sends("the metrics", watched.admin(), request("GET /metrics", &fields, "")).await.expect("an answer");
    }
    for line in
        ["GET /v1/tenants", "GET /v1/audit?limit=1000", "GET /v1/events?limit=1000", "GET /readyz", "GET /metrics"]
    {
        watched.asks(&format!("the house: {line}"), house, line, None).await.demand(200);
    }
}
