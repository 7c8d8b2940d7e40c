//! Redirects: which are followed, with what, and how a trail ends.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn rules(hosts: &[&str]) -> RedirectSpec {
    RedirectSpec { follow: true, hosts: hosts.iter().map(|host| (*host).to_owned()).collect() }
}

fn base() -> Base {
    Base { plain: false, host: "api.example.com".into(), port: 443, prefix: "/v1".into() }
}

fn to(location: &str) -> HeaderMap {
    HeaderMap::from_iter([(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap())])
}

/// Follows one redirect from `https://api.example.com/v1/things`.
fn follow(rules: &RedirectSpec, method: Method, status: u16, location: &str) -> Result<Next, EgressRefusal> {
    let base = base();
    let mut trail = Trail::start(&base, rules, method, "/v1/things?x=1").unwrap();
    trail.follow(StatusCode::from_u16(status).unwrap(), &to(location))
}

fn hop(next: Result<Next, EgressRefusal>) -> Hop {
    match next {
        Ok(Next::Hop(hop)) => hop,
        other => panic!("not followed: {other:?}"),
    }
}

#[test]
fn the_same_origin_keeps_the_credential_below_the_prefix() {
    for location in [
        "/v1/others",
        "others",
        "?y",
        "https://api.example.com/v1/x",
        "https://API.example.com:443/v1",
        "//api.example.com/v1/",
    ] {
        let hop = hop(follow(&rules(&[]), Method::GET, 302, location));
        assert!(hop.keeps_credential, "{location}");
        assert_eq!(hop.method, Method::GET);
    }
    for location in ["/v2/x", "/v1x", "/", "/v1/../v2", "/v1/%2e%2e/v2", "/v1/a%2fb", "/v1/%5c..", "/v1/%252e%252e/x"] {
        let hop = hop(follow(&rules(&[]), Method::GET, 302, location));
        assert!(!hop.keeps_credential, "{location}");
    }
}

#[test]
fn another_origin_must_be_listed_and_never_gets_the_credential() {
    let listed = rules(&["files.example.com", "*.cdn.example.com", "api.example.com"]);
    for location in
        ["https://files.example.com/v1/x", "https://a.cdn.example.com/v1", "https://api.example.com:8443/v1/x"]
    {
        let hop = hop(follow(&listed, Method::GET, 307, location));
        assert!(!hop.keeps_credential, "{location}");
    }
    for location in [
        "https://evil.test/",
        "https://cdn.example.com/",
        "https://files.example.com.evil.test/",
        "//evil.test",
        "https://169.254.169.254/",
    ] {
        assert_eq!(follow(&listed, Method::GET, 302, location), Err(EgressRefusal::RedirectHost), "{location}");
    }
    let unreadable = rules(&["files.example.com", "*"]);
    let result = follow(&unreadable, Method::GET, 302, "https://files.example.com/");
    assert_eq!(result, Err(EgressRefusal::RedirectHost), "a list that cannot be read allows nothing");
}

#[test]
fn a_credential_that_was_taken_off_does_not_come_back() {
    let (base, rules) = (base(), rules(&["files.example.com"]));
    let mut trail = Trail::start(&base, &rules, Method::GET, "/v1/things").unwrap();
    assert!(!hop(trail.follow(StatusCode::FOUND, &to("https://files.example.com/x"))).keeps_credential);
    let home = Trail::start(&base, &rules, Method::GET, "/v1/things").unwrap();
    assert!(home.has_credential);
    let listed_home =
        super::RedirectSpec { hosts: vec!["files.example.com".into(), "api.example.com".into()], ..rules.clone() };
    let mut trail = Trail::start(&base, &listed_home, Method::GET, "/v1/things").unwrap();
    hop(trail.follow(StatusCode::FOUND, &to("https://files.example.com/x")));
    let back = hop(trail.follow(StatusCode::FOUND, &to("https://api.example.com/v1/y")));
    assert!(!back.keeps_credential);
}

