//! A share is a tenant's own, is bounded, and comes back.

use super::*;

#[test]
fn a_tenant_that_holds_all_of_its_own_holds_nothing_of_anothers() {
    let shares = Shares::new(10);
    let (one, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
    let mut held = shares.take(one, 4).expect("room");
    assert!(held.grow(6) && !held.grow(1));
    assert!(shares.take(one, 1).is_none());
    let others = shares.take(other, 10).expect("room of its own");
    drop(held);
    let again = shares.take(one, 10).expect("it came back");
    drop((others, again));
    assert!(shares.held().is_empty(), "who holds nothing is forgotten");
}
