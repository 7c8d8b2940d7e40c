//! Tokens of external issuers: whose keys, on whose terms, for which tenant, as which principal.

use std::time::Duration;

use lockgate_vocabulary::{Clock, PrincipalKind, Timestamp};
use serde_json::{Value, json};

use super::why_token;
use crate::AccessRefusal;
use crate::config::Config;
use crate::issuer::IssuerSpec;
use crate::jose::tests::mint::Mint;
use crate::tokens::tests::fixture::{CALL, House, ISSUER, OPERATOR, OTHER, READ, SERVICE, TENANT, code};

const IDP: &str = "https://idp.test/realm";
const METADATA: &str = "https://idp.test/.well-known/oauth-authorization-server/realm";
const OPENID: &str = "https://idp.test/realm/.well-known/openid-configuration";
const JWKS: &str = "https://idp.test/keys";

fn idp() -> Mint {
    Mint::new("idp-1", 20)
}

/// A house whose first tenant trusts the issuer, which publishes its keys through its metadata.
async fn trusting(spec: IssuerSpec) -> House {
    let mut house = House::new().await;
    house.trust(TENANT, IDP, &spec);
    house.net.answer(METADATA, json!({"issuer": IDP, "jwks_uri": JWKS, "other": [1]}).to_string());
    house.net.answer(JWKS, idp().jwks());
    house
}

fn claims(house: &House) -> Value {
    let now = house.clock.now().as_secs();
    json!({
        "iss": IDP, "aud": ISSUER, "sub": "svc-a", "client_id": "svc-a", "tenantId": "tenant-a",
        "scope": format!("{CALL} openid"), "jti": "x1", "iat": now, "exp": now + 300,
    })
}

fn with(house: &House, member: &str, value: Value) -> Value {
    let mut claims = claims(house);
    claims[member] = value;
    claims
}

#[tokio::test]
async fn a_trusted_issuers_token_identifies_the_principal_of_its_clients_name() {
    let house = trusting(IssuerSpec::default()).await;
    let token = idp().token(&claims(&house));
    let caller = house.bearer(&token).await.expect("a caller");
    assert_eq!((caller.tenant(), caller.actor().principal, caller.key()), (TENANT, SERVICE, None));
    assert_eq!(caller.scopes().to_string(), CALL, "words that mean nothing here allow nothing");
    assert_eq!(house.net.asked(), 2, "metadata and keys");
    assert!(house.bearer(&token).await.is_ok());
    assert_eq!(house.net.asked(), 2, "nothing is fetched again");
    let by_id = idp().token(&with(&house, "tenantId", json!(TENANT)));
    assert!(house.bearer(&by_id).await.is_ok());
}

#[tokio::test]
async fn an_issuer_speaks_for_the_tenant_that_trusts_it_alone() {
    let mut house = trusting(IssuerSpec::default()).await;
    for tenant in [json!("tenant-b"), json!(OTHER)] {
        let token = idp().token(&with(&house, "tenantId", tenant));
        assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenTenantOther);
        assert_eq!(code(house.bearer(&token).await), "access.token.invalid");
    }
    let token = idp().token(&with(&house, "tenantId", json!("nobody")));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TenantInactive);
    assert_eq!(house.net.asked(), 0, "nothing is fetched for such tokens");
    let token = idp().token(&with(&house, "iss", json!("https://other.test")));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::IssuerUnknown);
    // Two tenants may trust the same issuer, each on its own terms.
    house.trust(OTHER, IDP, &IssuerSpec { audience: Some("theirs".into()), ..IssuerSpec::default() });
    let token = idp().token(&claims(&house));
    assert_eq!(house.bearer(&token).await.expect("a caller").tenant(), TENANT);
    let token = idp().token(&with(&house, "tenantId", json!("tenant-b")));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenAudience);
    let mut theirs = with(&house, "tenantId", json!("tenant-b"));
    theirs["aud"] = json!("theirs");
    assert_eq!(house.bearer(&idp().token(&theirs)).await.expect("a caller").tenant(), OTHER);
}

