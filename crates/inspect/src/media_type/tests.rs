//! One reading of a content type, or none.

use proptest::prelude::*;

use super::*;

fn parse(value: &str) -> Result<MediaType, Flaw> {
    MediaType::parse(value.as_bytes())
}

#[test]
fn types_and_parameters_are_read() {
    let media = parse("Application/JSON ;\tCharset=\"UTF-8\"; v=1 ").expect("reads");
    assert_eq!(media.essence(), "application/json");
    assert_eq!(media.parameter("CHARSET"), Some("UTF-8"));
    assert_eq!(media.parameter("v"), Some("1"));
    assert_eq!(media.parameter("w"), None);
    assert_eq!(parse("a/b;c=\"\\\"\\\\ d\"").expect("reads").parameter("c"), Some("\"\\ d"));
}

#[test]
fn everything_that_could_be_read_otherwise_is_refused() {
    for (value, flaw) in [
        ("", Flaw::Essence),
        ("json", Flaw::Essence),
        ("/json", Flaw::Essence),
        ("application/", Flaw::Essence),
        (" application/json", Flaw::Essence),
        ("application /json", Flaw::Essence),
        ("text/html, application/json", Flaw::Parameter),
        ("application/json, text/html", Flaw::Parameter),
        ("application/json charset=utf-8", Flaw::Parameter),
        ("application/json;", Flaw::Parameter),
        ("application/json;;charset=utf-8", Flaw::Parameter),
        ("application/json; charset", Flaw::Parameter),
        ("application/json; charset=", Flaw::Parameter),
        ("application/json; charset =utf-8", Flaw::Parameter),
        ("application/json; charset= utf-8", Flaw::Parameter),
        ("application/json; charset=\"utf-8", Flaw::Parameter),
        ("application/json; charset=\"utf-8\\", Flaw::Parameter),
        ("application/json; charset=\"utf-8\"x", Flaw::Parameter),
        ("application/json; charset=\"\u{1}\"", Flaw::Parameter),
        ("application/json; charset=utf-8; Charset=utf-7", Flaw::Repeated),
    ] {
        assert_eq!(parse(value), Err(flaw), "{value}");
        assert!(!flaw.to_string().is_empty());
    }
    assert_eq!(parse(&format!("a/{}", "b".repeat(2000))), Err(Flaw::TooLong));
    let many: String = (0..17).map(|at| format!(";p{at}=1")).collect();
    assert_eq!(parse(&format!("a/b{many}")), Err(Flaw::TooLong));
}

#[test]
fn json_is_told_from_what_looks_like_it() {
    let is_json = |value: &str| parse(value).expect("reads").is_json();
    let is_plain = |value: &str| parse(value).expect("reads").is_plain_json();
    assert!(is_json("application/json") && is_plain("application/json"));
    assert!(is_json("application/json; charset=UTF-8") && is_plain("application/json; charset=UTF-8"));
    assert!(is_json("application/problem+json") && !is_plain("application/problem+json"));
    assert!(is_json("application/json; odata=minimal") && !is_plain("application/json; odata=minimal"));
    for other in [
        "text/json",
        "application/json+x",
        "application/jsonp",
        "application/*+json",
        "application/json; charset=utf-16",
    ] {
        assert!(!is_json(other) && !is_plain(other), "{other}");
    }
}

#[test]
fn patterns_match_the_essence_alone() {
    let matches = |value: &str, pattern: &str| parse(value).expect("reads").matches(pattern);
    assert!(matches("application/json; charset=utf-8", "application/json"));
    assert!(matches("application/json", "Application/JSON"));
    assert!(matches("text/csv", "text/*") && matches("text/csv", "*/*"));
    assert!(matches("application/vnd.x+json", "application/*+json"));
    assert!(!matches("application/+json", "application/*+json"));
    assert!(!matches("application/json", "application/*+json"));
    assert!(!matches("texts/csv", "text/*") && !matches("text/csv", "te*") && !matches("text/csv", "text/c"));
    assert!(!matches("text/*", "text/*") && !matches("text/*", "*/*"), "a wildcard is no type");
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(media) = MediaType::parse(&bytes) {
            prop_assert!(media.essence().split('/').count() == 2);
        }
    }

    #[test]
    fn tokens_come_back(kind in "[a-z0-9.+-]{1,10}", subtype in "[a-z0-9.+-]{1,10}", value in "[A-Za-z0-9]{1,10}") {
        let media = parse(&format!("{kind}/{subtype};p={value}")).expect("reads");
        prop_assert_eq!(media.essence(), format!("{kind}/{subtype}"));
        prop_assert_eq!(media.parameter("p"), Some(value.as_str()));
    }
}
