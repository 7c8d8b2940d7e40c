//! Taking a token back, and asking what one is worth.

use lockgate_store::Statement;
use lockgate_vocabulary::limit::OPERATION_TIME;
use lockgate_vocabulary::{KeyId, Stop};
use serde_json::{Value, json};

use super::super::Posted;
use super::fixture::{
    CALL, CLIENT, CLIENT_TWO, House, OUTSIDER_CLIENT, READ, SECOND_CLIENT, SERVICE, TENANT, code, secret,
};

fn form(client: KeyId, token: &str) -> String {
    format!("client_id={client}&client_secret={}&token={token}", secret(client))
}

async fn revoke(house: &House, form: &str) -> Result<(), Stop> {
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let revoked = house.identity.tokens.revoke(&house.directory, &posted, &house.arrival("192.0.2.1")).await;
    Ok(revoked.map(drop)?)
}

async fn introspect(house: &House, client: KeyId, token: &str) -> Value {
    let form = form(client, token);
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let answer = house.identity.tokens.introspect(&house.directory, &posted, &house.arrival("192.0.2.1")).await;
    serde_json::from_str(&answer.expect("an answer")).expect("JSON")
}

/// What the snapshot would load of the revocations.
async fn load(house: &mut House) -> usize {
    static REVOKED: Statement =
        Statement::house("test.revoked", "SELECT jti, expires_at, changed FROM revoked_tokens WHERE changed > 0");
    let rows = house.store.survey(&REVOKED, Vec::new()).await.expect("rows");
    house.change(TENANT, |view| {
        for row in &rows {
            assert!(row.int(2).expect("an epoch") > 1, "the epoch was raised");
            view.revoked.insert(row.text(0).expect("a jti").into(), row.moment(1).expect("a moment"));
        }
    });
    rows.len()
}

#[tokio::test]
async fn a_revoked_token_is_refused_although_it_was_seen() {
    let mut house = House::new().await;
    let (token, other) = (house.token(CLIENT).await, house.token(CLIENT).await);
    assert!(house.bearer(&token).await.is_ok());
    let before = house.store.epoch().value();
    revoke(&house, &form(CLIENT, &token)).await.expect("revoked");
    assert!(house.store.epoch().value() > before, "every node learns of it");
    assert_eq!(load(&mut house).await, 1);
    assert_eq!(code(house.bearer(&token).await), "access.token.invalid");
    assert!(house.bearer(&other).await.is_ok());
    revoke(&house, &form(CLIENT, &token)).await.expect("a second time changes nothing");
    assert_eq!(load(&mut house).await, 1);
}

#[tokio::test]
async fn another_secret_of_the_same_client_may_revoke() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    revoke(&house, &form(CLIENT_TWO, &token)).await.expect("revoked");
    assert_eq!(load(&mut house).await, 1);
}

#[tokio::test]
async fn what_is_no_live_token_of_ours_is_no_error_and_changes_nothing() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    let cut = token.strip_suffix(|_: char| true).expect("a character");
    for other in ["nonsense", "a.b.c", cut] {
        revoke(&house, &form(CLIENT, other)).await.expect("no error");
    }
    // Another tenant's token is as unknown as one that does not exist.
    revoke(&house, &form(OUTSIDER_CLIENT, &token)).await.expect("no error");
    assert_eq!(load(&mut house).await, 0);
    assert!(house.bearer(&token).await.is_ok());
}

#[tokio::test]
async fn only_the_client_may_revoke_its_token() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    assert_eq!(code(revoke(&house, &form(SECOND_CLIENT, &token)).await), "access.grant.unauthorized");
    let posted = form(SECOND_CLIENT, &token);
    let posted = Posted { authorization: None, form: posted.as_bytes() };
    let denied = house.identity.tokens.revoke(&house.directory, &posted, &house.arrival("192.0.2.1")).await;
    let caller = denied.expect_err("refused").caller.expect("the client is known");
    assert_eq!((caller.tenant(), caller.key()), (TENANT, Some(SECOND_CLIENT)));
    let wrong = format!("client_id={CLIENT}&client_secret=wrong&token={token}");
    assert_eq!(code(revoke(&house, &wrong).await), "access.client.invalid");
    let none = format!("client_id={CLIENT}&client_secret={}", secret(CLIENT));
    assert_eq!(code(revoke(&house, &none).await), "access.grant.malformed");
    assert_eq!(load(&mut house).await, 0);
}

#[tokio::test]
async fn revocations_are_forgotten_once_no_operation_of_the_token_can_go_on() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    let caller = house.bearer(&token).await.expect("it is good");
    revoke(&house, &form(CLIENT, &token)).await.expect("revoked");
    static ALL: Statement = Statement::house("test.all", "SELECT jti FROM revoked_tokens");
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(house.store.survey(&ALL, Vec::new()).await.expect("rows").len(), 1);
    let expired = std::time::Duration::from_secs(900 + 121);
    house.clock.advance(expired);
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(load(&mut house).await, 1, "an operation may go on for a day");
    assert!(house.identity.still_stands(&house.directory, &caller).is_err(), "and must not revive");
    house.clock.advance(OPERATION_TIME - std::time::Duration::from_secs(2));
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(load(&mut house).await, 1);
    house.clock.advance(std::time::Duration::from_secs(2));
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(house.store.survey(&ALL, Vec::new()).await.expect("rows").len(), 0);
}

#[tokio::test]
async fn a_token_is_described_to_its_own_tenant_alone() {
    let mut house = House::new().await;
    let token = house.token(CLIENT).await;
    let told = introspect(&house, SECOND_CLIENT, &token).await;
    assert_eq!(told["active"], true);
    assert_eq!((&told["scope"], &told["token_type"]), (&json!(format!("{CALL} {READ}")), &json!("Bearer")));
    assert_eq!((&told["client_id"], &told["tenantId"]), (&json!(CLIENT), &json!(TENANT)));
    assert_eq!(told["kind"], "service");
    let nothing = json!({"active": false});
    assert_eq!(introspect(&house, OUTSIDER_CLIENT, &token).await, nothing);
    assert_eq!(introspect(&house, CLIENT, "nonsense").await, nothing);
    revoke(&house, &form(CLIENT, &token)).await.expect("revoked");
    load(&mut house).await;
    assert_eq!(introspect(&house, CLIENT, &token).await, nothing);
    let token = house.token(CLIENT).await;
    house.change_principal(SERVICE, |principal| principal.active = false);
    assert_eq!(introspect(&house, SECOND_CLIENT, &token).await, nothing);
}
