//! What the door makes of a target, and of a body that breaks.

use super::*;

#[test]
fn letters_beyond_ascii_have_one_spelling() {
    assert!(matches!(ascii("/plain/%C3%A9"), Cow::Borrowed("/plain/%C3%A9")));
    assert_eq!(ascii("/caf\u{e9}/\u{2665}"), "/caf%C3%A9/%E2%99%A5");
}

#[test]
fn what_is_presented_are_two_fields_and_no_other() {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, http::HeaderValue::from_static("Bearer t"));
    headers.insert(headers::API_KEY, http::HeaderValue::from_static("lgk_"));
    headers.insert(http::header::COOKIE, http::HeaderValue::from_static("token=t"));
    let presented = presented(&headers);
    assert_eq!(presented.authorization, Some(b"Bearer t".as_slice()));
    assert_eq!(presented.api_key, Some(b"lgk_".as_slice()));
}
