//! Tokens that are refused before any signature is looked at.

use lockgate_vocabulary::limit;
use proptest::prelude::*;

use super::{Compact, HeaderRules};
use crate::AccessRefusal;
use crate::authn::TokenPolicy;
use crate::jose::base64url;

fn rules() -> HeaderRules {
    TokenPolicy::strict("https://issuer.test", "https://gateway.test").header
}

fn refused(token: &str) -> Option<AccessRefusal> {
    Compact::parse(token, &rules()).err()
}

fn with_header(header: &str) -> String {
    format!("{}.e30.AAAA", base64url::encode(header.as_bytes()))
}

#[test]
fn a_sound_token_comes_apart() {
    let token = with_header(r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#);
    let compact = Compact::parse(&token, &rules()).expect("sound");
    assert_eq!(
        (compact.kid.as_str(), compact.payload.as_slice(), compact.signature.as_slice()),
        ("k", &b"{}"[..], &[0; 3][..])
    );
    assert!(token.as_bytes().starts_with(compact.signed) && compact.signed.ends_with(b".e30"));
}

#[test]
fn size_comes_first() {
    assert_eq!(refused(&"a".repeat(limit::CREDENTIAL_BYTES + 1)), Some(AccessRefusal::TokenSize));
    assert_eq!(refused(&"a.".repeat(1 << 19)), Some(AccessRefusal::TokenSize));
}

#[test]
fn there_are_exactly_three_segments() {
    for token in ["", ".", "a", "a.b", "e30.e30.e30.e30", "...", "....", "{\"payload\":\"\"}"] {
        assert_eq!(refused(token), Some(AccessRefusal::TokenSegments), "{token}");
    }
}

#[test]
fn segments_are_canonical_base64url() {
    for segment in ["e30=", "e3 0", "e30\n", "e3+0", "e3/0", "e31", "e", "é"] {
        assert_eq!(refused(&format!("{segment}.e30.AAAA")), Some(AccessRefusal::TokenEncoding), "{segment}");
        assert_eq!(refused(&format!("e30.{segment}.AAAA")), Some(AccessRefusal::TokenEncoding), "{segment}");
        assert_eq!(refused(&format!("e30.e30.{segment}")), Some(AccessRefusal::TokenEncoding), "{segment}");
    }
}

#[test]
fn the_header_is_strict_json() {
    for header in ["", "null", "[]", "{", r#"{"alg":"none","alg":"EdDSA","kid":"k","typ":"at+jwt"}"#, "{}{}"] {
        assert_eq!(refused(&with_header(header)), Some(AccessRefusal::TokenHeader), "{header}");
    }
    let deep = format!("{{\"alg\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    assert_eq!(refused(&with_header(&deep)), Some(AccessRefusal::TokenHeader));
}

#[test]
fn nothing_but_the_known_members_stands_in_the_header() {
    for member in ["crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t", "zip", "cty", "enc", "ppt", "Alg", ""] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k","typ":"at+jwt","{member}":[]}}"#);
        assert_eq!(refused(&with_header(&header)), Some(AccessRefusal::TokenHeaderMember), "{member}");
    }
    let mut declared = rules();
    declared.more_members = Box::new(["x5t".into(), "crit".into()]);
    let parse = |header: &str| Compact::parse(&with_header(header), &declared).err();
    assert_eq!(parse(r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt","x5t":"a"}"#), None);
    // Not even an issuer that declares it gets what changes how a token is read.
    assert_eq!(parse(r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt","crit":[]}"#), Some(AccessRefusal::TokenHeaderMember));
}

#[test]
fn algorithm_type_and_key_are_demanded() {
    let cases = [
        (r#"{"kid":"k","typ":"at+jwt"}"#, AccessRefusal::TokenAlgorithm),
        (r#"{"alg":"none","kid":"k","typ":"at+jwt"}"#, AccessRefusal::TokenAlgorithm),
        (r#"{"alg":"HS256","kid":"k","typ":"at+jwt"}"#, AccessRefusal::TokenAlgorithm),
        (r#"{"alg":["EdDSA"],"kid":"k","typ":"at+jwt"}"#, AccessRefusal::TokenAlgorithm),
        (r#"{"alg":"EdDSA","kid":"k"}"#, AccessRefusal::TokenType),
        (r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#, AccessRefusal::TokenType),
        (r#"{"alg":"EdDSA","kid":"k","typ":"AT+JWT"}"#, AccessRefusal::TokenType),
        (r#"{"alg":"EdDSA","kid":"k","typ":null}"#, AccessRefusal::TokenType),
        (r#"{"alg":"EdDSA","typ":"at+jwt"}"#, AccessRefusal::TokenKeyMissing),
        (r#"{"alg":"EdDSA","kid":1,"typ":"at+jwt"}"#, AccessRefusal::TokenKeyMissing),
        (r#"{"alg":"EdDSA","kid":"","typ":"at+jwt"}"#, AccessRefusal::TokenKeyMissing),
    ];
    for (header, expected) in cases {
        assert_eq!(refused(&with_header(header)), Some(expected), "{header}");
    }
    let long = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"at+jwt"}}"#, "k".repeat(257));
    assert_eq!(refused(&with_header(&long)), Some(AccessRefusal::TokenKeyMissing));
}

proptest! {
    #[test]
    fn no_text_breaks_it(token in any::<String>()) {
        prop_assert!(Compact::parse(&token, &rules()).is_err());
    }

    #[test]
    fn no_two_texts_of_a_segment_mean_the_same(bytes in prop::collection::vec(any::<u8>(), 0..40), other in "[A-Za-z0-9_=+/-]{0,8}") {
        let text = base64url::encode(&bytes);
        prop_assert_eq!(base64url::decode(text.as_bytes()), Some(bytes));
        if let Some(read) = base64url::decode(other.as_bytes()) {
            prop_assert_eq!(base64url::encode(&read), other);
        }
    }
}
