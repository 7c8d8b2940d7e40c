//! The grammar of claims.

use std::time::Duration;

use lockgate_vocabulary::{TenantId, Timestamp};
use proptest::prelude::*;

use super::{Claims, TenantClaim, identifier, is_scope, seconds};
use crate::AccessRefusal;
use crate::jose::json::Json;

fn claims(issued: i64, from: Option<i64>, until: i64) -> Claims {
    Claims {
        signed_by: "k".into(),
        subject: "s".into(),
        client: "s".into(),
        id: "1".into(),
        tenant: TenantClaim::Id(TenantId::from_u128(1)),
        scope: "a".into(),
        key: None,
        issued_at: issued,
        not_before: from,
        expires_at: until,
    }
}

#[test]
fn moments_are_whole_seconds_cut_against_the_token() {
    assert_eq!(seconds(&Json::Whole(5), true), Some(5));
    assert_eq!((seconds(&Json::Real(5.5), false), seconds(&Json::Real(5.5), true)), (Some(5), Some(6)));
    for value in [
        Json::Null,
        Json::Bool(true),
        Json::Text("5".into()),
        Json::List(vec![]),
        Json::Whole(-1),
        Json::Whole(253_402_300_800),
        Json::Real(-0.5),
        Json::Real(1e300),
    ] {
        assert_eq!((seconds(&value, true), seconds(&value, false)), (None, None), "{value:?}");
    }
}

#[test]
fn identifiers_are_plain_bounded_texts() {
    let read = |text: &str| identifier(Some(&Json::Text(text.into()))).is_some();
    for text in ["a", "auth0|5f", "x".repeat(256).as_str(), "spiffe://a/b", "é"] {
        assert!(read(text), "{text}");
    }
    for text in ["", " a", "a ", "a\u{0}", "a\nb", "a\u{7f}", "x".repeat(257).as_str()] {
        assert!(!read(text), "{text:?}");
    }
    assert_eq!(identifier(None), None);
    assert_eq!(identifier(Some(&Json::Whole(1))), None);
}

#[test]
fn a_tenant_is_an_id_or_an_alias_and_never_both() {
    let id = TenantId::from_u128(7);
    assert_eq!(TenantClaim::parse(&id.to_string()), Some(TenantClaim::Id(id)));
    assert_eq!(TenantClaim::parse("acme").map(|claim| claim.to_string()).as_deref(), Some("acme"));
    assert_eq!(TenantClaim::parse("ten_"), None);
}

#[test]
fn validity_has_both_ends() {
    let skew = Duration::from_secs(10);
    let token = claims(100, Some(100), 200);
    let at = |second: i64| token.demand_valid_at(Timestamp::from_secs(second), skew);
    assert_eq!((at(89), at(90), at(209)), (Err(AccessRefusal::TokenEarly), Ok(()), Ok(())));
    assert_eq!(at(210), Err(AccessRefusal::TokenExpired));
    let token = claims(100, None, 200);
    assert_eq!(token.demand_valid_at(Timestamp::from_secs(89), skew), Err(AccessRefusal::TokenIssued));
}

proptest! {
    #[test]
    fn a_scope_is_its_words(words in prop::collection::btree_set("[A-Za-z0-9._:/-]{1,20}", 1..10)) {
        let words: Vec<String> = words.into_iter().collect();
        prop_assert!(is_scope(&words.join(" ")));
        prop_assert!(!is_scope(&words.join("  ")) || words.len() == 1);
        let twice = [words.clone(), words].concat();
        prop_assert!(!is_scope(&twice.join(" ")));
    }

    #[test]
    fn no_foreign_character_is_in_a_scope(text in "[a-z]{0,3}[^A-Za-z0-9._:/ -][a-z]{0,3}") {
        prop_assert!(!is_scope(&text));
    }

    #[test]
    fn no_moment_overflows(issued in any::<i64>(), until in any::<i64>(), now in any::<i64>(), skew in any::<u32>()) {
        let token = claims(issued, Some(issued), until);
        let _ = token.demand_valid_at(Timestamp::from_micros(now), Duration::from_secs(skew.into()));
    }
}
