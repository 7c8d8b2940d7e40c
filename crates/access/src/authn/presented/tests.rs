//! One credential is presented, or none counts.

use super::{Credential, Presented, challenge};
use crate::AccessRefusal;

fn read<'a>(authorization: Option<&'a str>, api_key: Option<&'a str>) -> Result<Credential<'a>, AccessRefusal> {
    Presented { authorization: authorization.map(str::as_bytes), api_key: api_key.map(str::as_bytes) }.credential()
}

#[test]
fn there_is_exactly_one() {
    assert_eq!(read(None, None), Err(AccessRefusal::CredentialMissing));
    assert_eq!(read(Some("Bearer a"), Some("b")), Err(AccessRefusal::CredentialAmbiguous));
    assert_eq!(read(None, Some("b")), Ok(Credential::ApiKey(b"b")));
    assert_eq!(read(Some("bEARER a.b"), None), Ok(Credential::Bearer("a.b")));
}

#[test]
fn other_schemes_and_odd_spellings_are_refused() {
    for header in ["", "Bearer", "Bearera", "Basic a", "DPoP a", "Bearer\ta", " Bearer a"] {
        assert_eq!(read(Some(header), None), Err(AccessRefusal::TokenSegments), "{header}");
    }
    let long = format!("Bearer {}", "a".repeat(9000));
    assert_eq!(read(Some(&long), None), Err(AccessRefusal::TokenSize));
    let bytes = Presented { authorization: Some(b"Bearer \xff"), api_key: None };
    assert_eq!(bytes.credential(), Err(AccessRefusal::TokenEncoding));
}

#[test]
fn a_refusal_comes_with_its_challenge() {
    let told = |refusal: AccessRefusal| challenge(&refusal.refuse());
    assert_eq!(told(AccessRefusal::CredentialMissing), Some(r#"Bearer realm="lockgate""#));
    assert_eq!(told(AccessRefusal::KeyInvalid), Some(r#"Bearer realm="lockgate""#));
    assert!(told(AccessRefusal::TokenInvalid).is_some_and(|text| text.ends_with(r#"error="invalid_token""#)));
    assert!(told(AccessRefusal::CredentialAmbiguous).is_some_and(|text| text.ends_with(r#"error="invalid_request""#)));
    assert!(told(AccessRefusal::ScopeMissing).is_some_and(|text| text.ends_with(r#"error="insufficient_scope""#)));
    assert_eq!(told(AccessRefusal::ClientInvalid), Some(r#"Basic realm="lockgate""#));
    assert_eq!(told(AccessRefusal::IssuerUnavailable), None);
}
