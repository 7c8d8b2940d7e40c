//! Words are their own inverse, and patterns tell what they name.

use super::*;

#[test]
fn words_are_read_back() {
    for status in [Status::Pending, Status::Active, Status::Paused, Status::Retired] {
        assert_eq!(Status::parse(status.as_str()), Some(status));
    }
    for purpose in [SecretPurpose::Verify, SecretPurpose::Sign] {
        assert_eq!(SecretPurpose::parse(purpose.as_str()), Some(purpose));
    }
    assert_eq!((Status::parse("Active"), SecretPurpose::parse("")), (None, None));
}

#[test]
fn the_gateways_own_events_are_told_where_they_are_named_alone() {
    let (all, begins, is) =
        (EventPattern::All, EventPattern::Begins("invoice.".into()), EventPattern::Is("CredentialRotated".into()));
    assert!(all.tells("invoice.paid", false) && !all.tells("CredentialRotated", true));
    assert!(
        begins.tells("invoice.paid", false) && !begins.tells("invoice", false) && !begins.tells("invoices.x", false)
    );
    assert!(is.tells("CredentialRotated", true) && !is.tells("CredentialRevoked", true));
}

#[test]
fn a_secret_is_bound_to_its_subscription_purpose_and_version() {
    let id = SubscriptionId::from_u128(7);
    let contexts = [
        Subscription::secret_context(id, SecretPurpose::Verify, 1),
        Subscription::secret_context(id, SecretPurpose::Verify, 2),
        Subscription::secret_context(id, SecretPurpose::Sign, 1),
        Subscription::secret_context(SubscriptionId::from_u128(8), SecretPurpose::Verify, 1),
    ];
    for (place, context) in contexts.iter().enumerate() {
        assert!(contexts.iter().skip(place + 1).all(|other| other != context));
    }
}

#[test]
fn a_secret_ends_when_it_says() {
    let at = Timestamp::from_secs;
    let secret = |expires_at| SealedSecret { version: 1, sealed: Box::default(), expires_at };
    assert!(secret(None).is_live(at(i64::MAX / 1_000_000)));
    assert!(secret(Some(at(10))).is_live(at(9)) && !secret(Some(at(10))).is_live(at(10)));
}