#[tokio::test]
async fn a_house_issuer_speaks_for_every_tenant_it_is_mapped_to() {
    let spec = IssuerSpec {
        jwks_uri: Some(JWKS.into()),
        tenant_claim: Some("org".into()),
        tenants: [("Acme Inc.".to_owned(), "tenant-a".to_owned()), ("Globex".into(), OTHER.to_string())].into(),
        ..IssuerSpec::default()
    };
    let house = House::with(Config { issuers: [(IDP.to_owned(), spec)].into(), ..Config::default() }).await;
    house.net.answer(JWKS, idp().jwks());
    for (org, tenant) in [("Acme Inc.", TENANT), ("Globex", OTHER)] {
        let mut claims = with(&house, "org", json!(org));
        claims.as_object_mut().expect("an object").remove("tenantId");
        assert_eq!(house.bearer(&idp().token(&claims)).await.expect("a caller").tenant(), tenant);
        claims["org"] = json!("tenant-a");
        assert_eq!(why_token(&house, &idp().token(&claims)).await, AccessRefusal::TokenTenant);
    }
}

#[tokio::test]
async fn trust_ends_when_its_terms_change() {
    let mut house = trusting(IssuerSpec::default()).await;
    let token = idp().token(&claims(&house));
    assert!(house.bearer(&token).await.is_ok());
    house.trust(TENANT, IDP, &IssuerSpec { skew_seconds: Some(1), ..IssuerSpec::default() });
    assert_eq!(why_token(&house, &token).await, AccessRefusal::IssuerUnknown, "seen on terms that no longer stand");
    let fresh = idp().token(&with(&house, "jti", json!("x2")));
    assert!(house.bearer(&fresh).await.is_ok(), "on the new terms");
    house.change(TENANT, |view| view.issuers.clear());
    assert_eq!(why_token(&house, &fresh).await, AccessRefusal::IssuerUnknown);
    house.change(TENANT, |view| view.alias = Some("renamed".into()));
    let unknown = idp().token(&with(&house, "jti", json!("x3")));
    assert_eq!(why_token(&house, &unknown).await, AccessRefusal::IssuerUnknown);
}

#[tokio::test]
async fn a_tenants_alias_is_looked_at_every_time() {
    let mut house = trusting(IssuerSpec::default()).await;
    let token = idp().token(&claims(&house));
    assert!(house.bearer(&token).await.is_ok());
    house.change(TENANT, |view| view.alias = Some("renamed".into()));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TenantInactive);
}

#[tokio::test]
async fn nobody_becomes_an_operator_by_name() {
    let house = trusting(IssuerSpec::default()).await;
    let mut named = with(&house, "client_id", json!("ops"));
    named["sub"] = json!("ops");
    named["scope"] = json!("tenants.admin");
    assert_eq!(why_token(&house, &idp().token(&named)).await, AccessRefusal::PrincipalUnknown);
    let spec = IssuerSpec { clients: [("ops".to_owned(), OPERATOR.to_string())].into(), ..IssuerSpec::default() };
    let house = trusting(spec).await;
    let caller = house.bearer(&idp().token(&named)).await.expect("an operator wrote it down");
    assert_eq!((caller.actor().kind, caller.scopes().to_string().as_str()), (PrincipalKind::Operator, "tenants.admin"));
    assert_eq!(why_token(&house, &idp().token(&claims(&house))).await, AccessRefusal::PrincipalUnknown);
}

#[tokio::test]
async fn scopes_and_clients_are_mapped() {
    let spec = IssuerSpec {
        scopes: [("connections:execute".to_owned(), vec![format!("{CALL}:read"), READ.into()])].into(),
        clients: [("app 7".to_owned(), "svc-a".to_owned())].into(),
        ..IssuerSpec::default()
    };
    let house = trusting(spec).await;
    let mut mapped = with(&house, "client_id", json!("app 7"));
    mapped["sub"] = json!("app 7");
    mapped["scope"] = json!(format!("connections:execute {CALL}"));
    let caller = house.bearer(&idp().token(&mapped)).await.expect("a caller");
    assert_eq!(caller.scopes().to_string(), format!("{CALL}:read {READ}"), "the mapping is the whole list");
}

