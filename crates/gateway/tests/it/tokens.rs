//! The issuer's endpoints over the wire.

use serde_json::json;

use crate::client::Client;
use crate::world::{Tenant, World};

struct Registered {
    id: String,
    secret: String,
}

/// A client of the tenant's service.
async fn registered(world: &World, tenant: &Tenant) -> Registered {
    client_of(world, tenant, &tenant.principal).await
}

/// A client of another service of the tenant.
async fn second_client(world: &World, tenant: &Tenant) -> Registered {
    let body = json!({ "name": "second", "kind": "service", "scopes": ["integration.connections.call"] });
    world.make(&tenant.operator, "/v1/principals", body).await;
    client_of(world, tenant, "second").await
}

async fn client_of(world: &World, tenant: &Tenant, principal: &str) -> Registered {
    let body = json!({ "principal": principal, "kind": "client-secret" });
    let made = world.make(&tenant.operator, "/v1/api-keys", body).await;
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let id = made["key"].get("key").unwrap_or(&made["key"]);
    Registered { id: text(id), secret: text(&made["secret"]) }
}

async fn post(world: &World, path: &str, more: &str, form: &str) -> crate::client::Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: gate\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut client = Client::connect(world.door).await;
    client.send(request).await;
    client.answer().await.expect("an answer")
}

fn credentials(client: &Registered) -> String {
    format!("client_id={}&client_secret={}", client.id, client.secret)
}

/// An access token of the tenant's service.
pub async fn issued(world: &World, tenant: &Tenant) -> String {
    let client = registered(world, tenant).await;
    let form = format!("grant_type=client_credentials&{}", credentials(&client));
    let answer = post(world, "/oauth/token", "", &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_token_is_issued_used_looked_into_and_revoked() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", lockgate_testkit::Canned::json(200, "{}"));
    let client = registered(&world, &acme).await;
    let issued =
        post(&world, "/oauth/token", "", &format!("grant_type=client_credentials&{}", credentials(&client))).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert_eq!(issued.header("cache-control"), Some("no-store"));
    let token = issued.json()["access_token"].as_str().expect("a token").to_owned();

    let bearer = format!("GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut caller = Client::connect(world.door).await;
    caller.send(&bearer).await;
    assert_eq!(caller.answer().await.expect("an answer").status, 200);

    let form = format!("token={token}&{}", credentials(&client));
    assert_eq!(post(&world, "/oauth/introspect", "", &form).await.json()["active"], true);
    assert_eq!(post(&world, "/oauth/revoke", "", &form).await.status, 200);
    assert_eq!(post(&world, "/oauth/introspect", "", &form).await.json()["active"], false);
    caller.send(&bearer).await;
    let refused = caller.answer().await.expect("an answer");
    assert_eq!((refused.status, refused.code().as_str()), (401, "access.token.invalid"));
    assert!(refused.header("www-authenticate").is_some_and(|told| told.contains("invalid_token")));
    world.end().await;
}

#[tokio::test]
async fn errors_have_the_form_that_clients_know() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let client = registered(&world, &acme).await;
    let wrong = Registered { id: client.id.clone(), secret: "wrong".into() };
    let cases = [
        (format!("grant_type=client_credentials&{}", credentials(&wrong)), 401, "invalid_client"),
        (format!("grant_type=password&{}", credentials(&client)), 400, "unsupported_grant_type"),
        (credentials(&client), 400, "invalid_request"),
        (format!("grant_type=client_credentials&scope=tenants.admin&{}", credentials(&client)), 400, "invalid_scope"),
    ];
    for (form, status, error) in cases {
        let answer = post(&world, "/oauth/token", "", &form).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{form}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mut other = Client::connect(world.door).await;
    other
        .send(
            "POST /oauth/token HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )
        .await;
    assert_eq!(other.answer().await.expect("an answer").json()["error"], "invalid_request");
    world.end().await;
}

#[tokio::test]
async fn a_node_that_lost_the_store_knows_no_client_and_issues_nothing() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let client = registered(&world, &acme).await;
    let form = format!("grant_type=client_credentials&{}", credentials(&client));
    assert_eq!(post(&world, "/oauth/token", "", &form).await.status, 200);
    world.running.rooms.store.clone().close().await.expect("closed");
    world.clock.advance(std::time::Duration::from_secs(3));
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let answer = post(&world, path, "", &format!("{form}&token=x")).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("temporarily_unavailable")), "{path}");
    }
}

#[tokio::test]
async fn a_stranger_who_fails_from_the_same_place_locks_out_no_client() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let client = registered(&world, &acme).await;
    let mut last = 0;
    for number in 0..70 {
        let wrong = Registered { id: format!("nobody-{number}"), secret: "wrong".into() };
        let form = format!("grant_type=client_credentials&{}", credentials(&wrong));
        last = post(&world, "/oauth/token", "", &form).await.status;
    }
    assert_eq!(last, 429, "failures are held up");
    let form = format!("grant_type=client_credentials&{}", credentials(&client));
    assert_eq!(post(&world, "/oauth/token", "", &form).await.status, 200, "who proves itself is not");
    world.end().await;
}

