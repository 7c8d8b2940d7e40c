//! URLs: the forms that have one reading, and the many that have not.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Result<String, EgressRefusal> {
    StrictUrl::parse(text).map(|url| url.to_string())
}

#[test]
fn urls_come_out_in_one_form() {
    for (text, wanted) in [
        ("https://api.example.com", "https://api.example.com/"),
        ("HTTPS://API.Example.com:443/A", "https://api.example.com/A"),
        ("http://a.example:80", "http://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("https://a.example:8443/x?y=z#f", "https://a.example:8443/x?y=z"),
        ("https://a.example?x", "https://a.example/?x"),
        ("https://a.example#x", "https://a.example/"),
        ("https://a.example/a/./b/../c", "https://a.example/a/c"),
        ("https://a.example/../../x", "https://a.example/x"),
        ("https://a.example/a/..", "https://a.example/"),
        ("https://a.example/a/.", "https://a.example/a/"),
        ("https://a.example/a/%2e%2E/b", "https://a.example/b"),
        ("https://a.example/ä?ö=\"<>'", "https://a.example/%C3%A4?%C3%B6=%22%3C%3E%27"),
        ("https://a.example/{x}^`", "https://a.example/%7Bx%7D%5E%60"),
        ("https://a.example/@b/c:d", "https://a.example/@b/c:d"),
        ("https://a.example/a//b", "https://a.example/a//b"),
        ("https://[2606:4700::1]:8443/", "https://[2606:4700::1]:8443/"),
        ("https://8.8.8.8/%00%0d%0a", "https://8.8.8.8/%00%0d%0a"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(wanted), "{text}");
        assert_eq!(parsed(wanted).as_deref(), Ok(wanted), "{wanted} is canonical");
    }
}

#[test]
fn what_is_no_absolute_url_is_refused() {
    for text in [
        "",
        "/",
        "//a.example",
        "a.example",
        "a.example/x",
        "https:a.example",
        "https:/a.example",
        "https:///a.example",
        "https://",
        "https:///",
        "https://?",
        "https://#x",
        "https://:443/",
        ":",
        "://a.example",
        "1https://a.example",
        "ht tps://a.example",
        "https//a.example",
        "http://a.example:80:80/",
        "http://::1/",
        "http://0000::1:80/",
        "urllib2 : 1.1.1.1",
        "?x",
        "#",
    ] {
        assert!(
            matches!(parsed(text), Err(EgressRefusal::UrlMalformed | EgressRefusal::UrlCharacter)),
            "{text}: {:?}",
            parsed(text)
        );
    }
    assert_eq!(parsed("//a.example"), Err(EgressRefusal::UrlMalformed));
}

#[test]
fn other_schemes_are_refused() {
    for text in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/_x",
        "dict://a.example",
        "javascript:alert(1)",
        "data:text/plain,x",
        "ws://a.example/",
        "httpss://a.example",
        "https+unix://a.example",
        "jar:http://a.example!/",
    ] {
        assert_eq!(parsed(text), Err(EgressRefusal::UrlScheme), "{text}");
    }
}

#[test]
fn what_readers_strip_or_turn_is_refused() {
    for text in [
        " https://a.example/",
        "https://a.example/ ",
        "https://a.example/a b",
        "https://a.exa\tmple/",
        "https://a.example/\n",
        "https://a.example\\@b.example/",
        "https:\\\\a.example/",
        "https://a.example/\\..",
        "https://a.example/\u{0}",
        "https://a.example/\u{a0}",
        "https://a.example/\u{2028}",
        "https://a.example/\u{85}",
        "https://a.example/#\\",
    ] {
        assert_eq!(parsed(text), Err(EgressRefusal::UrlCharacter), "{text:?}");
    }
}

