//! From a presented credential to a caller, and every reason why not.

mod external;

use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{Clock, KeyId, Stop, TenantId, Timestamp};

use crate::AccessRefusal;
use crate::authn::Presented;
use crate::scope::Scope;
use crate::tokens::tests::fixture::{
    API_KEY, CALL, CLIENT, CLIENT_JWKS, House, OPERATOR, OPERATOR_KEY, OTHER, READ, SERVICE, TENANT, api_key, code,
    secret,
};

/// The reason, which only the log is told.
fn why(house: &House, text: &str, peer: &str) -> AccessRefusal {
    let peer = peer.parse().expect("an address");
    house.identity.by_api_key(&house.directory, text.as_bytes(), peer).expect_err("refused")
}

async fn why_token(house: &House, token: &str) -> AccessRefusal {
    let peer = "192.0.2.1".parse().expect("an address");
    house.identity.by_token(&house.directory, token, peer).await.expect_err("refused")
}

#[tokio::test]
async fn an_api_key_identifies_its_principal() {
    let house = House::new().await;
    let caller = house.key(&api_key(API_KEY), "192.0.2.1").await.expect("a caller");
    assert_eq!((caller.tenant(), caller.actor().principal, caller.key()), (TENANT, SERVICE, Some(API_KEY)));
    assert_eq!(&*caller.actor().name, "svc-a");
    assert_eq!(caller.scopes().to_string(), format!("{CALL} {READ}"));
    assert!(caller.token().is_none());
    assert!(Arc::ptr_eq(caller.view(), &house.directory.tenants[&TENANT]));
}

