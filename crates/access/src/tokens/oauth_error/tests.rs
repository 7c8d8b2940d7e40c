//! What an OAuth client reads when it is refused.

use lockgate_vocabulary::{Fault, Stop};

use super::{ERRORS, OauthError};
use crate::AccessRefusal;

#[test]
fn every_error_has_its_registered_name_and_status() {
    for (refusal, name) in ERRORS {
        let error = OauthError::of(&Stop::from(*refusal));
        assert_eq!((error.error, error.status), (*name, refusal.info().status));
        assert_eq!(error.challenge.is_some(), error.status == 401);
    }
}

#[test]
fn what_is_not_granted_is_told_in_the_words_of_the_registry() {
    let name = |refusal: AccessRefusal| OauthError::of(&Stop::from(refusal)).error;
    assert_eq!(name(AccessRefusal::GrantUnsupported), "unsupported_grant_type");
    assert_eq!(name(AccessRefusal::GrantTarget), "invalid_target");
    assert_eq!(OauthError::of(&AccessRefusal::AssertionReplayed.into()).status, 401);
}

#[test]
fn a_fault_says_nothing_of_itself() {
    let broken = OauthError::of(&Stop::Fault(Fault::broken("reading /var/secret", "disk")));
    assert_eq!((broken.status, broken.body().as_str()), (500, r#"{"error":"server_error"}"#));
    let away = OauthError::of(&Stop::Fault(Fault::unavailable("asking", "nobody")));
    assert_eq!((away.status, away.error), (503, "temporarily_unavailable"));
}

#[test]
fn other_refusals_are_no_server_errors_unless_they_are() {
    let other = OauthError::of(&AccessRefusal::KeyExpired.into());
    assert_eq!((other.status, other.error), (401, "invalid_request"));
    let away = OauthError::of(&AccessRefusal::IssuerUnavailable.into());
    assert_eq!((away.status, away.error), (503, "temporarily_unavailable"));
}

#[test]
fn descriptions_keep_to_the_characters_of_the_rfc() {
    let error = OauthError::of(&Stop::Refused(AccessRefusal::GrantScope.refuse().detail("\"a\\b\"\n\u{e9}")));
    assert!(error.description.ends_with("(ab)"), "{}", error.description);
}
