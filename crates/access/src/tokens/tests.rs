//! The token endpoint, from the request to the token that is taken.

pub(crate) mod fixture;
mod keys;
mod revocation;
mod whole;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::{Clock, Stop};
use serde_json::{Value, json};

use self::fixture::{
    API_KEY, CALL, CLIENT, CLIENT_JWKS, CLIENT_TWO, House, ISSUER, READ, SERVICE, TENANT, client_mint, code, secret,
};
use super::{OauthError, Posted};
use crate::authn::text_key::fingerprint;
use crate::config::{Config, TokenConfig};
use crate::jose::base64url;
use crate::scope::Scope;
use crate::tokens::SigningAlgorithm;

fn post(client: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={client}&client_secret={secret}")
}

fn ours() -> String {
    post(&CLIENT.to_string(), &secret(CLIENT))
}

async fn basic(house: &House, user: &str, password: &str, form: &str) -> Result<Value, Stop> {
    let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let posted = Posted { authorization: Some(header.as_bytes()), form: form.as_bytes() };
    let issued = house.identity.tokens.issue(&house.directory, &posted, &house.arrival("192.0.2.1")).await?;
    Ok(serde_json::from_str(&issued.body).expect("JSON"))
}

fn part(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).expect("a segment");
    serde_json::from_slice(&base64url::decode(segment.as_bytes()).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_client_gets_a_token_and_is_known_by_it() {
    let house = House::new().await;
    let answer =
        basic(&house, &CLIENT.to_string(), &secret(CLIENT), "grant_type=client_credentials").await.expect("a token");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 900);
    assert_eq!(answer["scope"], format!("{CALL} {READ}"));
    let token = answer["access_token"].as_str().expect("a token");
    let (header, claims) = (part(token, 0), part(token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    let now = house.clock.now().as_secs();
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some(ISSUER)));
    assert_eq!(
        (claims["sub"].as_str(), claims["client_id"].as_str()),
        (Some(&*CLIENT.to_string()), Some(&*CLIENT.to_string()))
    );
    assert_eq!((claims["tenantId"].as_str(), claims["kind"].as_str()), (Some(&*TENANT.to_string()), Some("service")));
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 900)));
    let caller = house.bearer(token).await.expect("a caller");
    assert_eq!((caller.tenant(), caller.actor().principal, caller.key()), (TENANT, SERVICE, Some(CLIENT)));
    assert!(caller.scopes().has(Scope::ConnectionsCall) && !caller.scopes().has(Scope::TenantsAdmin));
}

#[tokio::test]
async fn a_client_may_post_its_secret_and_its_halves_are_form_encoded() {
    let house = House::new().await;
    assert!(house.issue(&ours()).await.is_ok());
    let encoded = CLIENT.to_string().replace('_', "%5F");
    assert!(basic(&house, &encoded, &secret(CLIENT), "grant_type=client_credentials").await.is_ok());
    let named = format!("grant_type=client_credentials&client_id={CLIENT}");
    assert!(basic(&house, &CLIENT.to_string(), &secret(CLIENT), &named).await.is_ok());
}

#[tokio::test]
async fn two_secrets_are_live_under_one_client_id() {
    let mut house = House::new().await;
    // The second secret proves the client whose first id everybody has written down.
    let second = post(&CLIENT.to_string(), &secret(CLIENT_TWO));
    let answer = house.issue(&second).await.expect("a token");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(part(&token, 1)["client_id"], CLIENT.to_string());
    assert_eq!(house.bearer(&token).await.expect("a caller").key(), Some(CLIENT_TWO));
    let first = house.token(CLIENT).await;
    house.change_key(CLIENT, |key| key.revoked = true);
    assert_eq!(code(house.issue(&ours()).await), "access.client.invalid");
    assert_eq!(code(house.bearer(&first).await), "access.token.invalid");
    assert!(house.issue(&second).await.is_ok());
    assert!(house.bearer(&token).await.is_ok());
}

