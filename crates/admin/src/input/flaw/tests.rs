//! What is told of bodies that make no sense: the place of a slip, and nothing of what was sent.

use serde::Deserialize;

use super::{pointer, reason};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it is refused is looked at")]
struct Body {
    name: Option<String>,
    kind: Option<Kind>,
    auth: Option<Auth>,
    number: Option<u8>,
    each: Option<std::collections::BTreeMap<String, u8>>,
    nothing: Option<Nothing>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    One,
    Two,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "placement", rename_all = "lowercase", deny_unknown_fields)]
enum Auth {
    Bearer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn told(body: &str) -> (String, String) {
    let mut text = serde_json::Deserializer::from_str(body);
    let error = serde_path_to_error::deserialize::<_, Body>(&mut text).expect_err("it has another shape");
    let said = error.inner().to_string();
    (pointer(error.path(), &said), reason(&said))
}

#[test]
fn a_slip_of_the_pen_is_told_with_its_place() {
    for (body, place, why) in [
        (r#"{"nam":1}"#, "/nam", "unknown field `nam`; expected one of `name`, "),
        (r#"{"name":1}"#, "/name", "a member has the wrong type; expected a string"),
        (r#"{"kind":"onne"}"#, "/kind", "a member has an unknown value; expected `one` or `two`"),
        (r#"{"auth":{}}"#, "/auth/placement", "missing field `placement`"),
        (r#"{"number":300}"#, "/number", "a member has the wrong type; expected u8"),
        (r#"{"each":{"one":"x"}}"#, "/each/one", "a member has the wrong type; expected u8"),
        (r#"{"nothing":{"some":1}}"#, "/nothing/some", "unknown field `some`; expected nothing"),
    ] {
        let (at, reason) = told(body);
        assert!(at == place && reason.starts_with(why), "{body}: {at} {reason}");
    }
}

#[test]
fn nothing_of_what_was_sent_is_told_wherever_it_stood() {
    for secret in [
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "a, expected sk_live_4eC3",
        "a`, expected sk_live_4eC3",
        "a` at line sk_live_4eC3",
        "sk_live_4eC3 at line 1, there are no fields",
        "sk_live_4eC3/~1",
    ] {
        for body in [
            r#"{"kind":"$"}"#,
            r#"{"auth":{"placement":"$"}}"#,
            r#"{"number":"$"}"#,
            r#"{"auth":"$"}"#,
            r#"{"$":1}"#,
            r#"{"each":{"$":"$"}}"#,
            r#"{"nothing":{"$":1}}"#,
            r#"{"nothing":"$"}"#,
        ] {
            let (at, reason) = told(&body.replace('$', secret));
            assert!(!at.contains("4eC3") && !reason.contains("4eC3"), "{body} {secret}: {at} {reason}");
        }
    }
}
