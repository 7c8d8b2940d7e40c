//! Identifiers keep one spelling, sort by time, and refuse every other spelling.

use proptest::prelude::*;

use super::{IdParse, RunId, TenantId};
use crate::clock::{BoxFuture, Clock, Timestamp};
use crate::entropy::Entropy;

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0)
    }
    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
    fn sleep(&self, _: std::time::Duration) -> BoxFuture<()> {
        Box::pin(async {})
    }
}

struct Fixed(u8);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

#[test]
fn an_identifier_is_a_uuid_of_version_seven() {
    let id = RunId::generate(&At(1_795_320_000_123), &Fixed(0xff)).as_u128();
    assert_eq!(id >> 76 & 0xf, 7);
    assert_eq!(id >> 62 & 0b11, 0b10);
    assert_eq!(RunId::from_u128(id).made_at(), Timestamp::from_millis(1_795_320_000_123));
}

#[test]
fn later_identifiers_sort_later_as_text() {
    let early = TenantId::generate(&At(1), &Fixed(0xff)).to_string();
    let late = TenantId::generate(&At(2), &Fixed(0)).to_string();
    assert!(early < late);
}

#[test]
fn any_other_spelling_is_refused() {
    let text = TenantId::from_u128(u128::MAX).to_string();
    assert_eq!(text, "ten_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    for bad in [
        "ten_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "ten_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "run_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        "ten_7zzzzzzzzzzzzzzzzzzzzzzzz",
        "ten_7zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "ten_ozzzzzzzzzzzzzzzzzzzzzzzzz",
        " ten_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        "",
    ] {
        assert_eq!(bad.parse::<TenantId>(), Err(IdParse { wanted: "ten" }), "{bad}");
    }
}

proptest! {
    #[test]
    fn text_and_number_are_the_same_identifier(value: u128) {
        let id = TenantId::from_u128(value);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }
}