#[tokio::test]
async fn every_way_to_fail_authentication_looks_alike() {
    let mut house = House::new().await;
    house.change_key(CLIENT_TWO, |key| key.expires_at = Some(lockgate_vocabulary::Timestamp::from_secs(1)));
    let api_key = post(&API_KEY.to_string(), &fixture::api_key(API_KEY));
    let forms = [
        post(&CLIENT.to_string(), "wrong"),
        post("key_00000000000000000000000000", &secret(CLIENT)),
        post("nobody", &secret(CLIENT)),
        post(&CLIENT_TWO.to_string(), &secret(CLIENT_TWO)),
        post(&CLIENT_JWKS.to_string(), &secret(CLIENT_JWKS)),
        api_key,
        "grant_type=client_credentials".into(),
        format!("grant_type=client_credentials&client_id={CLIENT}"),
    ];
    for form in forms {
        let stop = house.issue(&form).await.expect_err("refused");
        let error = OauthError::of(&stop);
        assert_eq!((error.status, error.error), (401, "invalid_client"), "{form}");
        assert_eq!(error.challenge, Some(r#"Basic realm="lockgate""#));
    }
    for header in ["Basic", "Basic !!!", "Basic YQ==", "Bearer abc", "Basic Og=="] {
        let posted = Posted { authorization: Some(header.as_bytes()), form: b"grant_type=client_credentials" };
        let refused = house.identity.tokens.issue(&house.directory, &posted, &house.arrival("192.0.2.9")).await;
        assert_eq!(code(refused.map_err(Stop::from)), "access.client.invalid", "{header}");
    }
}

#[tokio::test]
async fn requests_that_are_malformed_are_told_so_in_the_words_of_rfc_6749() {
    let house = House::new().await;
    let client = ours();
    for (form, error) in [
        (client.replace("grant_type=client_credentials&", ""), "invalid_request"),
        (format!("{client}&grant_type=client_credentials"), "invalid_request"),
        (format!("{client}&client_assertion=x"), "invalid_request"),
        (format!("{client}&scope=%ff"), "invalid_request"),
        (format!("{client}&scope=%0a"), "invalid_request"),
        (client.replace("client_credentials", "authorization_code"), "unsupported_grant_type"),
        (client.replace("client_credentials", "password"), "unsupported_grant_type"),
        (format!("{client}&scope=tenants.admin"), "invalid_scope"),
        (format!("{client}&scope=nonsense"), "invalid_scope"),
        (format!("{client}&scope={CALL}++{READ}"), "invalid_scope"),
        (format!("{client}&resource=https://other.test"), "invalid_target"),
        (format!("{client}&audience=https://other.test"), "invalid_target"),
    ] {
        let error_of = OauthError::of(&house.issue(&form).await.expect_err("refused"));
        assert_eq!((error_of.status, error_of.error), (400, error), "{form}");
        let body: Value = serde_json::from_str(&error_of.body()).expect("JSON");
        assert_eq!(body["error"], error);
        assert!(body["error_description"].as_str().is_some_and(|text| !text.contains(['"', '\\'])));
    }
    let two_ways = basic(&house, &CLIENT.to_string(), &secret(CLIENT), &client).await;
    assert_eq!(code(two_ways), "access.grant.malformed");
    let other_name = "grant_type=client_credentials&client_id=somebody";
    assert_eq!(code(basic(&house, &CLIENT.to_string(), &secret(CLIENT), other_name).await), "access.grant.malformed");
}

#[tokio::test]
async fn scope_is_narrowed_and_never_widened() {
    let mut house = House::new().await;
    let form = format!("{}&scope={CALL}:stripe:read&resource={ISSUER}", ours());
    let answer = house.issue(&form).await.expect("a token");
    assert_eq!(answer["scope"], format!("{CALL}:stripe:read"));
    let caller = house.bearer(answer["access_token"].as_str().expect("a token")).await.expect("a caller");
    assert_eq!(caller.scopes().to_string(), format!("{CALL}:stripe:read"));
    // What the principal loses, its tokens lose.
    let token = house.token(CLIENT).await;
    house.change_principal(SERVICE, |principal| principal.scopes = READ.parse().expect("scopes"));
    let caller = house.bearer(&token).await.expect("a caller");
    assert_eq!(caller.scopes().to_string(), READ);
    house.change_principal(SERVICE, |principal| principal.scopes = "".parse().expect("scopes"));
    assert_eq!(code(house.issue(&ours()).await), "access.grant.scope");
}

#[tokio::test]
async fn a_token_lives_no_longer_than_what_it_rests_on() {
    let mut house = House::new().await;
    let end = house.clock.now().after(Duration::from_secs(120));
    house.change_key(CLIENT, |key| key.expires_at = Some(end));
    let answer = house.issue(&ours()).await.expect("a token");
    assert_eq!(answer["expires_in"], 120);
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    assert!(house.bearer(&token).await.is_ok());
    house.clock.advance(Duration::from_secs(120));
    // The skew is for clocks of others; the key's own end is exact.
    assert_eq!(code(house.bearer(&token).await), "access.token.invalid");
}

#[tokio::test]
async fn a_client_that_has_too_many_tokens_issued_must_wait() {
    let house = House::new().await;
    for _ in 0..300 {
        house.issue(&ours()).await.expect("a token");
    }
    let stop = house.issue(&ours()).await.expect_err("must wait");
    let Stop::Refused(refusal) = &stop else { panic!("{stop}") };
    assert_eq!(refusal.code(), "access.client.paced");
    assert!(refusal.wait().is_some_and(|wait| wait <= Duration::from_secs(60) && !wait.is_zero()));
    assert_eq!(OauthError::of(&stop).error, "temporarily_unavailable");
    house.clock.advance(Duration::from_secs(60));
    assert!(house.issue(&ours()).await.is_ok());
}

#[tokio::test]
async fn failing_often_must_wait_and_locks_out_nobody_else() {
    let house = House::new().await;
    let wrong = post(&CLIENT.to_string(), "wrong");
    for _ in 0..10 {
        assert_eq!(code(house.issue(&wrong).await), "access.client.invalid");
    }
    let stop = house.issue(&wrong).await.expect_err("must wait");
    let Stop::Refused(refusal) = &stop else { panic!("{stop}") };
    assert_eq!(refusal.code(), "access.client.throttled");
    assert!(refusal.wait().is_some_and(|wait| wait <= Duration::from_secs(60) && !wait.is_zero()));
    assert_eq!(OauthError::of(&stop).status, 429);
    assert!(house.issue(&ours()).await.is_ok(), "whoever has the secret is served all the same");
    assert!(house.issue_from(&ours(), "198.51.100.7").await.is_ok(), "from elsewhere");
    let other = post(&CLIENT_TWO.to_string(), &secret(CLIENT_TWO));
    assert!(house.issue(&other).await.is_ok(), "another client");
    house.clock.advance(Duration::from_secs(60));
    assert!(house.issue(&ours()).await.is_ok());
}

fn assertion(house: &House, id: &str) -> String {
    let now = house.clock.now().as_secs();
    let claims = json!({
        "iss": CLIENT_JWKS, "sub": CLIENT_JWKS, "aud": ISSUER, "jti": id, "iat": now, "exp": now + 60,
    });
    client_mint().sign(r#"{"alg":"EdDSA","kid":"cl-1","typ":"client-authentication+jwt"}"#, &claims.to_string())
}

fn asserted(assertion: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}")
}

#[tokio::test]
async fn a_client_may_sign_who_it_is_once() {
    let house = House::new().await;
    let first = assertion(&house, "one");
    let answer = house.issue(&asserted(&first)).await.expect("a token");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(house.bearer(&token).await.expect("a caller").key(), Some(CLIENT_JWKS));
    assert_eq!(code(house.issue(&asserted(&first)).await), "access.client.invalid", "a second time");
    // Another node knows of it too.
    let node = house.node(2).await;
    let form = asserted(&first);
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let elsewhere = node.tokens.issue(&house.directory, &posted, &house.arrival("192.0.2.1")).await;
    assert_eq!(code(elsewhere.map_err(Stop::from)), "access.client.invalid");
    assert!(house.issue(&asserted(&assertion(&house, "two"))).await.is_ok());
    let named = format!("{}&client_id={CLIENT}", asserted(&assertion(&house, "three")));
    assert_eq!(code(house.issue(&named).await), "access.grant.malformed");
    let untyped = format!("grant_type=client_credentials&client_assertion={}", assertion(&house, "four"));
    assert_eq!(code(house.issue(&untyped).await), "access.grant.malformed");
    assert_eq!(code(house.issue(&asserted("a.b.c")).await), "access.client.invalid");
}

#[tokio::test]
async fn an_assertion_is_no_access_token() {
    let house = House::new().await;
    assert_eq!(code(house.bearer(&assertion(&house, "one")).await), "access.token.invalid");
}

#[tokio::test]
async fn a_token_too_large_to_be_taken_is_not_issued() {
    let mut house = House::new().await;
    let many: Vec<String> = (0..85).map(|index| format!("{CALL}:connection-number-{index:040}:read")).collect();
    house.change_principal(SERVICE, |principal| principal.scopes = many.join(" ").parse().expect("scopes"));
    assert_eq!(code(house.issue(&ours()).await), "access.grant.scope");
}

#[tokio::test]
async fn tokens_may_be_signed_with_p256() {
    let tokens = TokenConfig { algorithm: SigningAlgorithm::Es256, ..TokenConfig::default() };
    let house = House::with(Config { tokens, ..Config::default() }).await;
    let token = house.token(CLIENT).await;
    assert_eq!(part(&token, 0)["alg"], "ES256");
    assert!(house.bearer(&token).await.is_ok());
}

#[tokio::test]
async fn metadata_tells_where_everything_is() {
    let house = House::new().await;
    let metadata: Value = serde_json::from_str(&house.identity.tokens.metadata()).expect("JSON");
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["token_endpoint"], "https://gateway.test/oauth/token");
    assert_eq!(metadata["jwks_uri"], "https://gateway.test/.well-known/jwks.json");
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], methods);
    let algorithms = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().expect("a list");
    assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("HS256")));
}

#[tokio::test]
async fn no_secret_of_ours_is_in_the_database() {
    let house = House::new().await;
    house.token(CLIENT).await;
    house.store.checkpoint().await.expect("a checkpoint");
    let Ok(bytes) = std::fs::read(house.folder.path().join("store.db")) else {
        println!("skipped: the store is no file here");
        return;
    };
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let row = house.store.survey(&super::rows::SIGNING_KEYS, Vec::new()).await.expect("rows");
    assert_eq!(row.len(), 2);
    for row in row {
        let (kid, sealed) = (row.text(0).expect("a kid"), row.bytes(2).expect("sealed"));
        assert!(holds(kid.as_bytes()) && holds(sealed));
        let opened = fixture::seal().unseal(kid.as_bytes(), sealed).expect("opens");
        assert!(!holds(opened.expose()));
        assert_eq!(&sealed[..32], fingerprint(kid.as_bytes()));
    }
}
