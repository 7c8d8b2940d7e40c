//! Refusals that tell nothing: another tenant's object is answered like one that does not exist, a token
//! that is wrong in one way like one that is wrong in another, and a stranger who asks too often waits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};
use std::time::Duration;

use crate::client::{Answer, Client};
use crate::tokens::issued;
use crate::world::{Tenant, World};

/// An identifier of this kind that nobody has.
fn nobodys(prefix: &str) -> String {
    format!("{prefix}_01hzzzzzzzzzzzzzzzzzzzzzzz")
}

/// The first item's identifier in a list of the operators' side.
async fn first(world: &World, operator: &str, path: &str, member: &str) -> String {
    let listed = world.ask(operator, "GET", path, None).await;
    assert_eq!(listed.status, 200, "{path}: {}", listed.text());
    listed.json()["items"][0][member].as_str().unwrap_or_else(|| panic!("{path}: {}", listed.text())).to_owned()
}

/// What the operators' side serves, from the document that describes it: method, path, and whether there is a
/// body.
pub fn served() -> Vec<(String, String, bool)> {
    let document: Value = serde_json::from_str(&lockgate_admin::openapi_document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let row = |path: &String, method: &String, operation: &Value| {
        (method.to_uppercase(), path.clone(), operation.get("requestBody").is_some())
    };
    let rows = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods.iter().map(move |(method, operation)| row(path, method, operation))
    });
    rows.collect()
}

/// A body with which this would be done to an object of one's own.
fn change(method: &str, path: &str) -> Value {
    match (method, path) {
        ("PATCH", "/v1/connections/{id}") => json!({ "status": "retired" }),
        ("POST", "/v1/connections/{id}/connect") => json!({ "subject": "u", "return_to": "https://product.example/" }),
        ("POST", "/v1/connections/{id}/connect/finish") => {
            json!({ "session": nobodys("ses"), "subject": "u", "confirm": "c" })
        }
        ("PATCH", "/v1/issuers/{id}" | "/v1/principals/{id}" | "/v1/tenants/{id}") => json!({ "status": "suspended" }),
        ("PATCH", "/v1/subscriptions/{id}") => json!({ "status": "paused" }),
        ("POST", "/v1/subscriptions/{id}/secrets") => json!({ "secret": "another-secret-of-mine" }),
        ("POST", "/v1/subscriptions/{id}/secrets/withdraw") => json!({ "purpose": "verify", "version": 1 }),
        ("POST", "/v1/approvals/{id}/decide") => json!({ "approve": true }),
        ("POST", "/v1/escalations/{id}/resolve") => json!({ "reason": "done" }),
        ("POST", "/v1/credentials/{id}/revoke") => json!({ "reason": "because" }),
        ("POST", "/v1/credentials/{id}/versions/verify" | "/v1/credentials/{id}/versions/finish") => {
            json!({ "version": 1 })
        }
        ("POST", "/v1/credentials/{id}/versions/destroy") => {
            json!({ "version": 1, "unused_since": "2026-01-31T12:00:00Z" })
        }
        ("POST", "/v1/credentials/{id}/rollback") => json!({}),
        ("POST", "/v1/credentials/{id}/compromise") => json!({ "reason": "because", "since": "2026-01-31T12:00:00Z" }),
        ("POST", "/v1/credentials/{id}/versions") => json!({ "secret": "another-secret-of-mine" }),
        ("PUT", "/v1/providers/{id}") => json!({
            "name": "vendor-pay", "title": "Vendor", "base_url": "https://api.vendor.test",
            "auth": { "placement": "bearer" }, "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
        }),
        _ => panic!("{method} {path} is new: say here with which body it is done"),
    }
}