#[tokio::test]
async fn every_reason_is_told_to_the_log_and_none_to_the_caller() {
    let here = "192.0.2.1";
    type Break = fn(&mut House);
    let breaks: [(AccessRefusal, Break); 7] = [
        (AccessRefusal::KeyRevoked, |house| house.change_key(API_KEY, |key| key.revoked = true)),
        (AccessRefusal::KeyExpired, |house| {
            house.change_key(API_KEY, |key| key.expires_at = Some(Timestamp::from_secs(1)));
        }),
        (AccessRefusal::KeyAddress, |house| {
            house.change_key(API_KEY, |key| key.addresses = Arc::new(["198.51.100.0/24".parse().expect("a network")]));
        }),
        (AccessRefusal::KeyAddress, |house| {
            let network = "2001:db8::/32".parse().expect("a network");
            house.change_principal(SERVICE, |principal| principal.addresses = Arc::new([network]));
        }),
        (AccessRefusal::PrincipalInactive, |house| {
            house.change_principal(SERVICE, |principal| principal.active = false)
        }),
        (AccessRefusal::PrincipalExpired, |house| {
            let now = house.clock.now();
            house.change_principal(SERVICE, |principal| principal.expires_at = Some(now));
        }),
        (AccessRefusal::TenantInactive, |house| house.change(TENANT, |view| view.active = false)),
    ];
    for (expected, breaks) in breaks {
        let mut house = House::new().await;
        let (key, token) = (api_key(API_KEY), house.token(CLIENT).await);
        assert!(house.key(&key, here).await.is_ok() && house.bearer(&token).await.is_ok());
        breaks(&mut house);
        assert_eq!(why(&house, &key, here), expected);
        assert_eq!(code(house.key(&key, here).await), "access.key.invalid");
        if matches!(
            expected,
            AccessRefusal::PrincipalInactive | AccessRefusal::PrincipalExpired | AccessRefusal::TenantInactive
        ) {
            assert_eq!(why_token(&house, &token).await, expected);
            assert_eq!(code(house.bearer(&token).await), "access.token.invalid");
        }
    }
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused() {
    let mut house = House::new().await;
    let sound = api_key(API_KEY);
    let digits = sound.get(4..30).expect("digits");
    let unknown = sound.replace(digits, "00000000000000000000000000");
    let wrong = api_key(OPERATOR_KEY).replace(OPERATOR_KEY.to_string().trim_start_matches("key_"), digits);
    assert_eq!(why(&house, &unknown, "192.0.2.1"), AccessRefusal::KeyUnknown);
    assert_eq!(why(&house, &wrong, "192.0.2.1"), AccessRefusal::KeyWrong);
    assert_eq!(why(&house, "lgk_", "192.0.2.1"), AccessRefusal::KeyMalformed);
    // A client's secret is no API key, whatever it is dressed up as.
    let dressed = secret(CLIENT).replace("lgs_", &format!("lgk_{}_", CLIENT.to_string().trim_start_matches("key_")));
    assert_eq!(why(&house, &dressed, "192.0.2.1"), AccessRefusal::KeyUnknown);
    house.change(TENANT, |view| drop(view.principals.remove(&SERVICE)));
    assert_eq!(why(&house, &sound, "192.0.2.1"), AccessRefusal::PrincipalUnknown);
}

#[tokio::test]
async fn an_address_list_knows_mapped_addresses() {
    let mut house = House::new().await;
    house.change_key(API_KEY, |key| key.addresses = Arc::new(["192.0.2.0/24".parse().expect("a network")]));
    let key = api_key(API_KEY);
    assert!(house.key(&key, "192.0.2.9").await.is_ok());
    assert!(house.key(&key, "::ffff:192.0.2.9").await.is_ok());
    assert_eq!(why(&house, &key, "192.0.3.9"), AccessRefusal::KeyAddress);
    assert_eq!(why(&house, &key, "::1"), AccessRefusal::KeyAddress);
}

#[tokio::test]
async fn administration_and_use_are_separate_credentials() {
    let mut house = House::new().await;
    let operator = house.key(&api_key(OPERATOR_KEY), "192.0.2.1").await.expect("a caller");
    assert!(operator.scopes().has(Scope::TenantsAdmin) && operator.scopes().has(Scope::AuditRead));
    // Whatever a record says, an ordinary credential never holds an elevated scope, nor an operator's a call.
    let both = format!("{CALL} tenants.admin audit.read");
    house.change_principal(SERVICE, |principal| principal.scopes = both.parse().expect("scopes"));
    house.change_principal(OPERATOR, |principal| principal.scopes = both.parse().expect("scopes"));
    let ordinary = house.key(&api_key(API_KEY), "192.0.2.1").await.expect("a caller");
    assert_eq!(ordinary.scopes().to_string(), format!("audit.read {CALL}"));
    let operator = house.key(&api_key(OPERATOR_KEY), "192.0.2.1").await.expect("a caller");
    assert_eq!(operator.scopes().to_string(), "audit.read tenants.admin");
}

#[tokio::test]
async fn a_key_narrows_its_principal() {
    let mut house = House::new().await;
    house.change_key(API_KEY, |key| key.scopes = Some(format!("{CALL}:stripe").parse().expect("scopes")));
    let caller = house.key(&api_key(API_KEY), "192.0.2.1").await.expect("a caller");
    assert_eq!(caller.scopes().to_string(), format!("{CALL}:stripe"));
}

#[tokio::test]
async fn none_and_two_are_told_apart() {
    let house = House::new().await;
    let none = house.identity.identify(&house.directory, Presented::default(), &house.arrival("192.0.2.1")).await;
    assert_eq!(code(none), "access.credential.missing");
    let key = api_key(API_KEY);
    let both = Presented { authorization: Some(b"Bearer x"), api_key: Some(key.as_bytes()) };
    let both = house.identity.identify(&house.directory, both, &house.arrival("192.0.2.1")).await;
    assert_eq!(code(both), "access.credential.ambiguous");
    for token in ["", "a.b.c", "lgk_x"] {
        assert_eq!(code(house.bearer(token).await), "access.token.invalid");
    }
}

#[tokio::test]
async fn a_token_that_was_seen_is_judged_anew() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    let first = house.bearer(&token).await.expect("a caller");
    let again = house.bearer(&token).await.expect("a caller");
    assert!(Arc::ptr_eq(first.token().expect("a token"), again.token().expect("a token")), "its signature was kept");
    // The tenant's snapshot changes.
    house.change_key(CLIENT, |key| key.revoked = true);
    assert_eq!(why_token(&house, &token).await, AccessRefusal::KeyRevoked);
    house.change_key(CLIENT, |key| key.revoked = false);
    assert!(house.bearer(&token).await.is_ok());
    // The token is revoked.
    let id = again.token().expect("a token").claims.id.clone();
    house.change(TENANT, |view| {
        view.revoked.insert(id.as_ref().into(), Timestamp::from_secs(4_000_000_000));
    });
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenRevoked);
    house.change(TENANT, |view| view.revoked.clear());
    // Time goes by.
    house.clock.advance(Duration::from_secs(900 + 59));
    assert!(house.bearer(&token).await.is_ok());
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(why_token(&house, &token).await, AccessRefusal::TokenExpired);
}

