//! What was put in comes out, byte for byte; what is cut or changed does not.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[test]
fn headers_are_kept_but_those_of_the_way_and_of_credentials() {
    let envelope = Envelope::of(
        &headers(&[
            ("x-a", b"1"),
            ("x-a", b"2"),
            ("authorization", b"Bearer x"),
            ("cookie", b"c"),
            ("x-api-key", b"k"),
            ("x-raw", b"\xff"),
        ]),
        Bytes::from_static(b"\x00\xffbody"),
    );
    let names: Vec<&str> = envelope.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-a", "x-a", "x-raw"]);
    assert_eq!((envelope.header("x-a"), envelope.header("x-raw"), envelope.header("x-b")), (Some("1"), None, None));
    assert_eq!(Envelope::decode(&envelope.encode().unwrap()), Some(envelope));
}

#[test]
fn what_is_cut_in_its_headers_is_no_envelope() {
    let whole = Envelope::of(&headers(&[("x-a", b"value")]), Bytes::new()).encode().unwrap();
    for length in 0..whole.len() {
        assert_eq!(Envelope::decode(&whole[..length]), None, "{length}");
    }
    let mut other = whole;
    other[0] = 9;
    assert_eq!(Envelope::decode(&other), None, "another version");
}

proptest! {
    #[test]
    fn every_envelope_comes_back(
        fields in proptest::collection::vec(("[a-z-]{1,40}", proptest::collection::vec(any::<u8>(), 0..300)), 0..40),
        body in proptest::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let envelope = Envelope { headers: fields, body: Bytes::from(body) };
        prop_assert_eq!(Envelope::decode(&envelope.encode().unwrap()), Some(envelope));
    }

    #[test]
    fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Envelope::decode(&bytes);
    }
}
