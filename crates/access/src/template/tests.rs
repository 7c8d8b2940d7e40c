//! Paths have one spelling, and a template matches exactly what it says.

use std::borrow::Cow;
use std::cmp::Ordering;

use proptest::prelude::*;

use super::{PathParse, PathTemplate, SEGMENTS_MOST, TemplateParse, canonical_path};

fn template(text: &str) -> PathTemplate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_path_that_has_its_one_spelling_is_not_copied() {
    for path in
        ["/", "/v1/customers", "/v1/customers/cus_1~x", "/a:b/@me/$x;y=1/(z)", "/v1/list/", "/caf%C3%A9", "/a%252e"]
    {
        assert!(matches!(canonical_path(path), Ok(Cow::Borrowed(same)) if same == path), "{path}");
    }
}

#[test]
fn a_path_is_spelled_in_one_way() {
    for (given, spelled) in [
        ("/%76%31/%41%7E", "/v1/A~"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a%2Db", "/a-b"),
        ("/a%3ab", "/a%3Ab"),
        ("/x%2ey", "/x.y"),
        ("/%252e%252E/%252f", "/%252e%252E/%252f"),
    ] {
        assert_eq!(canonical_path(given).as_deref(), Ok(spelled), "{given}");
    }
}

#[test]
fn a_path_that_may_be_read_in_two_ways_is_refused() {
    for (path, why) in [
        ("", PathParse::Relative),
        ("v1/x", PathParse::Relative),
        ("https://host/x", PathParse::Relative),
        ("//host/x", PathParse::EmptySegment),
        ("/v1//x", PathParse::EmptySegment),
        ("/v1/x//", PathParse::EmptySegment),
        ("//", PathParse::EmptySegment),
        ("/..", PathParse::DotSegment),
        ("/v1/../x", PathParse::DotSegment),
        ("/v1/./x", PathParse::DotSegment),
        ("/v1/%2e%2E/x", PathParse::DotSegment),
        ("/v1/.%2e", PathParse::DotSegment),
        ("/v1/..;x=1/y", PathParse::DotSegment),
        ("/v1/%2e;/y", PathParse::DotSegment),
        ("/v1%2fx", PathParse::Encoding),
        ("/v1%5Cx", PathParse::Encoding),
        ("/v1/%00", PathParse::Encoding),
        ("/v1/%0d%0aHost:%20x", PathParse::Encoding),
        ("/v1/%7f", PathParse::Encoding),
        ("/v1/%", PathParse::Encoding),
        ("/v1/%4", PathParse::Encoding),
        ("/v1/%zz", PathParse::Encoding),
        ("/v1/%u0041", PathParse::Encoding),
        ("/v1/%c0%ae%c0%ae/x", PathParse::Encoding),
        ("/v1/%ff", PathParse::Encoding),
        ("/v1\\x", PathParse::Byte),
        ("/v1/a b", PathParse::Byte),
        ("/v1/\tx", PathParse::Byte),
        ("/v1/x?y", PathParse::Byte),
        ("/v1/x#y", PathParse::Byte),
        ("/v1/{id}", PathParse::Byte),
        ("/caf\u{e9}", PathParse::Byte),
    ] {
        assert_eq!(canonical_path(path), Err(why), "{path:?}");
    }
    let long = format!("/{}", "a".repeat(8 * 1024));
    assert_eq!(canonical_path(&long), Err(PathParse::TooLong));
}

#[test]
fn a_template_matches_whole_segments() {
    let customer = template("/v1/customers/{id}");
    assert!(customer.matches("/v1/customers/cus_1"));
    assert!(customer.matches("/v1/customers/search"));
    for other in [
        "/v1/customers",
        "/v1/customers/",
        "/v1/customers/a/b",
        "/v2/customers/a",
        "/V1/customers/a",
        "v1/customers/a",
        "",
        "/",
    ] {
        assert!(!customer.matches(other), "{other}");
    }
}

#[test]
fn the_rest_is_at_least_one_segment() {
    let files = template("/files/{path...}");
    assert!(files.matches("/files/a") && files.matches("/files/a/b/c") && files.matches("/files/a/"));
    assert!(!files.matches("/files") && !files.matches("/files/") && !files.matches("/file/a"));
    assert!(template("/{all...}").matches("/x") && !template("/{all...}").matches("/"));
}

#[test]
fn a_slash_at_the_end_is_another_path() {
    assert!(template("/v1/list/").matches("/v1/list/") && !template("/v1/list/").matches("/v1/list"));
    assert!(!template("/v1/list").matches("/v1/list/"));
    assert!(template("/").matches("/") && !template("/").matches("/x"));
}

#[test]
fn what_is_no_template_is_refused() {
    for (text, why) in [
        ("", TemplateParse::Shape),
        ("v1", TemplateParse::Shape),
        ("/v1//x", TemplateParse::Literal),
        ("/v1/../x", TemplateParse::Literal),
        ("/v1/%41", TemplateParse::Literal),
        ("/v1/%2f", TemplateParse::Literal),
        ("/v1/a b", TemplateParse::Literal),
        ("/v1/x?y=1", TemplateParse::Literal),
        ("/v1/x{id}", TemplateParse::Literal),
        ("/v1/*", TemplateParse::Parameter),
        ("/v1/{}", TemplateParse::Parameter),
        ("/v1/{id", TemplateParse::Parameter),
        ("/v1/{i-d}", TemplateParse::Parameter),
        ("/v1/{id}x", TemplateParse::Parameter),
        ("/v1/{rest...}/x", TemplateParse::Parameter),
        ("/v1/{...}", TemplateParse::Parameter),
        ("/v1/{id}/{id}", TemplateParse::Repeated),
    ] {
        // A star is a path byte of RFC 3986, so it is a literal and no wildcard.
        if text == "/v1/*" {
            assert!(!template(text).matches("/v1/x"));
            continue;
        }
        assert_eq!(text.parse::<PathTemplate>(), Err(why), "{text:?}");
    }
    let deep = "/a".repeat(SEGMENTS_MOST + 1);
    assert_eq!(deep.parse::<PathTemplate>(), Err(TemplateParse::Shape));
}

#[test]
fn the_more_exact_template_comes_first() {
    let mut templates =
        ["/v1/{rest...}", "/v1/{kind}/search", "/v1/customers/{id}", "/v1/customers/search", "/{all...}"].map(template);
    templates.sort_by(PathTemplate::by_exactness);
    let sorted: Vec<_> = templates.iter().map(PathTemplate::as_str).collect();
    assert_eq!(
        sorted,
        ["/v1/customers/search", "/v1/customers/{id}", "/v1/{kind}/search", "/v1/{rest...}", "/{all...}"]
    );
    assert!(template("/a/{x}").same_shape(&template("/a/{y}")));
    assert_ne!(template("/a/{x}").by_exactness(&template("/a/{y}")), Ordering::Equal);
}

fn odd_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9._~-]{0,4}",
        prop::sample::select(vec![
            "%2e", "%2E", ".", "..", "%252e", "%2f", "%5c", "\\", "%00", "/", "//", ";", ":", "@", "%c3%a9", "%41",
            "%3a", "é", "%", "%zz", "%c0%ae"
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn the_canonical_path_is_its_own_canonical_path(path in odd_path()) {
        if let Ok(once) = canonical_path(&path) {
            let again = canonical_path(&once);
            prop_assert!(matches!(&again, Ok(Cow::Borrowed(same)) if *same == once), "{once} {again:?}");
        }
    }

    #[test]
    fn no_canonical_path_climbs(path in odd_path()) {
        if let Ok(spelled) = canonical_path(&path) {
            prop_assert!(spelled.starts_with('/') && !spelled.contains("//") && !spelled.contains('\\'));
            prop_assert!(spelled.split('/').all(|segment| segment != "." && segment != ".."));
            prop_assert!(spelled.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn any_bytes_are_a_path_or_a_refusal(path in "\\PC{0,40}") {
        let _ = canonical_path(&path);
    }

    #[test]
    fn a_path_of_plain_segments_matches_the_template_made_of_it(segments in prop::collection::vec("[a-z0-9._~-]{1,6}", 1..6), hole in any::<prop::sample::Index>()) {
        prop_assume!(segments.iter().all(|segment| segment != "." && segment != ".."));
        let path = format!("/{}", segments.join("/"));
        prop_assert!(template(&path).matches(&path));
        let mut holed = segments.clone();
        *hole.get_mut(&mut holed) = "{any}".to_owned();
        let holed = template(&format!("/{}", holed.join("/")));
        prop_assert!(holed.matches(&path));
        let deeper = format!("{path}/x");
        prop_assert!(!template(&path).matches(&deeper));
    }
}
