//! The whole way: a client made by an operator gets a token on one node and is known, and unknown, on another.

use lockgate_audit::Filter;
use lockgate_vocabulary::{Arrival, Clock, Listener, Stop, TraceContext};
use serde_json::{Value, json};

use crate::access::Access;
use crate::access::tests::world::{World, code, principal, shown};
use crate::authn::Presented;
use crate::caller::Caller;
use crate::jose::tests::mint::Mint;
use crate::registry::NewKey;
use crate::tokens::Posted;

fn arrival(world: &World) -> Arrival {
    Arrival {
        peer: "192.0.2.1:1".parse().expect("an address"),
        listener: Listener::Door,
        at: world.clock.now(),
        trace: TraceContext::start(&lockgate_testkit::SeededEntropy::new(3)),
    }
}

async fn issue(world: &World, form: &str) -> Result<String, Stop> {
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let issued =
        world.access.tokens().issue(&world.access.directory().expect("fresh"), &posted, &arrival(world)).await?;
    let body: Value = serde_json::from_str(&issued.body).expect("JSON");
    Ok(body["access_token"].as_str().expect("a token").to_owned())
}

async fn bearer(world: &World, node: &Access, token: &str) -> Result<Caller, Stop> {
    let header = format!("Bearer {token}");
    node.identify(Presented { authorization: Some(header.as_bytes()), api_key: None }, &arrival(world)).await
}

async fn make(world: &World, kind: Value) -> (String, Option<String>) {
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let mut key = json!({"principal": "batch"});
    for (member, value) in kind.as_object().expect("an object") {
        key[member] = value.clone();
    }
    let new: NewKey = serde_json::from_value(key).expect("a key");
    let made = registry.create_key(new).await.expect("made");
    (made.key.key.to_string(), made.secret.as_ref().map(|_| shown(&made)))
}

async fn client(world: &World) -> (String, String) {
    let operator = world.operator().await;
    let new = principal("batch", "service", &["integration.connections.call"]);
    world.registry(&operator).create_principal(new).await.expect("made");
    let (id, secret) = make(world, json!({"kind": "client-secret"})).await;
    (id, secret.expect("a secret"))
}

fn form(client: &(String, String), more: &str) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={}{more}", client.0, client.1)
}

async fn deeds(world: &World, action: &str) -> usize {
    let told = world.audit.entries(Some(world.acme.tenant), Filter::default(), None, 100).await.expect("entries");
    told.items.iter().filter(|record| record.line.contains(action)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_on_every_node_until_it_is_revoked_on_one() {
    let world = World::new().await;
    let client = client(&world).await;
    let other = world.node().await;
    let token = issue(&world, &form(&client, "")).await.expect("a token");
    for node in [&world.access, &other] {
        assert_eq!(bearer(&world, node, &token).await.expect("a caller").tenant(), world.acme.tenant);
    }
    assert_eq!(deeds(&world, "token.issue").await, 1);
    let revoke = format!("client_id={}&client_secret={}&token={token}", client.0, client.1);
    let posted = Posted { authorization: None, form: revoke.as_bytes() };
    world.access.revoke(&posted, &arrival(&world)).await.expect("revoked");
    // The node that answered has it already.
    assert_eq!(code(bearer(&world, &world.access, &token).await), "access.token.invalid");
    for node in [&world.access, &other] {
        node.refresh().await.expect("loads");
        assert_eq!(code(bearer(&world, node, &token).await), "access.token.invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_revoked_gets_no_token_and_its_tokens_end() {
    let world = World::new().await;
    let first = client(&world).await;
    let (second, secret) = make(&world, json!({"kind": "client-secret"})).await;
    let token = issue(&world, &form(&first, "")).await.expect("a token");
    let operator = world.operator().await;
    world.registry(&operator).revoke_key(first.0.parse().expect("an id")).await.expect("revoked");
    assert_eq!(code(issue(&world, &form(&first, "")).await), "access.client.invalid");
    assert_eq!(code(bearer(&world, &world.access, &token).await), "access.token.invalid");
    // The other secret is live, under its own id and under the first one.
    let secret = secret.expect("a secret");
    for id in [second, first.0] {
        assert!(issue(&world, &form(&(id, secret.clone()), "")).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_keys_of_its_own_needs_no_secret() {
    let world = World::new().await;
    client(&world).await;
    let mint = Mint::new("cl-1", 40);
    let jwks: Value = serde_json::from_str(&mint.jwks()).expect("JSON");
    let (id, secret) = make(&world, json!({"kind": "client-jwks", "jwks": jwks})).await;
    assert_eq!(secret, None);
    let now = world.clock.now().as_secs();
    let claims = json!({"iss": id, "sub": id, "aud": "https://gateway.test", "jti": "1", "iat": now, "exp": now + 60});
    let assertion = mint.sign(r#"{"alg":"EdDSA","kid":"cl-1"}"#, &claims.to_string());
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = format!(
        "grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}&scope=integration.connections.call:read"
    );
    let token = issue(&world, &form).await.expect("a token");
    let caller = bearer(&world, &world.access, &token).await.expect("a caller");
    assert_eq!(caller.scopes().to_string(), "integration.connections.call:read");
    assert_eq!(code(issue(&world, &form).await), "access.client.invalid", "used before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_recorded_and_reaches_other_nodes() {
    let world = World::new().await;
    let client = client(&world).await;
    let other = world.node().await;
    let old = issue(&world, &form(&client, "")).await.expect("a token");
    world.access.tokens().rotate().await.expect("rotates");
    let token = issue(&world, &form(&client, "")).await.expect("a token");
    other.tokens().reload().await.expect("reads");
    for token in [&old, &token] {
        assert!(bearer(&world, &other, token).await.is_ok());
    }
    assert_eq!(*other.tokens().jwks(), *world.access.tokens().jwks());
    let told = world.audit.entries(None, Filter::default(), None, 100).await.expect("entries");
    assert!(told.items.iter().any(|record| record.line.contains("signing_key.rotate")));
}
