//! Schemas judge values, tell rules and places, and cannot be made to cost much.

use serde_json::json;

use super::*;

fn compiled(schema: Value) -> Schema {
    Schema::compile(&schema).expect("compiles")
}

fn violations(schema: &Schema, text: &str) -> Vec<(String, String)> {
    let found = schema.check(text.as_bytes(), &json::Limits::default()).err().unwrap_or_default();
    found.into_iter().map(|violation| (violation.pointer, violation.reason)).collect()
}

fn customer() -> Schema {
    compiled(json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "pattern": "^cus_[a-z0-9]+$"},
            "balance": {"type": "integer", "minimum": 0, "maximum": 100},
            "kind": {"enum": ["person", "company"]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2}
        },
        "additionalProperties": false
    }))
}

#[test]
fn a_fitting_value_passes() {
    assert_eq!(violations(&customer(), "{\"id\":\"cus_1\",\"balance\":7,\"tags\":[\"a\"]}"), []);
}

#[test]
fn violations_name_place_and_rule_and_no_value() {
    let text =
        "{\"id\":\"SECRETVALUE\",\"balance\":4242424242,\"kind\":\"robot\",\"tags\":[\"toolongvalue\"],\"sneaky\":1}";
    let found = violations(&customer(), text);
    let told = |pointer: &str| {
        found.iter().filter(|(at, _)| at == pointer).map(|(_, reason)| reason.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(told("/id"), ["does not have the form that is wanted"]);
    assert_eq!(told("/balance"), ["is above 100"]);
    assert_eq!(told("/kind"), ["is not one of the values that are allowed"]);
    assert_eq!(told("/tags/0"), ["is longer than 5 characters"]);
    assert_eq!(told(""), ["has 1 members that are not allowed"]);
    let all = format!("{found:?}");
    for value in ["SECRETVALUE", "4242424242", "robot", "toolong", "sneaky"] {
        assert!(!all.contains(value), "{value} in {all}");
    }
    assert_eq!(violations(&customer(), "{}"), [("".into(), "lacks the member id".into())]);
    assert_eq!(violations(&customer(), "[]"), [("".into(), "is not of the type object".into())]);
}

#[test]
fn names_of_members_are_masked_in_the_place() {
    let schema = compiled(json!({"additionalProperties": {"type": "string"}}));
    assert_eq!(violations(&schema, "{\"alice@example.com\":1}")[0].0, "/[email]");
    assert_eq!(violations(&schema, "{\"a~1/b\":1}")[0].0, "/a~01~1b");
}

#[test]
fn the_text_is_read_strictly_first() {
    let any = compiled(json!(true));
    assert_eq!(violations(&any, "{\"a\":1,\"a\":2}"), [("".into(), "has the same member twice".into())]);
    assert_eq!(violations(&any, "{\"a\":1e999}"), [("/a".into(), "has a number out of range".into())]);
    assert_eq!(violations(&any, "{\"a\":1}"), []);
}

#[test]
fn every_rule_is_told_in_words() {
    for (schema, text) in [
        (json!({"exclusiveMaximum": 1}), "2"),
        (json!({"exclusiveMinimum": 3}), "2"),
        (json!({"minimum": 3}), "2"),
        (json!({"multipleOf": 2}), "3"),
        (json!({"minItems": 1}), "[]"),
        (json!({"minLength": 1}), "\"\""),
        (json!({"maxProperties": 0}), "{\"a\":1}"),
        (json!({"minProperties": 1}), "{}"),
        (json!({"uniqueItems": true}), "[1,1]"),
        (json!({"const": 1}), "2"),
        (json!({"not": {}}), "2"),
        (json!(false), "2"),
        (json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), "2"),
        (json!({"oneOf": [{"type": "string"}, {"type": "null"}]}), "2"),
        (json!({"oneOf": [{"type": "integer"}, {"minimum": 0}]}), "2"),
        (json!({"contains": {"type": "string"}}), "[2]"),
        (json!({"propertyNames": {"maxLength": 1}}), "{\"ab\":1}"),
        (json!({"prefixItems": [true], "items": false}), "[1,2]"),
        (json!({"unevaluatedProperties": false}), "{\"a\":1}"),
        (json!({"unevaluatedItems": false}), "[1]"),
        (json!({"type": ["string", "null"]}), "2"),
    ] {
        let found = violations(&compiled(schema.clone()), text);
        assert!(!found.is_empty() && found.iter().all(|(_, reason)| reason != "breaks a rule"), "{schema}: {found:?}");
    }
}

#[test]
fn references_stay_inside() {
    let good = json!({"$defs": {"id": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/id"}}});
    assert_eq!(violations(&compiled(good), "{\"a\":\"x\"}").len(), 1);
    for reference in
        ["https://evil.example/schema.json", "other.json", "file:///etc/passwd", "#/$defs/absent", "#anchor", ""]
    {
        let schema = json!({"properties": {"a": {"$ref": reference}}});
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Reference), "{reference}");
    }
    for keyword in ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef"] {
        let schema = json!({"properties": {"a": {keyword: "https://evil.example/"}}});
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Reference), "{keyword}");
    }
    let foreign = json!({"$schema": "https://evil.example/meta", "type": "string"});
    assert_eq!(Schema::compile(&foreign).err(), Some(SchemaFlaw::Dialect));
    let named = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string"});
    assert!(Schema::compile(&named).is_ok());
    let property = json!({"properties": {"$id": {"type": "string"}, "default": {"type": "string"}}});
    assert!(Schema::compile(&property).is_ok(), "a member may be called as a keyword");
}

