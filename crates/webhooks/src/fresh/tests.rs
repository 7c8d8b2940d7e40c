//! The window from both sides.

use lockgate_vault::webhook::WebhookSecrets;

use super::*;
use crate::parcel::Parcel;
use crate::scheme::named;

const NOW: i64 = 1_790_000_000;

fn judged(name: &str, sent_at: Option<i64>, micros: i64) -> Result<Fresh, WebhookRefusal> {
    let mut verified = Verified::by(1, &[b"signed"], b"body");
    verified.sent_at = sent_at.map(Timestamp::from_secs);
    let now = Timestamp::from_micros(NOW * 1_000_000 + micros);
    Fresh::prove(verified, named(name).expect("a scheme"), &Setting::default(), now)
}

#[test]
fn both_ends_of_the_window_are_within_and_nothing_beyond() {
    for (name, past, future) in
        [("stripe", 300, 300), ("paddle", 5, 5), ("sendgrid", 86_400, 300), ("paypal", 259_200, 300)]
    {
        assert!(judged(name, Some(NOW - past), 0).is_ok(), "{name}");
        assert!(judged(name, Some(NOW + future), 0).is_ok(), "{name}");
        assert_eq!(judged(name, Some(NOW - past), 1).err(), Some(WebhookRefusal::TimestampStale), "{name}");
        assert_eq!(judged(name, Some(NOW - past - 1), 0).err(), Some(WebhookRefusal::TimestampStale), "{name}");
        assert_eq!(judged(name, Some(NOW + future), -1).err(), Some(WebhookRefusal::TimestampFuture), "{name}");
        assert_eq!(judged(name, Some(NOW + future + 1), 0).err(), Some(WebhookRefusal::TimestampFuture), "{name}");
    }
}

#[test]
fn moments_at_the_ends_of_time_are_outside() {
    assert_eq!(judged("stripe", Some(0), 0).err(), Some(WebhookRefusal::TimestampStale));
    assert_eq!(judged("stripe", Some(i64::MIN), 0).err(), Some(WebhookRefusal::TimestampStale));
    assert_eq!(judged("stripe", Some(i64::MAX), 0).err(), Some(WebhookRefusal::TimestampFuture));
}

#[test]
fn a_scheme_with_a_window_demands_a_moment_and_one_without_needs_none() {
    assert_eq!(judged("stripe", None, 0).err(), Some(WebhookRefusal::TimestampMalformed));
    let fresh = judged("github", None, 0).expect("no window");
    assert_eq!(fresh.verified().key(), 1);
    assert_eq!(fresh.into_verified(), Verified::by(1, &[b"sig", b"ned"], b"body"));
}

#[test]
fn a_moment_is_judged_only_after_the_signature() {
    let parcel = Parcel { headers: http::HeaderMap::new(), body: bytes::Bytes::new() };
    let scheme = named("stripe").expect("a scheme");
    let verified = scheme.verify(&parcel, &Setting::default(), &WebhookSecrets::default());
    assert_eq!(verified, Err(WebhookRefusal::SignatureMissing));
}
