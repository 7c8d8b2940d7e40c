//! A credential that comes back is masked wherever it stands, and nothing else is touched.

use bytes::Bytes;
use lockgate_vault::Spellings;
use lockgate_vocabulary::Secret;
use proptest::prelude::*;

use super::Echo;

fn lent(secret: &str) -> Option<Spellings> {
    Spellings::of(&Secret::from(secret.to_owned()))
}

/// What goes on of these pieces.
fn passed(secret: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut echo = Echo::of(lent(secret).as_ref());
    let mut out = Vec::new();
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            out.extend_from_slice(&echo.pass(&mut piece));
        }
    }
    out.extend_from_slice(&echo.last());
    assert_eq!(echo.held(), 0);
    out
}

#[test]
fn it_is_masked_whole_and_across_pieces() {
    let secret = "sk_live_1234";
    let masked = b"a ************ b".as_slice();
    assert_eq!(passed(secret, &[b"a sk_live_1234 b"]), masked);
    assert_eq!(passed(secret, &[b"a sk_li", b"ve_1234 b"]), masked);
    assert_eq!(passed(secret, &[b"a s", b"k", b"_live_123", b"4 b"]), masked);
    assert_eq!(passed(secret, &[b"sk_live_1234sk_live_1234"]), b"*".repeat(24));
    assert_eq!(passed(secret, &[b"sk_live_12", b" sk_live"]), b"sk_live_12 sk_live");
}

#[test]
fn pieces_without_it_are_not_copied() {
    let mut echo = Echo::of(lent("sk_live_1234").as_ref());
    let piece = Bytes::from_static(b"nothing of it here");
    let on = echo.pass(&mut piece.clone());
    assert_eq!(on.as_ptr(), piece.as_ptr());
    let mut none = Echo::of(None);
    assert_eq!(none.pass(&mut piece.clone()).as_ptr(), piece.as_ptr());
}

#[test]
fn what_the_body_ends_with_is_masked_where_it_is_the_beginning() {
    assert_eq!(passed("sk_live_1234567890", &[b"you sent sk_live_", b"12345"]), b"you sent *************");
    assert_eq!(passed("sk_live_1234567890", &[b"you sent sk_live_12345", b"."]), b"you sent sk_live_12345.");
}

#[test]
fn zeros_between_the_characters_stay() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    assert_eq!(passed("sk_live_1234", &[&wide("a sk_live_1234 b")]), wide("a ************ b"));
}

#[test]
fn what_is_held_is_not_copied_with_every_byte() {
    let mut echo = Echo::of(lent(&format!("{}b", "a".repeat(8000))).as_ref());
    let (mut moves, mut before) = (0, std::ptr::null());
    let mut out = 0;
    for _ in 0..40_000 {
        out += echo.pass(&mut Bytes::from_static(b"a")).len();
        moves += usize::from(echo.held.as_ptr().wrapping_sub(1) != before && echo.held.as_ptr() != before);
        before = echo.held.as_ptr();
    }
    out += echo.last().len();
    assert_eq!(out, 40_000);
    assert!(moves < 40, "{moves} copies");
}

#[test]
fn what_is_too_short_is_not_looked_for() {
    assert!(lent("1234567").is_none());
    assert_eq!(passed("1234567", &[b"1234567"]), b"1234567");
}

proptest! {
    #[test]
    fn cutting_a_body_anywhere_changes_nothing(
        secret in "[ab]{8,12}",
        body in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'c')], 0..200),
        cuts in proptest::collection::vec(0usize..200, 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        let out = passed(&secret, &pieces);
        prop_assert_eq!(out.len(), body.len());
        prop_assert!(!out.windows(secret.len()).any(|window| window == secret.as_bytes()));
        for (clean, raw) in out.iter().zip(&body) {
            prop_assert!(clean == raw || *clean == b'*');
        }
        if !body.windows(secret.len()).any(|window| window == secret.as_bytes()) {
            prop_assert_eq!(out, body);
        }
    }
}