#[tokio::test]
async fn an_unknown_key_is_fetched_for_once_in_ten_seconds() {
    let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
    assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
    assert_eq!(house.net.asked(), 1);
    let next = Mint::new("idp-2", 21);
    let token = next.token(&claims(&house));
    for _ in 0..5 {
        assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenKeyUnknown);
    }
    assert_eq!(house.net.asked(), 1, "the last fetch was a moment ago");
    house.clock.advance(Duration::from_secs(10));
    for _ in 0..5 {
        assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenKeyUnknown);
    }
    assert_eq!(house.net.asked(), 2);
    house.net.answer(JWKS, json!({"keys": [idp().jwk(), next.jwk()]}).to_string());
    house.clock.advance(Duration::from_secs(10));
    assert!(house.bearer(&token).await.is_ok());
    assert_eq!(house.net.asked(), 3);
}

#[tokio::test]
async fn keys_that_the_issuer_dropped_verify_nothing_any_more() {
    let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
    let token = idp().token(&claims(&house));
    assert!(house.bearer(&token).await.is_ok());
    house.net.answer(JWKS, Mint::new("idp-2", 21).jwks());
    assert!(house.bearer(&token).await.is_ok(), "still fresh");
    let caller = house.bearer(&token).await.expect("a caller");
    assert_eq!(house.identity.still_stands(&house.directory, &caller), Ok(()));
    house.clock.advance(Duration::from_secs(301));
    let caught = with(&house, "exp", json!(house.clock.now().as_secs() + 100));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenKeyUnknown, "although it was seen");
    assert_eq!(why_token(&house, &idp().token(&caught)).await, AccessRefusal::TokenKeyUnknown);
    assert_eq!(house.identity.still_stands(&house.directory, &caller), Err(AccessRefusal::TokenKeyUnknown));
    house.clock.advance(Duration::from_secs(3601));
    assert_eq!(house.identity.still_stands(&house.directory, &caller), Err(AccessRefusal::IssuerUnavailable));
}

