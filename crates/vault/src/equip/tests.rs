//! A credential goes where the provider wants it, nowhere else, and comes off again.

use http::Uri;
use proptest::prelude::*;

use super::*;
use crate::tests::fixture::{CREDENTIAL_ID, bearer, connection, header, query, request};

fn loan(value: &str) -> Loan {
    Loan { credential: CREDENTIAL_ID, version: 7, series: 0, value: Secret::from(value.to_owned()) }
}

fn equipped(placement: &AuthPlacement, value: &str, parts: &mut Parts) -> Equipped {
    put(placement, Some(&loan(value)), parts).expect("equips")
}

fn shown<'a>(parts: &'a Parts, name: &str) -> Vec<&'a str> {
    parts.headers.get_all(name).iter().map(|value| value.to_str().expect("visible")).collect()
}

const URL: &str = "https://api.example/base/v1/x";

#[test]
fn each_placement_is_as_the_standard_writes_it() {
    for (placement, value, name, wanted) in [
        (bearer(), "sk_1", "authorization", "Bearer sk_1"),
        (AuthPlacement::Basic, "user:pass:word", "authorization", "Basic dXNlcjpwYXNzOndvcmQ="),
        (AuthPlacement::Basic, "sk_user", "authorization", "Basic c2tfdXNlcjo="),
        (AuthPlacement::Basic, "Aladdin:open sesame", "authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (header("X-Api-Key", ""), "sk_1", "x-api-key", "sk_1"),
        (header("Authorization", "Token "), "sk_1", "authorization", "Token sk_1"),
        (header("DD-API-KEY", ""), "a b", "dd-api-key", "a b"),
    ] {
        let mut parts = request(URL, &[]);
        let equipped = equipped(&placement, value, &mut parts);
        assert_eq!(shown(&parts, name), [wanted]);
        assert_eq!(equipped.lent(), Some((CREDENTIAL_ID, 7)));
        assert!(parts.headers[name].is_sensitive());
        assert!(!format!("{:?} {equipped:?}", parts.headers).contains("sk_1"));
        equipped.strip(&mut parts).expect("strips");
        assert!(parts.headers.is_empty());
    }
}

#[test]
fn a_query_parameter_is_encoded_and_last() {
    for (url, wanted) in [
        ("https://api.example/base/v1", "/base/v1?key=a%2Fb%20c%26d%3D%2B~"),
        ("https://api.example/base/v1?x=1&y", "/base/v1?x=1&y&key=a%2Fb%20c%26d%3D%2B~"),
    ] {
        let mut parts = request(url, &[]);
        let before = parts.uri.clone();
        let equipped = equipped(&query("key"), "a/b c&d=+~", &mut parts);
        assert_eq!(parts.uri.path_and_query().map(|target| target.as_str()), Some(wanted));
        assert_eq!(parts.uri.host(), Some("api.example"));
        equipped.strip(&mut parts).expect("strips");
        assert_eq!(parts.uri, before);
    }
}

#[test]
fn what_the_caller_sent_under_the_name_is_gone() {
    let forged = [
        ("authorization", "Bearer forged"),
        ("x-api-key", "forged"),
        ("x_api_key", "forged"),
        ("x_api-key", "forged"),
        ("proxy-authorization", "Basic forged"),
        ("x-api-keys", "kept"),
        ("accept", "*/*"),
    ];
    let mut parts = request(URL, &forged);
    parts.headers.append("x-api-key", HeaderValue::from_static("forged again"));
    let _equipped = equipped(&header("X-Api-Key", ""), "sk_1", &mut parts);
    assert_eq!(shown(&parts, "x-api-key"), ["sk_1"]);
    for gone in ["x_api_key", "x_api-key", "authorization", "proxy-authorization"] {
        assert_eq!(shown(&parts, gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(shown(&parts, "x-api-keys"), ["kept"]);
    assert_eq!(shown(&parts, "accept"), ["*/*"]);
}

#[test]
fn an_open_provider_gets_nothing_of_the_callers_either() {
    let mut parts = request(URL, &[("authorization", "Bearer forged"), ("accept", "*/*")]);
    let equipped = put(&AuthPlacement::None, None, &mut parts).expect("equips");
    assert_eq!(equipped.lent(), None);
    assert_eq!(parts.headers.len(), 1);
    assert!(put(&AuthPlacement::None, Some(&loan("x")), &mut parts).is_err(), "it is lent no credential");
}

#[test]
fn parameters_that_pass_for_the_name_are_gone() {
    for (given, kept) in [
        ("key=forged", ""),
        ("KEY=forged&a=1", "a=1&"),
        ("a=1&k%65y=forged&b=2", "a=1&b=2&"),
        ("a=1;key=forged;b=2&c=3", "a=1;b=2&c=3&"),
        ("key[]=forged&key%5B0%5D=forged&keys=1", "keys=1&"),
        ("key", ""),
        ("&&a", "&&a&"),
        ("a=key&b=%6bey", "a=key&b=%6bey&"),
        ("k%y=1&%6=2", "k%y=1&%6=2&"),
    ] {
        let mut parts = request(&format!("https://api.example/base?{given}"), &[]);
        let _equipped = equipped(&query("key"), "sk_1", &mut parts);
        assert_eq!(parts.uri.query(), Some(format!("{kept}key=sk_1").as_str()), "{given}");
    }
}

#[test]
fn a_redirect_that_repeats_the_query_loses_it_too() {
    let mut parts = request(URL, &[]);
    let equipped = equipped(&query("key"), "sk_1", &mut parts);
    parts.uri = Uri::from_static("https://elsewhere.example/?a=1&key=sk_1");
    equipped.strip(&mut parts).expect("strips");
    assert_eq!(parts.uri, "https://elsewhere.example/?a=1");
}

#[test]
fn values_that_would_break_their_place_are_refused() {
    let breaking = ["", " ", "a\r\nb: c", "a\nb", "a\0b", "a\u{7f}", "a\tb", " a", "a ", "ä"];
    for placement in [bearer(), header("x-key", ""), query("key")] {
        for value in breaking {
            assert!(!fits(&placement, &Secret::from(value.to_owned())), "{placement:?} {value:?}");
            let mut parts = request(URL, &[]);
            let stop = put(&placement, Some(&loan(value)), &mut parts).expect_err("refused");
            assert!(matches!(stop, Stop::Refused(refusal) if refusal.code() == "vault.secret.unfit"));
            assert!(parts.headers.is_empty() && parts.uri == URL);
        }
        assert!(!fits(&placement, &Secret::from("a".repeat(CREDENTIAL_BYTES + 1))));
        assert!(fits(&placement, &Secret::from("a".repeat(CREDENTIAL_BYTES))));
    }
    let unfit = |placement: &AuthPlacement, value: &str| !fits(placement, &Secret::from(value.to_owned()));
    assert!(unfit(&bearer(), "Bearer sk_1"), "a scheme that was pasted along");
    assert!(!unfit(&header("x-key", ""), "a b"));
    for value in ["", "a\nb", "a:b\r\nc", ":nobody", "a\u{85}b"] {
        assert!(unfit(&AuthPlacement::Basic, value), "{value:?}");
    }
    assert!(!unfit(&AuthPlacement::Basic, "jürgen:geheim wort"));
    assert!(unfit(&header("x-key", "a\r\n"), "b") && unfit(&header("", ""), "b") && unfit(&query(""), "b"));
    for name in ["Host", "content-length", "Transfer-Encoding", "connection", "x key"] {
        assert!(unfit(&header(name, ""), "b"), "{name}");
    }
    assert!(unfit(&AuthPlacement::None, "b"));
}

#[test]
fn only_targets_below_the_base_are_equipped() {
    let own = connection(bearer());
    for (url, headers) in [
        ("https://api.example/base", &[][..]),
        ("https://api.example/base/", &[]),
        ("https://api.example/base/v1/x?y=/../z", &[]),
        ("https://api.example:443/base/v1", &[("host", "api.example")]),
        ("https://api.example/base/v1", &[("host", "api.example:443")]),
    ] {
        assert_eq!(check_origin(&own, &request(url, headers)), Ok(()), "{url}");
    }
    for (url, headers) in [
        ("http://api.example/base/v1", &[][..]),
        ("/base/v1", &[]),
        ("https://api.example/", &[]),
        ("https://api.example/basement", &[]),
        ("https://api.example/other/base", &[]),
        ("https://api.example/base/../other", &[]),
        ("https://api.example/base/%2e%2e/other", &[]),
        ("https://api.example/base/..%2fother", &[]),
        ("https://api.example/base//x", &[]),
        ("https://api.example:8443/base/v1", &[]),
        ("https://api.example:0443/base/v1", &[]),
        ("https://API.example/base/v1", &[]),
        ("https://api.example./base/v1", &[]),
        ("https://api.example.evil/base/v1", &[]),
        ("https://evil@api.example/base/v1", &[]),
        ("https://api.example@evil/base/v1", &[]),
        ("https://evil/base/v1", &[]),
        ("https://api.example/base/v1", &[("host", "evil")]),
        ("https://api.example/base/v1", &[("host", "api.example"), ("host", "api.example")]),
    ] {
        assert_eq!(check_origin(&own, &request(url, headers)), Err(VaultRefusal::OriginOutside), "{url}");
    }
    let mut other = connection(bearer());
    other.base.port = 8443;
    other.base.prefix = "".into();
    assert_eq!(check_origin(&other, &request("https://api.example:8443/x", &[])), Ok(()));
    assert!(check_origin(&other, &request("https://api.example/x", &[])).is_err());
    other.base.host = "[2001:db8::1]".into();
    assert_eq!(check_origin(&other, &request("https://[2001:db8::1]:8443/x", &[])), Ok(()));
    other.base.plain = true;
    assert_eq!(check_origin(&other, &request("http://[2001:db8::1]:8443/x", &[])), Ok(()));
    assert!(check_origin(&other, &request("https://[2001:db8::1]:8443/x", &[])).is_err());
}

proptest! {
    #[test]
    fn a_parameter_comes_back_whole(value in "[!-~]([ -~]{0,40}[!-~])?", query_before in "[a-z0-9=&;%+]{0,30}") {
        let mut parts = request(&format!("https://api.example/base?{query_before}"), &[]);
        let equipped = equipped(&query("key"), &value, &mut parts);
        let target = parts.uri.query().expect("a query").to_owned();
        let (_, encoded) = target.rsplit_once("key=").expect("the parameter is last");
        let mut bytes = encoded.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                decoded.push(byte);
                continue;
            }
            let pair = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&pair).expect("ASCII"), 16).expect("hexadecimal"));
        }
        prop_assert_eq!(decoded, value.as_bytes());
        equipped.strip(&mut parts).expect("strips");
        prop_assert!(!parts.uri.query().unwrap_or_default().contains("key="));
    }

    #[test]
    fn whatever_fits_a_header_is_one(value in "\\PC{1,30}") {
        let mut parts = request(URL, &[]);
        let placement = header("x-key", "");
        if fits(&placement, &Secret::from(value.clone())) {
            let _equipped = equipped(&placement, &value, &mut parts);
            prop_assert_eq!(shown(&parts, "x-key"), [value.as_str()]);
        }
    }
}

