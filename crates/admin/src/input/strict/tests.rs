//! An array is refused for an object wherever one is asked for, and everything else is read as it always was.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Strict;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    text: String,
    #[serde(default)]
    inner: Option<Box<Inner>>,
    #[serde(default)]
    each: Vec<Inner>,
    #[serde(default)]
    named: BTreeMap<String, Inner>,
    #[serde(default)]
    choice: Option<Choice>,
    #[serde(default)]
    wrapped: Option<Wrapped>,
    #[serde(default)]
    pair: (u8, i64),
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    number: f64,
    flag: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(Inner);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Bare,
    One(Inner),
    Many { inner: Inner },
    Two(u8, Inner),
}

fn read(body: &str) -> Result<Body, String> {
    let mut text = serde_json::Deserializer::from_str(body);
    serde_path_to_error::deserialize(Strict(&mut text)).map_err(|error| format!("{}: {error}", error.path()))
}

#[test]
fn what_is_written_as_it_should_be_is_read_as_without_it() {
    for body in [
        r#"{"text":"\u0041","inner":null}"#,
        r#"{"text":"a","inner":{"number":1.5,"flag":true},"each":[{},{"number":-2}],"pair":[1,-2]}"#,
        r#"{"text":"a","named":{"x":{"flag":true}},"choice":"bare","wrapped":{"number":1}}"#,
        r#"{"text":"a","choice":{"one":{"number":1}}}"#,
        r#"{"text":"a","choice":{"many":{"inner":{}}}}"#,
        r#"{"text":"a","choice":{"two":[1,{}]}}"#,
    ] {
        assert_eq!(read(body).expect(body), serde_json::from_str(body).expect(body), "{body}");
    }
    let mut text = serde_json::Deserializer::from_str(r#" { "as": [ "it", "is" ] } "#);
    let raw = <&RawValue>::deserialize(Strict(&mut text)).expect("it is read");
    assert_eq!(raw.get(), r#"{ "as": [ "it", "is" ] }"#);
}

#[test]
fn an_array_in_the_place_of_an_object_is_refused_where_it_stands() {
    for (body, place) in [
        (r#"["a"]"#, "."),
        ("[]", "."),
        (r#"{"text":"a","inner":[1.5,true]}"#, "inner"),
        (r#"{"text":"a","each":[{},[]]}"#, "each[1]"),
        (r#"{"text":"a","named":{"x":[1]}}"#, "named.x"),
        (r#"{"text":"a","choice":{"one":[1]}}"#, "choice.one"),
        (r#"{"text":"a","choice":{"many":[{}]}}"#, "choice.many"),
        (r#"{"text":"a","choice":{"many":{"inner":[]}}}"#, "choice.many.inner"),
        (r#"{"text":"a","choice":{"two":[1,[]]}}"#, "choice.two[1]"),
        (r#"{"text":"a","wrapped":[1]}"#, "wrapped"),
    ] {
        let said = read(body).expect_err(body);
        assert!(said.starts_with(&format!("{place}: ")), "{body}: {said}");
        assert!(said.contains("invalid type: sequence, expected an object"), "{body}: {said}");
    }
}