#[tokio::test]
async fn an_issuer_that_is_away_is_trusted_for_an_hour() {
    let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
    let fresh = |house: &House| idp().token(&claims(house));
    assert!(house.bearer(&fresh(&house)).await.is_ok());
    house.net.fail(JWKS);
    house.clock.advance(Duration::from_secs(3600));
    assert!(house.bearer(&fresh(&house)).await.is_ok());
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(code(house.bearer(&fresh(&house)).await), "access.issuer.unavailable");
    house.net.answer(JWKS, idp().jwks());
    house.clock.advance(Duration::from_secs(10));
    assert!(house.bearer(&fresh(&house)).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_unavailable() {
    let house = trusting(IssuerSpec { jwks_uri: Some("https://idp.test/none".into()), ..IssuerSpec::default() }).await;
    let token = idp().token(&claims(&house));
    assert_eq!(code(house.bearer(&token).await), "access.issuer.unavailable");
    assert_eq!(code(house.bearer(&token).await), "access.issuer.unavailable");
    assert_eq!(house.net.asked(), 1);
}

#[tokio::test]
async fn a_set_that_is_refused_ends_all_trust() {
    let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
    let token = idp().token(&claims(&house));
    assert!(house.bearer(&token).await.is_ok());
    let mut lost = idp().jwk();
    lost["d"] = json!("AAAA");
    house.net.answer(JWKS, json!({ "keys": [lost] }).to_string());
    house.clock.advance(Duration::from_secs(301));
    let late = idp().token(&claims(&house));
    assert_eq!(code(house.bearer(&late).await), "access.issuer.unavailable");
    assert_eq!(code(house.bearer(&token).await), "access.issuer.unavailable", "although it was seen");
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
    house.net.be_slow();
    let tokens: Vec<String> =
        (0..20).map(|index| idp().token(&with(&house, "jti", json!(index.to_string())))).collect();
    let callers = futures_util::future::join_all(tokens.iter().map(|token| house.bearer(token))).await;
    assert!(callers.iter().all(Result::is_ok));
    assert_eq!(house.net.asked(), 1);
    // Once they are no longer fresh, one fetches and nobody waits for it.
    house.clock.advance(Duration::from_secs(301));
    let tokens: Vec<String> =
        (0..20).map(|index| idp().token(&with(&house, "jti", json!(format!("late {index}"))))).collect();
    let callers = futures_util::future::join_all(tokens.iter().map(|token| house.bearer(token))).await;
    assert!(callers.iter().all(Result::is_ok));
    assert_eq!(house.net.asked(), 2);
}

#[tokio::test]
async fn keys_are_kept_as_long_as_the_issuer_says_within_bounds() {
    for (told, kept) in [(0, 60), (120, 120), (86_400, 900)] {
        let house = trusting(IssuerSpec { jwks_uri: Some(JWKS.into()), ..IssuerSpec::default() }).await;
        house.net.fresh_for(JWKS, Duration::from_secs(told));
        assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
        house.clock.advance(Duration::from_secs(kept));
        assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
        assert_eq!(house.net.asked(), 1, "{told}");
        house.clock.advance(Duration::from_secs(1));
        assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
        assert_eq!(house.net.asked(), 2, "{told}");
    }
}

#[tokio::test]
async fn metadata_is_pinned_to_the_issuer() {
    for metadata in [
        json!({"issuer": "https://idp.test", "jwks_uri": JWKS}),
        json!({"issuer": format!("{IDP}/"), "jwks_uri": JWKS}),
        json!({"issuer": IDP, "jwks_uri": "https://evil.test/keys"}),
        json!({"issuer": IDP, "jwks_uri": "http://idp.test/keys"}),
        json!({"issuer": IDP, "jwks_uri": "https://idp.test:8443/keys"}),
        json!({"issuer": IDP, "jwks_uri": "https://user@idp.test/keys"}),
        json!({"issuer": IDP}),
        json!([]),
    ] {
        let house = trusting(IssuerSpec::default()).await;
        house.net.answer("https://evil.test/keys", idp().jwks());
        house.net.answer(METADATA, metadata.to_string());
        let token = idp().token(&claims(&house));
        assert_eq!(code(house.bearer(&token).await), "access.issuer.unavailable", "{metadata}");
        assert_eq!(house.net.asked(), 1, "{metadata}: no other place is tried");
    }
}

#[tokio::test]
async fn metadata_is_looked_for_at_both_well_known_places() {
    let house = trusting(IssuerSpec::default()).await;
    house.net.fail(METADATA);
    house.net.answer(OPENID, json!({"issuer": IDP, "jwks_uri": JWKS}).to_string());
    assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
    let elsewhere = "https://idp.test/elsewhere";
    let house = trusting(IssuerSpec { metadata_uri: Some(elsewhere.into()), ..IssuerSpec::default() }).await;
    house.net.answer(elsewhere, json!({"issuer": IDP, "jwks_uri": JWKS}).to_string());
    assert!(house.bearer(&idp().token(&claims(&house))).await.is_ok());
    assert_eq!(house.net.asked(), 2);
}

#[tokio::test]
async fn a_revoked_external_token_is_refused() {
    let mut house = trusting(IssuerSpec::default()).await;
    let token = idp().token(&claims(&house));
    assert!(house.bearer(&token).await.is_ok());
    house.change(TENANT, |view| {
        view.revoked.insert("x1".into(), Timestamp::from_secs(1));
    });
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenRevoked);
}

#[tokio::test]
async fn an_external_token_cannot_pass_for_one_of_ours() {
    let house = trusting(IssuerSpec::default()).await;
    let forged = with(&house, "iss", json!(ISSUER));
    assert_eq!(why_token(&house, &idp().token(&forged)).await, AccessRefusal::TokenKeyUnknown);
    let key = with(&house, "key_id", json!("key_00000000000000000000000037"));
    assert_eq!(house.bearer(&idp().token(&key)).await.expect("a caller").key(), None, "the claim means nothing there");
}