#[tokio::test]
async fn whoever_was_identified_may_have_been_revoked_since() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    let callers = [
        house.key(&api_key(API_KEY), "192.0.2.1").await.expect("a caller"),
        house.bearer(&token).await.expect("a caller"),
    ];
    let stands = |house: &House, index: usize| house.identity.still_stands(&house.directory, &callers[index]);
    assert_eq!((stands(&house, 0), stands(&house, 1)), (Ok(()), Ok(())));
    house.change(OTHER, |view| view.active = false);
    assert_eq!((stands(&house, 0), stands(&house, 1)), (Ok(()), Ok(())), "another tenant's change");
    house.change_key(API_KEY, |key| key.revoked = true);
    assert_eq!((stands(&house, 0), stands(&house, 1)), (Err(AccessRefusal::KeyRevoked), Ok(())));
    let id = callers[1].token().expect("a token").claims.id.clone();
    house.change(TENANT, |view| {
        view.revoked.insert(id.as_ref().into(), Timestamp::from_secs(1));
    });
    assert_eq!(stands(&house, 1), Err(AccessRefusal::TokenRevoked));
    house.change(TENANT, |view| drop(view.keys.remove(&API_KEY)));
    assert_eq!(stands(&house, 0), Err(AccessRefusal::KeyUnknown));
    house.directory.tenants.remove(&TENANT);
    assert_eq!(stands(&house, 0), Err(AccessRefusal::TenantInactive));
}

#[tokio::test]
async fn a_withdrawn_key_stops_whoever_was_identified_by_it() {
    let house = House::new().await;
    let token = house.token(CLIENT).await;
    let caller = house.bearer(&token).await.expect("a caller");
    house.identity.tokens.rotate().await.expect("rotates");
    assert_eq!(house.identity.still_stands(&house.directory, &caller), Ok(()), "rotation stops nobody");
    house
        .identity
        .tokens
        .withdraw(TenantId::from_u128(0), &caller.token().expect("a token").claims.signed_by, |change| change)
        .await
        .expect("withdraws");
    assert_eq!(house.identity.still_stands(&house.directory, &caller), Err(AccessRefusal::TokenKeyUnknown));
}

#[tokio::test]
async fn tokens_of_the_same_key_from_another_house_are_worth_nothing() {
    let (ours, theirs) = (House::new().await, House::new().await);
    // Both houses have the same seed here, so another one is asked for a key of its own.
    let node = theirs.node(5).await;
    node.tokens.rotate().await.expect("rotates");
    node.tokens.rotate().await.expect("rotates");
    theirs.identity.tokens.reload().await.expect("reloads");
    let token = theirs.token(CLIENT).await;
    assert_eq!(why_token(&ours, &token).await, AccessRefusal::TokenKeyUnknown);
    assert!(matches!(ours.bearer(&token).await, Err(Stop::Refused(_))));
}

#[tokio::test]
async fn a_client_key_is_found_by_its_own_kind_only() {
    let house = House::new().await;
    let unknown: KeyId = KeyId::from_u128(1);
    for id in [CLIENT, CLIENT_JWKS, unknown] {
        assert_eq!(why(&house, &api_key(id), "192.0.2.1"), AccessRefusal::KeyUnknown);
    }
}
