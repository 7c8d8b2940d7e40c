//! A key is one plain value.

use super::*;

#[test]
fn a_key_is_one_plain_value() {
    let mut headers = HeaderMap::new();
    assert_eq!(key(&headers).unwrap(), None);
    headers.insert(headers::IDEMPOTENCY_KEY, HeaderValue::from_static("order-7"));
    assert_eq!(key(&headers).unwrap().as_deref(), Some("order-7"));
    headers.append(headers::IDEMPOTENCY_KEY, HeaderValue::from_static("order-8"));
    assert_eq!(key(&headers).unwrap_err().code(), GatewayRefusal::HeaderInvalid.info().code);
    for bad in ["", "a b", "\u{e9}"] {
        let mut headers = HeaderMap::new();
        headers.insert(headers::IDEMPOTENCY_KEY, HeaderValue::from_bytes(bad.as_bytes()).unwrap());
        assert!(key(&headers).is_err(), "{bad:?}");
    }
}
