//! What a credential amounts to is never more than each of its parts.

use std::sync::Arc;

use lockgate_vocabulary::{PrincipalKind, TenantId};
use proptest::prelude::*;

use super::Standing;
use crate::AccessRefusal;
use crate::directory::{TenantView, Verifier};
use crate::scope::{Scope, ScopeSet};
use crate::tokens::tests::fixture::{API_KEY, SECOND, SERVICE, key, principal};

fn view(kind: PrincipalKind, scopes: &str) -> Arc<TenantView> {
    let mut view = TenantView::empty(TenantId::from_u128(1), "t".parse().expect("a name"));
    view.principals.insert(SERVICE, Arc::new(principal(SERVICE, "s", kind, scopes)));
    Arc::new(view)
}

fn words() -> impl Strategy<Value = String> {
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    prop::sample::subsequence(all, 0..16).prop_map(|words| words.join(" "))
}

fn kinds() -> impl Strategy<Value = PrincipalKind> {
    prop::sample::select(vec![
        PrincipalKind::Service,
        PrincipalKind::Partner,
        PrincipalKind::Person,
        PrincipalKind::Agent,
        PrincipalKind::Operator,
    ])
}

#[test]
fn a_standing_belongs_to_one_snapshot() {
    let (one, two) = (view(PrincipalKind::Service, "audit.read"), view(PrincipalKind::Service, "audit.read"));
    let standing = Standing::resolve(&one, SERVICE, None, None).expect("stands");
    assert!(standing.is_of(&one) && !standing.is_of(&two));
    let weak = Arc::downgrade(&one);
    drop(one);
    assert!(weak.upgrade().is_none(), "what is remembered keeps no snapshot alive");
    assert!(!standing.is_of(&two));
    assert_eq!(standing.principal().id, SERVICE);
}

#[test]
fn who_is_not_there_has_no_standing() {
    let view = view(PrincipalKind::Service, "");
    assert_eq!(Standing::resolve(&view, SECOND, None, None).err(), Some(AccessRefusal::PrincipalUnknown));
}

proptest! {
    #[test]
    fn scopes_are_within_every_part(kind in kinds(), has in words(), narrowed in words(), granted in words()) {
        let view = view(kind, &has);
        let parse = |words: &str| words.parse::<ScopeSet>().expect("scopes");
        let mut key = key(API_KEY, SERVICE, Verifier::ApiKey([0; 32]));
        key.scopes = Some(parse(&narrowed));
        let standing = Standing::resolve(&view, SERVICE, Some(&Arc::new(key)), Some(&parse(&granted))).expect("stands");
        let scopes = standing.scopes();
        for part in [&has, &narrowed, &granted] {
            prop_assert!(scopes.is_within(&parse(part)));
        }
        prop_assert_eq!(scopes.misfit(kind), None);
    }
}