/// An object of acme's of the kind that stands in the path, and one that nobody has.
fn pair(objects: &[(&str, String, String)], path: &str) -> (String, String) {
    let kind = path.split('/').nth(2).expect("a kind");
    let known = objects.iter().find(|(known, ..)| *known == kind);
    let (_, foreign, missing) = known.unwrap_or_else(|| panic!("{path} is new: give acme such an object"));
    (foreign.clone(), missing.clone())
}

/// A tenant with one object of each kind.
async fn furnished(world: &World, acme: &Tenant) -> Vec<(&'static str, String, String)> {
    world.connection(acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let run = world.read(&acme.service, "/call/pay/v1/things/1").await;
    let run = run.header("x-lockgate-run").expect("a run").to_owned();
    world.vendor.on("POST /v1/things", Behaviour::Hang);
    let doubtful = world.call(&acme.service, "POST", "/call/pay/v1/things", "", "").await;
    assert_eq!(doubtful.status, 504, "{}", doubtful.text());
    let doubtful = doubtful.header("x-lockgate-run").expect("a run").to_owned();
    let issuer = json!({ "issuer": "https://issuer.example", "spec": {} });
    world.make(&acme.operator, "/v1/issuers", issuer).await;
    let url = |host: &str| format!("https%3A%2F%2F{host}.example");
    let keys = world.ask(&world.house, "GET", "/v1/signing-keys", None).await.json();
    let kid = keys["items"][0]["kid"].as_str().expect("a kid").to_owned();
    let mut objects = vec![
        ("signing-keys", kid, "nobodys".to_owned()),
        ("runs", run, nobodys("run")),
        ("escalations", doubtful, nobodys("run")),
        ("tenants", acme.id.clone(), nobodys("ten")),
        ("issuers", url("issuer"), url("nobody")),
    ];
    let approval = crate::hooks::awaiting_approval(world, acme).await;
    objects.push(("approvals", approval, nobodys("apr")));
    for (kind, member, prefix) in [
        ("subscriptions", "subscription", "sub"),
        ("deliveries", "delivery", "dlv"),
        ("connections", "connection", "conn"),
        ("providers", "provider", "prv"),
        ("principals", "principal", "prn"),
        ("api-keys", "key", "key"),
        ("credentials", "id", "cred"),
    ] {
        objects.push((kind, first(world, &acme.operator, &format!("/v1/{kind}"), member).await, nobodys(prefix)));
    }
    objects
}

#[tokio::test]
async fn anothers_objects_and_those_that_do_not_exist_are_equal_for_operators() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let objects = furnished(&world, &acme).await;
    let mut unknown = 0;
    for (method, path, bodied) in served().into_iter().filter(|(_, path, _)| path.contains("{id}")) {
        let body = bodied.then(|| change(&method, &path));
        let (foreign, missing) = pair(&objects, &path);
        let query = match (method.as_str(), path.as_str()) {
            ("GET", "/v1/connections/{id}/connect") => format!("?session={}", nobodys("ses")),
            _ => String::new(),
        };
        let at = |id: &str| format!("{}{query}", path.replace("{id}", id));
        let ask = async |id: &str| world.ask(&globex.operator, &method, &at(id), body.clone()).await;
        let (foreign, missing) = (ask(&foreign).await, ask(&missing).await);
        // What is the house's alone is refused before anything is looked for.
        let houses = [("PATCH", "/v1/tenants/{id}"), ("POST", "/v1/signing-keys/{id}/withdraw")];
        let houses = houses.contains(&(method.as_str(), path.as_str()));
        let code = if houses { "access.house.only" } else { "access.object.unknown" };
        assert_eq!((missing.status, missing.code().as_str()), (403, code), "{method} {path}: {}", missing.text());
        assert_eq!(foreign.blanked(), missing.blanked(), "{method} {path}");
        assert!(!foreign.text().contains("acme"), "{}", foreign.text());
        unknown += if houses { 0 } else { 2 };
        // The owner is answered otherwise, so it is the tenant that made the difference.
        if method == "GET" {
            let own = world.ask(&acme.operator, "GET", &at(&pair(&objects, &path).0), None).await;
            let wanted = match path.as_str() {
                // Its account is one that nobody connects.
                "/v1/connections/{id}/grant" => 409,
                "/v1/connections/{id}/connect" => continue,
                _ => 200,
            };
            assert_eq!(own.status, wanted, "{path}: {}", own.text());
        }
    }
    assert!(unknown >= 2 * 15, "{unknown}");
    let trail = world.trail(&globex).await;
    let refused = trail.iter().filter(|entry| entry.to_string().contains("access.object.unknown")).count();
    assert_eq!(refused, unknown, "each is in the trail of whoever asked");
    let other = world.trail(&acme).await;
    assert!(other.iter().all(|entry| !entry.to_string().contains(&globex.id)), "and none in the owner's");
    world.end().await;
}