#[test]
fn a_bound_token_goes_with_one_proof_and_both_come_off() {
    let mut parts = request(URL, &[("dpop", "the provider's"), ("dpop_", "kept"), ("authorization", "Bearer own")]);
    let proven = DpopProof { value: HeaderValue::from_static("ours"), nonce: Some(HeaderValue::from_static("n-1")) };
    let value = Value::of_token(b"at-1", true).expect("a token");
    let equipped = put_token((CREDENTIAL_ID, 7), (3, value), Some(proven), &mut parts);
    assert_eq!((shown(&parts, "dpop"), shown(&parts, "authorization")), (vec!["ours"], vec!["DPoP at-1"]));
    assert!(equipped.is_bound() && equipped.token() == Some(3));
    assert_eq!(equipped.nonce().map(HeaderValue::as_bytes), Some(&b"n-1"[..]));
    equipped.strip(&mut parts).expect("strips");
    assert!(shown(&parts, "dpop").is_empty() && shown(&parts, "authorization").is_empty());
    assert_eq!(shown(&parts, "dpop_"), ["kept"], "what is named otherwise is no proof");
    let mut parts = request(URL, &[]);
    let value = Value::of_token(b"at-1", false).expect("a token");
    let equipped = put_token((CREDENTIAL_ID, 7), (3, value), None, &mut parts);
    assert_eq!(shown(&parts, "authorization"), ["Bearer at-1"]);
    assert!(!equipped.is_bound() && equipped.nonce().is_none() && shown(&parts, "dpop").is_empty());
}
