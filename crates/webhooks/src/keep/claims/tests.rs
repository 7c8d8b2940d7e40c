//! Every way in which the claims of one delivery can stand.

use proptest::prelude::*;

use super::*;

const FIRST: Standing = Standing::Same(DeliveryId::from_u128(1));
const SECOND: Standing = Standing::Same(DeliveryId::from_u128(2));

fn judge(claims: &[(Kind, Standing)]) -> Judged {
    let named = |(at, (kind, standing)): (u8, &(Kind, Standing))| {
        (Claim { kind: *kind, name: [at; 32], digest: [at; 32] }, *standing)
    };
    judge_claims(&(0..).zip(claims).map(named).collect::<Vec<_>>())
}

fn before(first: u128, renamed: bool) -> Judged {
    Judged::Before { first: DeliveryId::from_u128(first), renamed }
}

/// The place of the claim that a conflict names.
fn conflict(claims: &[(Kind, Standing)]) -> Option<u8> {
    match judge(claims) {
        Judged::Conflict(claim) => Some(claim.name[0]),
        _ => None,
    }
}

#[test]
fn what_was_signed_goes_before_an_identifier() {
    use Kind::{Id, Signed};
    use Standing::{Free, Other};
    assert_eq!(judge(&[(Signed, FIRST)]), before(1, false));
    assert_eq!(judge(&[(Id, FIRST), (Signed, FIRST)]), before(1, false));
    for id in [Free, Other, SECOND] {
        assert_eq!(judge(&[(Id, id), (Signed, FIRST)]), before(1, true), "{id:?}");
    }
}

#[test]
fn another_content_under_a_known_name_is_a_conflict() {
    use Kind::{Id, Signed};
    use Standing::{Free, Other};
    assert_eq!(conflict(&[(Id, Other), (Signed, Free)]), Some(0));
    assert_eq!(conflict(&[(Id, FIRST), (Signed, Other)]), Some(1));
    assert_eq!(conflict(&[(Id, Other)]), Some(0));
}

#[test]
fn a_retry_that_is_signed_anew_is_known_by_its_identifier() {
    assert_eq!(judge(&[(Kind::Id, FIRST), (Kind::Signed, Standing::Free)]), before(1, false));
    assert_eq!(judge(&[(Kind::Id, FIRST)]), before(1, false));
}

#[test]
fn a_batch_is_heard_before_whole_or_not_at_all() {
    use Kind::{Id, Item};
    use Standing::{Free, Other};
    assert_eq!(judge(&[(Item, FIRST), (Item, FIRST), (Id, FIRST)]), before(1, false));
    // Old items in a new batch make no new delivery.
    assert_eq!(judge(&[(Item, FIRST), (Item, SECOND), (Id, Free)]), before(1, false));
    assert_eq!(judge(&[(Item, FIRST), (Item, SECOND)]), before(1, false));
    assert_eq!(conflict(&[(Item, Free), (Item, FIRST), (Id, Free)]), Some(1));
    assert_eq!(conflict(&[(Item, FIRST), (Item, FIRST), (Id, Other)]), Some(2));
    assert_eq!(conflict(&[(Item, Free), (Id, Other)]), Some(1));
    assert_eq!(conflict(&[(Item, Free), (Id, FIRST)]), Some(1));
}

#[test]
fn nothing_taken_is_nothing_heard() {
    use Standing::Free;
    assert_eq!(judge(&[]), Judged::New);
    assert_eq!(judge(&[(Kind::Id, Free), (Kind::Signed, Free)]), Judged::New);
    assert_eq!(judge(&[(Kind::Item, Free), (Kind::Item, Free), (Kind::Id, Free)]), Judged::New);
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(Standing::Free), Just(FIRST), Just(SECOND), Just(Standing::Other)]
}

proptest! {
    #[test]
    fn a_batch_with_one_new_item_is_never_taken_for_an_old_one(
        mut items in proptest::collection::vec(standing(), 0..8), at in any::<proptest::sample::Index>(), id in standing(),
    ) {
        items.insert(at.index(items.len() + 1), Standing::Free);
        let mut claims: Vec<_> = items.into_iter().map(|item| (Kind::Item, item)).collect();
        claims.push((Kind::Id, id));
        let heard_before = matches!(judge(&claims), Judged::Before { .. });
        prop_assert!(!heard_before);
    }
}