#[tokio::test]
async fn every_token_that_is_not_accepted_is_refused_in_the_same_words() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let token = issued(&world, &acme).await;
    let ask = async |token: &str| -> Answer {
        let mut caller = Client::connect(world.door).await;
        let head = "GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\n";
        caller.send(format!("{head}Authorization: Bearer {token}\r\n\r\n")).await;
        caller.answer().await.expect("an answer")
    };
    assert_eq!(ask(&token).await.status, 200);

    let parts: Vec<&str> = token.split('.').collect();
    let decoded = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let with = |part: &str, member: &str, value: Value| {
        let mut json = decoded(part);
        json[member] = value;
        URL_SAFE_NO_PAD.encode(json.to_string())
    };
    let (head, claims, signature) = (parts[0], parts[1], parts[2]);
    let header = |member: &str, value: Value| format!("{}.{claims}.{signature}", with(head, member, value));
    let claim = |member: &str, value: Value| format!("{head}.{}.{signature}", with(claims, member, value));
    let wrong = [
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("alg", json!("RS256")),
        header("kid", json!("another")),
        header("typ", json!("JWT")),
        header("jku", json!("https://keys.example/")),
        claim("exp", json!(9_999_999_999_i64)),
        claim("aud", json!("https://other.example")),
        claim("iss", json!("https://other.example")),
        claim("tenantId", Value::Null),
        claim("tenantId", json!(nobodys("ten"))),
        claim("scope", json!("tenants.admin")),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{}", "A".repeat(86)),
        format!("{}.{claims}.", with(head, "alg", json!("none"))),
        "a.b.c".to_owned(),
        "x".repeat(5_000),
    ];
    let plain = ask("nonsense").await;
    assert_eq!((plain.status, plain.code().as_str()), (401, "access.token.invalid"), "{}", plain.text());
    for token in &wrong {
        assert_eq!(ask(token).await.blanked(), plain.blanked(), "{token}");
    }
    world.pass(Duration::from_secs(2 * 3_600)).await;
    let expired = ask(&token).await;
    assert_eq!(expired.status, 401, "{}", expired.text());
    assert_eq!(expired.blanked(), plain.blanked(), "expired");
    assert_eq!(world.vendor.seen().len(), 1, "none of them reached the vendor");
    world.end().await;
}

#[tokio::test]
async fn a_stranger_that_asks_too_often_is_told_to_wait_and_others_are_served() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let mut statuses = Vec::new();
    for _ in 0..130 {
        let answer = world.read("lgk_nobody", "/call/pay/v1/things/1").await;
        if answer.status == 429 {
            assert_eq!(answer.code(), "gateway.stranger.throttled");
            assert!(answer.header("retry-after").is_some());
        }
        statuses.push(answer.status);
    }
    assert!(statuses[..100].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses[120..].iter().all(|status| *status == 429), "{statuses:?}");
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200, "who is known is served");
    world.pass(Duration::from_secs(61)).await;
    assert_eq!(world.read("lgk_nobody", "/call/pay/v1/things/1").await.status, 401);
    world.end().await;
}