#[test]
fn a_schema_that_contains_itself_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"properties": {"child": {"$ref": "#"}}}),
        json!({"properties": {"default": {"$ref": "#"}}}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
    ] {
        assert_eq!(Schema::compile(&schema).err(), Some(SchemaFlaw::Recursive), "{schema}");
    }
}

#[test]
fn a_schema_that_multiplies_itself_is_refused() {
    let doubling = |levels: usize| {
        let mut definitions = serde_json::Map::new();
        for level in 0..levels {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            definitions.insert(format!("l{level}"), json!({"allOf": [next.clone(), next]}));
        }
        definitions.insert(format!("l{levels}"), json!({"type": "string"}));
        json!({"$defs": definitions, "$ref": "#/$defs/l0"})
    };
    assert!(Schema::compile(&doubling(4)).is_ok());
    assert_eq!(Schema::compile(&doubling(40)).err(), Some(SchemaFlaw::TooLarge));
}

#[test]
fn large_and_deep_schemas_are_refused() {
    let deep = (0..40).fold(json!({"type": "string"}), |inner, _| json!({"items": inner}));
    assert_eq!(Schema::compile(&deep).err(), Some(SchemaFlaw::TooLarge));
    let long = json!({"enum": ["x".repeat(70_000)]});
    assert_eq!(Schema::compile(&long).err(), Some(SchemaFlaw::TooLarge));
    let mut chain = serde_json::Map::new();
    for level in 0..500 {
        chain.insert(format!("l{level}"), json!({"$ref": format!("#/$defs/l{}", level + 1)}));
    }
    chain.insert("l500".into(), json!(true));
    assert_eq!(Schema::compile(&json!({"$defs": chain, "$ref": "#/$defs/l0"})).err(), Some(SchemaFlaw::TooLarge));
}

#[test]
fn patterns_run_in_linear_time() {
    let schema = compiled(json!({"pattern": "^(a+)+$"}));
    let text = format!("\"{}!\"", "a".repeat(50_000));
    assert_eq!(violations(&schema, &text).len(), 1);
    // What only backtracking can match is no pattern here.
    assert!(matches!(Schema::compile(&json!({"pattern": "^(?=a)b"})), Err(SchemaFlaw::Invalid(_))));
    assert!(matches!(Schema::compile(&json!({"pattern": "(a{1000}){1000}"})), Err(SchemaFlaw::Invalid(_))));
}

#[test]
fn what_is_no_schema_is_refused_in_words() {
    for schema in [json!({"type": "strin"}), json!({"minimum": "a"}), json!([]), json!(3)] {
        let flaw = Schema::compile(&schema).expect_err("no schema");
        assert!(flaw.to_string().starts_with("is no JSON Schema"), "{flaw}");
    }
    for flaw in [SchemaFlaw::Dialect, SchemaFlaw::Reference, SchemaFlaw::Recursive, SchemaFlaw::TooLarge] {
        assert!(!flaw.to_string().is_empty());
    }
    assert_eq!(format!("{:?}", customer().clone()), "Schema");
}
