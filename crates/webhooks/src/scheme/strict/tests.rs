//! One spelling of everything.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::refusal::WebhookRefusal as R;

fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value).expect("a value"));
    }
    headers
}

#[test]
fn a_header_stands_once() {
    let none = headers(&[]);
    let once = headers(&[("x-s", b"v")]);
    let twice = headers(&[("x-s", b"v"), ("x-s", b"v")]);
    let foreign = headers(&[("x-s", b"v\xc3\xa9")]);
    assert_eq!((optional(&none, "x-s"), optional(&once, "x-s")), (Ok(None), Ok(Some("v"))));
    assert_eq!(optional(&twice, "x-s"), Err(R::HeaderDuplicated));
    assert_eq!(optional(&foreign, "x-s"), Err(R::SignatureMalformed));
    assert_eq!(signature(&none, "x-s"), Err(R::SignatureMissing));
    assert_eq!(signature(&twice, "x-s"), Err(R::HeaderDuplicated));
    assert_eq!(moment(&none, "x-s"), Err(R::TimestampMalformed));
    assert_eq!(demanded_id(&none, "x-s"), Err(R::IdMalformed));
    assert_eq!((id(&none, "x-s"), id(&once, "x-s")), (Ok(None), Ok(Some("v"))));
}

#[test]
fn a_moment_has_one_spelling() {
    assert_eq!(seconds("1789999998"), Ok(Timestamp::from_secs(1_789_999_998)));
    assert_eq!(seconds("0"), Ok(Timestamp::from_secs(0)));
    let wrong = [
        "",
        " ",
        "+1",
        "-1",
        "01",
        "00",
        "1.5",
        "1e9",
        "1_0",
        "0x1",
        "1 ",
        " 1",
        "1\t",
        "１",
        "now",
        "1,1",
        "1789999998000",
        "999999999999999999999999999999",
    ];
    for text in wrong {
        assert_eq!(seconds(text), Err(R::TimestampMalformed), "{text:?}");
    }
}

#[test]
fn hex_is_lower_case_and_of_the_right_length() {
    assert_eq!(hex("00ff", 2), Ok(vec![0, 255]));
    for text in ["", "0", "00", "00f", "00ff00", "00FF", "00fF", "0xff", "00 f", " 00ff", "00fg"] {
        assert_eq!(hex(text, 2), Err(R::SignatureMalformed), "{text:?}");
    }
}

#[test]
fn base64_is_padded_standard_and_exact() {
    assert_eq!(base64("+/8=", 2), Ok(vec![251, 255]));
    for text in ["", "=", "+/8", "-_8=", "+/9=", "+/8==", "+/8= ", " +/8=", "+/!8=", "+/8=+/8=", "+/\n8=", "AAAA"] {
        assert_eq!(base64(text, 2), Err(R::SignatureMalformed), "{text:?}");
    }
    assert_eq!(any_base64(""), Err(R::SignatureMalformed));
}

#[test]
fn an_identifier_swallows_nothing() {
    let most = "a".repeat(ID_CHARACTERS);
    for text in ["a", "msg_2b-9Z", &most] {
        assert!(is_id(text), "{text}");
    }
    let long = "a".repeat(ID_CHARACTERS + 1);
    for text in ["", "a.1", "a b", "a:b", "a|b", "a\n", "ä", "a,b", &long] {
        assert!(!is_id(text), "{text:?}");
    }
    assert_eq!(id(&headers(&[("x-s", b"msg.1")]), "x-s"), Err(R::IdMalformed));
    assert_eq!(word(&headers(&[("x-s", b"orders/create")]), "x-s"), Ok(Some("orders/create")));
    for value in [&b"a b"[..], b"", b"<b>", b"a,b", b"mail@example.test", "a".repeat(129).as_bytes()] {
        assert_eq!(word(&headers(&[("x-s", value)]), "x-s"), Ok(None), "{value:?}");
    }
}

#[test]
fn sixteen_candidates_are_the_most() {
    assert_eq!((demand_few(16), demand_few(17)), (Ok(()), Err(R::CandidatesExceeded)));
}

#[test]
fn a_media_type_is_read_without_its_parameters() {
    let read = |value: &'static [u8]| media_type(&headers(&[("content-type", value)])).expect("one");
    assert_eq!(read(b"Application/JSON; charset=utf-8").as_deref(), Some("application/json"));
    assert_eq!(media_type(&headers(&[])), Ok(None));
    assert_eq!(media_type(&headers(&[("content-type", b"a/b, c/d")])), Err(R::MediaTypeUnfit));
    assert_eq!(media_type(&headers(&[("content-type", b"a/b"), ("content-type", b"a/b")])), Err(R::HeaderDuplicated));
}

proptest! {
    #[test]
    fn no_two_texts_stand_for_the_same_signature(text in "[A-Za-z0-9+/=_ -]{0,12}") {
        if let Ok(bytes) = any_base64(&text) {
            prop_assert_eq!(STANDARD.encode(bytes), text);
        }
    }

    #[test]
    fn no_two_texts_stand_for_the_same_moment(text in "[0-9 +_.-]{0,14}") {
        if let Ok(moment) = seconds(&text) {
            prop_assert_eq!(moment.as_secs().to_string(), text);
        }
    }
}
