//! Why a client is not authenticated, which only the log is told.

use lockgate_vocabulary::{Clock, Timestamp};
use serde_json::json;

use super::{Client, Failure};
use crate::AccessRefusal;
use crate::directory::Verifier;
use crate::jose::tests::mint::Mint;
use crate::tokens::tests::fixture::{
    API_KEY, CLIENT, CLIENT_JWKS, CLIENT_TWO, House, ISSUER, SERVICE, api_key, client_mint, code, key, secret,
};

fn reason(result: Result<Client, Failure>) -> Option<AccessRefusal> {
    match result {
        Ok(_) => None,
        Err(Failure::Refused(refusal)) => Some(refusal),
        Err(Failure::Stopped(stop)) => panic!("{stop}"),
    }
}

fn by_secret(house: &House, client: &str, secret: &str) -> Option<AccessRefusal> {
    reason(house.identity.tokens.by_secret(&house.directory, client, secret, &house.arrival("192.0.2.1")))
}

async fn by_assertion(house: &House, text: &str) -> Option<AccessRefusal> {
    let (tokens, arrival) = (&house.identity.tokens, house.arrival("192.0.2.1"));
    reason(tokens.by_assertion(&house.directory, &CLIENT_JWKS.to_string(), text, &arrival).await)
}

fn assertion(house: &House, mint: &Mint, id: &str) -> String {
    let now = house.clock.now().as_secs();
    let claims = json!({
        "iss": CLIENT_JWKS, "sub": CLIENT_JWKS, "aud": ISSUER, "jti": id, "iat": now, "exp": now + 60,
    });
    let header = json!({"alg": "EdDSA", "kid": mint.jwk()["kid"]});
    mint.sign(&header.to_string(), &claims.to_string())
}

#[tokio::test]
async fn a_secret_fails_for_one_reason_each() {
    let mut house = House::new().await;
    let (id, sound) = (CLIENT.to_string(), secret(CLIENT));
    assert_eq!(by_secret(&house, &id, &sound), None);
    assert_eq!(by_secret(&house, &id, ""), Some(AccessRefusal::KeyWrong));
    assert_eq!(by_secret(&house, "nobody", &sound), Some(AccessRefusal::KeyUnknown));
    assert_eq!(by_secret(&house, &API_KEY.to_string(), &api_key(API_KEY)), Some(AccessRefusal::KeyUnknown));
    house.change_key(CLIENT, |key| key.addresses = std::sync::Arc::new(["2001:db8::/32".parse().expect("a network")]));
    assert_eq!(by_secret(&house, &id, &sound), Some(AccessRefusal::KeyAddress));
    house.change_key(CLIENT, |key| key.expires_at = Some(Timestamp::from_secs(1)));
    assert_eq!(by_secret(&house, &id, &sound), Some(AccessRefusal::KeyExpired));
    house.change_key(CLIENT, |key| key.revoked = true);
    assert_eq!(by_secret(&house, &id, &sound), Some(AccessRefusal::KeyWrong), "a revoked secret proves nothing");
    assert_eq!(by_secret(&house, &id, &secret(CLIENT_TWO)), None);
    house.change_principal(SERVICE, |principal| principal.active = false);
    assert_eq!(by_secret(&house, &id, &secret(CLIENT_TWO)), Some(AccessRefusal::PrincipalInactive));
}

#[tokio::test]
async fn an_assertion_fails_for_one_reason_each() {
    let house = House::new().await;
    let first = assertion(&house, &client_mint(), "1");
    assert_eq!(by_assertion(&house, &first).await, None);
    assert_eq!(by_assertion(&house, &first).await, Some(AccessRefusal::AssertionReplayed));
    let forged = assertion(&house, &Mint::new("cl-1", 99), "2");
    assert_eq!(by_assertion(&house, &forged).await, Some(AccessRefusal::TokenSignature));
    let unknown = assertion(&house, &Mint::new("cl-9", 9), "3");
    assert_eq!(by_assertion(&house, &unknown).await, Some(AccessRefusal::KeyUnknown));
}

#[tokio::test]
async fn another_set_of_the_same_principal_proves_too() {
    let mut house = House::new().await;
    let second = Mint::new("cl-2", 33);
    let id = lockgate_vocabulary::KeyId::from_u128(300);
    let verifier = Verifier::ClientKeys(second.jwks().into());
    house.change(crate::tokens::tests::fixture::TENANT, |view| {
        view.keys.insert(id, std::sync::Arc::new(key(id, SERVICE, verifier)));
    });
    assert_eq!(by_assertion(&house, &assertion(&house, &second, "1")).await, None);
    assert_eq!(by_assertion(&house, &assertion(&house, &client_mint(), "2")).await, None);
    house.change_key(CLIENT_JWKS, |key| key.revoked = true);
    assert_eq!(by_assertion(&house, &assertion(&house, &second, "3")).await, None);
    let old = assertion(&house, &client_mint(), "4");
    assert_eq!(by_assertion(&house, &old).await, Some(AccessRefusal::KeyUnknown));
}

#[tokio::test]
async fn a_replay_is_counted_as_a_failure() {
    let house = House::new().await;
    let text = assertion(&house, &client_mint(), "1");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={text}");
    assert!(house.issue(&form).await.is_ok());
    for _ in 0..10 {
        assert_eq!(code(house.issue(&form).await), "access.client.invalid");
    }
    assert_eq!(code(house.issue(&form).await), "access.client.throttled");
}
