//! Refusals that tell nothing: another tenant's object is answered like one that does not exist, a token
//! that is wrong in one way like one that is wrong in another, and a stranger who asks too often waits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::Canned;
use serde_json::{Value, json};
use std::time::Duration;

use crate::client::{Answer, Client};
use crate::tokens::issued;
use crate::world::World;

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

#[tokio::test]
async fn anothers_objects_and_those_that_do_not_exist_are_equal_for_operators() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let run = world.read(&acme.service, "/call/pay/v1/things/1").await;
    let run = run.header("x-lockgate-run").expect("a run").to_owned();
    let mut objects = vec![("runs", run, "run"), ("tenants", acme.id.clone(), "ten")];
    for (kind, member, prefix) in [
        ("connections", "connection", "conn"),
        ("providers", "provider", "prv"),
        ("principals", "principal", "prn"),
        ("api-keys", "key", "key"),
        ("credentials", "id", "cred"),
    ] {
        let id = first(&world, &acme.operator, &format!("/v1/{kind}"), member).await;
        objects.push((kind, id, prefix));
    }
    let change = |kind: &str| match kind {
        "connections" | "providers" | "principals" | "tenants" => {
            vec![("PATCH", String::new(), Some(json!({ "status": "retired" })))]
        }
        "api-keys" => vec![("DELETE", String::new(), None)],
        "credentials" => vec![
            ("POST", "/revoke".to_owned(), Some(json!({}))),
            ("POST", "/versions".to_owned(), Some(json!({ "secret": "another-secret-of-mine" }))),
        ],
        _ => Vec::new(),
    };
    for (kind, foreign, prefix) in objects {
        let mut asks = vec![("GET", String::new(), None)];
        asks.extend(change(kind));
        for (method, tail, body) in asks {
            let ask = async |id: &str| {
                let path = format!("/v1/{kind}/{id}{tail}");
                world.ask(&globex.operator, method, &path, body.clone()).await
            };
            let (foreign, missing) = (ask(&foreign).await, ask(&nobodys(prefix)).await);
            assert!(matches!(missing.status, 403 | 400 | 422 | 405), "{method} {kind}{tail}: {}", missing.text());
            assert_eq!(foreign.blanked(), missing.blanked(), "{method} {kind}{tail}");
            assert!(method != "GET" || missing.status == 403, "{kind}: {}", missing.text());
            assert!(!foreign.text().contains("acme"), "{}", foreign.text());
        }
    }
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