#[tokio::test]
async fn what_an_authenticated_client_is_refused_stands_in_its_own_trail() {
    let world = World::with("[access.tokens]\nper_client_per_minute = 2\n").await;
    let acme = world.tenant("acme").await;
    let (client, other) = (registered(&world, &acme).await, second_client(&world, &acme).await);
    let form = format!("grant_type=client_credentials&{}", credentials(&other));
    let token =
        post(&world, "/oauth/token", "", &form).await.json()["access_token"].as_str().expect("a token").to_owned();
    let ours = credentials(&client);
    let cases = [
        ("/oauth/token", format!("grant_type=client_credentials&scope=tenants.admin&{ours}"), "access.grant.scope"),
        ("/oauth/revoke", format!("token={token}&{ours}"), "access.grant.unauthorized"),
        ("/oauth/introspect", ours.clone(), "access.grant.malformed"),
        (
            "/oauth/token",
            format!("grant_type=client_credentials&resource=https://x.test&{ours}"),
            "access.grant.target",
        ),
        ("/oauth/token", format!("grant_type=client_credentials&{ours}"), "access.client.paced"),
    ];
    for (path, form, code) in cases {
        let answer = post(&world, path, "", &form).await;
        assert!((400..500).contains(&answer.status), "{path} {}", answer.text());
        let trail = world.trail(&acme).await;
        let refused: Vec<_> = trail.iter().filter(|entry| entry.to_string().contains(code)).collect();
        assert_eq!(refused.len(), 1, "{code}: {trail:?}");
        assert!(refused[0].to_string().contains(&client.id), "the client's key is named: {}", refused[0]);
    }
    let wrong = Registered { id: client.id.clone(), secret: "wrong".into() };
    post(&world, "/oauth/token", "", &format!("grant_type=client_credentials&{}", credentials(&wrong))).await;
    let trail = world.trail(&acme).await;
    assert!(!trail.iter().any(|entry| entry.to_string().contains("access.client.invalid")), "a stranger's is not");
    world.end().await;
}

#[tokio::test]
async fn a_client_has_so_many_tokens_in_a_minute() {
    let world = World::with("[access.tokens]\nper_client_per_minute = 2\n").await;
    let acme = world.tenant("acme").await;
    let client = registered(&world, &acme).await;
    let form = format!("grant_type=client_credentials&{}", credentials(&client));
    for _ in 0..2 {
        assert_eq!(post(&world, "/oauth/token", "", &form).await.status, 200);
    }
    let paced = post(&world, "/oauth/token", "", &form).await;
    assert_eq!((paced.status, paced.json()["error"].as_str()), (429, Some("temporarily_unavailable")));
    let wait: u64 = paced.header("retry-after").and_then(|wait| wait.parse().ok()).expect("when to come again");
    assert!((1..=60).contains(&wait), "{wait}");
    let trail = world.trail(&acme).await;
    assert_eq!(trail.iter().filter(|entry| entry.to_string().contains("token.issue")).count(), 2);
    world.pass(std::time::Duration::from_secs(wait)).await;
    assert_eq!(post(&world, "/oauth/token", "", &form).await.status, 200, "in the next minute there are new ones");
    world.end().await;
}

#[tokio::test]
async fn a_client_looks_into_so_many_tokens_in_a_minute() {
    let config = "[access.tokens]\nper_client_per_minute = 1\nintrospections_per_client_per_minute = 2\n";
    let world = World::with(config).await;
    let acme = world.tenant("acme").await;
    let client = registered(&world, &acme).await;
    let form = format!("token=x&{}", credentials(&client));
    for _ in 0..2 {
        assert_eq!(post(&world, "/oauth/introspect", "", &form).await.json()["active"], false);
    }
    let paced = post(&world, "/oauth/introspect", "", &form).await;
    assert_eq!((paced.status, paced.json()["error"].as_str()), (429, Some("temporarily_unavailable")));
    let wait: u64 = paced.header("retry-after").and_then(|wait| wait.parse().ok()).expect("when to come again");
    assert!((1..=60).contains(&wait), "{wait}");
    let form = format!("grant_type=client_credentials&{}", credentials(&client));
    assert_eq!(post(&world, "/oauth/token", "", &form).await.status, 200, "issuing has a pace of its own");
    world.end().await;
}

#[tokio::test]
async fn the_metadata_names_the_keys_and_the_keys_are_public() {
    let world = World::start().await;
    let read = async |path: &str| {
        let mut client = Client::connect(world.door).await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: gate\r\n\r\n")).await;
        client.answer().await.expect("an answer").json()
    };
    let metadata = read("/.well-known/oauth-authorization-server").await;
    assert!(metadata["jwks_uri"].as_str().is_some_and(|uri| uri.ends_with("/.well-known/jwks.json")), "{metadata}");
    let keys = read("/.well-known/jwks.json").await;
    let keys = keys["keys"].as_array().expect("keys");
    assert!(!keys.is_empty());
    assert!(keys.iter().all(|key| key.get("d").is_none()), "a private key is published");
    world.end().await;
}
