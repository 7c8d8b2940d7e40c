//! Connections whose vendor wants a short-lived access token: the client's id and secret go to the token endpoint
//! alone, a real one among them, and a token goes where its credential may go.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::{Canned, ManualClock};
use lockgate_vocabulary::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::issuer;
use crate::world::{Tenant, VENDOR_HOST, World};

const TOKEN: &str = "POST /login/token";
const LINE: &str = "GET /v1/things/1";
const PATH: &str = "/call/crm/v1/things/1";
const SECRET: &str = "gateway:canary-9f2c77d1 client secret";

/// A provider that wants a token of this endpoint.
fn provider(world: &World, auth: Value) -> Value {
    json!({
        "name": "vendor-crm", "title": "Vendor", "auth": auth,
        "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }],
    })
}

fn at_vendor(world: &World, path: &str) -> Value {
    let token_url = format!("https://{VENDOR_HOST}:{}{path}", world.vendor.address.port());
    json!({ "placement": "oauth", "token_url": token_url })
}

/// A connection of that provider's with this credential.
async fn connected(world: &World, acme: &Tenant, auth: Value, secret: &str, authorities: &str) {
    world.make(&acme.operator, "/v1/providers", provider(world, auth)).await;
    let spec = json!({ "trust_pem": authorities, "danger_private_networks": ["127.0.0.0/8"], "retries": 0 });
    let body = json!({ "name": "crm", "provider": "vendor-crm", "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    let body = json!({ "name": "crm-client", "connection": "crm", "owner": "sales", "secret": secret });
    world.make(&acme.operator, "/v1/credentials", body).await;
}

fn token(name: &str) -> Canned {
    let body = json!({ "access_token": name, "token_type": "Bearer", "expires_in": 3_600 });
    Canned::json(200, &body.to_string())
}

async fn called(world: &World, acme: &Tenant) -> (u16, String) {
    let answer = world.read(&acme.service, PATH).await;
    (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
}

#[tokio::test]
async fn the_clients_secret_goes_to_its_token_endpoint_and_nowhere_else() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let authority = world.vendor.authority_pem.clone();
    connected(&world, &acme, at_vendor(&world, "/login/token"), SECRET, &authority).await;
    world.vendor.answers(TOKEN, token("canary-token-1"));
    world.vendor.answers(LINE, Canned::json(200, r#"{"echo":"canary-token-1"}"#));
    let answer = world.read(&acme.service, PATH).await;
    // A token that the vendor repeats is found like a credential.
    assert_eq!((answer.status, answer.text()), (200, r#"{"echo":"**************"}"#.to_owned()));
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme).await, (200, String::new()));
    let seen = world.vendor.seen();
    let sent: Vec<_> = seen.iter().filter(|seen| seen.line() == LINE).map(|seen| seen.all("authorization")).collect();
    assert_eq!(sent, [["Bearer canary-token-1"], ["Bearer canary-token-1"]]);

    // Whoever may change the provider does not get the secret by it, nor what is asked for.
    for auth in [
        at_vendor(&world, "/evil/token"),
        json!({ "scope": "admin", "placement": "oauth", "token_url": at_vendor(&world, "/login/token")["token_url"] }),
        json!({ "placement": "bearer" }),
        json!({ "placement": "query", "name": "q" }),
    ] {
        let changed = provider(&world, auth.clone());
        let changed = world.ask(&acme.operator, "PUT", "/v1/providers/vendor-crm", Some(changed)).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(called(&world, &acme).await, (409, "vault.binding.moved".to_owned()), "{auth}");
    }
    assert_eq!((world.vendor.seen().len(), world.vendor.count("POST /evil/token")), (seen.len(), 0));
    let back = provider(&world, at_vendor(&world, "/login/token"));
    world.ask(&acme.operator, "PUT", "/v1/providers/vendor-crm", Some(back)).await;
    assert_eq!(called(&world, &acme).await, (200, String::new()));

    // A token that there is does not outlive its credential.
    let body = json!({ "reason": "leaked" });
    let revoked = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/revoke", Some(body)).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    let (status, code) = called(&world, &acme).await;
    assert!(status == 409 && world.vendor.count(TOKEN) == 1, "{status} {code}");

    world.running.rooms.relay.pass().await.expect("relayed");
    let trail = world.trail(&acme).await;
    let had: Vec<_> = trail.iter().filter(|entry| entry.to_string().contains("credential.token")).collect();
    assert_eq!(had.len(), 1, "{had:?}");
    let told = trail.iter().map(Value::to_string).collect::<String>();
    assert!(!told.contains("canary"), "neither stands in the trail");
    world.end().await;
}

#[tokio::test]
async fn a_rotated_secret_has_a_token_of_its_own_at_once() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let authority = world.vendor.authority_pem.clone();
    connected(&world, &acme, at_vendor(&world, "/login/token"), SECRET, &authority).await;
    // The second shows that the vendor takes the new secret, and is kept nowhere.
    for name in ["at-1", "at-tried", "at-2"] {
        world.vendor.answers(TOKEN, token(name));
    }
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(called(&world, &acme).await.0, 200);
    let body = json!({ "secret": "gateway:another secret" });
    let rotated = world.ask(&acme.operator, "POST", "/v1/credentials/crm-client/versions", Some(body)).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(called(&world, &acme).await.0, 200);
    let seen = world.vendor.seen();
    let last = seen.iter().rev().find(|seen| seen.line() == LINE).expect("a call");
    assert_eq!((last.all("authorization"), world.vendor.count(TOKEN)), (vec!["Bearer at-2"], 3));

    let body = json!({ "name": "crm-2", "connection": "crm", "owner": "sales", "secret": "no colon in it" });
    let refused = world.ask(&acme.operator, "POST", "/v1/credentials", Some(body)).await;
    assert!(matches!(refused.status, 409 | 422), "{}", refused.text());
    world.end().await;
}

#[tokio::test]
async fn what_makes_no_sense_of_a_token_endpoint_is_told_with_its_place() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let url = "https://login.vendor.test/token";
    for (more, pointer) in [
        (json!({ "token_url": "http://login.vendor.test/token" }), "/auth/token_url"),
        (json!({ "token_url": "https://user@login.vendor.test/token" }), "/auth/token_url"),
        (json!({ "token_url": "https://login.vendor.test/token#x" }), "/auth/token_url"),
        (json!({ "token_url": url, "scope": "two  blanks" }), "/auth/scope"),
        (json!({ "token_url": url, "scope": "" }), "/auth/scope"),
        (json!({ "token_url": url, "resource": "" }), "/auth/resource"),
        (json!({ "token_url": url, "parameters": { "grant_type": "password" } }), "/auth/parameters"),
        (json!({ "token_url": url, "parameters": { "client_secret": "x" } }), "/auth/parameters"),
        (json!({ "token_url": url, "parameters": { "a b": "x" } }), "/auth/parameters"),
        (json!({ "token_url": url, "parameters": { "audience": "x".repeat(5_000) } }), "/auth/parameters"),
    ] {
        let mut auth = json!({ "placement": "oauth" });
        auth.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let refused = world.ask(&acme.operator, "POST", "/v1/providers", Some(provider(&world, auth.clone()))).await;
        assert_eq!(refused.status, 422, "{auth}: {}", refused.text());
        assert_eq!(refused.json()["violations"][0]["pointer"], pointer, "{auth}: {}", refused.text());
    }
    world.end().await;
}

#[tokio::test]
async fn a_certified_provider_gives_tokens_to_its_client_alone() {
    let Some((origin, authority)) = issuer::told() else { return };
    // The provider has the machine's clock, and its certificate is of today.
    let world = World::at(ManualClock::at(SystemClock::new().now()), "").await;
    let acme = world.tenant("acme").await;
    let authority = std::fs::read_to_string(authority).expect("the issuer's authority");
    let both = format!("{authority}\n{}", world.vendor.authority_pem);
    let issuer = format!("{origin}/realm/vendor-grants");
    for (client_auth, client) in [("basic", "svc-a"), ("basic", "svc-none")] {
        let auth = json!({ "placement": "oauth", "token_url": format!("{issuer}/token"), "client_auth": client_auth });
        let tenant = world.tenant(&format!("tenant-{client}")).await;
        let secret = format!("{client}:{client:x<43}");
        connected(&world, &tenant, auth, &secret, &both).await;
        world.vendor.answers(LINE, Canned::json(200, "{}"));
        assert_eq!(called(&world, &tenant).await, (200, String::new()), "{client}");
        let seen = world.vendor.seen();
        let sent = seen.last().expect("a call").all("authorization").join("");
        let claims = sent.trim_start_matches("Bearer ").split('.').nth(1).expect("a JWT");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base 64")).expect("JSON");
        assert_eq!((&claims["iss"], &claims["client_id"]), (&json!(issuer), &json!(client)), "{claims}");
    }
    let auth = json!({ "placement": "oauth", "token_url": format!("{issuer}/token") });
    connected(&world, &acme, auth, "svc-a:a guess", &both).await;
    let before = world.vendor.seen().len();
    assert_eq!(called(&world, &acme).await, (502, "vault.token.refused".to_owned()));
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.vendor.seen().len(), before, "without a token nothing is sent");
    world.end().await;
}
