//! Fields that name another method, however the form spells and splits them.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn scan(kind: &'static str, body: &[u8], split: usize) -> Option<&'static str> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
    let mut scan = FormScan::of(&headers).expect("a form");
    let (one, other) = body.split_at(split.min(body.len()));
    scan.feed(one).or_else(|| scan.feed(other)).or_else(|| scan.end())
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const PARTS: &str = "Multipart/Form-Data; boundary=b";

#[test]
fn a_form_is_found_out_wherever_it_is_split() {
    for (body, found) in [
        ("_method=DELETE", Some("_method")),
        ("a=1&%5fmethod=x", Some("_method")),
        ("a=_method", None),
        ("a=1;X-HTTP-Method-Override=PUT", Some("x-http-method-override")),
        ("_HttpMethod=DELETE", Some("_httpmethod")),
        ("a&_method", Some("_method")),
        ("_method[]=x", Some("_method")),
        ("+_method=x", Some("_method")),
        ("method=x&my_method=y&_methods=z", None),
        ("", None),
    ] {
        for split in 0..=body.len() {
            assert_eq!(scan(FORM, body.as_bytes(), split), found, "{body} at {split}");
        }
    }
}

#[test]
fn a_part_is_found_out_by_its_own_header_alone() {
    let part = |line: &str, value: &str| format!("--b\r\n{line}\r\n\r\n{value}\r\n--b--\r\n");
    for (body, found) in [
        (part("Content-Disposition: form-data; name=\"_method\"", "DELETE"), Some("_method")),
        (part("content-disposition:form-data;NAME=_Method", "DELETE"), Some("_method")),
        (part("Content-Disposition: form-data;\r\n name=\"_method\"", "DELETE"), Some("_method")),
        (part("Content-Disposition: form-data; name*=utf-8''%5Fmethod", "DELETE"), Some("_method")),
        (part("Content-Disposition: form-data; name=\"a\"; filename=\"_method\"", "x"), None),
        (part("Content-Disposition: form-data; name=\"page\"", "<input name=\"_method\" value=\"delete\">"), None),
    ] {
        for split in 0..=body.len() {
            assert_eq!(scan(PARTS, body.as_bytes(), split), found, "{body} at {split}");
        }
    }
}

#[test]
fn what_is_no_form_is_not_looked_at() {
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded2"] {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        assert!(FormScan::of(&headers).is_none(), "{kind}");
    }
    assert!(FormScan::of(&HeaderMap::new()).is_none());
}

proptest! {
    /// Whatever stands before it, and however long that is, the field is found.
    #[test]
    fn no_padding_hides_it(padding in "[a-z0-9=&%+]{0,400}", split in 0usize..500) {
        let body = format!("{padding}&_method=DELETE");
        prop_assert_eq!(scan(FORM, body.as_bytes(), split), Some("_method"));
    }
}
