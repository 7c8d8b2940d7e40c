//! The signing keys: made once for all nodes, rotated, withdrawn.

use std::time::Duration;

use lockgate_store::{Change, values};
use lockgate_vocabulary::TenantId;
use serde_json::Value;

use super::fixture::{CLIENT, House, code};
use crate::authn::identity::Identity;
use crate::tokens::rows;

fn kids(identity: &Identity) -> Vec<String> {
    let jwks: Value = serde_json::from_str(&identity.tokens.jwks()).expect("JSON");
    let keys = jwks["keys"].as_array().expect("a list");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

fn signer(token: &str) -> String {
    super::part(token, 0)["kid"].as_str().expect("a kid").to_owned()
}

#[tokio::test]
async fn nodes_share_their_keys() {
    let house = House::new().await;
    let node = house.node(2).await;
    assert_eq!(kids(&house.identity), kids(&node));
    assert_eq!(kids(&node).len(), 2);
    let jwks = house.identity.tokens.jwks();
    assert!(!jwks.contains("\"d\"") && jwks.contains("\"use\":\"sig\""));
    // A token of one node is taken by the other.
    let token = house.token(CLIENT).await;
    assert!(node.tokens.judge(&token, lockgate_vocabulary::Clock::now(&house.clock)).is_ok());
}

#[tokio::test]
async fn the_next_key_signs_after_rotation_and_old_tokens_stay_valid() {
    let house = House::new().await;
    let before = house.token(CLIENT).await;
    assert!(house.bearer(&before).await.is_ok());
    house.identity.tokens.rotate().await.expect("rotates");
    let after = house.token(CLIENT).await;
    assert_ne!(signer(&before), signer(&after));
    assert!(kids(&house.identity).len() == 3 && kids(&house.identity).contains(&signer(&before)));
    assert!(house.bearer(&before).await.is_ok(), "verified anew, under the new set");
    assert!(house.bearer(&after).await.is_ok());
    // The old key goes once its last token has expired.
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(kids(&house.identity).len(), 3);
    house.clock.advance(Duration::from_secs(900 + 61));
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(kids(&house.identity).len(), 2);
    assert_eq!(code(house.bearer(&before).await), "access.token.invalid");
}

#[tokio::test]
async fn two_nodes_that_rotate_at_once_rotate_once() {
    let house = House::new().await;
    let node = house.node(2).await;
    let (one, two) = tokio::join!(house.identity.tokens.rotate(), node.tokens.rotate());
    assert!(one.is_ok() && two.is_ok());
    house.identity.tokens.reload().await.expect("reloads");
    node.tokens.reload().await.expect("reloads");
    assert_eq!(kids(&house.identity), kids(&node));
    assert_eq!(kids(&node).len(), 3);
}

#[tokio::test]
async fn a_key_rotates_when_it_is_due() {
    let house = House::new().await;
    let before = signer(&house.token(CLIENT).await);
    house.clock.advance(Duration::from_secs(30 * 86_400 - 1));
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(signer(&house.token(CLIENT).await), before);
    house.clock.advance(Duration::from_secs(1));
    house.identity.tokens.tend().await.expect("tends");
    let after = signer(&house.token(CLIENT).await);
    assert_ne!(after, before);
    // The one that follows was made long ago, but it signs for its whole time from now.
    house.clock.advance(Duration::from_secs(86_400));
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(signer(&house.token(CLIENT).await), after);
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_tokens_with_it() {
    let house = House::new().await;
    let node = house.node(2).await;
    let token = house.token(CLIENT).await;
    assert!(house.bearer(&token).await.is_ok());
    let withdraw = async |kid: &str| house.identity.tokens.withdraw(TenantId::from_u128(0), kid, |change| change).await;
    assert!(withdraw(&signer(&token)).await.expect("withdraws"));
    assert_eq!(code(house.bearer(&token).await), "access.token.invalid", "although it was seen before");
    assert!(house.bearer(&house.token(CLIENT).await).await.is_ok());
    node.tokens.reload().await.expect("reloads");
    assert_eq!(kids(&node).len(), 2);
    assert!(!kids(&node).contains(&signer(&token)));
    // The private half is gone from the store.
    let next = kids(&house.identity).into_iter().find(|kid| *kid != signer(&token)).expect("a key");
    assert!(withdraw(&next).await.expect("withdraws"));
    assert!(!withdraw(&next).await.expect("it is gone"));
    assert!(!withdraw("nothing").await.expect("nothing to do"));
    assert_eq!(kids(&house.identity).len(), 2);
}

/// The key beside this one.
fn other(house: &House, kid: &str) -> String {
    kids(&house.identity).into_iter().find(|known| known != kid).expect("another key")
}

/// A key goes, and none takes its place.
async fn lose(house: &House, kid: &str, status: &str) {
    let nothing: Vec<u8> = Vec::new();
    let lost = Change::house().raising_epoch().step(&rows::SIGNING_KEY_RETIRE, values![kid, nothing, status]);
    house.store.apply(lost.expecting(1)).await.expect("lost");
}

#[tokio::test]
async fn two_withdrawals_at_once_leave_a_key_that_signs() {
    let house = House::new().await;
    let node = house.node(2).await;
    let signs = signer(&house.token(CLIENT).await);
    let next = other(&house, &signs);
    // The other node has not heard yet that the next key signs by now.
    let unknown = TenantId::from_u128(0);
    assert!(house.identity.tokens.withdraw(unknown, &signs, |change| change).await.expect("withdraws"));
    assert!(node.tokens.withdraw(unknown, &next, |change| change).await.expect("withdraws"));
    house.identity.tokens.reload().await.expect("reloads");
    let after = signer(&house.token(CLIENT).await);
    assert!(after != signs && after != next);
    assert_eq!(kids(&house.identity).len(), 2);
    house.identity.tokens.rotate().await.expect("there is one to rotate");
}

#[tokio::test]
async fn where_no_key_signs_the_next_one_takes_its_place() {
    let house = House::new().await;
    let signs = signer(&house.token(CLIENT).await);
    let next = other(&house, &signs);
    lose(&house, &signs, "current").await;
    house.identity.tokens.reload().await.expect("reloads");
    house.identity.tokens.tend().await.expect("tends");
    assert_eq!(signer(&house.token(CLIENT).await), next);
    assert_eq!(kids(&house.identity).len(), 2, "and there is a next one again");
}

/// A key's row that cannot be read: its name is none of a key that it could be.
async fn spoil(house: &House, status: &str) {
    let row = values!["spoiled", "EdDSA", vec![0_u8; 80], "{}", status, lockgate_vocabulary::Clock::now(&house.clock)];
    let spoiled = Change::house().raising_epoch().step(&rows::SIGNING_KEY_ADD, row);
    house.store.apply(spoiled).await.expect("spoiled");
}

#[tokio::test]
async fn a_key_that_cannot_be_read_takes_no_other_with_it() {
    let house = House::new().await;
    let token = house.token(CLIENT).await;
    spoil(&house, "retiring").await;
    house.identity.tokens.reload().await.expect("reloads");
    assert!(house.bearer(&token).await.is_ok());
    assert_eq!(kids(&house.identity).len(), 2, "it is not published");
    let node = house.node(2).await;
    assert_eq!(kids(&node), kids(&house.identity), "and a node starts");
    // Whoever withdraws it is rid of it.
    let by = TenantId::from_u128(0);
    assert!(house.identity.tokens.withdraw(by, "spoiled", |change| change).await.expect("withdraws"));
    assert!(!house.identity.tokens.withdraw(by, "spoiled", |change| change).await.expect("it is gone"));
}

#[tokio::test]
async fn the_next_key_takes_the_place_of_a_signing_one_that_cannot_be_read() {
    let house = House::new().await;
    let signs = signer(&house.token(CLIENT).await);
    let next = other(&house, &signs);
    lose(&house, &signs, "current").await;
    spoil(&house, "current").await;
    let node = house.node(2).await;
    house.identity.tokens.reload().await.expect("reloads");
    assert_eq!(signer(&house.token(CLIENT).await), next);
    assert_eq!(kids(&node), kids(&house.identity));
}

#[tokio::test]
async fn a_next_key_that_cannot_be_read_stands_in_nobodys_way() {
    let house = House::new().await;
    let signs = signer(&house.token(CLIENT).await);
    lose(&house, &other(&house, &signs), "next").await;
    spoil(&house, "next").await;
    house.identity.tokens.reload().await.expect("reloads");
    let by = TenantId::from_u128(0);
    assert!(house.identity.tokens.withdraw(by, &signs, |change| change).await.expect("withdraws"));
    let after = signer(&house.token(CLIENT).await);
    assert!(after != signs && after != "spoiled");
    assert_eq!(kids(&house.identity).len(), 2, "and there is a next one that can be read");
    assert!(!house.identity.tokens.withdraw(by, "spoiled", |change| change).await.expect("it is gone"));
}