#[test]
fn user_names_are_refused_wherever_a_reader_may_see_one() {
    for text in [
        "https://a@b.example/",
        "https://a:b@c.example/",
        "https://@a.example/",
        "https://:@a.example/",
        "https://a.example@@b.example/",
        "https://a.example:80@b.example/",
        "https://a%40b@c.example",
    ] {
        assert_eq!(parsed(text), Err(EgressRefusal::UrlUserinfo), "{text}");
    }
    for text in [
        "https://a.example?@b.example/",
        "https://a.example#@b.example/",
        "https://a.example?x#@b.example",
        "https://a.example:80#+@b.example/",
    ] {
        assert_eq!(parsed(text), Err(EgressRefusal::UrlAmbiguous), "{text}");
    }
    for text in ["https://a.example/?@b", "https://a.example/#@b", "https://a.example?x=/@b"] {
        assert!(parsed(text).is_ok(), "{text}");
    }
}

#[test]
fn ports_have_one_spelling_and_speak_http() {
    for text in [
        "https://a.example:/",
        "https://a.example:0/",
        "https://a.example:0443/",
        "https://a.example:65536/",
        "https://a.example:99999999999/",
        "https://a.example:port/",
        "https://a.example:+443/",
        "https://a.example:-1/",
        "https://a.example:8 0/",
        "https://a.example:22/",
        "https://a.example:25",
        "https://a.example:6667/",
        "https://[::1]:/",
        "https://a.example:８０/",
        "https://a.example:80,b.example:80/",
        "https://a.example:80;b/",
    ] {
        let result = parsed(text);
        assert!(
            matches!(result, Err(EgressRefusal::UrlPort | EgressRefusal::UrlCharacter | EgressRefusal::UrlMalformed)),
            "{text}: {result:?}"
        );
    }
    assert_eq!(parsed("https://a.example:22/"), Err(EgressRefusal::UrlPort));
    for port in [1024, 8000, 8080, 8443, 65535] {
        assert!(parsed(&format!("https://a.example:{port}/")).is_ok());
    }
}

#[test]
fn a_url_is_bounded() {
    let text = format!("https://a.example/{}", "a".repeat(TARGET_BYTES));
    assert_eq!(parsed(&text), Err(EgressRefusal::UrlTooLong));
}

#[test]
fn references_are_resolved_strictly() {
    let base = StrictUrl::parse("https://a.example:8443/b/c/d?q").unwrap();
    for (reference, wanted) in [
        ("g", "https://a.example:8443/b/c/g"),
        ("./g/", "https://a.example:8443/b/c/g/"),
        ("/g", "https://a.example:8443/g"),
        ("?y", "https://a.example:8443/b/c/d?y"),
        ("g?y", "https://a.example:8443/b/c/g?y"),
        ("#s", "https://a.example:8443/b/c/d?q"),
        ("", "https://a.example:8443/b/c/d?q"),
        ("..", "https://a.example:8443/b/"),
        ("../../../g", "https://a.example:8443/g"),
        ("//h.example/x", "https://h.example/x"),
        ("https://h.example", "https://h.example/"),
        ("HTTP://h.example", "http://h.example/"),
        ("g:h/../../i?j", "refused"),
        ("http:g", "refused"),
        ("///h.example", "refused"),
        ("////h.example", "refused"),
        ("/\\h.example", "refused"),
        ("\\\\h.example", "refused"),
        ("/\th.example", "refused"),
        ("//u@h.example", "refused"),
        ("https:h.example", "refused"),
        ("javascript:x", "refused"),
        ("//10.0.1/x", "refused"),
    ] {
        let joined = base.join(reference).map_or_else(|_| "refused".to_owned(), |url| url.to_string());
        assert_eq!(joined, wanted, "{reference:?}");
        if wanted != "refused" && !reference.is_empty() {
            let whatwg = url::Url::parse(&base.to_string()).unwrap().join(reference).unwrap();
            assert_eq!(whatwg.as_str().split('#').next(), Some(wanted), "{reference:?}");
        }
    }
}

