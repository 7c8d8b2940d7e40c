//! Targets and authorities.

use proptest::prelude::*;

use super::*;

#[test]
fn serves_paths_and_queries() {
    for good in [
        "/",
        "/a/b?c=d",
        "/a//b",
        "/%7Eme/.well-known/x:y@z",
        "/x?expand[]=a|b^c`{d}",
        "/?a=b?c/d",
        "/;a=b,c(d)!*'$&+",
        "/caf\u{e9}?\u{2665}",
    ] {
        assert_eq!(parse(good.as_bytes()), Some(Target { authority: None, path: 0 }), "{good}");
    }
}

#[test]
fn refuses_what_is_not_a_path_and_query() {
    let bad: [&[u8]; 14] = [
        b"",
        b"*",
        b"example.com:443",
        b"a/b",
        b"/a#b",
        b"/a b",
        b"/\xc3",
        b"/%4",
        b"/%zz",
        b"/a\\b",
        b"/a\"b",
        b"/a\x7f",
        b"/a[b]",
        b"/?a<b>",
    ];
    for bad in bad {
        assert_eq!(parse(bad), None, "{:?}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn finds_the_authority_of_an_absolute_target() {
    assert_eq!(parse(b"http://a.test:80/b?c"), Some(Target { authority: Some(7..16), path: 16 }));
    assert_eq!(parse(b"HTTPS://[::1]:8080/b"), Some(Target { authority: Some(8..18), path: 18 }));
    assert_eq!(parse(b"http://u%20:p@a.test/b"), Some(Target { authority: Some(14..20), path: 20 }));
    assert_eq!(parse(b"http://a.test"), Some(Target { authority: Some(7..13), path: 13 }));
}

#[test]
fn refuses_absolute_targets_that_hide_where_they_lead() {
    let bad = [
        "http://u@b@a.test/",
        "http://u#@a.test/",
        "http:///b",
        "http://u@/b",
        "ftp://a.test/b",
        "http:/a.test/b",
        "http://a.test?b",
        "http://a b/",
        "http://[::1/",
    ];
    for bad in bad {
        assert_eq!(parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn authorities_are_a_host_and_perhaps_a_port() {
    for good in ["a.test", "a.test:0", "127.0.0.1:65535", "[::1]", "[fe80::1]:80", "0.0.0.0=5000", "a_b.test"] {
        assert!(is_authority(good.as_bytes()), "{good}");
    }
    for bad in [
        "", ":80", "a:", "a:b", "a:65536", "a:80:80", "[::1", "[::1]x", "[]", "[a.test]", "a/b", "a b", "u@a", "a%41",
        "a,b",
    ] {
        assert!(!is_authority(bad.as_bytes()), "{bad}");
    }
}

proptest! {
    #[test]
    fn whatever_is_served_is_a_target_for_hyper_too(target in "[/?a%41é#\\[\\] \\\\.:@-]{0,24}") {
        let parsed = parse(target.as_bytes());
        if parsed == Some(Target { authority: None, path: 0 }) {
            let uri: http::Uri = target.parse().expect("hyper reads every target that is handed on");
            prop_assert_eq!(uri.path_and_query().map(|all| all.as_str()), Some(target.as_str()));
            prop_assert!(uri.authority().is_none());
        }
    }
}
