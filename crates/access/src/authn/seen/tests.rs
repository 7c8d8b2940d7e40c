//! The memory of tokens is bounded, for each tenant by itself.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lockgate_vocabulary::{PrincipalKind, TenantId};

use super::{Seen, SeenTokens, TokenDigest, Voucher};
use crate::authn::claims::{Claims, TenantClaim};
use crate::authn::standing::Standing;
use crate::directory::TenantView;
use crate::tokens::tests::fixture::{SERVICE, principal};

fn seen(tenant: u128) -> Arc<Seen> {
    let tenant = TenantId::from_u128(tenant);
    let mut view = TenantView::empty(tenant, "t".parse().expect("a name"));
    view.principals.insert(SERVICE, Arc::new(principal(SERVICE, "s", PrincipalKind::Service, "")));
    let standing = Standing::resolve(&Arc::new(view), SERVICE, None, None).expect("stands");
    let claims = Claims {
        signed_by: "k".into(),
        subject: "s".into(),
        client: "s".into(),
        id: "1".into(),
        tenant: TenantClaim::Id(tenant),
        scope: "a".into(),
        key: None,
        issued_at: 0,
        not_before: None,
        expires_at: 1,
    };
    Arc::new(Seen { claims, tenant, voucher: Voucher::Own(1), standing: ArcSwap::from_pointee(standing) })
}

fn digest(tenant: u8, index: u16) -> TokenDigest {
    let mut digest = [tenant; 32];
    digest[..2].copy_from_slice(&index.to_be_bytes());
    digest
}

#[test]
fn a_tenant_pushes_out_its_own_tokens_only() {
    let tokens = SeenTokens::new(1024, 8);
    tokens.remember(digest(2, 0), seen(2));
    for index in 0..100 {
        tokens.remember(digest(1, index), seen(1));
    }
    let kept: Vec<u16> = (0..100).filter(|index| tokens.find(&digest(1, *index)).is_some()).collect();
    assert_eq!(kept, (92..100).collect::<Vec<_>>());
    assert!(tokens.find(&digest(2, 0)).is_some());
}

#[test]
fn a_token_that_is_verified_anew_keeps_its_place() {
    let tokens = SeenTokens::new(1024, 2);
    for _ in 0..5 {
        tokens.remember(digest(1, 0), seen(1));
    }
    tokens.remember(digest(1, 1), seen(1));
    assert!(tokens.find(&digest(1, 0)).is_some() && tokens.find(&digest(1, 1)).is_some());
}

#[test]
fn the_whole_is_bounded_too() {
    let tokens = SeenTokens::new(64, 1000);
    for index in 0..1000 {
        tokens.remember(digest(1, index), seen(1));
    }
    let kept = (0..1000).filter(|index| tokens.find(&digest(1, *index)).is_some()).count();
    assert!(kept <= 64, "{kept}");
    assert_eq!(placed(&tokens), kept);
}

/// How many places tenants' shares hold; each is that of a token that is remembered.
fn placed(tokens: &SeenTokens) -> usize {
    let shares = tokens.shares.lock().expect("a lock");
    let places = shares.tenants.values().flatten();
    let live =
        |(place, digest): &(&u64, &TokenDigest)| tokens.tokens.peek(*digest).is_some_and(|it| it.place == **place);
    places.inspect(|each| assert!(live(each), "a place of what is not remembered")).count()
}

#[test]
fn what_made_room_and_came_back_has_one_place() {
    let tokens = SeenTokens::new(64, 4);
    for round in 0..50 {
        for tenant in 1..=40 {
            for index in 0..3 {
                tokens.remember(digest(tenant, index + round % 2), seen(tenant.into()));
            }
        }
        assert_eq!(placed(&tokens), tokens.tokens.len());
    }
}

#[test]
fn a_memory_of_nought_remembers_nothing() {
    let tokens = SeenTokens::new(0, 0);
    tokens.remember(digest(1, 1), seen(1));
    assert!(tokens.find(&digest(1, 1)).is_none());
}