#[test]
fn a_path_below_a_judged_host_is_read_as_strictly() {
    let host = Host::parse("a.example").unwrap();
    let of = |path: &str| StrictUrl::of(Scheme::Https, host.clone(), 443, path).map(|url| url.to_string());
    assert_eq!(of("/v1/x?y").as_deref(), Ok("https://a.example/v1/x?y"));
    assert_eq!(of("v1"), Err(EgressRefusal::UrlMalformed));
    assert_eq!(of("/a b"), Err(EgressRefusal::UrlCharacter));
    assert_eq!(of(""), Err(EgressRefusal::UrlMalformed));
}

/// Pieces of which the usual tricks are made.
const PIECES: &[&str] = &[
    "http://",
    "https://",
    "HTTPS:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    ".",
    "..",
    "%2e",
    "%2F",
    "%",
    "%00",
    "[",
    "]",
    "::1",
    "127.0.0.1",
    "0x7f",
    "0177",
    "1",
    "2130706433",
    "example.com",
    "a",
    "b.c",
    "xn--",
    "xn--mnchen-3ya",
    "ü",
    "ß",
    "。",
    "①",
    "Ａ",
    "\u{ad}",
    "80",
    "443",
    "-",
    "_",
    ";",
    ",",
    "&",
    "+",
    " ",
    "\t",
    "{",
    "'",
];

fn tricky() -> impl Strategy<Value = String> {
    let places = proptest::collection::vec(0..PIECES.len(), 0..9);
    places.prop_map(|places| places.into_iter().map(|place| PIECES[place]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What we accept, another reader accepts with the same scheme, host, port and path.
    #[test]
    fn another_reader_agrees(start in prop_oneof![Just(""), Just("https://"), Just("http://a.example")], rest in tricky()) {
        let text = format!("{start}{rest}");
        if let Ok(ours) = StrictUrl::parse(&text) {
            let theirs = url::Url::parse(&text);
            prop_assert!(theirs.is_ok(), "we alone accept {}", text);
            let theirs = theirs.unwrap();
            prop_assert_eq!(theirs.scheme(), ours.scheme().as_str());
            let host = ours.host().to_string();
            prop_assert_eq!(theirs.host_str(), Some(host.as_str()));
            prop_assert_eq!(theirs.port_or_known_default(), Some(ours.port()));
            let path = theirs.query().map_or_else(|| theirs.path().to_owned(), |query| format!("{}?{query}", theirs.path()));
            prop_assert_eq!(path, ours.path());
            prop_assert_eq!(theirs.username(), "");
        }
    }

    /// The canonical form is read as itself, and nothing in it needs a second look.
    #[test]
    fn the_canonical_form_is_a_fixed_point(rest in tricky()) {
        if let Ok(url) = StrictUrl::parse(&format!("https://a.example/{rest}")) {
            let text = url.to_string();
            prop_assert!(text.is_ascii() && !text.contains(['\\', ' ', '\t', '#']));
            prop_assert_eq!(StrictUrl::parse(&text), Ok(url));
        }
    }

    /// A reference never leads to another host unless it names one.
    #[test]
    fn a_path_stays_on_its_host(rest in tricky()) {
        let base = StrictUrl::parse("https://a.example/b/c").unwrap();
        if let Ok(joined) = base.join(&rest) {
            let names_one = rest.contains("//");
            prop_assert!(names_one || base.is_same_origin(&joined), "{} from {:?}", joined, rest);
            let theirs = url::Url::parse("https://a.example/b/c").unwrap().join(&rest);
            prop_assert!(theirs.is_ok(), "we alone accept {:?}", rest);
            let (theirs, host) = (theirs.unwrap(), joined.host().to_string());
            prop_assert_eq!(theirs.host_str(), Some(host.as_str()));
        }
    }

    /// No text makes it fail in any other way than by refusing.
    #[test]
    fn any_text_is_judged(text in "\\PC{0,64}", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = StrictUrl::parse(&text);
        let _ = StrictUrl::parse(&String::from_utf8_lossy(&bytes));
        let base = StrictUrl::parse("https://a.example/b/c").unwrap();
        let _ = base.join(&text);
        let _ = base.join(&String::from_utf8_lossy(&bytes));
    }
}