#[test]
fn methods_change_only_where_every_program_agrees() {
    for (method, status, wanted) in [
        (Method::GET, 301, Some((Method::GET, true))),
        (Method::HEAD, 302, Some((Method::HEAD, true))),
        (Method::POST, 301, None),
        (Method::POST, 302, None),
        (Method::PUT, 302, None),
        (Method::DELETE, 301, None),
        (Method::POST, 303, Some((Method::GET, false))),
        (Method::HEAD, 303, Some((Method::HEAD, false))),
        (Method::POST, 307, Some((Method::POST, true))),
        (Method::DELETE, 308, Some((Method::DELETE, true))),
    ] {
        match (follow(&rules(&[]), method.clone(), status, "/v1/next"), wanted) {
            (Ok(Next::Hop(hop)), Some(wanted)) => assert_eq!((hop.method, hop.keeps_body), wanted, "{method} {status}"),
            (Err(refusal), None) => assert_eq!(refusal, EgressRefusal::RedirectMethod, "{method} {status}"),
            (other, wanted) => panic!("{method} {status}: {other:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn only_five_statuses_are_redirects() {
    for status in [200, 201, 202, 204, 400, 404, 429, 500, 503] {
        assert_eq!(follow(&rules(&[]), Method::GET, status, "http://169.254.169.254/"), Ok(Next::Answer), "{status}");
    }
    for status in [300, 304, 305, 306, 309, 332, 399] {
        assert_eq!(
            follow(&rules(&[]), Method::GET, status, "/v1/next"),
            Err(EgressRefusal::RedirectStatus),
            "{status}"
        );
        let base = base();
        let rules = rules(&[]);
        let mut trail = Trail::start(&base, &rules, Method::GET, "/v1/things").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(trail.follow(status, &HeaderMap::new()), Ok(Next::Answer), "{status} without Location");
    }
}

#[test]
fn a_redirect_says_clearly_where_to() {
    let (base, rules) = (base(), rules(&[]));
    let mut two = to("/v1/a");
    two.append(LOCATION, HeaderValue::from_static("/v1/b"));
    let mut garbled = HeaderMap::new();
    garbled.insert(LOCATION, HeaderValue::from_bytes(b"/v1/\xff").unwrap());
    for headers in [HeaderMap::new(), to(""), two, garbled] {
        let mut trail = Trail::start(&base, &rules, Method::GET, "/v1/things").unwrap();
        assert_eq!(trail.follow(StatusCode::FOUND, &headers), Err(EgressRefusal::RedirectLocation));
    }
    for location in
        ["https://", "http:x", "https://u@api.example.com/", "https://127.1/", "gopher://x/", "/\\evil.test", "///x"]
    {
        assert!(follow(&rules, Method::GET, 302, location).is_err(), "{location}");
    }
}

#[test]
fn an_unencrypted_address_is_never_followed() {
    let listed = rules(&["api.example.com", "files.example.com"]);
    for location in ["http://api.example.com/v1/x", "http://files.example.com/"] {
        assert_eq!(follow(&listed, Method::GET, 302, location), Err(EgressRefusal::RedirectDowngrade));
    }
}

#[test]
fn nothing_is_followed_unless_the_connection_says_so() {
    let never = RedirectSpec::default();
    assert_eq!(follow(&never, Method::GET, 302, "/v1/x"), Err(EgressRefusal::RedirectNotFollowed));
    assert_eq!(follow(&never, Method::GET, 200, "/v1/x"), Ok(Next::Answer));
}

#[test]
fn a_trail_ends_after_five_hops_and_at_the_first_repetition() {
    let (base, rules) = (base(), rules(&[]));
    let mut trail = Trail::start(&base, &rules, Method::GET, "/v1/0").unwrap();
    for number in 1..=HOPS {
        hop(trail.follow(StatusCode::FOUND, &to(&format!("/v1/{number}"))));
    }
    assert_eq!(trail.follow(StatusCode::FOUND, &to("/v1/next")), Err(EgressRefusal::RedirectTooMany));

    let mut circle = Trail::start(&base, &rules, Method::GET, "/v1/0").unwrap();
    hop(circle.follow(StatusCode::FOUND, &to("/v1/1")));
    assert_eq!(circle.follow(StatusCode::FOUND, &to("/v1/./0")), Err(EgressRefusal::RedirectLoop));
    // After a write the same address may be read: that is what 303 is for.
    let mut written = Trail::start(&base, &rules, Method::POST, "/v1/0").unwrap();
    assert_eq!(hop(written.follow(StatusCode::SEE_OTHER, &to("/v1/0"))).method, Method::GET);
    assert_eq!(written.follow(StatusCode::SEE_OTHER, &to("/v1/0")), Err(EgressRefusal::RedirectLoop));
}

proptest! {
    /// Whatever a vendor says, the credential goes only to the connection's own origin and prefix, and a
    /// hop leads only there or to a listed host.
    #[test]
    fn no_location_carries_the_credential_away(location in "(https?:)?/{0,3}[a-z0-9.@:\\[\\]%_\\-]{0,20}(/[a-z0-9.%/]{0,12})?", status in 300u16..310) {
        let listed = rules(&["files.example.com"]);
        if let Ok(Next::Hop(hop)) = follow(&listed, Method::GET, status, &location) {
            let host = hop.url.host().to_string();
            prop_assert!(["api.example.com", "files.example.com"].contains(&host.as_str()), "{}", location);
            if hop.keeps_credential {
                prop_assert_eq!(host, "api.example.com");
                prop_assert_eq!((hop.url.scheme(), hop.url.port()), (Scheme::Https, 443));
                prop_assert!(hop.url.path().starts_with("/v1"));
            }
        }
    }
}
